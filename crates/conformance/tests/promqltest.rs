//! The promqltest files: our own always, Prometheus' when they are there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bongsu_conformance::promqltest::run;

fn test_files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.filter(|file| file.extension().is_some_and(|ext| ext == "test")).collect();
    files.sort();
    files
}

#[test]
fn our_own_files_pass() {
    for file in test_files(Path::new("tests/data")) {
        let report = run(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let failed: Vec<_> =
            report.failed().map(|(case, what)| format!("line {}: {}: {what}", case.line, case.query)).collect();
        assert!(failed.is_empty(), "{}:\n{}", file.display(), failed.join("\n"));
        assert!(!report.cases.is_empty(), "{} tests nothing", file.display());
    }
}

/// How many cases of each file passed when that was last recorded; fewer is a step back.
fn floors() -> BTreeMap<&'static str, usize> {
    include_str!("../floors.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| {
            let (file, passed) = line.split_once(' ').expect("a file and a number");
            (file, passed.trim().parse().expect("a number"))
        })
        .collect()
}

#[test]
fn prometheus_files_pass_as_often_as_recorded() {
    let Some(dir) = bongsu_conformance::suites_dir() else {
        eprintln!("skipped: no ../shared/conformance and no BONGSU_CONFORMANCE_DIR");
        return;
    };
    let (mut floors, mut steps_back) = (floors(), Vec::new());
    let (mut passed_sum, mut total_sum) = (0, 0);
    for file in test_files(&dir.join("promqltest")) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let report = run(&std::fs::read_to_string(&file).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (passed, total) = (report.passed(), report.cases.len());
        eprintln!("{name}: {passed} of {total} passed");
        (passed_sum, total_sum) = (passed_sum + passed, total_sum + total);
        let floor = floors.remove(name).unwrap_or(0);
        if passed < floor {
            let failed =
                report.failed().map(|(case, what)| format!("\n  {name}:{}: {}: {what}", case.line, case.query));
            steps_back.push(format!("{name}: {passed} passed, {floor} recorded{}", failed.collect::<String>()));
        }
    }
    eprintln!("all: {passed_sum} of {total_sum} passed");
    assert!(steps_back.is_empty(), "{}", steps_back.join("\n"));
}

#[test]
fn a_remark_on_series_of_several_batches_names_the_metric() {
    let mut script = "load 1m\n".to_owned();
    for number in 1000..1600 {
        script += &format!("  h{{n=\"{number}\"}} {{{{schema:0 sum:1 count:1 buckets:[1]}}}}\n");
    }
    script += "  h{n=\"2000\"} {{schema:-53 sum:1 count:1 custom_values:[1] buckets:[1]}}\n\n";
    let text =
        "vector contains a mix of histograms with exponential and custom buckets schemas for metric name \"h\" (1:5)";
    script += &format!("eval instant at 0 sum(h)\n  expect warn msg: PromQL warning: {text}\n");
    let report = run(&script).unwrap();
    let failed: Vec<_> = report.failed().collect();
    assert!(failed.is_empty() && report.passed() == 1, "{failed:?}");
}
