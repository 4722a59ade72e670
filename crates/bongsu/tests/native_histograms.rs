//! Native histograms on their way out of the real binary, beside Debian's Prometheus with the same data. Skipped there, and said so, where
//! the package is not installed.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails; its output explains it")]

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use bongsu_model::{BucketSpan, FloatHistogram, ResetHint, Sample};
use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::{Answer, Http};
use bongsu_testkit::prometheus::Prometheus;
use bongsu_testkit::push::{self, SeriesData, WriteRequestBuilder};
use bongsu_testkit::read;

const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

fn histogram(step: u8, reset_hint: ResetHint) -> FloatHistogram {
    let n = f64::from(step);
    FloatHistogram {
        reset_hint,
        schema: 1,
        zero_threshold: 0.001,
        zero_count: n,
        count: 10.5 + 4.0 * n,
        sum: 0.1 * n,
        positive_spans: vec![BucketSpan { offset: -2, length: 2 }, BucketSpan { offset: 1, length: 1 }],
        positive_buckets: vec![1.0 + n, 2.0, 4.5],
        negative_spans: vec![BucketSpan { offset: 1, length: 1 }],
        negative_buckets: vec![3.0 + 2.0 * n],
        ..FloatHistogram::default()
    }
}

/// A counter, a gauge, one that has ended, floats, and one metric with both.
fn requests(now_ms: i64) -> Vec<u8> {
    let mut request = WriteRequestBuilder::new();
    let run = |hint: ResetHint| -> Vec<(i64, FloatHistogram)> {
        (0..20).map(|step| (now_ms - 40_000 + i64::from(step) * 2000, histogram(step, hint))).collect()
    };
    let floats: Vec<Sample> =
        (0..20).map(|step| Sample { timestamp_ms: now_ms - 40_000 + step * 2000, value: step as f64 / 3.0 }).collect();
    let counter = run(ResetHint::Unknown);
    let mut ended = counter.clone();
    ended.push((now_ms - 1000, FloatHistogram::stale()));
    let histograms = |histograms| SeriesData { histograms, ..SeriesData::default() };
    request.push_series_data([("__name__", "counter"), ("instance", "a")], &histograms(&counter));
    request.push_series_data([("__name__", "counter"), ("job", "b")], &histograms(&counter));
    request.push_series_data([("__name__", "ended")], &histograms(&ended));
    request.push_series_data([("__name__", "gauge")], &histograms(&run(ResetHint::Gauge)));
    request.push_series([("__name__", "floats")], &floats);
    push::compressed(&request.finish())
}

struct Both {
    http: Http,
    ours: Centre,
    theirs: Prometheus,
    _dir: tempfile::TempDir,
}

impl Both {
    fn start(now_ms: i64) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let ours = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &dir.path().join("data"), &[]);
        let theirs = Prometheus::start(dir.path(), "{}", "native-histograms")?;
        let http = Http::default();
        for url in [&ours.url, &theirs.url] {
            let answer = push::send(&http, &format!("{url}/api/v1/write"), "", &requests(now_ms)).unwrap();
            assert_eq!(answer.status, 204, "{}", answer.body);
        }
        Some(Self { http, ours, theirs, _dir: dir })
    }

    fn get(&self, path: &str, accept: &str) -> [Answer; 2] {
        [&self.ours.url, &self.theirs.url]
            .map(|url| self.http.get(&format!("{url}{path}"), &[("accept", accept)]).unwrap())
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

#[test]
fn a_federation_is_that_of_prometheus_to_the_byte() {
    let Some(both) = Both::start(now_ms()) else { return };
    // Series of one metric stand in any order there.
    for matcher in ["gauge", "counter{job=%22b%22}", "floats", "nothing"] {
        let [ours, theirs] = both.get(&format!("/federate?match[]={matcher}"), PROTOBUF);
        assert_eq!(ours.bytes, theirs.bytes, "{matcher}\n{}\n{}", ours.body, theirs.body);
        assert_eq!(ours.bytes.is_empty(), matcher == "nothing", "{matcher}");
        assert_eq!(ours.header("content-type"), theirs.header("content-type"));
    }
    // Later versions leave out the markers of histograms, too.
    let [ours, _] = both.get("/federate?match[]=ended", PROTOBUF);
    assert!(ours.bytes.is_empty(), "{}", ours.body);
    let [ours, theirs] = both.get("/federate?match[]=gauge&match[]=floats", "text/plain");
    assert_eq!(ours.body, theirs.body);
    assert!(ours.body.contains("floats") && !ours.body.contains("gauge{"), "{}", ours.body);
}

#[test]
fn streamed_chunks_are_those_of_prometheus_to_the_byte() {
    let now_ms = now_ms();
    let Some(both) = Both::start(now_ms) else { return };
    // Of gauges, 2.42 forgets on this way what they are, and of series that have ended all but the end.
    for metric in ["counter", "floats"] {
        let request = read::request(metric, (now_ms - 100_000, now_ms), 1);
        let [ours, theirs] = [&both.ours.url, &both.theirs.url].map(|url| read::send(url, "/api/v1/read", &request));
        assert!(!ours.is_empty(), "{metric}");
        assert!(ours == theirs, "{metric}:\n{ours:02x?}\n{theirs:02x?}");
    }
}
