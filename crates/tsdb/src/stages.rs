//! The steps of a write one at a time, for the benchmark (`bongsu-bench --parts stages`), which has to time each of them.
//!
//! ```text
//! body ─► decode ─► resolve ─► log_record ─► append ─► read_head
//! ```
//!
//! Not an interface: what it offers changes with the store. It is always compiled, and not behind a feature, so that it
//! cannot fall behind, and so that a build of the server beside the benchmark is the one that is shipped.

use std::path::Path;

use bongsu_log::{Era, Position};
use bongsu_model::{SampleBuffer, TenantId};

use crate::batch::{Batch, TimeBounds};
use crate::error::{Error, Rejections, WriteError, WriteErrorKind};
use crate::files::Files;
use crate::options::{Limits, Options};
use crate::record::Protocol;
use crate::refs::{Refs, samples};
use crate::tenant::Tenant;

/// How many samples a chunk of a block of closed days may have.
pub const LONG_CHUNK_SAMPLES: usize = crate::merge::LONG_CHUNK_SAMPLES;

/// A head without a log in front and without blocks behind it. Every step goes on with what the one before left.
#[derive(Debug)]
pub struct Stages {
    tenant: Tenant,
    refs: Refs,
    limits: Limits,
    batch: Batch,
}

impl Stages {
    /// An empty head of the default limits. Nothing is written to the folder, in which no store may be.
    ///
    /// # Errors
    /// The folder has something that cannot be read.
    pub fn new(dir: &Path) -> Result<Self, Error> {
        let options = Options::new(dir);
        let files = Files(options.disk);
        let (tenant, _) = Tenant::open(TenantId::anonymous(), &files, dir, &options.limits, &mut Vec::new())?;
        Ok(Self { tenant, refs: Refs::default(), limits: options.limits, batch: Batch::default() })
    }

    /// Decompresses the body of a request of remote write 1.0, walks it and checks its samples.
    ///
    /// # Errors
    /// It is malformed, or something of it is refused.
    pub fn decode(&mut self, body: &[u8]) -> Result<(), WriteError> {
        let bounds = TimeBounds { min_ms: i64::MIN, max_ms: i64::MAX };
        let mut rejections = Rejections::default();
        let bytes_max = self.limits.request_decoded_bytes_max;
        self.batch.decode(Protocol::RemoteWrite1, body, bytes_max, bounds, &mut rejections)?;
        all_taken(rejections)
    }

    /// Finds the series of the request, or makes them.
    ///
    /// # Errors
    /// One of them is refused.
    pub fn resolve(&mut self) -> Result<(), WriteError> {
        let mut rejections = Rejections::default();
        self.tenant.resolve(&mut self.batch, Some(&self.limits), &mut rejections);
        all_taken(rejections)
    }

    /// Encodes what the log would get, by refs, with its checksum; a request with a series that has no ref yet goes there as
    /// it came and gives refs. Returns the bytes of the record's body and the checksum, or `None` then.
    pub fn log_record(&mut self) -> Option<(usize, u32)> {
        self.refs.go_on(Era::default(), Position(0), self.batch.series.len());
        let mut body = Vec::new();
        if samples::encode(&self.refs, &self.batch, &mut body) {
            return Some((body.len(), crc32c::crc32c(&body)));
        }
        self.refs.give(&self.batch);
        None
    }

    /// Appends the samples to the chunks of their series. Returns how many they are.
    pub fn append(&mut self) -> u64 {
        self.tenant.apply(&self.batch, 0, &self.limits).samples
    }

    /// Decodes all samples of the head, a series at a time. Returns how many they are.
    pub fn read_head(&self, buffer: &mut SampleBuffer) -> u64 {
        let memory = self.tenant.state.read().head.memory.clone();
        let mut count = 0;
        for chunk in memory.chunks.read().iter() {
            buffer.clear();
            chunk.view().read(i64::MIN, i64::MAX, buffer);
            count += buffer.len() as u64;
        }
        count
    }
}

/// A benchmark that leaves something out would measure too little.
fn all_taken(rejections: Rejections) -> Result<(), WriteError> {
    match rejections.finish() {
        None => Ok(()),
        Some(first) => {
            Err(WriteError::new(WriteErrorKind::Limit, format!("{} is refused: {}", first.series, first.message)))
        }
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::{Labels, Sample};
    use bongsu_wire::remote_write::{WriteRequestBuilder, compress};

    use super::*;

    fn body(series: u32, time_ms: i64) -> Vec<u8> {
        let mut request = WriteRequestBuilder::new();
        for number in 0..series {
            let labels = Labels::from_pairs([("__name__", "up".to_owned()), ("instance", number.to_string())]);
            request.push_series(&labels, &[Sample { timestamp_ms: time_ms, value: f64::from(number) }]);
        }
        let mut body = Vec::new();
        compress(request.as_bytes(), &mut body).unwrap();
        body
    }

    #[test]
    fn the_second_scrape_is_logged_by_refs_and_both_are_in_the_head() {
        let dir = tempfile::tempdir().unwrap();
        let mut stages = Stages::new(dir.path()).unwrap();
        let mut step = |time_ms| {
            stages.decode(&body(10, time_ms)).unwrap();
            stages.resolve().unwrap();
            let record = stages.log_record();
            assert_eq!(stages.append(), 10);
            record.map(|(bytes, _)| bytes)
        };
        assert_eq!([step(1000), step(2000)], [None, Some(12 + 16 + 10 * 8)]);
        let mut last = SampleBuffer::default();
        assert_eq!(stages.read_head(&mut last), 20);
        assert_eq!((&*last.timestamps_ms, &*last.values), (&[1000, 2000][..], &[9.0, 9.0][..]));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is written");
    }
}
