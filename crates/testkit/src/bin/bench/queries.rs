//! Questions asked of each program once the load is in.

use std::time::{Duration, Instant};

use anyhow::Context;
use bongsu_testkit::http::Connection;
use bongsu_testkit::measure::{self, MemoryWatch};
use serde::Serialize;
use serde_json::Value;

/// Each question is asked so often, but not for longer than this; at least three times. Quick ones are asked for half a second, as CPU time
/// is counted in hundredths.
const RUNS: usize = 50;
const RUNS_MIN: usize = 3;
const QUESTION_TIME_MIN: Duration = Duration::from_millis(500);
const QUESTION_TIME_MAX: Duration = Duration::from_secs(4);
const RANGE_MS: i64 = 600_000;

/// What is asked: a name for the table, and the kind of question.
const QUESTIONS: [(&str, Question); 8] = [
    ("`count(node_load1)`", Question::Instant("count(node_load1)")),
    ("CPU in use by region", Question::Instant(r#"sum by (region) (rate(node_cpu_seconds_total{mode!="idle"}[5m]))"#)),
    ("every series counted by name", Question::Instant(r#"count by (__name__) ({job="node"})"#)),
    (
        "one host's CPU, range",
        Question::Range(r#"sum by (mode) (rate(node_cpu_seconds_total{instance=~"host-00000[.].*"}[5m]))"#),
    ),
    ("traffic by customer, range", Question::Range("sum by (customer) (rate(node_network_receive_bytes_total[5m]))")),
    (
        "memory in use by host, range",
        Question::Range("1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"),
    ),
    ("five fullest volumes, range", Question::Range("topk(5, max by (instance) (node_filesystem_free_bytes))")),
    ("values of a label", Question::Get("/api/v1/label/instance/values")),
];

pub(crate) enum Question {
    /// At the end of the data.
    Instant(&'static str),
    /// Over the last ten minutes of the data, every 15 s.
    Range(&'static str),
    /// Over so many hours before the end of the data, at so many seconds.
    Hours(i64, i64, &'static str),
    Get(&'static str),
}

impl Question {
    /// The path that asks it; `nocache` keeps VictoriaMetrics from answering what it has answered before.
    fn path(&self, end_ms: i64) -> String {
        let (start, end) = ((end_ms - RANGE_MS) / 1000, end_ms / 1000);
        match self {
            Self::Instant(query) => format!("/api/v1/query?query={}&time={end}&nocache=1", percent_encode(query)),
            Self::Range(query) => range_path(query, start, end, 15),
            Self::Hours(hours, step, query) => range_path(query, end - hours * 3600, end, *step),
            Self::Get(path) => format!("{path}?start={start}&end={end}"),
        }
    }
}

/// How fast one question was answered.
#[derive(Clone, Serialize)]
pub(crate) struct Answered {
    pub(crate) question: &'static str,
    /// Series, or values, in the answer: programs that disagree here do not answer the same question.
    pub(crate) rows: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) cpu_ms: f64,
    /// The most anonymous memory that the program had meanwhile.
    pub(crate) peak_bytes: u64,
    /// How much more that is than what it had just before the question was asked for the first time.
    pub(crate) added_bytes: u64,
}

/// Asks everything over one connection.
pub(crate) fn ask_all(address: &str, pid: u32, end_ms: i64) -> anyhow::Result<Vec<Answered>> {
    ask_these(&QUESTIONS, address, pid, end_ms)
}

/// Asks some questions over one connection.
pub(crate) fn ask_these(
    questions: &[(&'static str, Question)],
    address: &str,
    pid: u32,
    end_ms: i64,
) -> anyhow::Result<Vec<Answered>> {
    let mut connection = Connection::open(address)?;
    let ask = |(question, kind): &(&'static str, Question)| {
        ask(&mut connection, pid, question, &kind.path(end_ms)).with_context(|| format!("question {question:?}"))
    };
    questions.iter().map(ask).collect()
}

fn ask(connection: &mut Connection, pid: u32, question: &'static str, path: &str) -> anyhow::Result<Answered> {
    let before_bytes = measure::anonymous_bytes(pid)?;
    let memory = MemoryWatch::start(pid);
    // The first answer warms up and is looked at; the others count.
    let answer: Value = serde_json::from_slice(&connection.get(path)?.ok()?)?;
    let data = answer["data"]["result"].as_array().or_else(|| answer["data"].as_array());
    let rows = data.context("the answer has no data")?.len();
    let (begun, cpu_before) = (Instant::now(), measure::cpu_seconds(pid)?);
    let mut times = Vec::with_capacity(RUNS);
    let goes_on = |runs: usize| {
        let elapsed = begun.elapsed();
        runs < RUNS_MIN || elapsed < QUESTION_TIME_MIN || (runs < RUNS && elapsed < QUESTION_TIME_MAX)
    };
    while goes_on(times.len()) {
        let asked = Instant::now();
        connection.get(path)?.ok()?;
        times.push(asked.elapsed());
    }
    let cpu_ms = (measure::cpu_seconds(pid)? - cpu_before) * 1000.0 / times.len() as f64;
    times.sort_unstable();
    let quantile_ms = |share: f64| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1000.0;
    let (p50_ms, p95_ms) = (quantile_ms(0.5), quantile_ms(0.95));
    let peak_bytes = memory.peak_bytes();
    let added_bytes = peak_bytes.saturating_sub(before_bytes);
    Ok(Answered { question, rows, p50_ms, p95_ms, cpu_ms, peak_bytes, added_bytes })
}

fn range_path(query: &str, start: i64, end: i64, step: i64) -> String {
    format!("/api/v1/query_range?query={}&start={start}&end={end}&step={step}&nocache=1", percent_encode(query))
}

pub(crate) fn percent_encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' => (byte as char).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
