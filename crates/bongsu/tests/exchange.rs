//! Samples of other systems come in with the real binary, and questions get the answers that those systems give themselves.
//! Skipped, and said so, where Debian's packages are not installed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::{Http, percent_encode};
use bongsu_testkit::process::{Server, free_port, installed};
use bongsu_testkit::wait::wait_for;
use serde_json::Value;

const BONGSU: &str = env!("CARGO_BIN_EXE_bongsu");
/// Scrapes of the text: twelve hours, so that there are several blocks.
const SCRAPES: i64 = 1_440;
const STEP_SECONDS: i64 = 30;

/// Selectors, matching, counters with resets, aggregations over time and labels, classic histograms, subqueries, gaps.
const QUERIES: &[&str] = &[
    "jobs_total",
    "rate(jobs_total[5m])",
    "sum by (zone) (increase(jobs_total[1h]))",
    "resets(jobs_total[12h])",
    "temperature_celsius{zone=~\"a|b\"}",
    "avg_over_time(temperature_celsius[10m])",
    "max by (zone) (temperature_celsius) - min by (zone) (temperature_celsius)",
    "quantile_over_time(0.9, temperature_celsius[30m])",
    "histogram_quantile(0.9, sum by (le) (rate(latency_seconds_bucket[10m])))",
    "latency_seconds_sum / latency_seconds_count",
    "absent(gappy) or gappy",
    "count_over_time(gappy[1h])",
    "odd_values",
    "changes(odd_values[1h])",
    "max_over_time(rate(jobs_total[5m])[1h:1m])",
    "topk(2, jobs_total)",
    "count({__name__=~\".+\"})",
    "temperature_celsius offset 2h",
];

/// Metrics of half a day, the last sample two hours ago.
fn open_metrics(last_seconds: i64) -> String {
    let mut text = String::new();
    let first = last_seconds - (SCRAPES - 1) * STEP_SECONDS;
    let mut family = |head: &str, line: &dyn Fn(i64, i64) -> Vec<String>| {
        text += head;
        for scrape in 0..SCRAPES {
            let lines = line(scrape, first + scrape * STEP_SECONDS);
            lines.iter().for_each(|line| text += &format!("{line}\n"));
        }
    };
    family("# TYPE jobs counter\n# HELP jobs Jobs done.\n", &|scrape, time| {
        let count = |zone: usize| (scrape % 700) * (zone as i64 + 1) * 3;
        let zones = ["a", "b", "c"].into_iter().enumerate();
        zones.map(|(n, zone)| format!("jobs_total{{zone=\"{zone}\"}} {} {time}", count(n))).collect()
    });
    family("# TYPE temperature_celsius gauge\n# UNIT temperature_celsius celsius\n", &|scrape, time| {
        let value = |zone: i64| 20.0 + f64::from(((scrape * 7 + zone * 13) % 97) as i32) / 10.0;
        let zones = ["a", "b", "ü\\\"x"].into_iter().enumerate();
        zones.map(|(n, zone)| format!("temperature_celsius{{zone=\"{zone}\"}} {} {time}.25", value(n as i64))).collect()
    });
    family("# TYPE latency_seconds histogram\n", &|scrape, time| {
        let bound = |le: &str, share: i64| format!("latency_seconds_bucket{{le=\"{le}\"}} {} {time}", scrape * share);
        let mut lines = vec![bound("0.1", 3), bound("0.5", 7), bound("1.0", 9), bound("+Inf", 10)];
        lines.push(format!("latency_seconds_count {} {time}", scrape * 10));
        lines.push(format!("latency_seconds_sum {} {time}", scrape * 4));
        lines
    });
    family("# TYPE gappy gauge\n", &|scrape, time| {
        if scrape / 60 % 2 == 0 { vec![format!("gappy {scrape} {time}")] } else { Vec::new() }
    });
    family("# TYPE odd_values gauge\n", &|scrape, time| {
        let values = ["NaN", "+Inf", "-Inf", "1e300", "-0.000001", "0.30000000000000004"];
        vec![format!("odd_values {} {time}", values[scrape as usize % values.len()])]
    });
    text + "# EOF\n"
}

fn need(programs: &[&str]) -> bool {
    for program in programs {
        if installed(program).is_none() {
            println!("skipped: {program} is not installed");
            return false;
        }
    }
    true
}

/// Runs the binary; its output when it succeeds.
#[track_caller]
fn bongsu(args: &[&str]) -> String {
    let output = Command::new(BONGSU).args(args).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "bongsu {args:?}: {text}");
    text
}

/// Blocks that promtool makes of a text.
fn make_blocks(dir: &Path, text: &str) -> PathBuf {
    let (file, blocks) = (dir.join("metrics.txt"), dir.join("prometheus"));
    std::fs::write(&file, text).unwrap();
    let mut promtool = Command::new("promtool");
    let output = promtool.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(&file).arg(&blocks).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    blocks
}

struct Prometheus {
    _process: Server,
    url: String,
}

fn start_prometheus(data: &Path, more: &[&str]) -> Prometheus {
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let config = data.with_extension("yml");
    std::fs::write(&config, "global: {}\n").unwrap();
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", config.display())).arg(format!("--storage.tsdb.path={}", data.display()));
    command.arg(format!("--web.listen-address={address}")).arg("--storage.tsdb.retention.time=10y").args(more);
    let mut process = Server::spawn(&mut command, &data.with_extension("log")).unwrap();
    process.wait_ready(&address, "/-/ready", Duration::from_secs(30)).unwrap();
    Prometheus { _process: process, url: format!("http://{address}") }
}

const WITH_HISTOGRAMS: &[&str] =
    &["--enable-feature=native-histograms", "--web.enable-remote-write-receiver", "--web.enable-admin-api"];

/// The data of an answer, series in the order of their labels.
#[track_caller]
fn ask(url: &str, path: &str) -> Value {
    let answer = Http::default().get(&format!("{url}{path}"), &[]).unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    let mut data = answer.json()["data"].clone();
    if let Some(result) = data["result"].as_array_mut() {
        result.sort_by_key(|series| sorted_labels(&series["metric"]));
        for series in result {
            let labels: std::collections::BTreeMap<_, _> = series["metric"].as_object().into_iter().flatten().collect();
            series["metric"] = serde_json::to_value(labels).unwrap();
        }
    }
    data
}

fn sorted_labels(metric: &Value) -> String {
    let labels: std::collections::BTreeMap<_, _> = metric.as_object().into_iter().flatten().collect();
    format!("{labels:?}")
}

/// Whether two answers are the same JSON, but for the last digits of sums: Prometheus 2 folds them in another order.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Value::String(left), Value::String(right)) => match (left.parse::<f64>(), right.parse::<f64>()) {
            (Ok(x), Ok(y)) => left == right || (x - y).abs() <= 1e-9 * x.abs().max(y.abs()),
            _ => left == right,
        },
        _ => a == b,
    }
}

/// Asks both the same and expects the same JSON. Not on whole seconds, so that no window's edge meets a sample: Prometheus 2
/// includes its left edge, 3 does not.
#[track_caller]
fn compare(prometheus: &str, centre: &str, queries: &[&str], last_seconds: i64) {
    let mut empty = 0;
    for query in queries {
        let text = percent_encode(query);
        let end = last_seconds as f64 - 599.9;
        let instant = format!("/api/v1/query?query={text}&time={end}");
        let range = format!("/api/v1/query_range?query={text}&start={}&end={end}&step=613", end - 36_000.0);
        for path in [instant, range] {
            let expected = ask(prometheus, &path);
            empty += usize::from(expected["result"].as_array().is_some_and(Vec::is_empty));
            let got = ask(centre, &path);
            assert!(same(&expected, &got), "{query}\nexpected {expected}\n     got {got}");
        }
    }
    // Of twice as many questions as there are queries.
    assert!(empty * 3 < queries.len() * 2, "{empty} empty answers tell nothing");
}

/// Two hours ago, on a whole minute: promtool makes blocks of whole two hours only.
fn two_hours_ago() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    now.cast_signed() / 60 * 60 - 7_200
}

#[test]
fn blocks_of_prometheus_answer_the_same_after_the_import() {
    if !need(&["promtool", "prometheus"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let last = two_hours_ago();
    let blocks = make_blocks(dir.path(), &open_metrics(last));
    let data = dir.path().join("bongsu");
    let centre = Centre::start(Path::new(BONGSU), &data, &[]);
    let path = blocks.to_str().unwrap();
    let report = bongsu(&["import", "prometheus", path, "--to", &centre.url]);
    // Twelve series at each scrape, one more in half of them.
    let samples = SCRAPES * 13 + SCRAPES / 2;
    assert!(report.contains(&format!("({} floats, 0 native histograms", grouped(samples))), "{report}");
    assert!(!report.contains("refused"), "{report}");
    let prometheus = start_prometheus(&blocks, &["--web.enable-admin-api"]);
    compare(&prometheus.url, &centre.url, QUERIES, last);

    // From server to server, by remote read.
    let other = Centre::start(Path::new(BONGSU), &dir.path().join("other"), &[]);
    let start = (last - SCRAPES * STEP_SECONDS).to_string();
    let report = bongsu(&["import", "remote-read", &prometheus.url, "--start", &start, "--to", &other.url]);
    assert!(report.contains(&format!("({} floats, 0 native histograms", grouped(samples))), "{report}");
    compare(&prometheus.url, &other.url, QUERIES, last);

    // What is deleted and not yet compacted away does not come back.
    let gone =
        format!("{}/api/v1/admin/tsdb/delete_series?match[]=gappy&start={start}&end={}", prometheus.url, last - 9_000);
    assert_eq!(post(&gone, &[("accept-encoding", "identity")], b"").0, 204);
    let other = Centre::start(Path::new(BONGSU), &dir.path().join("tombstones"), &[]);
    let report = bongsu(&["import", "prometheus", path, "--to", &other.url]);
    assert!(!report.contains(&grouped(samples)), "{report}");
    compare(&prometheus.url, &other.url, &["count_over_time(gappy[12h])", "jobs_total", "gappy"], last);

    // The same blocks straight into a directory, part after part: an import that is resumed leaves nothing out.
    let offline = dir.path().join("offline");
    let to = ["--data", offline.to_str().unwrap()];
    let cut = last - SCRAPES * STEP_SECONDS / 2;
    bongsu(&[&["import", "prometheus", path, "--end", &cut.to_string()][..], &to].concat());
    bongsu(&[&["import", "prometheus", path, "--start", &cut.to_string()][..], &to].concat());
    let centre = Centre::start(Path::new(BONGSU), &offline, &[]);
    compare(&prometheus.url, &centre.url, QUERIES, last);
}

/// Lines with odd labels, odd values and many samples. Debian's VictoriaMetrics knows no infinities yet.
fn json_lines(last_ms: i64) -> Vec<String> {
    let times =
        |count: i64| (0..count).map(|n| (last_ms - (count - n) * 15_000).to_string()).collect::<Vec<_>>().join(",");
    let line = |metric: &str, values: &[&str]| {
        let times = times(values.len() as i64);
        format!("{{\"metric\":{{{metric}}},\"values\":[{}],\"timestamps\":[{times}]}}", values.join(","))
    };
    let long: Vec<String> = (0..3_000).map(|n| format!("{}", f64::from(n) / 8.0)).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    vec![
        line(r#""__name__":"up","job":"a","zone":"ü \"x\"""#, &["1", "0", "1"]),
        line(r#""__name__":"odd""#, &["0.5", "0.000001", "-1e9", "-12.25"]),
        line(r#""__name__":"long","n":"1""#, &long),
    ]
}

fn sorted_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

const EVERYTHING: &str = "match%5B%5D=%7B__name__!%3D%22%22%7D";

/// All lines that a server exports.
#[track_caller]
fn exported(url: &str, more: &str) -> Vec<String> {
    let answer = Http::default().get(&format!("{url}/api/v1/export?{EVERYTHING}{more}"), &[]).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    sorted_lines(&answer.body)
}

#[track_caller]
fn post(url: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
    let answer = Http::default().post(url, headers, body).unwrap();
    (answer.status, answer.body)
}

fn start_victoria(dir: &Path) -> (Server, String) {
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let mut command = Command::new("victoria-metrics");
    command.arg(format!("-storageDataPath={}", dir.display())).arg(format!("-httpListenAddr={address}"));
    command.args(["-retentionPeriod=12", "-search.latencyOffset=0s"]);
    let mut process = Server::spawn(&mut command, &dir.with_extension("log")).unwrap();
    process.wait_ready(&address, "/health", Duration::from_secs(30)).unwrap();
    (process, format!("http://{address}"))
}

#[test]
fn victoria_metrics_lines_come_in_and_go_back_as_they_were() {
    if !need(&["victoria-metrics"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let lines = json_lines(two_hours_ago() * 1_000).join("\n");
    let (_victoria, url) = start_victoria(&dir.path().join("victoria"));
    assert_eq!(post(&format!("{url}/api/v1/import"), &[], lines.as_bytes()).0, 204);
    post(&format!("{url}/internal/force_flush"), &[], b"");
    let theirs = wait_for("the lines", Duration::from_secs(20), || {
        let lines = exported(&url, "");
        (lines.len() == 3).then_some(lines)
    });

    // By the command from the running server, and over HTTP from what it exports.
    let (data, start) = (dir.path().join("a"), (two_hours_ago() - 90_000).to_string());
    let centre = Centre::start(Path::new(BONGSU), &data, &[]);
    let report = bongsu(&["import", "victoria", &url, "--start", &start, "--to", &centre.url, "--step", "12h"]);
    assert!(report.contains("3,007 samples of 3,007"), "{report}");
    assert_eq!(exported(&centre.url, ""), theirs);
    let (status, text) =
        post(&format!("{}/api/v1/import", centre.url), &[("x-scope-orgid", "b")], theirs.join("\n").as_bytes());
    assert_eq!((status, text.as_str()), (204, ""));
    let file = dir.path().join("b.jsonl.gz");
    let query = [
        "--match",
        "{__name__!=\"\"}",
        "--tenant",
        "b",
        "-o",
        file.to_str().unwrap(),
        "--max-rows-per-line",
        "1000000",
    ];
    bongsu(&[&["export", "jsonl", "--from", &centre.url][..], &query].concat());

    // And back, compressed, into another one.
    let (_victoria, url) = start_victoria(&dir.path().join("again"));
    let packed = std::fs::read(&file).unwrap();
    assert_eq!(post(&format!("{url}/api/v1/import"), &[("content-encoding", "gzip")], &packed).0, 204);
    post(&format!("{url}/internal/force_flush"), &[], b"");
    let back = wait_for("the lines", Duration::from_secs(20), || {
        let lines = exported(&url, "");
        (lines.len() == 3).then_some(lines)
    });
    assert_eq!(back, theirs);
}

#[test]
fn the_http_routes_keep_what_is_good_and_tell_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::start(Path::new(BONGSU), &dir.path().join("data"), &["--retention", "100y"]);
    let to = |path: &str, body: &[u8]| post(&format!("{}/api/v1/{path}", centre.url), &[], body);
    let text = "# TYPE a counter\na_total{x=\"1\"} 5 1000\nbad line\na_total{x=\"1\"} 7 2000\n";
    let (status, told) = to("import/prometheus?extra_label=site=s1", text.as_bytes());
    assert_eq!(status, 400);
    assert!(told.starts_with("1 lines were not understood; the first: line 3: "), "{told}");
    assert!(told.ends_with("2 samples of the request were kept\n"), "{told}");
    assert_eq!(to("import/prometheus?timestamp=3000", b"b 1\n"), (204, String::new()));
    assert_eq!(to("import/csv?format=2:metric:c,1:label:zone,3:time:unix_s", b"z1,4.5,3\n"), (204, String::new()));
    let future = r#"{"metric":{"__name__":"late"},"values":[1,2],"timestamps":[4000,99999999999999]}"#;
    let (status, told) = to("import", future.as_bytes());
    assert!(
        status == 400 && told.starts_with("1 samples were refused; the first: sample_too_far_in_future: late: "),
        "{told}"
    );
    let lines = exported(&centre.url, "&max_rows_per_line=1&reduce_mem_usage=1");
    assert_eq!(
        lines,
        [
            r#"{"metric":{"__name__":"a_total","site":"s1","x":"1"},"values":[5],"timestamps":[1000]}"#,
            r#"{"metric":{"__name__":"a_total","site":"s1","x":"1"},"values":[7],"timestamps":[2000]}"#,
            r#"{"metric":{"__name__":"b"},"values":[1],"timestamps":[3000]}"#,
            r#"{"metric":{"__name__":"c","zone":"z1"},"values":[4.5],"timestamps":[3000]}"#,
            r#"{"metric":{"__name__":"late"},"values":[1],"timestamps":[4000]}"#,
        ]
    );
    let get = |path: &str| Http::default().get(&format!("{}/api/v1/{path}", centre.url), &[]).unwrap();
    let csv = get("export/csv?format=zone,__value__,__timestamp__:unix_s&match[]=c");
    assert_eq!((csv.status, csv.body.as_str()), (200, "z1,4.5,3\n"));
    assert_eq!(get(&format!("export?{EVERYTHING}&start=5000")).body, "");
    for bad in ["export", "export?match[]=up%2B1", "export/csv?match[]=up", "export?match[]=%7B%7D"] {
        assert_eq!(get(bad).status, 400, "{bad}");
    }
    let answer =
        Http::default().post(&format!("{}/api/v1/import", centre.url), &[("content-encoding", "br")], b"").unwrap();
    assert_eq!(answer.status, 415);
}

/// A message of protobuf, written by hand: an independent check of what we send ourselves.
#[derive(Default)]
struct Proto(Vec<u8>);

impl Proto {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn signed(self, field: u64, value: i64) -> Self {
        self.number(field, (value << 1 ^ value >> 63).cast_unsigned())
    }

    fn double(mut self, field: u64, value: f64) -> Self {
        self.varint(field << 3 | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn bytes(mut self, field: u64, content: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(content.len() as u64);
        self.0.extend_from_slice(content);
        self
    }
}

/// A native histogram with integer counts, which grow from scrape to scrape and get new buckets at the fifth.
fn histogram(scrape: i64, time_ms: i64) -> Proto {
    let buckets = if scrape < 5 { 3 } else { 5 };
    let span = Proto::default().signed(1, -1).number(2, buckets);
    let mut deltas = Proto::default();
    for bucket in 0..buckets {
        let delta: i64 = if bucket == 0 { scrape } else { 1 };
        deltas.varint((delta << 1 ^ delta >> 63).cast_unsigned());
    }
    let in_buckets: i64 = (0..buckets as i64).map(|bucket| scrape + bucket).sum();
    Proto::default()
        .number(1, in_buckets as u64 + 2)
        .double(3, in_buckets as f64 * 1.5)
        .signed(4, 1)
        .double(5, 0.001)
        .number(6, 2)
        .bytes(11, &span.0)
        .bytes(12, &deltas.0)
        .number(15, time_ms.cast_unsigned())
}

fn labels_of(message: Proto, pairs: &[(&str, &str)]) -> Proto {
    let label = |(name, value): &(&str, &str)| Proto::default().bytes(1, name.as_bytes()).bytes(2, value.as_bytes()).0;
    pairs.iter().fold(message, |message, pair| message.bytes(1, &label(pair)))
}

#[test]
fn native_histograms_of_prometheus_come_along() {
    if !need(&["prometheus"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let prometheus = start_prometheus(&dir.path().join("prometheus"), WITH_HISTOGRAMS);
    let last = two_hours_ago() + 7_000;
    let times = (0..40).map(|scrape| (scrape, (last - (40 - scrape) * 30) * 1_000));
    for (scrape, time_ms) in times {
        let series = labels_of(Proto::default(), &[("__name__", "latency"), ("job", "a")]);
        let series = series.bytes(4, &histogram(scrape, time_ms).0);
        let mut body = Vec::new();
        bongsu_wire::remote_write::compress(&Proto::default().bytes(1, &series.0).0, &mut body).unwrap();
        let (status, text) =
            post(&format!("{}/api/v1/write", prometheus.url), &[("content-encoding", "snappy")], &body);
        assert_eq!(status, 204, "{text}");
    }
    let answer = Http::default().post(&format!("{}/api/v1/admin/tsdb/snapshot", prometheus.url), &[], b"").unwrap();
    let snapshot = dir.path().join("prometheus/snapshots").join(answer.json()["data"]["name"].as_str().unwrap());
    let queries = ["latency", "histogram_count(latency)", "histogram_sum(rate(latency[5m]))", "sum(latency)"];
    let compare = |url: &str| {
        for query in queries {
            for back in [17, 300, 610, 1_100] {
                let path = format!("/api/v1/query?query={}&time={}", percent_encode(query), last - back);
                let (expected, got) = (ask(&prometheus.url, &path), ask(url, &path));
                assert!(same(&expected, &got), "{query}\nexpected {expected}\n     got {got}");
                assert!(back > 1_000 || expected["result"][0].is_object(), "{query} at {back}: {expected}");
            }
        }
    };
    let from_block = Centre::start(Path::new(BONGSU), &dir.path().join("a"), &[]);
    let report = bongsu(&["import", "prometheus", snapshot.to_str().unwrap(), "--to", &from_block.url]);
    assert!(report.contains("40 native histograms"), "{report}");
    compare(&from_block.url);
    let (start, kept) = ((last - 3_600).to_string(), dir.path().join("b"));
    for source in [&prometheus.url, &from_block.url] {
        let centre = Centre::start(Path::new(BONGSU), &kept.with_file_name(source.replace(['/', ':'], "")), &[]);
        let report = bongsu(&["import", "remote-read", source, "--start", &start, "--to", &centre.url]);
        assert!(report.contains("40 native histograms"), "{report}");
        compare(&centre.url);
    }
    // What a format cannot carry is counted.
    let text = bongsu(&["export", "jsonl", "--from", &from_block.url, "--start", &start]);
    assert!(text.contains("40 native histograms"), "{text}");
}

#[test]
fn what_is_exported_reads_back_and_promtool_takes_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut centre = Centre::start(Path::new(BONGSU), &data, &[]);
    let last = two_hours_ago();
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(file("in.txt"), open_metrics(last)).unwrap();
    let report = bongsu(&["import", "openmetrics", &file("in.txt"), "--to", &centre.url, "--label", "site=s1"]);
    assert!(report.contains("imported 19,440 samples of 19,440"), "{report}");
    let expected = exported(&centre.url, "&max_rows_per_line=1000");
    bongsu(&["export", "openmetrics", "--from", &centre.url, "-o", &file("out.txt.gz")]);
    bongsu(&["export", "openmetrics", "--from", &centre.url, "-o", &file("out.txt")]);
    let text = std::fs::read_to_string(file("out.txt")).unwrap();
    assert!(text.contains("# TYPE jobs counter\n# HELP jobs Jobs done.\n"), "{}", &text[..300]);
    assert!(text.contains("# TYPE latency_seconds histogram\n"));
    if need(&["promtool"]) {
        make_blocks(dir.path(), &text);
    }
    // The same from the directory of a centre that is stopped; one that runs keeps it to itself.
    let busy = Command::new(BONGSU).args(["export", "csv", "--data", data.to_str().unwrap()]).output().unwrap();
    assert!(!busy.status.success());
    assert!(String::from_utf8_lossy(&busy.stderr).contains("has to be stopped first"));
    centre.process.terminate().unwrap();
    bongsu(&["export", "csv", "--data", data.to_str().unwrap(), "-o", &file("out.csv")]);
    bongsu(&["export", "jsonl", "--data", data.to_str().unwrap(), "-o", &file("out.jsonl.gz")]);
    bongsu(&["export", "parquet", "--data", data.to_str().unwrap(), "-o", &file("out.parquet")]);
    let parquet = std::fs::read(file("out.parquet")).unwrap();
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    for (kind, name) in [("openmetrics", "out.txt.gz"), ("csv", "out.csv"), ("jsonl", "out.jsonl.gz")] {
        let centre = Centre::start(Path::new(BONGSU), &dir.path().join(format!("centre-{kind}")), &[]);
        bongsu(&["import", kind, &file(name), "--to", &centre.url]);
        assert_eq!(exported(&centre.url, "&max_rows_per_line=1000"), expected, "{kind}");
    }
}

#[test]
fn an_import_that_ends_early_says_how_to_go_on() {
    if !need(&["promtool"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let blocks = make_blocks(dir.path(), &open_metrics(two_hours_ago()));
    let centre = Centre::start(Path::new(BONGSU), &dir.path().join("data"), &["--retention", "6h"]);
    let path = blocks.to_str().unwrap();
    let run = |args: &[&str]| {
        let output = Command::new(BONGSU).args([&["import", "prometheus", path], args].concat()).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr))
    };
    // Half of the samples are older than the retention: counted, named, no reason to end.
    let (success, report) = run(&["--to", &centre.url]);
    assert!(success && report.contains(" samples, sample_too_old; the first: sample_too_old: "), "{report}");
    let (success, report) = run(&["--to", &format!("{}/nothing/here", centre.url)]);
    assert!(!success && report.contains("nothing is known to be safe; start again"), "{report}");
    assert!(report.contains("imported 0 samples"), "{report}");
    assert!(report.contains("the import ended early") && report.contains(" answered 405"), "{report}");

    // From one of the last series of the last block on there is little left; how many they are depends on where blocks end.
    let block = bongsu_blocks(&blocks).pop().unwrap();
    let (success, report) = run(&["--to", &centre.url, "--resume-from", &format!("{block}:12")]);
    let count = report.split(' ').nth(1).and_then(|count| count.parse::<i64>().ok());
    assert!(success && count.is_some_and(|count| 0 < count && count <= 4 * 7_200 / STEP_SECONDS), "{report}");
    let (success, report) = run(&["--to", &centre.url, "--resume-from", "01NONE:1"]);
    assert!(!success && report.contains("there is no block \"01NONE\" to go on from"), "{report}");

    // A damaged block is named with file and byte.
    let index = blocks.join(&block).join("index");
    let mut bytes = std::fs::read(&index).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&index, bytes).unwrap();
    let (success, report) = run(&["--to", &centre.url]);
    assert!(!success && report.contains(&format!("{block}/index, byte ")), "{report}");
}

/// Names of blocks, oldest first.
fn bongsu_blocks(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("meta.json").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    // Their names begin with the time of their making, and promtool makes them from old to new.
    names.sort();
    names
}

/// Digits in groups of three.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
