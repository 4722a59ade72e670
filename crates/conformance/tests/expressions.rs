//! Expressions that people really use: those of rule files and dashboards must parse, print and parse again.

use std::path::{Path, PathBuf};

use bongsu_syntax::{ParseOptions, parse};
use serde_json::Value;

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

/// What is wrong with an expression, if anything.
fn problem(text: &str) -> Option<String> {
    let options = ParseOptions::default();
    let expr = match parse(text, &options) {
        Ok(expr) => expr,
        Err(error) => return Some(error.to_string()),
    };
    let printed = expr.to_string();
    match parse(&printed, &options) {
        Ok(back) if back == expr => None,
        Ok(_) => Some(format!("printed as another expression: {printed}")),
        Err(error) => Some(format!("printed as {printed}: {error}")),
    }
}

#[test]
fn rules_parse() {
    let Some(dir) = bongsu_conformance::suites_dir() else {
        eprintln!("skipped: no ../shared/conformance and no BONGSU_CONFORMANCE_DIR");
        return;
    };
    // Only the top level: folders below hold bad files on purpose.
    let (mut count, mut problems) = (0, Vec::new());
    for file in
        files(&dir.join("rules"), &["yaml", "yml"]).iter().filter(|file| file.parent() == Some(&dir.join("rules")))
    {
        let text = std::fs::read_to_string(file).expect("a text");
        let rules: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut texts = Vec::new();
        collect(&rules, "expr", &mut texts);
        count += texts.len();
        problems.extend(texts.iter().filter_map(|t| Some(format!("{}: {}\n  {t}", file.display(), problem(t)?))));
    }
    eprintln!("rules: {} of {count} expressions parse", count - problems.len());
    assert!(problems.is_empty() && count > 0, "{}", problems.join("\n"));
}

/// Puts something in the place of Grafana's variables, by what stands before them.
fn without_variables(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out += &rest[..at];
        let variable = &rest[at + 1..];
        let len = match variable.strip_prefix('{').and_then(|inner| inner.find('}')) {
            Some(end) => end + 2,
            None => variable.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(variable.len()),
        };
        let name = variable[..len].trim_matches(['{', '}']);
        let quoted = out.matches('"').count() % 2 == 1;
        let is_time = ["interval", "range", "rate"].iter().any(|word| name.contains(word));
        let before = out.trim_end();
        out += if quoted {
            "x"
        } else if is_time || before.ends_with(['[', ':']) {
            "5m"
        } else if before.ends_with(['(', '*', '/', '>', '<', '=']) {
            "1"
        } else {
            "x"
        };
        rest = &variable[len..];
    }
    out + rest
}

#[test]
fn dashboards_parse() {
    let Some(dir) = bongsu_conformance::suites_dir() else {
        eprintln!("skipped: no ../shared/conformance and no BONGSU_CONFORMANCE_DIR");
        return;
    };
    let (mut count, mut problems) = (0, Vec::new());
    for file in files(&dir.join("dashboards"), &["json"]) {
        let text = std::fs::read_to_string(&file).expect("a text");
        let Ok(dashboard) = serde_json::from_str::<Value>(&text) else { continue };
        let mut texts = Vec::new();
        collect(&dashboard, "expr", &mut texts);
        texts.retain(|text| !text.trim().is_empty());
        count += texts.len();
        let shown = file.display();
        problems
            .extend(texts.iter().filter_map(|t| Some(format!("{shown}: {}\n  {t}", problem(&without_variables(t))?))));
    }
    eprintln!("dashboards: {} of {count} expressions parse\n{}", count - problems.len(), problems.join("\n"));
    assert!(problems.len() * 50 <= count, "more than 2 % do not parse:\n{}", problems.join("\n"));
}
