//! The layering check: the table in ARCHITECTURE.md is the rule, `cargo metadata` the fact.
//!
//! The table's rows read `| crate | layer | may use inside its layer | …`. A crate may use every crate of a lower layer, and
//! of its own layer those that its row names.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// From bottom to top.
const LAYERS: [&str; 5] = ["words", "kit", "engines", "edge", "beside"];

struct Row {
    layer: usize,
    siblings: Vec<String>,
}

pub(crate) fn check() -> Result<String, String> {
    let rows = read_table()?;
    let edges = read_edges()?;
    let mut faults = Vec::new();
    for (from, to) in &edges {
        let (Some(a), Some(b)) = (rows.get(from), rows.get(to)) else {
            faults.push(format!("{from} -> {to}: ARCHITECTURE.md has no row for one of them"));
            continue;
        };
        let allowed = b.layer < a.layer || (a.layer == b.layer && a.siblings.contains(to));
        if !allowed {
            faults.push(format!(
                "{from} -> {to}: {} may not use {}; change the design first (ARCHITECTURE.md, table of crates)",
                LAYERS[a.layer], LAYERS[b.layer]
            ));
        }
    }
    if faults.is_empty() {
        Ok(format!("layers: {} crates, {} edges, all pointing down", rows.len(), edges.len()))
    } else {
        Err(faults.join("\n"))
    }
}

fn read_table() -> Result<BTreeMap<String, Row>, String> {
    let text = std::fs::read_to_string("ARCHITECTURE.md").map_err(|e| format!("ARCHITECTURE.md: {e}"))?;
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, layer, siblings, ..] = cells[..] else { continue };
        let Some(layer) = LAYERS.iter().position(|known| *known == layer) else { continue };
        let names = siblings.split(',').map(|s| s.trim().trim_matches('`').to_owned());
        rows.insert(name.trim_matches('`').to_owned(), Row { layer, siblings: names.collect() });
    }
    if rows.is_empty() { Err("ARCHITECTURE.md: the table of crates is gone".to_owned()) } else { Ok(rows) }
}

/// Edges between crates of the workspace, those of tests left out: a test may use anything.
fn read_edges() -> Result<Vec<(String, String)>, String> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|e| format!("cargo metadata: {e}"))?;
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata: no packages")?;
    let short = |name: &str| name.strip_prefix("bongsu-").unwrap_or(name).to_owned();
    let mut edges = Vec::new();
    for package in packages {
        let from = short(package["name"].as_str().unwrap_or(""));
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or("");
            if to.starts_with("bongsu") && dependency["kind"].as_str() != Some("dev") {
                edges.push((from.clone(), short(to)));
            }
        }
    }
    Ok(edges)
}
