//! A store in a temporary directory, and short words to fill and ask it.
#![expect(clippy::unwrap_used, reason = "a panic in a test is the failure message")]
#![allow(dead_code, reason = "every test file uses some of it")]

use std::path::Path;
use std::sync::Arc;

use bongsu_model::{
    Labels, ManualClock, Matcher, MetricMetadata, Sample, SampleBuffer, Selection, Source, SourceError, TenantId,
};
use bongsu_tsdb::{OpenReport, Options, Protocol, Store, WriteError, Written};
use bongsu_wire::remote_write::{WriteRequestBuilder, compress};

/// The time that most stories begin at: 2026-11-21 00:00:00 UTC.
pub const START_MS: i64 = 1_795_219_200_000;
pub const HOUR_MS: i64 = 3_600_000;

/// A series with its samples: time and value.
pub type Series = (Labels, Vec<(i64, f64)>);

/// A store whose directory goes with it.
pub struct TestStore {
    pub dir: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub report: OpenReport,
    store: Option<Store>,
    adjust: fn(&mut Options),
}

impl TestStore {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(adjust: fn(&mut Options)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(START_MS));
        let (store, report) = open(dir.path(), &clock, adjust);
        Self { dir, clock, report, store: Some(store), adjust }
    }

    /// The end of the process without a clean stop, and a new start.
    pub fn kill_and_reopen(&mut self) {
        drop(self.store.take());
        self.open_again();
    }

    pub fn close(&mut self) {
        self.store.take().unwrap().close().unwrap();
    }

    pub fn open_again(&mut self) {
        let (store, report) = open(self.dir.path(), &self.clock, self.adjust);
        (self.store, self.report) = (Some(store), report);
    }

    pub fn tenant_dir(&self, tenant: &str) -> std::path::PathBuf {
        self.dir.path().join("tenants").join(tenant)
    }

    /// Writes samples of one series and waits until they are durable.
    pub fn put(&self, series: &str, samples: &[(i64, f64)]) {
        let written = self.write("a", &[(labels(series), samples.to_vec())]).unwrap();
        assert!(written.rejected.is_none(), "{:?}", written.rejected);
        written.wait().unwrap();
    }

    pub fn write(&self, tenant_name: &str, series: &[Series]) -> Result<Written, WriteError> {
        let mut request = WriteRequestBuilder::new();
        for (labels, samples) in series {
            let samples: Vec<_> = samples
                .iter()
                .map(|(timestamp_ms, value)| Sample { timestamp_ms: *timestamp_ms, value: *value })
                .collect();
            request.push_series(labels, &samples);
        }
        (**self).write(&tenant(tenant_name), Protocol::RemoteWrite1, &body(&request))
    }

    pub fn put_metadata(&self, metric: &str, metadata: &MetricMetadata) {
        let mut request = WriteRequestBuilder::new();
        request.push_metadata(metric, metadata);
        (**self).write(&tenant("a"), Protocol::RemoteWrite1, &body(&request)).unwrap().wait().unwrap();
    }

    /// Everything that tenant "a" has of one series: `time value` pairs, times relative to the start.
    pub fn get(&self, series: &str) -> String {
        let labels = labels(series);
        let all = self.select("a", &[], i64::MIN, i64::MAX).unwrap();
        let samples =
            all.into_iter().find(|(found, _)| *found == labels).map(|(_, samples)| samples).unwrap_or_default();
        let texts: Vec<_> = samples.iter().map(|(t, v)| format!("{}:{v}", t - START_MS)).collect();
        texts.join(" ")
    }

    pub fn select(
        &self,
        tenant_name: &str,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<Series>, SourceError> {
        let selection = Selection { matchers: matchers.to_vec(), start_ms, end_ms, series_max: 1_000_000 };
        let reader = self.reader(&tenant(tenant_name));
        let set = reader.select(&selection)?;
        let mut found = Vec::new();
        for place in 0..set.len() {
            let mut buffer = SampleBuffer::default();
            set.read(place, &mut buffer)?;
            assert!(buffer.timestamps_ms.is_sorted_by(|a, b| a < b), "times ascend, each once");
            let samples: Vec<_> = buffer.timestamps_ms.into_iter().zip(buffer.values).collect();
            found.push((set.labels(place), samples));
        }
        assert!(found.is_sorted_by(|a, b| a.0 < b.0), "series are sorted by labels, each once");
        Ok(found)
    }
}

impl std::ops::Deref for TestStore {
    type Target = Store;
    fn deref(&self) -> &Store {
        self.store.as_ref().unwrap()
    }
}

fn open(dir: &Path, clock: &Arc<ManualClock>, adjust: fn(&mut Options)) -> (Store, OpenReport) {
    let mut options = Options::new(dir);
    options.clock = clock.clone();
    adjust(&mut options);
    Store::open(options).unwrap()
}

pub fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

pub fn body(request: &WriteRequestBuilder) -> Vec<u8> {
    let mut body = Vec::new();
    compress(request.as_bytes(), &mut body).unwrap();
    body
}

/// `up job=node,instance=a` and so on.
pub fn labels(text: &str) -> Labels {
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    let pairs = rest.split(',').filter_map(|pair| pair.split_once('='));
    Labels::from_pairs(pairs.chain([("__name__", name)]))
}
