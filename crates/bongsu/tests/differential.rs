//! Debian's Prometheus and Bongsu hold the same awkward series and are asked the same generated questions, for one time and
//! for a range of times. Skipped, and said so, where the package is not installed.
//!
//! `BONGSU_SEED` and `BONGSU_CASES` ask other questions, and more of them.
//!
//! No difference is allowed. What Debian's Prometheus 2.42 does otherwise than Prometheus 3 is not asked, or not so:
//! - A sample on the left edge of a window counts in 2, not in 3: no edge meets a sample.
//! - `rate` and `increase` of a small first value after a gap: counters and subqueries of them avoid it.
//! - `holt_winters` is called `double_exponential_smoothing`; `offset 0s` is an error in 2.
//! - `atan2` keeps the metric's name in 2: operands have none.
//! - `topk` of equal values takes any: values differ. The zero of a sum, and which zero is the least: floats are -0 or 0.
//! - `stddev` of one value that is not finite is 0 in 2; where squares overflow, `stddev_over_time` is NaN there.
//! - `predict_linear` moves a window held by `@` in 2; `count_values` by labels that sort after its own loses series.
//! - A minus sign refuses series that are the same without their names in 2, even where they have no sample at the same step.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bongsu_testkit::awkward;
use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::{Answer, Http, percent_encode};
use bongsu_testkit::process::{Server, free_port, installed};
use bongsu_testkit::push;
use bongsu_testkit::queries::{Precision, Queries, Query};
use bongsu_testkit::random::Random;
use serde_json::Value;

/// The data goes from 23:10 to midnight before a leap day and on: dates change within it.
const START_MS: i64 = 1_709_164_800_000 - 40 * 60_000;
/// Relative difference of what is rounded in another order.
const EPSILON: f64 = 1e-9;
const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

struct Pair {
    _prometheus: Server,
    prometheus_url: String,
    centre: Centre,
    http: Http,
    _dir: tempfile::TempDir,
}

impl Pair {
    /// Both with the same series.
    fn start(seed: u64) -> Option<Self> {
        if installed("prometheus").is_none() {
            println!("skipped: prometheus is not installed (apt-get install prometheus)");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_bongsu"));
        let centre = Centre::start(binary, &dir.path().join("bongsu"), &["--retention", "100y"]);
        let config = dir.path().join("prometheus.yml");
        std::fs::write(&config, "{}").unwrap();
        let address = format!("127.0.0.1:{}", free_port().unwrap());
        let mut prometheus = Server::spawn(
            Command::new("prometheus")
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", dir.path().join("prometheus").display()))
                .arg(format!("--web.listen-address={address}"))
                .args(["--storage.tsdb.retention.time=100y", "--web.enable-remote-write-receiver"]),
            &dir.path().join("prometheus.log"),
        )
        .unwrap();
        prometheus.wait_ready(&address, "/-/ready", Duration::from_secs(30)).unwrap();
        let pair = Self {
            _prometheus: prometheus,
            prometheus_url: format!("http://{address}"),
            centre,
            http: Http::default(),
            _dir: dir,
        };
        let body = push::body(&awkward::series(seed, START_MS));
        for url in [format!("{}/api/v1/write", pair.prometheus_url), format!("{}/api/v1/push", pair.centre.url)] {
            let answer = push::send(&pair.http, &url, "", &body).unwrap();
            assert!((200..300).contains(&answer.status), "{url}: {}", answer.body);
        }
        Some(pair)
    }

    fn ask(&self, url: &str, path: &str, query: &str, times: &str) -> Answer {
        let form = format!("query={}&{times}", percent_encode(query));
        self.http.post(&format!("{url}/api/v1/{path}"), &FORM, form.as_bytes()).unwrap()
    }

    /// What both say differently, if anything; and whether there was an answer with something in it.
    fn compare(&self, query: &Query, path: &str, times: &str) -> (Option<String>, Kind) {
        let theirs = query.text.replace("double_exponential_smoothing", "holt_winters");
        let theirs = Told::from(self.ask(&self.prometheus_url, path, &theirs, times));
        let answer = self.ask(&self.centre.url, path, &query.text, times);
        if path == "query_range" {
            let again = self.ask(&self.centre.url, path, &query.text, times);
            assert_eq!(again.body, answer.body, "{}: a kept answer differs", query.text);
        }
        let ours = Told::from(answer);
        (theirs.difference(&ours, query), theirs.kind())
    }
}

/// What kind of answer Prometheus gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Values,
    Empty,
    Error,
}

/// An answer as it is compared.
#[derive(Debug)]
struct Told {
    /// Result type, or status and kind of error.
    kind: String,
    /// What people read of an error.
    message: String,
    /// Labels → times and values as they are written.
    series: BTreeMap<String, Vec<(f64, String)>>,
    /// The values of a vector in its order.
    order: Vec<String>,
}

impl From<Answer> for Told {
    fn from(answer: Answer) -> Self {
        let json = answer.json();
        if answer.status != 200 {
            let kind = format!("{} {}", answer.status, json["errorType"]);
            return Self { kind, message: json["error"].to_string(), series: BTreeMap::new(), order: Vec::new() };
        }
        let (data, mut series, mut order) = (&json["data"], BTreeMap::new(), Vec::new());
        let point = |p: &Value| (p[0].as_f64().unwrap(), p[1].as_str().unwrap().to_owned());
        let result = data["result"].as_array().unwrap();
        if data["resultType"] == "scalar" {
            series.insert(String::new(), vec![point(&data["result"])]);
        } else {
            for one in result {
                let labels: BTreeMap<_, _> = one["metric"].as_object().unwrap().iter().collect();
                let points = match one.get("values") {
                    Some(values) => values.as_array().unwrap().iter().map(point).collect(),
                    None => vec![point(&one["value"])],
                };
                order.push(points[0].1.clone());
                assert!(series.insert(format!("{labels:?}"), points).is_none(), "a series twice: {}", answer.body);
            }
        }
        Self { kind: data["resultType"].to_string(), message: String::new(), series, order }
    }
}

impl Told {
    fn kind(&self) -> Kind {
        if !self.message.is_empty() {
            Kind::Error
        } else if self.series.is_empty() {
            Kind::Empty
        } else {
            Kind::Values
        }
    }

    /// The first difference, for people.
    fn difference(&self, ours: &Self, query: &Query) -> Option<String> {
        if self.kind != ours.kind {
            return Some(format!("{} {}, Prometheus says {} {}", ours.kind, ours.message, self.kind, self.message));
        }
        for (labels, theirs) in &self.series {
            let Some(points) = ours.series.get(labels) else {
                return Some(format!("Bongsu lacks {labels} {theirs:?}"));
            };
            let differs = |(a, b): (&(f64, String), &(f64, String))| a.0 != b.0 || !same(&a.1, &b.1, query.precision);
            if points.len() != theirs.len() || theirs.iter().zip(points).any(differs) {
                let (ours, theirs) = first_different(points, theirs, query.precision);
                return Some(format!("{labels}:\n      Bongsu     {ours}\n      Prometheus {theirs}"));
            }
        }
        // Of the two zeros either may come first.
        let same_place = |(a, b): (&String, &String)| same(a, b, Precision::Rounded);
        if query.is_ordered && !self.order.iter().zip(&ours.order).all(same_place) {
            return Some(format!("order {:?}, Prometheus has {:?}", ours.order, self.order));
        }
        let more = ours.series.iter().find(|(labels, _)| !self.series.contains_key(*labels));
        more.map(|(labels, points)| format!("only Bongsu has {labels} {points:?}"))
    }
}

/// The first points that differ, and how many there are.
fn first_different(ours: &[(f64, String)], theirs: &[(f64, String)], precision: Precision) -> (String, String) {
    let same_point = |at: usize| match (ours.get(at), theirs.get(at)) {
        (Some(a), Some(b)) => a.0 == b.0 && same(&a.1, &b.1, precision),
        _ => false,
    };
    let at = (0..).find(|&at| !same_point(at)).unwrap();
    let show = |points: &[(f64, String)]| format!("{:?} of {} points", points.get(at), points.len());
    (show(ours), show(theirs))
}

fn same(a: &str, b: &str, precision: Precision) -> bool {
    if a == b || precision < Precision::Rounded {
        return a == b;
    }
    let [a, b] = [a, b].map(|text| text.replace("Inf", "inf").parse::<f64>().unwrap());
    a == b || (a - b).abs() <= EPSILON * a.abs().max(b.abs())
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: a number, not {text}")))
}

#[test]
fn generated_queries_get_prometheus_answers() {
    let (seed, cases) = (setting("BONGSU_SEED", 1), setting("BONGSU_CASES", 600));
    let Some(pair) = Pair::start(seed) else { return };
    let mut queries = Queries::new(seed, START_MS);
    let (mut faults, mut kinds) = (Vec::new(), BTreeMap::<_, u64>::new());
    for _ in 0..cases {
        let query = queries.next_query();
        let instant = format!("time={}", seconds(queries.time_ms()));
        let (start, end, step) = queries.range_ms();
        let range = format!("start={}&end={}&step={}", seconds(start), seconds(end), step as f64 / 1000.0);
        for (path, times) in [("query", instant), ("query_range", range)] {
            if path == "query_range" && !query.has_range {
                continue;
            }
            let (difference, kind) = pair.compare(&query, path, &times);
            *kinds.entry(kind).or_default() += 1;
            faults.extend(difference.map(|what| format!("{}\n    {path} {times}\n    {what}", query.text)));
        }
    }
    println!("seed {seed}: {cases} queries, {kinds:?}, {} differences", faults.len());
    assert!(faults.is_empty(), "seed {seed}: {} differences:\n{}", faults.len(), faults.join("\n"));
    assert!(kinds[&Kind::Values] * 2 > kinds.values().sum(), "too few answers to tell anything: {kinds:?}");
}

fn seconds(time_ms: i64) -> String {
    format!("{}.{:03}", time_ms / 1000, time_ms % 1000)
}

/// Floats whose shortest text is hard to find: in the middle of two, at powers of two and ten, of all sizes.
fn hard_floats(random: &mut Random) -> Vec<f64> {
    let mut floats = vec![f64::MIN_POSITIVE, f64::MAX, 5e-324, 1e21, 1e22, 1e23, 0.1 + 0.2, -0.0];
    for _ in 0..400 {
        // Few fractional bits behind many whole ones.
        let whole = (1 << 52 | random.bits() >> 12) as f64;
        floats.push(whole / 2_f64.powi(random.below(24) as i32));
        floats.push(whole * 2_f64.powi(random.below(30) as i32));
        floats.push(2_f64.powi(random.below(2000) as i32 - 1000));
        floats.push(f64::from_bits(random.bits() >> 1));
    }
    floats.retain(|float| float.is_finite());
    floats
}

#[test]
fn floats_are_written_as_prometheus_writes_them() {
    let Some(pair) = Pair::start(1) else { return };
    let floats = hard_floats(&mut Random::new(setting("BONGSU_SEED", 1)));
    for chunk in floats.chunks(50) {
        // A number has its name in a label, and its text as the value.
        let one = |(at, float): (usize, &f64)| format!("label_replace(vector({float:e}), \"n\", \"{at}\", \"\", \"\")");
        let text = chunk.iter().enumerate().map(one).collect::<Vec<_>>().join(" or ");
        let query = Query { text, precision: Precision::Bits, has_range: false, is_ordered: false };
        let [theirs, ours] = [&pair.prometheus_url, &pair.centre.url]
            .map(|url| Told::from(pair.ask(url, "query", &query.text, "time=1000")).series);
        assert_eq!(theirs.len(), chunk.len());
        for (theirs, ours) in theirs.iter().zip(&ours) {
            assert_eq!(theirs, ours);
        }
    }
}

#[test]
fn numbers_and_texts_are_answered_to_the_byte() {
    let Some(pair) = Pair::start(1) else { return };
    for query in ["1", "1e-7", "-0", "1e300", "0.1 + 0.2", "NaN", "-Inf", "\"t\\\"ext\"", "time() / 3"] {
        for time in ["0", "7.5", "0.001", "1709165003.437", "1709165003.120", "-3.25"] {
            let [theirs, ours] = [&pair.prometheus_url, &pair.centre.url]
                .map(|url| pair.ask(url, "query", query, &format!("time={time}")).body);
            assert_eq!(ours, theirs, "{query} at {time}");
        }
    }
}

#[test]
fn large_and_deep_questions_are_answered_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &dir.path().join("bongsu"), &[]);
    let nested = |open: &str, close: &str, times: usize| format!("{}1{}", open.repeat(times), close.repeat(times));
    let cases = [
        ("terms", vec!["1"; 20_000].join("+"), Some("20000")),
        ("vector terms", vec!["vector(1)"; 20_000].join(" + "), None),
        ("powers", vec!["1"; 20_000].join("^"), None),
        ("parentheses", nested("(", ")", 100_000), None),
        ("open parentheses", "(".repeat(100_000), None),
        ("calls", nested("abs(vector(", "))", 50_000), None),
        ("signs", format!("{}1", "-".repeat(100_000)), None),
        ("subqueries", format!("up{}", "[1m:1s]".repeat(50_000)), None),
        ("braces", "{".repeat(100_000), None),
        ("matchers", format!("up{{{}}}", "a=\"b\",".repeat(20_000)), None),
    ];
    let http = Http::default();
    for (what, query, expected) in cases {
        for (path, times) in [("query", "time=1"), ("query_range", "start=1&end=100&step=10"), ("format_query", "")] {
            let form = format!("query={}&{times}", percent_encode(&query));
            // The client gives up after a minute, which would be an error here.
            let answer = http.post(&format!("{}/api/v1/{path}", centre.url), &FORM, form.as_bytes()).unwrap();
            println!("{what} {path}: {} {}", answer.status, answer.body.chars().take(150).collect::<String>());
            assert!([200, 400, 413, 422, 503].contains(&answer.status), "{what} {path}: {}", answer.status);
            if let (Some(expected), "query") = (expected, path) {
                assert_eq!(answer.json()["data"]["result"][1], expected, "{what}");
            }
        }
    }
    assert_eq!(centre.query("1", 1.0)[1], "1", "it goes on");
}
