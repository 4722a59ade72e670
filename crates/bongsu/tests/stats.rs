//! `stats=all`: the samples of a query are those that Debian's Prometheus counts for the same data. Skipped there, and said so, where the
//! package is not installed.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails; its output explains it")]

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use bongsu_model::{Labels, STALE_NAN, Sample};
use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::{Http, percent_encode};
use bongsu_testkit::prometheus::Prometheus;
use bongsu_testkit::push;
use serde_json::Value;

/// Both versions count the same, where no sample lies at the left border of a window and the order of the series does not show in the peak.
const SAME: &[&str] = &[
    "1",
    "1 + 2 * 3",
    "vector(time())",
    "requests_total",
    "nothing",
    "-requests_total",
    "abs(requests_total)",
    "requests_total * 2 > 10",
    "2 - (requests_total offset 1m)",
    "requests_total @ A",
    "requests_total + requests_total @ A",
    "requests_total and up",
    "up or requests_total",
    "requests_total unless on(job) up",
    "requests_total / on(job) group_left up",
    "rate(requests_total[1m])",
    "rate(requests_total[45s])",
    "increase(requests_total{code=\"200\"}[5m]) + rate(requests_total[1m])",
    "rate(requests_total[1m] @ A)",
    "rate(requests_total[1m] offset 30s) * 60 / 2",
    "quantile_over_time(0.5, requests_total[1m])",
    "max_over_time(rate(requests_total[55s])[3m:20s])",
    "sum_over_time(up{job!=\"old\"}[2m:])",
    "avg_over_time(max_over_time(up{job!=\"old\"}[55s:10s])[2m:30s])",
    "count_over_time(requests_total[2m:20s] offset 10s)",
    "sum_over_time(up[2m:30s] @ A)",
    "absent(nothing)",
    "absent_over_time(nothing[1m])",
    "timestamp(up)",
    "timestamp(up + 0)",
    "clamp(requests_total, 0, scalar(up{job=\"db\"}))",
    "round(requests_total, 2)",
    "histogram_quantile(0.9, requests_total)",
    "scalar(up{job=\"db\"})",
    "predict_linear(requests_total[1m], 60)",
    "count_values(\"v\", up)",
];

/// The totals are the same; the peak is that of Prometheus 3, whose aggregations and label functions do not copy their input.
const SAME_BUT_FOR_PEAK: &[&str] = &[
    "sum(requests_total)",
    "sum by (job) (rate(requests_total[1m]))",
    "topk(1, requests_total)",
    "quantile(0.5, up)",
    "count(up) / 2 + sum(sum_over_time(up[1m:10s]))",
    "max_over_time(sum(up)[2m:20s])",
    "label_replace(up, \"a\", \"$1\", \"job\", \"(.*)\")",
];

fn data(now_ms: i64) -> Vec<(Labels, Vec<Sample>)> {
    let run = |from: i64, gap: i64, stale: bool| -> Vec<Sample> {
        let times = (from..60).filter(|step| gap == 0 || step % gap != 0).map(|step| now_ms - 600_000 + step * 10_000);
        let mut samples: Vec<Sample> = times.map(|timestamp_ms| Sample { timestamp_ms, value: 1.0 }).collect();
        for (step, sample) in samples.iter_mut().enumerate() {
            sample.value = step as f64 * 1.5;
        }
        if stale {
            samples.truncate(40);
            samples.extend(
                samples.last().map(|last| Sample { timestamp_ms: last.timestamp_ms + 10_000, value: STALE_NAN }),
            );
        }
        samples
    };
    let series = |labels: &[(&str, &str)], samples| (Labels::from_pairs(labels.to_vec()), samples);
    vec![
        series(&[("__name__", "requests_total"), ("job", "api"), ("code", "200")], run(0, 0, false)),
        series(&[("__name__", "requests_total"), ("job", "api"), ("code", "500")], run(0, 7, false)),
        series(&[("__name__", "requests_total"), ("job", "db"), ("code", "200")], run(20, 0, false)),
        series(&[("__name__", "up"), ("job", "api")], run(0, 0, false)),
        series(&[("__name__", "up"), ("job", "db")], run(3, 5, false)),
        series(&[("__name__", "up"), ("job", "old")], run(0, 0, true)),
    ]
}

struct Both {
    http: Http,
    ours: Centre,
    theirs: Prometheus,
    now_ms: i64,
    _dir: tempfile::TempDir,
}

impl Both {
    fn start() -> Option<Self> {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 / 60_000 * 60_000;
        let dir = tempfile::tempdir().unwrap();
        let ours = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &dir.path().join("data"), &[]);
        let theirs = Prometheus::start(dir.path(), "{}", "promql-per-step-stats")?;
        let http = Http::default();
        for url in [&ours.url, &theirs.url] {
            let answer = push::send(&http, &format!("{url}/api/v1/write"), "", &push::body(&data(now_ms))).unwrap();
            assert_eq!(answer.status, 204, "{}", answer.body);
        }
        Some(Self { http, ours, theirs, now_ms, _dir: dir })
    }

    /// The object of samples, ours and theirs, of an instant query and a range query.
    fn samples(&self, query: &str) -> Vec<[Value; 2]> {
        // No sample lies at the border of a window: Prometheus 2 counts those at the left one, too.
        let last = self.now_ms / 1000 - 7;
        let query = percent_encode(&query.replace('A', &(last - 100).to_string()));
        let paths = [
            format!("query?query={query}&time={last}&stats=all"),
            format!("query_range?query={query}&start={}&end={}&step=30&stats=all", last - 300, last + 7),
            format!("query_range?query={query}&start={last}&end={last}&step=30&stats=all"),
        ];
        let ask = |url: &str, path: &str| {
            let answer = self.http.get(&format!("{url}/api/v1/{path}"), &[]).unwrap();
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            let mut samples = answer.json()["data"]["stats"]["samples"].clone();
            samples.as_object_mut().unwrap().remove("samplesRead");
            samples
        };
        paths.iter().map(|path| [ask(&self.ours.url, path), ask(&self.theirs.url, path)]).collect()
    }
}

#[test]
fn samples_are_counted_as_prometheus_counts_them() {
    let Some(both) = Both::start() else { return };
    let mut faults = Vec::new();
    for (query, with_peak) in SAME.iter().map(|q| (q, true)).chain(SAME_BUT_FOR_PEAK.iter().map(|q| (q, false))) {
        for [mut ours, mut theirs] in both.samples(query) {
            if !with_peak {
                let peak =
                    |samples: &mut Value| samples.as_object_mut().unwrap().remove("peakSamples").unwrap().as_u64();
                assert!(peak(&mut ours) <= peak(&mut theirs), "{query}");
            }
            if ours != theirs {
                faults.push(format!("{query}\n  ours   {ours}\n  theirs {theirs}"));
            }
        }
    }
    assert!(faults.is_empty(), "{} differences:\n{}", faults.len(), faults.join("\n"));
}
