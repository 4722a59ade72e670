//! What metrics are: type, help and unit, the newest few variants of each, kept in memory and in one small file.

use std::collections::BTreeMap;

use bongsu_model::MetricMetadata;
use bongsu_wire::remote_write::{Item, WriteRequest, WriteRequestBuilder, compress, decompress};

/// Variants kept of one metric, as when two versions of a program have other help texts.
const VARIANTS_MAX: usize = 4;
const MAGIC: &[u8; 8] = b"BGSMETA1";
const FILE_BYTES_MAX: usize = 256 << 20;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct MetadataMap {
    metrics: BTreeMap<String, Vec<MetricMetadata>>,
    /// There is something that the file does not have.
    changed: bool,
}

impl MetadataMap {
    /// Takes what was sent; new metrics beyond `metrics_max` are not remembered.
    pub(crate) fn add(&mut self, metric: &str, metadata: &MetricMetadata, metrics_max: usize) {
        let room = self.metrics.len() < metrics_max;
        let variants = match self.metrics.get_mut(metric) {
            Some(variants) => variants,
            None if room => self.metrics.entry(metric.to_owned()).or_default(),
            None => return,
        };
        if variants.last() == Some(metadata) {
            return;
        }
        variants.retain(|other| other != metadata);
        if variants.len() == VARIANTS_MAX {
            variants.remove(0);
        }
        variants.push(metadata.clone());
        self.changed = true;
    }

    /// All metrics, the newest variant of each last.
    pub(crate) fn all(&self) -> BTreeMap<String, Vec<MetricMetadata>> {
        self.metrics.clone()
    }

    /// The content of the file, when it has to be written again.
    pub(crate) fn take_changed(&mut self) -> Option<Vec<u8>> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let mut request = WriteRequestBuilder::new();
        for (metric, variants) in &self.metrics {
            variants.iter().for_each(|variant| request.push_metadata(metric, variant));
        }
        let mut body = Vec::new();
        compress(request.as_bytes(), &mut body).ok()?;
        Some([MAGIC, crc32c::crc32c(&body).to_le_bytes().as_slice(), &body].concat())
    }

    /// The file could not be written.
    pub(crate) fn mark_changed(&mut self) {
        self.changed = true;
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
        map.changed = false;
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::MetricType;

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

        let bytes = map.take_changed().unwrap();
        assert!(map.take_changed().is_none());
        assert_eq!(MetadataMap::decode(&bytes).unwrap().all(), map.all());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(MetadataMap::decode(&damaged).is_err(), "byte {at}");
        }
    }
}
