//! The remote write receiver and the query API on the real binary: what is answered to good, bad and odd requests.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::path::Path;

use bongsu_model::{BucketSpan, Exemplar, FloatHistogram, Labels, MetricMetadata, MetricType, Sample};
use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::{Answer, Http, percent_encode};
use bongsu_testkit::push::{self, SeriesData, WriteRequestBuilder, v2};

struct Fixture {
    centre: Centre,
    http: Http,
    dir: tempfile::TempDir,
}

impl Fixture {
    fn start(extra_args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &dir.path().join("data"), extra_args);
        Self { centre, http: Http::default(), dir }
    }

    fn kill_and_restart(&mut self, extra_args: &[&str]) {
        self.centre.process.kill();
        let data = self.dir.path().join("data");
        self.centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &data, extra_args);
    }

    fn push(&self, path: &str, tenant: &str, body: &[u8]) -> Answer {
        push::send(&self.http, &format!("{}{path}", self.centre.url), tenant, body).unwrap()
    }

    fn get(&self, path: &str) -> Answer {
        self.http.get(&format!("{}{path}", self.centre.url), &[]).unwrap()
    }

    /// `value@seconds` of the only series, read from a range selector.
    fn points(&self, query: &str, at_seconds: f64) -> String {
        let result = self.centre.query(query, at_seconds);
        let series = result.as_array().unwrap();
        let points = series.iter().flat_map(|one| one["values"].as_array().unwrap());
        points.map(|p| format!("{}@{}", p[1].as_str().unwrap(), p[0])).collect::<Vec<_>>().join(" ")
    }
}

fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> (Labels, Vec<Sample>) {
    let samples = samples.iter().map(|(timestamp_ms, value)| Sample { timestamp_ms: *timestamp_ms, value: *value });
    (Labels::from_pairs(labels.to_vec()), samples.collect())
}

#[test]
fn every_path_takes_a_push_and_tenants_are_apart() {
    let f = Fixture::start(&["--retention", "100y"]);
    for (index, path) in
        ["/api/v1/push", "/api/v1/write", "/api/v1/metrics/write", "/api/v1/receive"].into_iter().enumerate()
    {
        let body = push::body(&[series(&[("__name__", "m"), ("n", &index.to_string())], &[(1000, 1.0)])]);
        let answer = f.push(path, "", &body);
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{path}");
    }
    assert_eq!(
        f.push("/api/v1/push", "team-b", &push::body(&[series(&[("__name__", "m")], &[(1000, 7.0)])])).status,
        204
    );
    assert_eq!(f.centre.query("count(m)", 1.0)[0]["value"][1], "4");
    let url = format!("{}/api/v1/query?query=m&time=1", f.centre.url);
    let other = f.http.get(&url, &[("x-scope-orgid", "team-b")]).unwrap().json();
    assert_eq!(other["data"]["result"].as_array().unwrap().len(), 1);
    assert_eq!(other["data"]["result"][0]["value"][1], "7");
    let nobody = f.http.get(&url, &[("x-scope-orgid", "team-c")]).unwrap().json();
    assert_eq!(nobody["data"]["result"].as_array().unwrap().len(), 0);
    assert_eq!(f.push("/api/v1/push", "a/b", &push::body(&[])).status, 400);
}

#[test]
fn bad_requests_say_what_is_wrong_and_good_samples_are_kept() {
    let f = Fixture::start(&["--retention", "100y"]);
    let garbage = f.push("/api/v1/push", "", b"this is not snappy");
    assert_eq!(garbage.status, 400, "{}", garbage.body);
    assert!(garbage.body.contains("snappy"), "{}", garbage.body);

    let whole = bongsu_testkit::push::compressed(&[0x0a, 0x7f, 0x01]);
    let truncated = f.push("/api/v1/push", "", &whole);
    assert_eq!(truncated.status, 400, "{}", truncated.body);
    assert!(truncated.body.contains("byte"), "{}", truncated.body);

    let long = "x".repeat(70_000);
    let mixed = push::body(&[
        series(&[("__name__", "good")], &[(1000, 1.0)]),
        series(&[("__name__", "bad"), ("label", &long)], &[(1000, 1.0)]),
    ]);
    let answer = f.push("/api/v1/push", "", &mixed);
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(answer.body.contains("bad") && answer.body.contains("65536"), "{}", answer.body);
    assert_eq!(f.centre.query("good", 1.0)[0]["value"][1], "1");
    assert_eq!(f.push("/api/v1/push", "", &vec![0; 17 << 20]).status, 413);
    assert_eq!(f.get("/api/v1/push").status, 405);
}

#[test]
fn any_order_any_age_and_the_last_write_wins_also_after_flush_and_restart() {
    let mut f = Fixture::start(&["--retention", "100y"]);
    let day = 86_400_000;
    let now = 1_767_225_600_000_i64;
    let times = [(now, 5.0), (0, 1.0), (day, 2.0), (now - 60_000, 4.0), (500, 1.5)];
    for (at, value) in times {
        assert_eq!(
            f.push("/api/v1/push", "", &push::body(&[series(&[("__name__", "m")], &[(at, value)])])).status,
            204
        );
    }
    let rewrite = push::body(&[series(&[("__name__", "m")], &[(day, 3.0)])]);
    assert_eq!(f.http.post(&format!("{}/api/v1/admin/tsdb/flush", f.centre.url), &[], b"").unwrap().status, 204);
    assert_eq!(f.push("/api/v1/push", "", &rewrite).status, 204);
    let expected = "1@0 1.5@0.5 3@86400 4@1767225540 5@1767225600";
    let query = "m[60y]";
    assert_eq!(f.points(query, 1_767_225_600.0), expected);
    assert_eq!(f.http.post(&format!("{}/api/v1/admin/tsdb/compact", f.centre.url), &[], b"").unwrap().status, 204);
    assert_eq!(f.points(query, 1_767_225_600.0), expected);
    assert_eq!(f.centre.process.terminate().unwrap(), Some(0));
    f.centre =
        Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &f.dir.path().join("data"), &["--retention", "100y"]);
    assert_eq!(f.points(query, 1_767_225_600.0), expected);
}

#[test]
fn samples_beyond_the_retention_are_refused_by_name() {
    let f = Fixture::start(&["--retention", "1d"]);
    let answer = f.push("/api/v1/push", "", &push::body(&[series(&[("__name__", "old")], &[(1000, 1.0)])]));
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(answer.body.contains("old") && answer.body.contains("retention"), "{}", answer.body);
}

#[test]
fn the_query_api_speaks_as_prometheus_does() {
    let f = Fixture::start(&["--retention", "100y"]);
    let samples: Vec<_> = (0..61).map(|i| (i * 15_000, i as f64)).collect();
    let labels = [("__name__", "http_requests_total"), ("job", "api"), ("host.name", "a\"b")];
    assert_eq!(f.push("/api/v1/push", "", &push::body(&[series(&labels, &samples)])).status, 204);
    for (path, expected) in [
        (
            "/api/v1/query?query=1%2B1&time=1.5",
            r#"{"status":"success","data":{"resultType":"scalar","result":[1.5,"2"]}}"#,
        ),
        (
            "/api/v1/query?query=%22a%22&time=1",
            r#"{"status":"success","data":{"resultType":"string","result":[1,"a"]}}"#,
        ),
        (
            "/prometheus/api/v1/query?query=sum(http_requests_total)&time=30",
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[30,"2"]}]}}"#,
        ),
        (
            "/api/v1/query_range?query=http_requests_total&start=0&end=30&step=15",
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"http_requests_total","host.name":"a\"b","job":"api"},"values":[[0,"0"],[15,"1"],[30,"2"]]}]}}"#,
        ),
        ("/api/v1/labels", r#"{"status":"success","data":["__name__","host.name","job"]}"#),
        ("/api/v1/label/job/values", r#"{"status":"success","data":["api"]}"#),
        ("/api/v1/label/U__host_2e_name/values", r#"{"status":"success","data":["a\"b"]}"#),
        (
            "/api/v1/series?match[]=http_requests_total",
            r#"{"status":"success","data":[{"__name__":"http_requests_total","host.name":"a\"b","job":"api"}]}"#,
        ),
        ("/api/v1/metadata", r#"{"status":"success","data":{}}"#),
    ] {
        let answer = f.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (200, expected), "{path}");
    }
    for (path, status, kind) in [
        ("/api/v1/query?query=sum(", 400, "bad_data"),
        ("/api/v1/query", 400, "bad_data"),
        ("/api/v1/query?query=1&time=noon", 400, "bad_data"),
        ("/api/v1/query_range?query=1&start=0&end=1000000&step=1", 400, "bad_data"),
        ("/api/v1/query_range?query=1&start=10&end=0&step=1", 400, "bad_data"),
        ("/api/v1/series", 400, "bad_data"),
        ("/api/v1/nonsense", 404, "not_found"),
    ] {
        let answer = f.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_eq!(answer.json()["errorType"], kind, "{path}");
        assert_eq!(answer.json()["status"], "error", "{path}");
    }
    assert_eq!(f.get("/api/v1/status/buildinfo").json()["data"]["application"], "Bongsu");
    assert_eq!(f.get("/-/healthy").status, 200);
    assert!(f.get("/metrics").body.contains("bongsu_push_samples_total 61"));
    assert!(f.get("/explore").body.contains("<html"));
}

#[test]
fn forms_and_compression() {
    let f = Fixture::start(&["--retention", "100y"]);
    let many: Vec<_> = (0..200).map(|i| series(&[("__name__", "m"), ("i", &i.to_string())], &[(1000, 1.0)])).collect();
    assert_eq!(f.push("/api/v1/push", "", &push::body(&many)).status, 204);
    let url = format!("{}/api/v1/query", f.centre.url);
    let form = format!("query={}&time=1", percent_encode("count(m)"));
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = f.http.post(&url, &headers, form.as_bytes()).unwrap();
    assert_eq!(answer.json()["data"]["result"][0]["value"][1], "200");
    let plain = f.http.get(&format!("{url}?query=m&time=1"), &[("accept-encoding", "identity")]).unwrap();
    assert_eq!(plain.json()["data"]["result"].as_array().unwrap().len(), 200);
    let squeezed = f.http.get(&format!("{url}?query=m&time=1"), &[("accept-encoding", "gzip")]).unwrap();
    assert_eq!(squeezed.json()["data"]["result"].as_array().unwrap().len(), 200);
}

#[test]
fn a_second_process_on_the_same_data_is_refused() {
    let f = Fixture::start(&[]);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(["server", "--listen", "127.0.0.1:0", "--data"])
        .arg(f.dir.path().join("data"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("lock"), "{text}");
}

/// `count` observations between 1 and 2, of schema 0.
fn histogram(count: f64) -> FloatHistogram {
    FloatHistogram {
        count,
        sum: 1.5 * count,
        positive_spans: vec![BucketSpan { offset: 1, length: 1 }],
        positive_buckets: vec![count],
        ..FloatHistogram::default()
    }
}

fn exemplar(timestamp_ms: i64, id: &str) -> Exemplar {
    Exemplar { labels: Labels::from_pairs([("trace_id", id)]), value: 1.25, timestamp_ms }
}

/// Samples, histograms and exemplars that were written, as a 2.0 receiver says.
fn written(answer: &Answer) -> [&str; 3] {
    ["samples", "histograms", "exemplars"]
        .map(|kind| answer.header(&format!("x-prometheus-remote-write-{kind}-written")).unwrap_or("-"))
}

#[test]
fn remote_write_1_with_histograms_and_exemplars() {
    let mut f = Fixture::start(&["--retention", "100y"]);
    let mut request = WriteRequestBuilder::new();
    let data = SeriesData {
        histograms: &[(1000, histogram(2.0)), (16_000, histogram(5.0))],
        exemplars: &[exemplar(900, "abc"), exemplar(15_500, "def")],
        samples: &[],
    };
    request.push_series_data([("__name__", "latency"), ("job", "api")], &data);
    let answer = f.push("/api/v1/write", "", &push::compressed(request.as_bytes()));
    assert_eq!((answer.status, written(&answer)), (204, ["-", "-", "-"]), "{}", answer.body);

    // An exemplar that is late costs nothing in 1.0.
    let mut late = WriteRequestBuilder::new();
    let data = SeriesData { exemplars: &[exemplar(1, "late")], ..SeriesData::default() };
    late.push_series_data([("__name__", "latency"), ("job", "api")], &data);
    assert_eq!(f.push("/api/v1/write", "", &push::compressed(late.as_bytes())).status, 204);

    for again in [true, false] {
        assert_eq!(f.centre.query("histogram_count(latency)", 20.0)[0]["value"][1], "5");
        assert_eq!(f.centre.query("histogram_sum(latency)", 1.0)[0]["value"][1], "3");
        let found = f.get("/api/v1/query_exemplars?query=histogram_quantile(0.9,rate(latency[5m]))&start=1&end=20");
        assert_eq!(
            found.body,
            r#"{"status":"success","data":[{"seriesLabels":{"__name__":"latency","job":"api"},"exemplars":[{"labels":{"trace_id":"def"},"value":"1.25","timestamp":15.500}]}]}"#
        );
        if again {
            f.kill_and_restart(&["--retention", "100y"]);
        }
    }
    // And from a block, after a clean stop.
    assert_eq!(f.centre.process.terminate().unwrap(), Some(0));
    f.kill_and_restart(&["--retention", "100y"]);
    assert_eq!(f.centre.query("histogram_count(latency)", 20.0)[0]["value"][1], "5");
    assert_eq!(f.get("/api/v1/query_exemplars?query=1%2B1").body, r#"{"status":"success"}"#);
    assert_eq!(f.get("/api/v1/query_exemplars?query=other").body, r#"{"status":"success","data":[]}"#);
    assert_eq!(f.get("/api/v1/query_exemplars?query=up&start=2&end=1").status, 400);
    assert!(f.get("/metrics").body.contains("bongsu_store_exemplars 2"));
}

#[test]
fn remote_write_2_with_everything() {
    let mut f = Fixture::start(&["--retention", "100y"]);
    let url = format!("{}/api/v1/write", f.centre.url);
    let metadata = |metric_type, help: &str| MetricMetadata { metric_type, help: help.to_owned(), unit: String::new() };
    let counter = metadata(MetricType::Counter, "Requests served.");
    let samples = &[Sample { timestamp_ms: 1000, value: 1.0 }, Sample { timestamp_ms: 16_000, value: 7.0 }];
    let (exemplars, histograms) = (&[exemplar(1000, "abc")], &[(1000, histogram(3.0))]);
    let mut request = v2::RequestBuilder::new();
    let labels = [("__name__", "requests_total"), ("job", "api")];
    request.push_series(labels, &SeriesData { samples, exemplars, ..SeriesData::default() }, &counter, Some(500));
    let kind = metadata(MetricType::Histogram, "How long.");
    let data = SeriesData { histograms, ..SeriesData::default() };
    request.push_series([("__name__", "latency"), ("job", "api")], &data, &kind, Some(500));
    let answer = push::send_2(&f.http, &url, "", &push::compressed(&request.finish())).unwrap();
    assert_eq!((answer.status, written(&answer)), (204, ["2", "1", "1"]), "{}", answer.body);

    // Partly bad: the good part is kept and counted.
    let mut request = v2::RequestBuilder::new();
    let data = SeriesData { samples: &samples[..1], exemplars: &[exemplar(1, "late")], ..SeriesData::default() };
    request.push_series(labels, &data, &counter, None);
    request.push_series([("a", "1"), ("a", "2")], &data, &counter, None);
    let answer = push::send_2(&f.http, &url, "", &push::compressed(&request.finish())).unwrap();
    assert_eq!((answer.status, written(&answer)), (400, ["1", "0", "0"]), "{}", answer.body);
    assert!(answer.body.contains("duplicate_label"), "{}", answer.body);
    // Late exemplars alone are told, too.
    let mut request = v2::RequestBuilder::new();
    request.push_series(labels, &SeriesData { samples: &[], ..data }, &counter, None);
    let answer = push::send_2(&f.http, &url, "", &push::compressed(&request.finish())).unwrap();
    assert_eq!((answer.status, written(&answer)), (400, ["0", "0", "0"]), "{}", answer.body);
    assert!(answer.body.contains("exemplars are older"), "{}", answer.body);
    // Whatever goes wrong, the counts are there; a message of 1.0 under the name of 2.0 holds nothing.
    let garbage = push::send_2(&f.http, &url, "", b"this is not snappy").unwrap();
    assert_eq!((garbage.status, written(&garbage)), (400, ["0", "0", "0"]));
    let large = push::send_2(&f.http, &url, "", &vec![0; 17 << 20]).unwrap();
    assert_eq!((large.status, written(&large)), (413, ["0", "0", "0"]));
    let old = push::body(&[series(&[("__name__", "old")], &[(1000, 1.0)])]);
    let answer = push::send_2(&f.http, &url, "", &old).unwrap();
    assert_eq!((answer.status, written(&answer)), (204, ["0", "0", "0"]), "{}", answer.body);
    let headers = [("content-type", "application/x-protobuf;proto=io.prometheus.write.v3.Request")];
    let unknown = f.http.post(&url, &headers, &old).unwrap();
    assert_eq!((unknown.status, written(&unknown)), (415, ["-", "-", "-"]));

    for again in [true, false] {
        assert_eq!(f.points("requests_total[1m]", 20.0), "1@1 7@16");
        assert_eq!(f.centre.query("histogram_avg(latency)", 1.0)[0]["value"][1], "1.5");
        assert_eq!(
            f.get("/api/v1/metadata").body,
            r#"{"status":"success","data":{"latency":[{"type":"histogram","help":"How long.","unit":""}],"requests_total":[{"type":"counter","help":"Requests served.","unit":""}]}}"#
        );
        assert_eq!(
            f.get("/api/v1/query_exemplars?query=requests_total").json()["data"][0]["exemplars"][0]["labels"]["trace_id"],
            "abc"
        );
        if again {
            f.kill_and_restart(&["--retention", "100y"]);
        }
    }
}
