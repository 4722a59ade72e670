//! Grafana's variables in expressions.

use crate::node::Nodes;

/// Puts something in the place of Grafana's variables, by what stands around them; values of labels are such that nodes have.
pub fn without_variables(text: &str, nodes: &Nodes) -> String {
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
        rest = &variable[len..];
        let is_quoted = out.matches('"').count() % 2 == 1;
        out += &if is_quoted { label_value(&out, nodes) } else { bare(&out, name, rest).to_owned() };
    }
    out + rest
}

/// What stands within quotes after `before`.
fn label_value(before: &str, nodes: &Nodes) -> String {
    let before = &before[..before.rfind('"').unwrap_or(0)];
    if before.ends_with('~') {
        return ".*".to_owned();
    }
    let name = before.trim_end_matches(['=', '!', ' ']);
    let label = name.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    nodes.value_of(label).unwrap_or("x").to_owned()
}

/// What stands outside of quotes between `before` and `after`.
fn bare(before: &str, name: &str, after: &str) -> &'static str {
    let is_time = ["interval", "range", "rate"].iter().any(|word| name.contains(word));
    let before = before.trim_end();
    let is_matcher = before.ends_with(['{', ',']) && after.trim_start().starts_with([',', '}']);
    if is_time || before.ends_with(['[', ':']) {
        "5m"
    } else if is_matcher && before.rfind('{') > before.rfind('}') {
        "job=\"node\""
    } else if before.ends_with(['(', '*', '/', '>', '<', '=']) {
        "1"
    } else {
        "x"
    }
}
