//! What metrics are: type, help and unit, the newest few variants of each, kept in memory and in one small file.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{MetricMetadata, MetricType};
use bongsu_wire::remote_write::{DecodeError, Item, WriteRequest, WriteRequestBuilder, compress, decompress};

/// Variants kept of one metric, as when two versions of a program have other help texts.
const VARIANTS_MAX: usize = 4;
pub(crate) const MAGIC: &[u8; 8] = b"BGSMETA1";
const FILE_BYTES_MAX: usize = 256 << 20;
/// The longest name, help or unit.
const TEXT_BYTES_MAX: usize = 8 << 10;
/// All texts of a tenant.
const TOTAL_BYTES_MAX: usize = 64 << 20;

/// Variants by metric, the newest last.
pub(crate) type Metrics = BTreeMap<String, Vec<MetricMetadata>>;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct MetadataMap {
    /// Shared with those who encode or answer it, so that writers wait for neither.
    metrics: Arc<Metrics>,
    /// Bytes of all texts.
    bytes: usize,
    /// Grows with every change.
    version: u64,
    /// The version that the file has.
    saved_version: u64,
}

impl MetadataMap {
    /// Takes what was sent. Returns whether there was room: new metrics beyond `metrics_max`, long texts, and all that is
    /// beyond the bytes of a tenant are not remembered.
    pub(crate) fn add(&mut self, metric: &str, metadata: &MetricMetadata, metrics_max: usize) -> bool {
        if self.has(metric, metadata) {
            return true;
        }
        let known = self.metrics.get(metric);
        let is_long = [metric, &metadata.help, &metadata.unit].iter().any(|text| text.len() > TEXT_BYTES_MAX);
        let is_beyond = known.is_none() && self.metrics.len() >= metrics_max;
        if is_long || is_beyond || self.bytes + text_bytes(metric, metadata) > TOTAL_BYTES_MAX {
            return false;
        }
        let metrics = Arc::make_mut(&mut self.metrics);
        let variants = metrics.entry(metric.to_owned()).or_default();
        let before: usize = variants.iter().map(|variant| text_bytes(metric, variant)).sum();
        variants.retain(|other| other != metadata);
        if variants.len() == VARIANTS_MAX {
            variants.remove(0);
        }
        variants.push(metadata.clone());
        let after: usize = variants.iter().map(|variant| text_bytes(metric, variant)).sum();
        self.bytes = self.bytes - before + after;
        self.version += 1;
        true
    }

    /// Whether this is the newest variant of the metric.
    pub(crate) fn has(&self, metric: &str, metadata: &MetricMetadata) -> bool {
        self.metrics.get(metric).is_some_and(|variants| variants.last() == Some(metadata))
    }

    /// All metrics, the newest variant of each last.
    pub(crate) fn all(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// What has to be written to the file, and its version.
    pub(crate) fn unsaved(&self) -> Option<(Arc<Metrics>, u64)> {
        (self.version != self.saved_version).then(|| (self.all(), self.version))
    }

    /// The file has this version now.
    pub(crate) fn mark_saved(&mut self, version: u64) {
        self.saved_version = version;
    }

    /// Reads a file's content; what is damaged is told.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("no metadata file of version 1")?;
        let (crc, body) = rest.split_first_chunk().ok_or("truncated header")?;
        if u32::from_le_bytes(*crc) != crc32c::crc32c(body) {
            return Err("checksum mismatch".to_owned());
        }
        let (mut map, mut decoded) = (Self::default(), Vec::new());
        let decoded = decompress(body, FILE_BYTES_MAX, &mut decoded).map_err(|error| error.to_string())?;
        for item in WriteRequest::new(decoded) {
            if let Item::Metadata(m) = item.map_err(|error| error.to_string())? {
                let metadata =
                    MetricMetadata { metric_type: m.metric_type, help: m.help.to_owned(), unit: m.unit.to_owned() };
                map.add(m.metric, &metadata, usize::MAX);
            }
        }
        map.saved_version = map.version;
        Ok(map)
    }
}

/// The content of the file.
pub(crate) fn encode(metrics: &Metrics) -> Result<Vec<u8>, DecodeError> {
    let mut request = WriteRequestBuilder::new();
    for (metric, variants) in metrics {
        variants.iter().for_each(|variant| request.push_metadata(metric, variant));
    }
    let mut body = Vec::new();
    compress(request.as_bytes(), &mut body)?;
    Ok([MAGIC, crc32c::crc32c(&body).to_le_bytes().as_slice(), &body].concat())
}

/// The family of a series by its name: what remote write 2.0 says of series, and remote write 1.0 and exposition of families.
pub(crate) fn family(series_name: &str, metric_type: MetricType) -> &str {
    let suffixes: &[&str] = match metric_type {
        MetricType::Histogram => &["_bucket", "_sum", "_count"],
        MetricType::GaugeHistogram => &["_bucket", "_gsum", "_gcount"],
        MetricType::Summary => &["_sum", "_count"],
        _ => &[],
    };
    suffixes.iter().find_map(|suffix| series_name.strip_suffix(suffix)).unwrap_or(series_name)
}

/// The bytes of all texts of a metric's metadata.
pub(crate) fn text_bytes(metric: &str, metadata: &MetricMetadata) -> usize {
    metric.len() + metadata.help.len() + metadata.unit.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(help: &str) -> MetricMetadata {
        MetricMetadata { metric_type: MetricType::Counter, help: help.to_owned(), unit: String::new() }
    }

    #[test]
    fn keeps_the_newest_variants_and_reads_back_its_file() {
        let mut map = MetadataMap::default();
        for help in ["a", "b", "a", "c", "d", "e"] {
            map.add("up", &metadata(help), 1);
        }
        map.add("beyond", &metadata("x"), 1);
        let helps: Vec<_> = map.all()["up"].iter().map(|m| m.help.clone()).collect();
        assert_eq!(helps, ["a", "c", "d", "e"]);
        assert_eq!(map.all().len(), 1);

        let (metrics, version) = map.unsaved().unwrap();
        let bytes = encode(&metrics).unwrap();
        assert!(map.unsaved().is_some(), "until the file is there");
        map.mark_saved(version);
        assert!(map.unsaved().is_none());
        assert_eq!(MetadataMap::decode(&bytes).unwrap().all(), map.all());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(MetadataMap::decode(&damaged).is_err(), "byte {at}");
        }
    }

    #[test]
    fn series_belong_to_families() {
        for (name, metric_type, expected) in [
            ("latency_bucket", MetricType::Histogram, "latency"),
            ("latency", MetricType::Histogram, "latency"),
            ("depth_gsum", MetricType::GaugeHistogram, "depth"),
            ("rpc_count", MetricType::Summary, "rpc"),
            ("requests_total", MetricType::Counter, "requests_total"),
            ("open_count", MetricType::Gauge, "open_count"),
        ] {
            assert_eq!(family(name, metric_type), expected);
        }
    }

    #[test]
    fn texts_have_bounds() {
        let mut map = MetadataMap::default();
        let long = "x".repeat(TEXT_BYTES_MAX);
        assert!(map.add("up", &metadata(&long), 10) && !map.add("up", &metadata(&format!("{long}x")), 10));
        assert!(!map.add(&format!("{long}x"), &metadata("a"), 10));
        let taken = (0..20_000).filter(|i| map.add(&i.to_string(), &metadata(&long), usize::MAX)).count();
        assert!((8000..8192).contains(&taken) && map.bytes <= TOTAL_BYTES_MAX, "{taken}");
    }
}
