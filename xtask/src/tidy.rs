//! What rustfmt and clippy do not see: file sizes, unfinished words, ignored tests.

use std::path::{Path, PathBuf};

/// Longer source files are split by noun, or their tests moved to a sibling.
const LINES_MAX: usize = 900;

pub(crate) fn check() -> Result<String, String> {
    // Put together here so that this file does not find itself.
    let banned = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["#[", "ignore"].concat(), ["X", "XX:"].concat()];
    let mut files = Vec::new();
    for root in ["crates", "xtask", "fuzz", "web/src"] {
        collect(Path::new(root), &mut files);
    }
    let mut faults = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let lines = text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{}: {lines} lines, at most {LINES_MAX}", file.display()));
        }
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = banned.iter().find(|word| line.contains(word.as_str())) {
                faults.push(format!("{}:{}: {word:?} is not for the main line", file.display(), number + 1));
            }
        }
    }
    if faults.is_empty() { Ok(format!("tidy: {} files", files.len())) } else { Err(faults.join("\n")) }
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
        if path.is_dir() && !matches!(name, "target" | "node_modules" | "dist" | "corpus") {
            collect(&path, files);
        } else if matches!(path.extension().and_then(|e| e.to_str()), Some("rs" | "ts" | "svelte")) {
            files.push(path);
        }
    }
}
