//! A store in a temporary directory, and short words to fill and ask it.
#![expect(clippy::unwrap_used, reason = "a panic in a test is the failure message")]
#![allow(dead_code, reason = "every test file uses some of it")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bongsu_model::{
    BucketSpan, FloatHistogram, Labels, ManualClock, Matcher, MetricMetadata, Sample, SampleBuffer, Selection, Source,
    SourceError, TenantId,
};
use bongsu_tsdb::{OpenReport, Options, Protocol, Store, WriteError, Written};
use bongsu_wire::remote_write::v2::RequestBuilder;
use bongsu_wire::remote_write::{SeriesData, WriteRequestBuilder, compress};

/// The time that most stories begin at: 2026-11-21 00:00:00 UTC.
pub const START_MS: i64 = 1_795_219_200_000;
pub const HOUR_MS: i64 = 3_600_000;

/// A series with its samples: time and value.
pub type Series = (Labels, Vec<(i64, f64)>);

/// A sample of either kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Float(f64),
    /// [`histogram`] of that number.
    Histogram(u32),
}

/// A series with samples of both kinds.
pub type MixedSeries = (Labels, Vec<(i64, Value)>);

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

    /// Writes any request as tenant "a" and waits until it is durable.
    pub fn write_body(&self, body: &[u8]) {
        (**self).write(&tenant("a"), Protocol::RemoteWrite1, body).unwrap().wait().unwrap();
    }

    pub fn put_metadata(&self, metric: &str, metadata: &MetricMetadata) {
        let mut request = WriteRequestBuilder::new();
        request.push_metadata(metric, metadata);
        self.write_body(&body(&request));
    }

    /// Writes samples of both kinds as remote write 1.0, or as 2.0 when the time when all of them began is known. Of each
    /// series, floats come before histograms.
    pub fn write_mixed(&self, series: &[MixedSeries], start_ms: Option<i64>) {
        let (mut v1, mut v2) = (WriteRequestBuilder::new(), RequestBuilder::new());
        for (labels, values) in series {
            let (mut samples, mut histograms) = (Vec::new(), Vec::new());
            for (timestamp_ms, value) in values {
                match value {
                    Value::Float(value) => samples.push(Sample { timestamp_ms: *timestamp_ms, value: *value }),
                    Value::Histogram(number) => histograms.push((*timestamp_ms, histogram(*number))),
                }
            }
            let data = SeriesData { samples: &samples, histograms: &histograms, exemplars: &[] };
            v1.push_series_data(labels, &data);
            v2.push_series(labels, &data, &MetricMetadata::default(), start_ms);
        }
        let (protocol, request) = match start_ms {
            None => (Protocol::RemoteWrite1, v1.finish()),
            Some(_) => (Protocol::RemoteWrite2, v2.finish()),
        };
        let mut body = Vec::new();
        compress(&request, &mut body).unwrap();
        let written = (**self).write(&tenant("a"), protocol, &body).unwrap();
        assert!(written.rejected.is_none(), "{:?}", written.rejected);
        written.wait().unwrap();
    }

    /// [`Self::write_mixed`] of one series.
    pub fn put_mixed(&self, series: &str, samples: &[(i64, Value)], start_ms: Option<i64>) {
        self.write_mixed(&[(labels(series), samples.to_vec())], start_ms);
    }

    /// Everything that tenant "a" has of one series: `time:value` pairs, times relative to the start, as in
    /// [`Self::select_texts`].
    pub fn get(&self, series: &str) -> String {
        let labels = labels(series);
        let all = self.select_texts(i64::MIN, i64::MAX);
        let samples = all.into_iter().find(|(found, _)| *found == labels).map(|(_, samples)| samples);
        let texts: Vec<_> = samples.unwrap_or_default().iter().map(|(t, v)| format!("{}:{v}", t - START_MS)).collect();
        texts.join(" ")
    }

    /// What tenant "a" has in a time range, of both kinds: see [`text`].
    pub fn select_texts(&self, start_ms: i64, end_ms: i64) -> BTreeMap<Labels, BTreeMap<i64, String>> {
        let selection = Selection { matchers: Vec::new(), start_ms, end_ms, series_max: 1_000_000 };
        let reader = self.reader(&tenant("a"));
        let set = reader.select(&selection).unwrap();
        let mut found = BTreeMap::new();
        for place in 0..set.len() {
            let mut buffer = SampleBuffer::default();
            set.read(place, &mut buffer).unwrap();
            assert!(buffer.is_in_order());
            let start_of = |starts: &[i64], place: usize| starts.get(place).copied().unwrap_or(0);
            let floats =
                buffer.timestamps_ms.iter().zip(&buffer.values).enumerate().map(|(place, (time_ms, value))| {
                    (*time_ms, text(Value::Float(*value), start_of(&buffer.start_timestamps_ms, place)))
                });
            let histograms = buffer.histograms.iter().enumerate().map(|(place, (time_ms, histogram))| {
                let start_ms = start_of(&buffer.histogram_start_timestamps_ms, place);
                (*time_ms, text(Value::Histogram(number_of(histogram)), start_ms))
            });
            found.insert(set.labels(place).unwrap(), floats.chain(histograms).collect());
        }
        found
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
            found.push((set.labels(place).unwrap(), samples));
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

/// A value, `h` before those of histograms, and when its counting began behind `^`, relative to the start of the story.
pub fn text(value: Value, start_ms: i64) -> String {
    let value = match value {
        Value::Float(value) => value.to_string(),
        Value::Histogram(STALE_NUMBER) => "stale".to_owned(),
        Value::Histogram(number) => format!("h{number}"),
    };
    if start_ms == 0 { value } else { format!("{value}^{}", start_ms - START_MS) }
}

/// The number of the histogram that is the stale marker.
pub const STALE_NUMBER: u32 = 99;

/// One of many sound histograms: neighbours differ in layout.
pub fn histogram(number: u32) -> FloatHistogram {
    if number == STALE_NUMBER {
        return FloatHistogram::stale();
    }
    let buckets: Vec<f64> = (0..=number % 3).map(|bucket| f64::from(number + bucket)).collect();
    FloatHistogram {
        schema: 3,
        zero_threshold: 0.001,
        zero_count: 2.0,
        count: 2.0 + buckets.iter().sum::<f64>(),
        sum: f64::from(number),
        positive_spans: vec![BucketSpan { offset: -3, length: buckets.len() as u32 }],
        positive_buckets: buckets,
        ..FloatHistogram::default()
    }
}

/// The number that a histogram is of; it must be just that one.
fn number_of(found: &FloatHistogram) -> u32 {
    let number = if found.is_stale() { STALE_NUMBER } else { found.sum as u32 };
    assert_eq!(format!("{found:?}"), format!("{:?}", histogram(number)));
    number
}

/// `up job=node,instance=a` and so on.
pub fn labels(text: &str) -> Labels {
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    let pairs = rest.split(',').filter_map(|pair| pair.split_once('='));
    Labels::from_pairs(pairs.chain([("__name__", name)]))
}
