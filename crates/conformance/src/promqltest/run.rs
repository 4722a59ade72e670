//! Runs a file's commands.

use std::sync::Arc;

use bongsu_promql::{SampleValue, Value, VectorSample};
use bongsu_syntax::{Expr, ExprKind, FunctionId};

use super::engine::TestEngine;
use super::script::{self, Command, Eval, Range, ScriptError, Times};
use super::storage::Storage;
use super::{at, compare};

/// What became of a file's evaluations.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order of the file.
    pub cases: Vec<Case>,
}

/// One evaluation.
#[derive(Debug)]
pub struct Case {
    /// From 1.
    pub line: usize,
    /// The PromQL text.
    pub query: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an evaluation.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// All as expected.
    Passed,
    /// What differs.
    Failed(String),
}

impl Report {
    /// How many cases passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.cases.iter().filter(|case| case.outcome == Outcome::Passed).count()
    }

    /// The failed cases and what differs.
    pub fn failed(&self) -> impl Iterator<Item = (&Case, &str)> {
        self.cases.iter().filter_map(|case| match &case.outcome {
            Outcome::Failed(what) => Some((case, what.as_str())),
            _ => None,
        })
    }
}

/// Why a file could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The file is not of the test language.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The engine did not start.
    #[error("cannot start the engine: {0}")]
    Engine(#[from] bongsu_promql::QueryError),
}

/// Runs a test file's text.
///
/// # Errors
/// When the text is not of the test language, or there is no engine; then nothing is run.
pub fn run(text: &str) -> Result<Report, RunError> {
    let engine = TestEngine::new()?;
    let mut storage = Storage::default();
    let mut report = Report::default();
    for command in script::parse(text)? {
        match command {
            Command::Clear => storage = Storage::default(),
            Command::Load(load) => storage.load(&load),
            Command::Eval(eval) => {
                let outcome = outcome(&engine, &storage, &eval);
                report.cases.push(Case { line: eval.line, query: eval.query, outcome });
            }
        }
    }
    Ok(report)
}

fn outcome(engine: &TestEngine, storage: &Storage, eval: &Eval) -> Outcome {
    let expr = engine.parse(&eval.query);
    let result = expr.as_ref().map_err(Clone::clone).and_then(|expr| evaluate(engine, storage, eval, expr));
    let outcome = match (result, &eval.expected.fail) {
        (Ok(()), _) => Ok(()),
        (Err(error), Some(expected)) => compare::failure(&error, expected),
        (Err(error), None) => Err(error),
    };
    let fixed = || match (&expr, &eval.expected.fail) {
        (Ok(expr), None) => check_fixed(engine, storage, eval, expr).map_err(|what| format!("fixed in time: {what}")),
        _ => Ok(()),
    };
    outcome.and_then(|()| fixed()).map_or_else(Outcome::Failed, |()| Outcome::Passed)
}

fn evaluate(engine: &TestEngine, storage: &Storage, eval: &Eval, expr: &Expr) -> Result<(), String> {
    let output = engine.evaluate(expr, eval.times, storage)?;
    if eval.expected.fail.is_some() {
        return Err(format!("should fail, but gave {:?}", output.value));
    }
    compare::annotations(&output.annotations, &eval.query, &eval.expected)?;
    compare::value(&output.value, &eval.expected, eval.times)?;
    match eval.times {
        Times::Instant(at_ms) if may_run_as_range(eval, expr, &output.value) => {
            check_as_range(engine, storage, eval, expr, at_ms).map_err(|what| format!("as a range query: {what}"))
        }
        _ => Ok(()),
    }
}

/// An instant query once more with its selectors fixed in time, at other times.
fn check_fixed(engine: &TestEngine, storage: &Storage, eval: &Eval, expr: &Expr) -> Result<(), String> {
    let Times::Instant(at_ms) = eval.times else { return Ok(()) };
    // A range vector is asked for at its end.
    let at_ms = eval.expected.range_vector.map_or(at_ms, |range| range.end_ms);
    let Some(fixed) = at::fixed(expr, at_ms) else { return Ok(()) };
    let query = fixed.to_string();
    let expr = engine.parse(&query).map_err(|error| format!("{query}: {error}"))?;
    for at_ms in at::times_ms(at_ms) {
        let (times, expected) = (Times::Instant(at_ms), eval.expected.anywhere());
        let asked = Eval { query: query.clone(), times, expected, ..eval.clone() };
        evaluate(engine, storage, &asked, &expr).map_err(|what| format!("{query} at {at_ms} ms: {what}"))?;
    }
    Ok(())
}

/// Whether a range query around an instant must give the same there.
fn may_run_as_range(eval: &Eval, expr: &Expr, value: &Value) -> bool {
    let mut depends_on_range = false;
    expr.walk(&mut |expr| {
        use FunctionId::{End, Range, Start, Step};
        depends_on_range |=
            matches!(&expr.kind, ExprKind::Call(call) if matches!(call.function.id, Start | End | Step | Range));
    });
    let about_range = ["step()", "range()", "start()", "end()"].iter().any(|word| eval.query.contains(word));
    matches!(value, Value::Vector(_) | Value::Scalar(_)) && !eval.expected.ordered && !depends_on_range && !about_range
}

/// An instant query once more as the middle of three steps, as Prometheus' tests do.
fn check_as_range(engine: &TestEngine, storage: &Storage, eval: &Eval, expr: &Expr, at_ms: i64) -> Result<(), String> {
    const MINUTE_MS: i64 = 60_000;
    let range = Range { start_ms: at_ms - MINUTE_MS, end_ms: at_ms + MINUTE_MS, step_ms: MINUTE_MS };
    let output = engine.evaluate(expr, Times::Range(range), storage)?;
    let Value::Matrix(series) = output.value else { return Err("no range vector".to_owned()) };
    let middle: Vec<VectorSample> = series
        .iter()
        .filter_map(|series| {
            let float = || Some(series.values[series.timestamps_ms.iter().position(|&time| time == at_ms)?]);
            let histogram = series.histograms.iter().find(|(time_ms, _)| *time_ms == at_ms);
            let value = match histogram {
                Some((_, histogram)) => SampleValue::Histogram(Arc::clone(histogram)),
                None => SampleValue::Float(float()?),
            };
            Some(VectorSample { labels: series.labels.clone(), timestamp_ms: at_ms, value })
        })
        .collect();
    let value = match (eval.expected.scalar, middle.as_slice()) {
        (Some(_), [VectorSample { value: SampleValue::Float(value), .. }]) => {
            Value::Scalar(bongsu_model::Sample { timestamp_ms: at_ms, value: *value })
        }
        _ => Value::Vector(middle),
    };
    compare::value(&value, &eval.expected, eval.times)
}
