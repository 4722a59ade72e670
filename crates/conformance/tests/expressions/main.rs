//! Expressions that people really use: those of rule files and dashboards must parse, print, parse again as the same, and
//! be answered on the data of nodes.
#![allow(clippy::print_stderr, reason = "the counts are for people")]

mod node;
mod variables;

use std::path::{Path, PathBuf};

use bongsu_promql::{Engine, EngineOptions, QueryContext, Value as Answer};
use bongsu_syntax::{Expr, ParseOptions, parse};
use node::{END_MS, Nodes};
use serde_json::Value;
use variables::without_variables;

/// So many had something in their answers when that was last recorded: that nodes' data is found tells more than no error.
const RULES_ANSWERED_MIN: usize = 38;
const DASHBOARDS_ANSWERED_MIN: usize = 216;

/// All files below a folder whose names end so.
fn files(dir: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, endings));
        } else if path.extension().is_some_and(|ext| endings.iter().any(|ending| ext == *ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The texts of all fields of this name.
fn collect(value: &Value, field: &str, texts: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, field, texts)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == field => texts.push(text.clone()),
                    value => collect(value, field, texts),
                }
            }
        }
        _ => {}
    }
}

/// Parses, prints and evaluates, and counts.
struct Check {
    nodes: Nodes,
    engine: Engine,
    count: usize,
    answered: usize,
    problems: Vec<String>,
}

impl Check {
    fn new() -> Self {
        let engine = Engine::new(EngineOptions { threads: 1, ..EngineOptions::default() }).expect("an engine");
        Self { nodes: Nodes::new(), engine, count: 0, answered: 0, problems: Vec::new() }
    }

    fn check(&mut self, file: &Path, text: &str) {
        self.count += 1;
        match parsed(text).and_then(|expr| self.is_answered(&expr)) {
            Ok(is_answered) => self.answered += usize::from(is_answered),
            Err(problem) => self.problems.push(format!("{}: {problem}\n  {text}", file.display())),
        }
    }

    /// Whether there is something in the answers for one time and for a range of times.
    fn is_answered(&self, expr: &Expr) -> Result<bool, String> {
        let context = QueryContext::default();
        let start_ms = END_MS - 4 * 60_000;
        let instant = self.engine.instant(expr, END_MS, &self.nodes, &context).map_err(|error| error.to_string())?;
        let range = self.engine.range(expr, start_ms, END_MS, 60_000, &self.nodes, &context);
        let range = range.map_err(|error| format!("over a range: {error}"))?;
        let is_empty = |answer: &Answer| match answer {
            Answer::Vector(samples) => samples.is_empty(),
            Answer::Matrix(series) => series.is_empty(),
            Answer::Scalar(_) | Answer::String { .. } => false,
        };
        Ok(!is_empty(&instant.value) && !is_empty(&range.value))
    }

    /// Says how it went.
    fn end(self, what: &str, answered_min: usize) {
        let Self { count, answered, problems, .. } = self;
        eprintln!("{what}: {} of {count} expressions are fine, {answered} with an answer", count - problems.len());
        assert!(problems.is_empty() && count > 0, "{}", problems.join("\n"));
        assert!(answered >= answered_min, "{answered} have an answer on the data of nodes, {answered_min} had");
    }
}

/// The expression, when it is the same after it was printed.
fn parsed(text: &str) -> Result<Expr, String> {
    let options = ParseOptions::default();
    let expr = parse(text, &options).map_err(|error| error.to_string())?;
    let printed = expr.to_string();
    match parse(&printed, &options) {
        Ok(back) if back == expr => Ok(expr),
        Ok(_) => Err(format!("printed as another expression: {printed}")),
        Err(error) => Err(format!("printed as {printed}: {error}")),
    }
}

#[test]
fn rules_are_answered() {
    let Some(dir) = bongsu_conformance::suites_dir() else {
        eprintln!("skipped: no ../shared/conformance and no BONGSU_CONFORMANCE_DIR");
        return;
    };
    let mut check = Check::new();
    // Only the top level: folders below hold bad files on purpose.
    let dir = dir.join("rules");
    for file in files(&dir, &["yaml", "yml"]).iter().filter(|file| file.parent() == Some(&dir)) {
        let text = std::fs::read_to_string(file).expect("a text");
        let rules: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut texts = Vec::new();
        collect(&rules, "expr", &mut texts);
        texts.iter().for_each(|text| check.check(file, text));
    }
    check.end("rules", RULES_ANSWERED_MIN);
}

#[test]
fn dashboards_are_answered() {
    let Some(dir) = bongsu_conformance::suites_dir() else {
        eprintln!("skipped: no ../shared/conformance and no BONGSU_CONFORMANCE_DIR");
        return;
    };
    let mut check = Check::new();
    for file in files(&dir.join("dashboards"), &["json"]) {
        let text = std::fs::read_to_string(&file).expect("a text");
        let Ok(dashboard) = serde_json::from_str::<Value>(&text) else { continue };
        let mut texts = Vec::new();
        collect(&dashboard, "expr", &mut texts);
        texts.retain(|text| !text.trim().is_empty());
        for text in texts {
            let text = without_variables(&text, &check.nodes);
            check.check(&file, &text);
        }
    }
    check.end("dashboards", DASHBOARDS_ANSWERED_MIN);
}
