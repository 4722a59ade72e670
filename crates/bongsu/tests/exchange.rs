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
    assert!(empty < queries.len() / 3, "{empty} empty answers tell nothing");
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
    let prometheus = start_prometheus(&blocks, &[]);
    compare(&prometheus.url, &centre.url, QUERIES, last);

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
