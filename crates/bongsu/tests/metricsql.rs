//! Debian's VictoriaMetrics and Bongsu are sent the same samples and asked the same questions in MetricsQL, those whose meaning
//! docs/metricsql.md gives as the same. Skipped, and said so, where the package is not installed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use bongsu_model::{Labels, STALE_NAN, Sample};
use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::{Http, percent_encode};
use bongsu_testkit::process::{Server, free_port, installed};
use bongsu_testkit::push;
use bongsu_testkit::wait::wait_for;
use serde_json::Value;

/// The data are this old, so that neither store takes them for the newest.
const AGE_MS: i64 = 3_600_000;
const STEP_MS: i64 = 15_000;
const STEPS: i64 = 40;

const QUERIES: &[&str] = &[
    // Label functions.
    r#"label_set(gauge, "new", "x", "zone", "")"#,
    r#"label_set(gauge, "__name__", "other")"#,
    r#"label_del(gauge, "zone")"#,
    r#"label_del(gauge{zone="A"}, "zone", "__name__")"#,
    r#"label_keep(gauge, "host")"#,
    r#"label_keep(gauge, "host", "__name__")"#,
    r#"label_copy(gauge, "host", "instance", "none", "zone")"#,
    r#"label_move(gauge, "host", "instance", "instance", "i")"#,
    r#"label_map(gauge, "zone", "A", "alpha", "b", "beta")"#,
    r#"label_uppercase(gauge, "host")"#,
    r#"label_lowercase(gauge, "zone")"#,
    r#"label_transform(gauge, "host", "[aeo]", "<$0>")"#,
    r#"label_match(gauge, "host", "web-.*")"#,
    r#"label_mismatch(gauge, "host", "web-.*")"#,
    r#"label_value(gauge, "number")"#,
    r#"alias(gauge{zone="A"}, "other")"#,
    // Presence.
    "gauge default 0",
    "holes default 5",
    "holes default gauge",
    "none default gauge",
    "none default 7",
    "gauge if holes",
    "gauge ifnot holes",
    "gauge if none",
    "gauge ifnot none",
    "sum(gauge) default 0 + 1",
    // Templates.
    r#"WITH (f(a, b) = a / (a + b)) f(sum(gauge), sum(holes))"#,
    r#"WITH (cf = {zone="A"}) gauge{cf} + 1"#,
    r#"WITH (x = gauge{zone="A"}, y = x * 2) sum(x + y)"#,
    r#"WITH (f(q) = sum_over_time(q[2m])) f(gauge)"#,
    r#"WITH (f(x) = WITH (y = x * 2) y + x) f(f(sum(gauge)))"#,
    // Names.
    "max_over_time(gauge[2m]) keep_metric_names",
    "sum_over_time(gauge[2m]) keep_metric_names",
    "abs(gauge) keep_metric_names",
    // Unions, offsets, numbers and so on.
    "union(gauge, holes)",
    "(gauge, holes)",
    r#"sum(union(gauge, holes))"#,
    "sum(gauge) offset 1m",
    "gauge > 1.5K",
    "gauge + 1Ki",
    "gauge * 1.5m",
    "median(gauge)",
    "median(gauge) by (zone)",
    "sum(gauge,)",
];

struct Pair {
    _metrics: Server,
    metrics_url: String,
    centre: Centre,
    http: Http,
    _dir: tempfile::TempDir,
}

impl Pair {
    fn start() -> Option<Self> {
        if installed("victoria-metrics").is_none() {
            println!("skipped: victoria-metrics is not installed (apt-get install victoria-metrics)");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let address = format!("127.0.0.1:{}", free_port().unwrap());
        let mut metrics = Server::spawn(
            Command::new("victoria-metrics")
                .arg(format!("-storageDataPath={}", dir.path().join("vm").display()))
                .arg(format!("-httpListenAddr={address}"))
                .args(["-retentionPeriod=12", "-search.disableCache", "-search.latencyOffset=0s"]),
            &dir.path().join("vm.log"),
        )
        .unwrap();
        metrics.wait_ready(&address, "/health", Duration::from_secs(30)).unwrap();
        let centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &dir.path().join("bongsu"), &[]);
        Some(Self {
            _metrics: metrics,
            metrics_url: format!("http://{address}"),
            centre,
            http: Http::default(),
            _dir: dir,
        })
    }

    fn send(&self, body: &[u8]) {
        for (url, path) in [(&self.metrics_url, "/api/v1/write"), (&self.centre.url, "/api/v1/push")] {
            let answer = push::send(&self.http, &format!("{url}{path}"), "", body).unwrap();
            assert!((200..300).contains(&answer.status), "{url}{path}: {} {}", answer.status, answer.body);
        }
    }

    /// Series by their labels: times and values of a range query.
    fn ask(&self, url: &str, query: &str, (start_ms, end_ms): (i64, i64)) -> Result<BTreeMap<String, String>, String> {
        let seconds = |ms: i64| ms as f64 / 1000.0;
        let (query, step) = (percent_encode(query), seconds(STEP_MS));
        let path = format!(
            "/api/v1/query_range?query={query}&start={}&end={}&step={step}&dialect=metricsql&nocache=1",
            seconds(start_ms),
            seconds(end_ms)
        );
        let answer = self.http.get(&format!("{url}{path}"), &[]).unwrap();
        if answer.status != 200 {
            return Err(answer.body);
        }
        let series = answer.json()["data"]["result"].as_array().unwrap().clone();
        Ok(series.iter().map(|one| (labels(&one["metric"]), points(&one["values"]))).collect())
    }
}

fn labels(metric: &Value) -> String {
    let pairs: BTreeMap<&String, &Value> = metric.as_object().unwrap().iter().collect();
    format!("{pairs:?}")
}

/// Values with twelve digits: sums are folded in another order.
fn points(values: &Value) -> String {
    let point = |pair: &Value| {
        let value: f64 = pair[1].as_str().unwrap().parse().unwrap();
        format!("{}@{value:.11e}", pair[0].as_f64().unwrap())
    };
    values.as_array().unwrap().iter().map(point).collect::<Vec<_>>().join(" ")
}

/// A gauge of three hosts, and one with a hole that begins with a stale marker: the two look back differently far.
fn data(start_ms: i64) -> Vec<u8> {
    let mut series = Vec::new();
    for (at, (host, zone)) in [("web-1", "A"), ("web-2", "b"), ("db-1", "b")].into_iter().enumerate() {
        for name in ["gauge", "holes"] {
            let number = (at + 1).to_string();
            let labels = [("__name__", name), ("host", host), ("zone", zone), ("number", number.as_str())];
            let samples = (0..STEPS)
                .filter(|step| name == "gauge" || host == "web-1" || !(21..36).contains(step))
                .filter(|_| name == "gauge" || host != "db-1")
                .map(|step| {
                    let stale = name == "holes" && host != "web-1" && step == 20;
                    let value = ((step * 37 + at as i64 * 911) % 2_500) as f64;
                    Sample { timestamp_ms: start_ms + step * STEP_MS, value: if stale { STALE_NAN } else { value } }
                });
            series.push((Labels::from_pairs(labels), samples.collect()));
        }
    }
    push::body(&series.into_iter().filter(|(_, samples): &(_, Vec<Sample>)| !samples.is_empty()).collect::<Vec<_>>())
}

#[test]
fn what_means_the_same_gets_the_same_answers() {
    let Some(pair) = Pair::start() else { return };
    let now_ms = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let start_ms = (now_ms - AGE_MS) / STEP_MS * STEP_MS;
    pair.send(&data(start_ms));
    let range = (start_ms + 10 * STEP_MS, start_ms + (STEPS - 1) * STEP_MS);
    wait_for("the samples in victoria-metrics", Duration::from_secs(30), || {
        pair.ask(&pair.metrics_url, "count(gauge) == 3", range).is_ok_and(|series| !series.is_empty()).then_some(())
    });
    let mut different = Vec::new();
    for query in QUERIES {
        let (theirs, ours) = (pair.ask(&pair.metrics_url, query, range), pair.ask(&pair.centre.url, query, range));
        if theirs.is_err() || theirs != ours {
            different.push(format!("{query}\n  theirs: {theirs:?}\n  ours:   {ours:?}"));
        }
    }
    assert!(different.is_empty(), "{} of {} differ:\n{}", different.len(), QUERIES.len(), different.join("\n"));
    println!("{} questions answered alike", QUERIES.len());
}

/// The dialect is chosen by each query; without it, MetricsQL is an error.
#[test]
fn the_dialect_is_chosen_by_a_parameter_or_a_setting() {
    let dir = tempfile::tempdir().unwrap();
    let http = Http::default();
    let ask = |centre: &Centre, path: &str| {
        let answer = http.get(&format!("{}/api/v1/{path}", centre.url), &[]).unwrap();
        let json = answer.json();
        let text =
            json["data"].as_str().or(json["error"].as_str()).map_or_else(|| json["data"].to_string(), Into::into);
        (answer.status, text)
    };
    let centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &dir.path().join("a"), &[]);
    assert_eq!(
        ask(&centre, "query?query=1Ki&time=1&dialect=metricsql").1,
        r#"{"resultType":"scalar","result":[1,"1024"]}"#
    );
    assert_eq!(
        ask(&centre, "query?query=1Ki&time=1"),
        (400, "invalid parameter \"query\": 1:1: parse error: bad number or duration syntax: \"1Ki\"".to_owned())
    );
    assert_eq!(
        ask(&centre, "query?query=1&time=1&dialect=sql"),
        (
            400,
            "invalid parameter \"dialect\": unknown dialect \"sql\"; expected \"promql\" or \"metricsql\"".to_owned()
        )
    );
    let formatted = ask(&centre, "format_query?query=WITH(a=b)a%20default%20rate(c)&dialect=metricsql");
    assert_eq!(formatted, (200, "b default rate(c[max_of(step(), 5m)])".to_owned()));
    drop(centre);
    let config = dir.path().join("bongsu.yml");
    std::fs::write(&config, "promql:\n  metricsql: true\n").unwrap();
    let config = config.display().to_string();
    let centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &dir.path().join("b"), &["--config", &config]);
    assert_eq!(ask(&centre, "query?query=1Ki&time=1").0, 200);
    assert_eq!(ask(&centre, "query?query=1Ki&time=1&dialect=promql").0, 400);
}
