//! Debian's Prometheus scrapes Debian's node exporter and remote-writes to Bongsu: the same questions get the same answers
//! from both. Skipped, and said so, where the packages are not installed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::Http;
use bongsu_testkit::client::percent_encode;
use bongsu_testkit::process::{Server, free_port, installed};
use bongsu_testkit::wait::wait_for;
use serde_json::Value;

/// Kinds: selectors, offset and @, operators and matching, aggregations, subqueries, functions.
const QUERIES: &str = include_str!("data/parity_queries.txt");
/// Samples of one series that both have to have before questions are asked.
const SCRAPES_MIN: f64 = 40.0;
/// Relative difference that is taken as equal: sums are folded in another order.
const EPSILON: f64 = 1e-9;

struct Pair {
    prometheus: Server,
    prometheus_url: String,
    _exporter: Server,
    centre: Centre,
    http: Http,
    _dir: tempfile::TempDir,
}

impl Pair {
    fn start() -> Option<Self> {
        for program in ["prometheus", "prometheus-node-exporter"] {
            if installed(program).is_none() {
                println!("skipped: {program} is not installed (apt-get install {program})");
                return None;
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let (exporter_port, prometheus_port) = (free_port().unwrap(), free_port().unwrap());
        let centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &dir.path().join("bongsu"), &[]);
        let mut exporter = Server::spawn(
            Command::new("prometheus-node-exporter").arg(format!("--web.listen-address=127.0.0.1:{exporter_port}")),
            &dir.path().join("exporter.log"),
        )
        .unwrap();
        exporter.wait_ready(&format!("127.0.0.1:{exporter_port}"), "/metrics", Duration::from_secs(20)).unwrap();
        let config = dir.path().join("prometheus.yml");
        std::fs::write(&config, prometheus_yml(exporter_port, prometheus_port, &centre.url)).unwrap();
        let prometheus_url = format!("http://127.0.0.1:{prometheus_port}");
        let mut prometheus = Server::spawn(
            Command::new("prometheus")
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", dir.path().join("prometheus").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{prometheus_port}"))
                .arg("--enable-feature=promql-at-modifier,promql-negative-offset"),
            &dir.path().join("prometheus.log"),
        )
        .unwrap();
        prometheus.wait_ready(&format!("127.0.0.1:{prometheus_port}"), "/-/ready", Duration::from_secs(30)).unwrap();
        let http = Http::default();
        Some(Self { prometheus, prometheus_url, _exporter: exporter, centre, http, _dir: dir })
    }

    fn ask(&self, url: &str, path: &str) -> Value {
        let answer = self.http.get(&format!("{url}{path}"), &[]).unwrap();
        assert_eq!(answer.status, 200, "{url}{path}: {}", answer.body);
        answer.json()["data"].clone()
    }

    /// Waits for enough scrapes, then freezes the data: Prometheus ends its scraping and everything sent has arrived.
    fn collect(&self) -> f64 {
        let count = |url: &str| {
            let data = self.ask(url, "/api/v1/query?query=count_over_time(node_load1[10m])");
            data["result"][0]["value"][1].as_str().and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0)
        };
        wait_for("scrapes at both", Duration::from_secs(120), || {
            (count(&self.prometheus_url) >= SCRAPES_MIN && count(&self.centre.url) >= SCRAPES_MIN).then_some(())
        });
        let data = self.ask(&self.centre.url, "/api/v1/query?query=timestamp(node_load1)");
        // Questions end a little before the newest sample that both have: nothing moves there any more. Not on a whole
        // tenth of a second, so that no window's edge meets a sample: Prometheus 2 includes its left edge, 3 does not.
        data["result"][0]["value"][1].as_str().unwrap().parse::<f64>().unwrap().floor() - 3.0 + 0.0437
    }
}

fn prometheus_yml(exporter_port: u16, prometheus_port: u16, centre_url: &str) -> String {
    format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs:\n\
         - job_name: node\n  static_configs: [{{targets: ['127.0.0.1:{exporter_port}']}}]\n\
         - job_name: prometheus\n  static_configs: [{{targets: ['127.0.0.1:{prometheus_port}']}}]\n\
         remote_write:\n\
         - url: {centre_url}/api/v1/push\n  queue_config: {{batch_send_deadline: 1s, max_samples_per_send: 5000}}\n"
    )
}

/// Labels in order → points `time → value`.
type Answer = BTreeMap<String, Vec<(f64, f64)>>;

fn answer_of(data: &Value) -> Answer {
    let number = |v: &Value| v.as_str().unwrap().replace("Inf", "inf").parse::<f64>().unwrap();
    let point = |p: &Value| (p[0].as_f64().unwrap(), number(&p[1]));
    match data["resultType"].as_str().unwrap() {
        "scalar" => BTreeMap::from([(String::new(), vec![point(&data["result"])])]),
        _ => data["result"]
            .as_array()
            .unwrap()
            .iter()
            .map(|series| {
                let points = match series.get("values") {
                    Some(values) => values.as_array().unwrap().iter().map(point).collect(),
                    None => vec![point(&series["value"])],
                };
                let labels: BTreeMap<_, _> = series["metric"].as_object().unwrap().iter().collect();
                (format!("{labels:?}"), points)
            })
            .collect(),
    }
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= EPSILON * a.abs().max(b.abs())
}

/// The first difference, for people.
fn difference(prometheus: &Answer, bongsu: &Answer) -> Option<String> {
    for (labels, expected) in prometheus {
        let Some(points) = bongsu.get(labels) else { return Some(format!("Bongsu lacks {labels}")) };
        if points.len() != expected.len() {
            return Some(format!("{labels}: {} points, Prometheus has {}", points.len(), expected.len()));
        }
        for (got, want) in points.iter().zip(expected) {
            if got.0 != want.0 || !same(got.1, want.1) {
                return Some(format!("{labels}: {got:?}, Prometheus has {want:?}"));
            }
        }
    }
    bongsu.keys().find(|labels| !prometheus.contains_key(*labels)).map(|labels| format!("only Bongsu has {labels}"))
}

#[test]
fn sixty_queries_get_prometheus_answers() {
    let Some(mut pair) = Pair::start() else { return };
    let end = pair.collect();
    let queries: Vec<_> = QUERIES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(queries.len() >= 60, "{} queries", queries.len());
    let (mut faults, mut empty) = (Vec::new(), 0);
    for query in &queries {
        // Relative `@` times of the file become absolute ones.
        let text = query.replace("@ END", &format!("@ {}", end - 5.0));
        let instant = format!("/api/v1/query?query={}&time={end}", percent_encode(&text));
        let range =
            format!("/api/v1/query_range?query={}&start={}&end={end}&step=2.5", percent_encode(&text), end - 25.0);
        let range_fits = !query.starts_with("# ") && !query.ends_with(']');
        for path in [Some(instant), range_fits.then_some(range)].into_iter().flatten() {
            let expected = answer_of(&pair.ask(&pair.prometheus_url, &path));
            let got = answer_of(&pair.ask(&pair.centre.url, &path));
            empty += usize::from(expected.is_empty());
            if let Some(difference) = difference(&expected, &got) {
                faults.push(format!("{text}\n    {difference}"));
            }
        }
    }
    pair.prometheus.kill();
    println!("{} queries, {empty} empty answers, {} differences", queries.len(), faults.len());
    assert!(faults.is_empty(), "{} differences:\n{}", faults.len(), faults.join("\n"));
    assert!(empty < queries.len() / 3, "too many empty answers to tell anything: {empty}");
}
