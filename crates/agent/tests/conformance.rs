//! Prometheus' own configuration files are taken or refused as Prometheus does it. They are other people's files and stay
//! outside of the project: in `../shared/conformance`, or where `BONGSU_CONFORMANCE_DIR` points.

use std::path::{Path, PathBuf};

/// Bad files whose fault lies in a section of another role (rules, alerting, remote read, storage, otlp, tracing), which
/// the agent accepts unread.
const OF_OTHER_ROLES: [&str; 9] = [
    "config_with_deprecated_am_api_config",
    "empty_alert_relabel_config",
    "empty_alertmanager_relabel_config",
    "empty_rr_config",
    "otlp_",
    "remote_read_",
    "rules.bad",
    "tracing_",
    "tsdb_",
];

#[derive(Default)]
struct Score {
    passed: usize,
    failures: Vec<String>,
    /// Good files that name a discovery or an authentication which this program does not have.
    unsupported: Vec<String>,
    /// Bad files that were refused for such a name, before their fault was looked for.
    refused_early: usize,
    left_out: Vec<String>,
}

impl Score {
    fn judge(&mut self, folder: &Path, file: &str, is_good: bool) {
        let name = file.rsplit('/').next().unwrap_or(file).to_owned();
        if !is_good && OF_OTHER_ROLES.iter().any(|prefix| name.starts_with(prefix)) {
            return self.left_out.push(name);
        }
        let error = bongsu_agent::Config::load(&folder.join(file)).err().map(|error| error.to_string());
        let is_unsupported = error.as_ref().is_some_and(|error| error.contains("not supported"));
        match (error, is_good) {
            (Some(_), true) if is_unsupported => return self.unsupported.push(name),
            (Some(_), false) if is_unsupported => self.refused_early += 1,
            (None, true) | (Some(_), false) => {}
            (None, false) => return self.failures.push(format!("{file}: accepted, expected to be refused")),
            (Some(error), true) => {
                return self.failures.push(format!("{file}: refused, expected to be accepted: {error}"));
            }
        }
        self.passed += 1;
    }
}

#[test]
fn upstream_files_are_judged_as_prometheus_judges_them() {
    let beside_the_project = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance");
    let suites = std::env::var_os("BONGSU_CONFORMANCE_DIR").map_or_else(|| beside_the_project.into(), PathBuf::from);
    let folder = suites.join("config");
    let Ok(table) = std::fs::read_to_string(folder.join("expected.tsv")) else {
        eprintln!("skipped: no ../shared/conformance and no BONGSU_CONFORMANCE_DIR");
        return;
    };
    let mut score = Score::default();
    for line in table.lines().skip(1) {
        let mut columns = line.split('\t');
        let (Some(file), Some(verdict)) = (columns.next(), columns.next()) else { continue };
        score.judge(&folder, file, verdict == "good");
    }
    let examples = std::fs::read_dir(folder.join("examples")).into_iter().flatten().flatten();
    let mut examples: Vec<_> = examples.map(|entry| format!("examples/{}", entry.file_name().display())).collect();
    examples.sort();
    for file in examples {
        score.judge(&folder, &file, true);
    }
    let Score { passed, failures, unsupported, refused_early, left_out } = score;
    println!("configuration files: {passed}/{}", passed + failures.len());
    println!("of these, bad and refused for a kind that is not supported: {refused_early}");
    println!("good, but with a kind that is not supported: {}: {}", unsupported.len(), unsupported.join(", "));
    println!("bad in a section of another role, left out: {}: {}", left_out.len(), left_out.join(", "));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
