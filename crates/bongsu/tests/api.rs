//! The HTTP API on the real binary: every endpoint's shape, and the same questions to Debian's Prometheus with the same
//! data where it has the endpoint. Skipped there, and said so, where the package is not installed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bongsu_model::{Labels, STALE_NAN, Sample};
use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::{Answer, Http};
use bongsu_testkit::prometheus::Prometheus;
use bongsu_testkit::wait::wait_for;
use bongsu_testkit::{push, read};
use bongsu_wire::remote_read::decompress;
use serde_json::{Value, json};

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

    fn get(&self, path: &str) -> Answer {
        self.http.get(&format!("{}{path}", self.centre.url), &[]).unwrap()
    }

    fn post(&self, path: &str, content_type: &str, body: &str) -> Answer {
        let headers = [("content-type", content_type)];
        self.http.post(&format!("{}{path}", self.centre.url), &headers, body.as_bytes()).unwrap()
    }

    fn data(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()["data"].clone()
    }

    fn push(&self, series: &[(Labels, Vec<Sample>)]) {
        push_to(&self.http, &format!("{}/api/v1/push", self.centre.url), series);
    }

    /// The answer with its head, as it is on the wire.
    fn raw(&self, request_head: &str) -> String {
        let address = self.centre.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "{request_head}\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.to_lowercase()
    }
}

fn push_to(http: &Http, url: &str, series: &[(Labels, Vec<Sample>)]) {
    let answer = push::send(http, url, "", &push::body(series)).unwrap();
    assert!((200..300).contains(&answer.status), "{}", answer.body);
}

fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> (Labels, Vec<Sample>) {
    let samples = samples.iter().map(|(timestamp_ms, value)| Sample { timestamp_ms: *timestamp_ms, value: *value });
    (Labels::from_pairs(labels.to_vec()), samples.collect())
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Two jobs with three targets, one of them down and one gone, and a metric with a label of two values.
fn sample_data(now_ms: i64) -> Vec<(Labels, Vec<Sample>)> {
    let times =
        |value: f64| -> Vec<(i64, f64)> { (0..60).map(|i| (now_ms - 60_000 + i * 1000, value + i as f64)).collect() };
    let ones = |value: f64| -> Vec<(i64, f64)> { (0..60).map(|i| (now_ms - 60_000 + i * 1000, value)).collect() };
    let mut gone = ones(1.0);
    gone.push((now_ms - 500, STALE_NAN));
    let requests = "http_requests_total";
    vec![
        series(&[("__name__", "up"), ("job", "api"), ("instance", "a:1")], &ones(1.0)),
        series(&[("__name__", "up"), ("job", "api"), ("instance", "b:1")], &ones(0.0)),
        series(&[("__name__", "up"), ("job", "db"), ("instance", "c:1")], &ones(1.0)),
        series(&[("__name__", "up"), ("job", "old"), ("instance", "d:1")], &gone),
        series(&[("__name__", "scrape_duration_seconds"), ("job", "api"), ("instance", "a:1")], &ones(0.25)),
        series(&[("__name__", requests), ("job", "api"), ("instance", "a:1"), ("code", "200")], &times(10.0)),
        series(&[("__name__", requests), ("job", "api"), ("instance", "a:1"), ("code", "500")], &times(-3.5)),
        series(&[("__name__", "no_instance"), ("job", "x\"y\\z")], &ones(f64::INFINITY)),
    ]
}

#[test]
fn queries_are_asked_in_every_form() {
    let f = Fixture::start(&[]);
    let multipart = "--B\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n1+1\r\n--B\r\n\
                     Content-Disposition: form-data; name=\"time\"\r\n\r\n5\r\n--B--\r\n";
    let answer = f.post("/api/v1/query", "multipart/form-data; boundary=B", multipart);
    assert_eq!(answer.body, r#"{"status":"success","data":{"resultType":"scalar","result":[5,"2"]}}"#);
    let answer = f.post("/api/v1/query?query=2&time=7", "application/x-www-form-urlencoded", "query=1");
    assert_eq!(answer.json()["data"]["result"], json!([7, "1"]), "the body's value comes first");
    let answer = f.post("/api/v1/query", "multipart/form-data; boundary=B", "nonsense");
    assert_eq!((answer.status, answer.json()["errorType"].as_str()), (400, Some("bad_data")), "{}", answer.body);
    let stats = f.data("/api/v1/query?query=1&stats=all")["stats"].clone();
    assert!(stats["timings"]["execTotalTime"].as_f64().unwrap() > 0.0, "{stats}");
    assert!(stats["samples"]["peakSamples"].is_u64(), "{stats}");
    assert!(f.data("/api/v1/query?query=1").get("stats").is_none());
    let tree = f.data("/api/v1/parse_query?query=rate(up[5m])");
    assert_eq!((tree["type"].as_str(), tree["func"]["name"].as_str()), (Some("call"), Some("rate")));
    assert!(f.raw("HEAD /api/v1/query?query=1 HTTP/1.1").starts_with("http/1.1 200"));
}

#[test]
fn pages_of_other_origins_are_told_what_they_may() {
    let f = Fixture::start(&["--cors-origin", "https?://(a|b)\\.example"]);
    let options = f.raw("OPTIONS /api/v1/anything HTTP/1.1\r\nOrigin: http://a.example");
    assert!(options.starts_with("http/1.1 204"), "{options}");
    for line in [
        "access-control-allow-headers: accept, authorization, content-type, origin",
        "access-control-allow-methods: get, post, options",
        "access-control-expose-headers: date",
        "access-control-allow-origin: http://a.example",
    ] {
        assert!(options.contains(line), "{line}: {options}");
    }
    let other = f.raw("GET /api/v1/query?query=1 HTTP/1.1\r\nOrigin: http://c.example");
    assert!(other.starts_with("http/1.1 200") && !other.contains("access-control-allow-origin"), "{other}");
    assert!(!f.raw("GET /api/v1/query?query=1 HTTP/1.1").contains("access-control"));
    let anyone = Fixture::start(&[]).raw("GET /api/v1/labels HTTP/1.1\r\nOrigin: http://c.example");
    assert!(anyone.contains("access-control-allow-origin: *"), "{anyone}");
}

#[test]
fn targets_are_told_from_what_arrives() {
    let f = Fixture::start(&[]);
    f.push(&sample_data(now_ms()));
    let active = f.data("/api/v1/targets")["activeTargets"].clone();
    let told: Vec<String> = active
        .as_array()
        .unwrap()
        .iter()
        .map(|t| format!("{} {} {}", t["scrapePool"], t["labels"]["instance"], t["health"]).replace('"', ""))
        .collect();
    assert_eq!(told, ["api a:1 up", "api b:1 down", "db c:1 up"]);
    assert_eq!(active[0]["lastScrapeDuration"], 0.25);
    assert!(active[0]["lastScrape"].as_str().unwrap().ends_with('Z'), "{active}");
    assert_eq!(f.data("/api/v1/targets?scrapePool=db")["activeTargets"].as_array().unwrap().len(), 1);
    assert_eq!(f.data("/api/v1/targets?state=dropped")["activeTargets"], json!([]));
    assert_eq!(f.data("/api/v1/scrape_pools"), json!({ "scrapePools": ["api", "db"] }));
}

#[test]
fn the_server_tells_of_itself() {
    let f = Fixture::start(&["--enable-admin-api", "--retention", "30d"]);
    let yaml = f.data("/api/v1/status/config")["yaml"].clone();
    assert!(yaml.as_str().unwrap().contains("retention: 30d\n"), "{yaml}");
    assert_eq!(f.data("/api/v1/status/flags")["admin-api"], "true");
    let runtime = f.data("/api/v1/status/runtimeinfo");
    assert_eq!(runtime["storageRetention"], "30d");
    assert!(runtime["startTime"].as_str().unwrap().starts_with("20"), "{runtime}");
    assert_eq!(f.data("/api/v1/features")["api"]["admin"], true);
    assert_eq!(f.data("/api/v1/notifications"), json!([]));
}

#[test]
fn cardinality_is_told_as_mimir_does() {
    let f = Fixture::start(&[]);
    f.push(&sample_data(now_ms()));
    let names = f.get("/prometheus/api/v1/cardinality/label_names?limit=2").json();
    assert_eq!(
        names,
        json!({ "label_values_count_total": 14, "label_names_count": 4, "cardinality": [
            { "label_name": "__name__", "label_values_count": 4 },
            { "label_name": "instance", "label_values_count": 4 },
        ] })
    );
    let query = "label_names[]=code&label_names[]=job&selector=%7Bjob%3D~%22api%7Cdb%22%7D&limit=1";
    let values = f.get(&format!("/api/v1/cardinality/label_values?{query}")).json();
    assert_eq!(
        values,
        json!({ "series_count_total": 6, "labels": [
            { "label_name": "job", "label_values_count": 2, "series_count": 6,
              "cardinality": [{ "label_value": "api", "series_count": 5 }] },
            { "label_name": "code", "label_values_count": 2, "series_count": 2,
              "cardinality": [{ "label_value": "200", "series_count": 1 }] },
        ] })
    );
    for (query, error) in [
        ("", "'label_names[]' param is required"),
        ("label_names[]=a&limit=501", "'limit' param cannot be greater than '500'"),
        ("label_names[]=a&limit=x", "strconv.Atoi: parsing \"x\": invalid syntax"),
        ("label_names[]=a&count_method=x", "invalid 'count_method' param 'x'. valid options are: [active,inmemory]"),
        ("label_names[]=a&selector=a&selector=b", "multiple 'selector' params are not allowed"),
    ] {
        let answer = f.get(&format!("/api/v1/cardinality/label_values?{query}"));
        assert_eq!((answer.status, answer.body.trim_end()), (400, error), "{query}");
    }
}

/// Debian's Prometheus with an empty configuration, which takes pushes.
/// Paths whose answers must be the same to the byte. `@` is the time of the last sample in seconds.
const SAME: &[&str] = &[
    "query?query=up&time=@",
    "query?query=1&time=0x1p4",
    "query?query=1&time=0x10",
    "query?query=1&time=1_000",
    "query?query=1&time=noon",
    "query?query=1&time=2015-07-01T20:10:30.781Z",
    "query?query=1&time=2015-07-01",
    "query?query=1&timeout=x",
    "query?query=1&timeout=-5s",
    "query?query=&time=1",
    "query?query=sum(",
    "query_range?query=up&start=&end=1&step=1",
    "query_range?query=up&start=1&end=0&step=1",
    "query_range?query=up&start=0&end=1&step=0",
    "query_range?query=up&start=0&end=1&step=",
    "query_range?query=up&start=0&end=1000000&step=1",
    "query_range?query=http_requests_total&start=@&end=@&step=15",
    "labels",
    "labels?start=x",
    "labels?start=10&end=1",
    "labels?match[]=up&start=10&end=1",
    "labels?match[]={a=~\".*\"}",
    "labels?match[]=no_instance",
    "label/job/values",
    "label/job/values?match[]=http_requests_total",
    "label/job/values?start=10&end=1",
    "series",
    "series?match[]=up",
    "series?match[]=up&match[]={job=\"api\"}",
    "series?match[]=up&start=10&end=1",
    "series?match[]={a=~\".*\"}",
    "metadata",
    "metadata?limit=x",
    "query_exemplars?query=up&start=1&end=2",
    "targets?state=dropped",
    "targets/metadata?limit=x",
    "targets/metadata?metric=up",
    "alertmanagers",
    "rules",
    "rules?type=alert",
    "rules?type=x",
    "alerts",
    "status/walreplay",
    "format_query?query=sum(up)by(job)",
    "format_query?query=sum(",
];

#[test]
fn answers_are_those_of_prometheus_to_the_byte() {
    let f = Fixture::start(&[]);
    let Some(prometheus) = Prometheus::start(f.dir.path(), "{}", "promql-at-modifier") else { return };
    let now_ms = now_ms() / 1000 * 1000;
    f.push(&sample_data(now_ms));
    push_to(&f.http, &format!("{}/api/v1/write", prometheus.url), &sample_data(now_ms));
    let mut faults = Vec::new();
    for path in SAME {
        let path = path
            .replace('@', &(now_ms / 1000 - 1).to_string())
            .replace('"', "%22")
            .replace('{', "%7B")
            .replace('}', "%7D");
        let theirs = f.http.get(&format!("{}/api/v1/{path}", prometheus.url), &[]).unwrap();
        let ours = f.get(&format!("/api/v1/{path}"));
        // The target count per pool came with 2.48 or so.
        let our_body = ours.body.replace(",\"droppedTargetCounts\":{}", "");
        if (ours.status, our_body.as_str()) != (theirs.status, theirs.body.as_str()) {
            faults.push(format!(
                "{path}\n  theirs {} {}\n  ours   {} {}",
                theirs.status, theirs.body, ours.status, ours.body
            ));
        }
    }
    for path in [
        "federate?match[]=up",
        "federate?match[]=no_instance&match[]=up",
        "federate",
        "federate?match[]=http_requests_total",
    ] {
        let theirs = f.http.get(&format!("{}/{path}", prometheus.url), &[]).unwrap();
        let ours = f.get(&format!("/{path}"));
        if (ours.status, &ours.body) != (theirs.status, &theirs.body) {
            faults.push(format!(
                "{path}\n  theirs {} {}\n  ours   {} {}",
                theirs.status, theirs.body, ours.status, ours.body
            ));
        }
    }
    assert!(faults.is_empty(), "{} differences:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn what_fills_the_memory_is_told_as_prometheus_does() {
    let f = Fixture::start(&[]);
    let Some(prometheus) = Prometheus::start(f.dir.path(), "{}", "promql-at-modifier") else { return };
    let data = sample_data(now_ms());
    f.push(&data);
    push_to(&f.http, &format!("{}/api/v1/write", prometheus.url), &data);
    let path = "/api/v1/status/tsdb";
    let theirs = f.http.get(&format!("{}{path}", prometheus.url), &[]).unwrap().json()["data"].clone();
    let ours = f.data(path);
    // Entries with the same count stand in any order there.
    let sorted = |list: &Value| {
        let mut entries: Vec<String> = list.as_array().unwrap().iter().map(ToString::to_string).collect();
        entries.sort();
        entries
    };
    for list in ["seriesCountByMetricName", "labelValueCountByLabelName", "memoryInBytesByLabelName"] {
        assert_eq!(sorted(&ours[list]), sorted(&theirs[list]), "{list}");
    }
    assert_eq!(ours["seriesCountByLabelValuePair"][0], theirs["seriesCountByLabelValuePair"][0]);
    for number in ["numSeries", "numLabelPairs", "minTime", "maxTime"] {
        assert_eq!(ours["headStats"][number], theirs["headStats"][number], "{number}");
    }
    assert_eq!(f.data("/api/v1/status/tsdb?limit=1")["seriesCountByMetricName"].as_array().unwrap().len(), 1);
    assert_eq!(f.get("/api/v1/status/tsdb?limit=0").json()["error"], "limit must be a positive number");
}

#[test]
fn what_is_held_is_told_block_by_block() {
    let f = Fixture::start(&["--enable-admin-api"]);
    f.push(&sample_data(now_ms()));
    let path = "/api/v1/status/blocks";
    let before = f.data(path);
    let in_memory = before["tenant"]["head"]["samples"].as_u64().unwrap();
    assert!(in_memory > 0 && before["logBytes"].as_u64() > Some(0), "{before}");
    assert_eq!((&before["blocks"], &before["merging"]), (&json!([]), &Value::Null));
    assert_eq!(f.post("/api/v1/admin/tsdb/flush", "application/json", "").status, 204);
    let after = f.data(path);
    assert_eq!(after["tenant"]["head"]["samples"], 0);
    assert_eq!(after["tenant"]["head"]["minTime"], Value::Null);
    let blocks = after["blocks"].as_array().unwrap();
    let sum = |key: &str| blocks.iter().map(|block| block[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("samples"), in_memory);
    assert_eq!(after["tenant"]["blockBytes"], sum("bytes"));
    for block in blocks {
        let times = ["start", "minTime", "maxTime", "end"].map(|key| block[key].as_i64().unwrap());
        assert!(
            times.is_sorted() && block["level"] == 0 && block["place"] == "disk" && block["series"].as_u64() > Some(0),
            "{block}"
        );
    }
    let all = f.data(&format!("{path}?all_tenants=true"));
    assert_eq!((all["tenants"].clone(), after["allTenants"].clone()), (json!([after["tenant"]]), json!(true)));
    let refused = Fixture::start(&[]).get(&format!("{path}?all_tenants=true"));
    assert_eq!(refused.status, 503, "{}", refused.body);
}

#[test]
fn a_batch_is_answered_line_by_line_and_fails_one_by_one() {
    let f = Fixture::start(&[]);
    f.push(&sample_data(now_ms()));
    let now = now_ms() / 1000;
    let body = json!([
        { "id": "range", "query": "sum(up)", "start": now - 30, "end": now.to_string(), "step": "10s" },
        { "id": 7, "query": "1+1", "time": 5 },
        { "query": "sum(" },
        { "id": "late", "query": "up", "start": 0, "end": now, "step": 1 },
    ]);
    let answer = f.post("/api/v1/query_batch", "application/json", &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut lines: Vec<Value> = answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.sort_by_key(|line| line["id"].to_string());
    let told: Vec<String> =
        lines.iter().map(|line| format!("{} {}", line["id"], line["status"]).replace('"', "")).collect();
    assert_eq!(told, ["late error", "range success", "2 error", "7 success"]);
    assert_eq!(lines[1]["data"]["result"][0]["values"].as_array().unwrap().len(), 4);
    assert_eq!(lines[3]["data"]["result"], json!([5, "2"]));
    assert_eq!(lines[2]["errorType"], "bad_data");
    let refused = f.post("/api/v1/query_batch", "application/json", "{}");
    assert_eq!((refused.status, refused.json()["errorType"].as_str()), (400, Some("bad_data")));
}

#[test]
fn a_client_that_goes_away_stops_its_batch() {
    let f = Fixture::start(&[]);
    // Six hundred million inner steps each: minutes, were they not stopped.
    let query = "count_over_time((sum_over_time(vector(1)[1h:1s]))[2d:1s])";
    let body = json!([{ "query": query }, { "query": query }]).to_string();
    let running = |n: u8| f.get("/metrics").body.contains(&format!("bongsu_queries_running {n}\n")).then_some(());
    let address = f.centre.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let head =
        format!("POST /api/v1/query_batch HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).unwrap();
    wait_for("both queries to run", Duration::from_secs(30), || running(2));
    drop(stream);
    wait_for("no query to run", Duration::from_secs(30), || running(0));
}

#[test]
fn remote_read_answers_are_those_of_prometheus_to_the_byte() {
    let f = Fixture::start(&[]);
    let Some(prometheus) = Prometheus::start(f.dir.path(), "{}", "promql-at-modifier") else { return };
    let now_ms = now_ms();
    // Sixty samples of a series are one chunk, there as here.
    let mut data = sample_data(now_ms);
    let awkward = [0.1, -0.0, f64::NAN, f64::INFINITY, 1e300, 5e-324, 42.0, 42.0, 42.5, -1.0];
    let times = [0, 1, 15_000, 30_000, 30_001, 90_002, 500_000, 1_500_000, 1_500_001, 1_600_000];
    // Within two hours that Prometheus puts into one chunk.
    let start_ms = (now_ms / 7_200_000 - 1) * 7_200_000;
    let samples: Vec<(i64, f64)> = times.iter().zip(awkward).map(|(t, v)| (start_ms + t, v)).collect();
    // The oldest samples come first: Prometheus takes none that are much older than its newest.
    data.insert(0, series(&[("__name__", "awkward"), ("a", "b")], &samples));
    f.push(&data);
    push_to(&f.http, &format!("{}/api/v1/write", prometheus.url), &data);
    let everything = (now_ms - 20_000_000, now_ms + 1000);
    let raw = |body: Vec<u8>| decompress(&body, 1 << 20, &mut Vec::new()).unwrap().to_vec();
    let compare = |metric: &str, accepted: u8, read: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let request = read::request(metric, everything, accepted);
        let theirs = read(read::send(&prometheus.url, "/api/v1/read", &request));
        let ours = read(read::send(&f.centre.url, "/api/v1/read", &request));
        assert!(ours == theirs, "{metric}, type {accepted}:\n{ours:02x?}\n{theirs:02x?}");
        assert!(!ours.is_empty(), "{metric}");
    };
    // Values that are zero are not written there, and lose their sign.
    for metric in ["http_requests_total", "no_instance", "nothing"] {
        compare(metric, 0, &raw);
    }
    for metric in ["up", "http_requests_total", "awkward"] {
        compare(metric, 1, &|body| body);
    }
}

#[test]
fn prometheus_reads_from_bongsu() {
    let f = Fixture::start(&[]);
    let config = format!("remote_read: [{{ url: '{}/api/v1/read', read_recent: true }}]", f.centre.url);
    let Some(prometheus) = Prometheus::start(f.dir.path(), &config, "promql-at-modifier") else { return };
    let now_ms = now_ms() / 1000 * 1000;
    f.push(&sample_data(now_ms));
    let path = format!("/api/v1/query?query=sum+by+(job)+(rate(http_requests_total[40s]))&time={}", now_ms / 1000);
    let theirs = f.http.get(&format!("{}{path}", prometheus.url), &[]).unwrap();
    assert_eq!(theirs.json()["data"]["result"][0]["metric"], json!({ "job": "api" }), "{}", theirs.body);
    assert_eq!(theirs.body, f.get(&path).body);
}

#[test]
fn a_tenant_is_deleted_with_a_receipt_only_when_that_is_enabled() {
    let delete =
        |f: &Fixture, tenant: &str| f.http.delete(&format!("{}/api/v1/admin/tenants/{tenant}", f.centre.url)).unwrap();
    let f = Fixture::start(&[]);
    assert_eq!(delete(&f, "anonymous").status, 503);
    let f = Fixture::start(&["--enable-admin-api"]);
    f.push(&sample_data(now_ms()));
    let up = || f.data("/api/v1/query?query=count(up)")["result"].clone();
    assert_eq!(up()[0]["value"][1], "3");
    let receipt = delete(&f, "anonymous").json()["data"].clone();
    assert_eq!((&receipt["tenant"], up()), (&json!("anonymous"), json!([])));
    assert!(receipt["series"].as_u64().unwrap() > 3 && receipt["finished"].is_string(), "{receipt}");
    let kept = f.dir.path().join("data").join(receipt["receipt"].as_str().unwrap());
    let text = std::fs::read_to_string(kept).unwrap();
    assert!(text.starts_with("bongsu receipt 1\ntenant anonymous\n"), "{text}");
    assert_eq!((delete(&f, "anonymous").status, delete(&f, "a$b").status), (404, 400));
}

#[test]
fn data_is_deleted_and_snapshots_are_taken_only_when_that_is_enabled() {
    let f = Fixture::start(&[]);
    for action in ["delete_series?match[]=up", "clean_tombstones", "snapshot"] {
        let answer = f.post(&format!("/api/v1/admin/tsdb/{action}"), "text/plain", "");
        let expected = r#"{"status":"error","errorType":"unavailable","error":"admin APIs disabled"}"#;
        assert_eq!((answer.status, answer.body.as_str()), (503, expected), "{action}");
    }
    let f = Fixture::start(&["--enable-admin-api"]);
    f.push(&sample_data(now_ms()));
    let act = |action: &str| f.post(&format!("/api/v1/admin/tsdb/{action}"), "text/plain", "");
    assert_eq!(act("delete_series").json()["error"], "no match[] parameter provided");
    assert_eq!(act("delete_series?match[]=up&start=x").status, 400);
    let up = || f.data("/api/v1/query?query=count(up)")["result"][0]["value"][1].clone();
    assert_eq!(up(), "3");
    assert_eq!(act("delete_series?match[]=up%7Bjob%3D%22db%22%7D&match[]=no_instance").status, 204);
    assert_eq!(up(), "2");
    let snapshot = act("snapshot").json()["data"]["name"].as_str().unwrap().to_owned();
    assert_eq!(act("clean_tombstones").status, 204);
    assert_eq!(up(), "2");
    assert_eq!(f.data("/api/v1/series?match[]=no_instance"), json!([]));
    assert_eq!(act("snapshot?skip_head=x").status, 400);

    let dir = f.dir.path().join("data/snapshots").join(snapshot);
    let copy = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &dir, &[]);
    assert_eq!(copy.query("count(up)", now_ms() as f64 / 1000.0)[0]["value"][1], "2");
}
