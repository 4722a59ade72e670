//! What one record of the queue holds, and cutting batches into records. See `docs/formats/queue.md`.

use std::iter::Peekable;

use bongsu_model::{Batch, Labels, LabelsBuilder, LabelsIter, Sample, relabel};
use bongsu_wire::remote_write::{self, DecodeError, WriteRequestBuilder};

use crate::forward::Options;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 15;

/// A record is closed when its uncompressed body has reached this size, so that no request grows out of bounds.
pub(crate) const RAW_BYTES_MAX: usize = 4 << 20;

/// A record as it is read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub header: RecordHeader,
    /// A remote_write 1.0 request, as a snappy block.
    pub body: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    /// Which sender it is for; modulo their number.
    pub shard: u16,
    pub samples: u32,
    /// The newest sample time; [`i64::MIN`] without samples.
    pub newest_ms: i64,
}

impl RecordHeader {
    pub fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [VERSION; HEADER_BYTES];
        bytes[1..3].copy_from_slice(&self.shard.to_le_bytes());
        bytes[3..7].copy_from_slice(&self.samples.to_le_bytes());
        bytes[7..15].copy_from_slice(&self.newest_ms.to_le_bytes());
        bytes
    }
}

impl<'a> Record<'a> {
    /// `None` when it is not a record of this version.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (header, body) = bytes.split_first_chunk::<HEADER_BYTES>()?;
        let [version, s0, s1, n0, n1, n2, n3, newest @ ..] = *header;
        let header = RecordHeader {
            shard: u16::from_le_bytes([s0, s1]),
            samples: u32::from_le_bytes([n0, n1, n2, n3]),
            newest_ms: i64::from_le_bytes(newest),
        };
        (version == VERSION).then_some(Self { header, body })
    }
}

/// A record that is ready for the queue.
#[derive(Clone, Debug)]
pub(crate) struct EncodedRecord {
    pub header: RecordHeader,
    pub body: Vec<u8>,
}

/// Cuts a batch into records: by shard, and none with more samples than a request may have.
pub(crate) fn encode(batch: &Batch, options: &Options) -> Result<Vec<EncodedRecord>, DecodeError> {
    let shards = options.shards;
    let mut records = Vec::with_capacity(usize::from(shards));
    let mut open: Vec<OpenRecord> = (0..shards).map(OpenRecord::new).collect();
    if options.send_metadata {
        batch.metadata.iter().for_each(|(metric, metadata)| open[0].builder.push_metadata(metric, metadata));
    }
    for (labels, sample) in &batch.series {
        let shard = if shards == 1 { 0 } else { labels.hash64() % u64::from(shards) };
        let record = &mut open[shard as usize];
        if !record.push(labels, *sample, options) {
            continue;
        }
        if record.samples >= options.samples_per_send_max || record.builder.as_bytes().len() >= RAW_BYTES_MAX {
            records.push(record.close()?);
        }
    }
    for record in &mut open {
        if !record.builder.as_bytes().is_empty() {
            records.push(record.close()?);
        }
    }
    Ok(records)
}

/// A record that is being filled.
struct OpenRecord {
    shard: u16,
    builder: WriteRequestBuilder,
    samples: u32,
    newest_ms: i64,
}

impl OpenRecord {
    fn new(shard: u16) -> Self {
        Self { shard, builder: WriteRequestBuilder::new(), samples: 0, newest_ms: i64::MIN }
    }

    /// False: a rule left the series out.
    fn push(&mut self, labels: &Labels, sample: Sample, options: &Options) -> bool {
        let pairs = merged(labels, &options.external_labels);
        if options.write_relabel.is_empty() {
            self.builder.push_series(pairs, &[sample]);
        } else {
            let mut relabelled = LabelsBuilder::from_labels(&Labels::from_sorted(pairs));
            if !relabel(&options.write_relabel, &mut relabelled) || relabelled.iter().next().is_none() {
                return false;
            }
            self.builder.push_series(relabelled.iter(), &[sample]);
        }
        self.samples += 1;
        self.newest_ms = self.newest_ms.max(sample.timestamp_ms);
        true
    }

    fn close(&mut self) -> Result<EncodedRecord, DecodeError> {
        let mut body = Vec::new();
        remote_write::compress(self.builder.as_bytes(), &mut body)?;
        let header = RecordHeader { shard: self.shard, samples: self.samples, newest_ms: self.newest_ms };
        self.builder.clear();
        (self.samples, self.newest_ms) = (0, i64::MIN);
        Ok(EncodedRecord { header, body })
    }
}

/// The pairs of a series and of the external labels, sorted; what the series has itself wins.
fn merged<'a>(labels: &'a Labels, external: &'a Labels) -> Merged<'a> {
    Merged { labels: labels.iter().peekable(), external: external.iter().peekable() }
}

struct Merged<'a> {
    labels: Peekable<LabelsIter<'a>>,
    external: Peekable<LabelsIter<'a>>,
}

impl<'a> Iterator for Merged<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (Some((label, _)), Some((external, _))) = (self.labels.peek(), self.external.peek()) else {
            return self.labels.next().or_else(|| self.external.next());
        };
        match label.cmp(external) {
            std::cmp::Ordering::Less => self.labels.next(),
            std::cmp::Ordering::Greater => self.external.next(),
            std::cmp::Ordering::Equal => {
                self.external.next();
                self.labels.next()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bongsu_wire::remote_write::{Item, WriteRequest};

    use super::*;

    #[test]
    fn external_labels_fill_in_and_never_replace() {
        let labels = Labels::from_pairs([("__name__", "up"), ("host", "own"), ("z", "1")]);
        let external = Labels::from_pairs([("cluster", "a"), ("host", "other"), ("zone", "b")]);
        let all: Vec<_> = merged(&labels, &external).collect();
        assert_eq!(all, [("__name__", "up"), ("cluster", "a"), ("host", "own"), ("z", "1"), ("zone", "b")]);
    }

    #[test]
    fn headers_come_back_and_other_versions_do_not() {
        let header = RecordHeader { shard: 3, samples: 70_000, newest_ms: -5 };
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(b"body");
        assert_eq!(Record::decode(&bytes), Some(Record { header, body: b"body" }));
        assert_eq!(Record::decode(&bytes[..14]), None);
        bytes[0] = 2;
        assert_eq!(Record::decode(&bytes), None);
    }

    proptest::proptest! {
        #[test]
        fn every_sample_is_in_one_record_of_its_shard(
            series in proptest::collection::vec((0_u8..20, proptest::num::i64::ANY, proptest::num::u64::ANY), 0..60),
            shards in 1_u16..4,
            samples_per_send_max in 1_u32..9,
        ) {
            let labels = |n: u8| Labels::from_pairs([("__name__", "m".to_owned()), ("n", n.to_string())]);
            let sample = |timestamp_ms, bits| Sample { timestamp_ms, value: f64::from_bits(bits) };
            let series: Vec<_> = series.into_iter().map(|(n, at, bits)| (labels(n), sample(at, bits))).collect();
            let options = Options { shards, samples_per_send_max, ..Options::default() };
            let batch = Batch { series, metadata: Vec::new() };
            let mut found = Vec::new();
            for record in encode(&batch, &options).unwrap() {
                let samples = samples_of(&record);
                proptest::prop_assert_eq!(samples.len(), record.header.samples as usize);
                proptest::prop_assert!(record.header.samples <= samples_per_send_max);
                proptest::prop_assert_eq!(samples.iter().map(|(_, at, _)| *at).max(), Some(record.header.newest_ms));
                found.extend(samples);
            }
            let mut wanted: Vec<_> =
                batch.series.iter().map(|(l, s)| (l.to_string(), s.timestamp_ms, s.value.to_bits())).collect();
            // Order matters within a series only.
            wanted.sort_by(|a, b| a.0.cmp(&b.0));
            found.sort_by(|a, b| a.0.cmp(&b.0));
            proptest::prop_assert_eq!(found, wanted);
        }
    }

    fn samples_of(record: &EncodedRecord) -> Vec<(String, i64, u64)> {
        let mut raw = Vec::new();
        let mut samples = Vec::new();
        for item in WriteRequest::new(remote_write::decompress(&record.body, 1 << 20, &mut raw).unwrap()) {
            let Item::Series(series) = item.unwrap() else { continue };
            let labels = Labels::from_pairs(series.labels().map(Result::unwrap)).to_string();
            let of_sample = |sample: Sample| (labels.clone(), sample.timestamp_ms, sample.value.to_bits());
            samples.extend(series.samples().map(Result::unwrap).map(of_sample));
        }
        samples
    }
}
