//! Runs promqltest files: `promqltest DIR-OR-FILE…` prints what passed of each file, and every failed case.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bongsu_conformance::promqltest::{Report, run};

fn main() -> ExitCode {
    let mut paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if paths.is_empty() {
        paths.extend(bongsu_conformance::suites_dir().map(|dir| dir.join("promqltest")));
    }
    let files = match test_files(&paths) {
        Ok(files) if !files.is_empty() => files,
        Ok(_) => {
            eprintln!("no .test files; name files or folders, or set BONGSU_CONFORMANCE_DIR");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let not_passed = files.iter().filter(|file| !run_file(file)).count();
    if not_passed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn test_files(paths: &[PathBuf]) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries: Result<Vec<_>, _> = std::fs::read_dir(path)?.map(|entry| entry.map(|e| e.path())).collect();
            files.extend(entries?.into_iter().filter(|file| file.extension().is_some_and(|ext| ext == "test")));
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    Ok(files)
}

fn run_file(file: &Path) -> bool {
    let shown = file.display();
    let report =
        std::fs::read_to_string(file).map_err(|e| e.to_string()).and_then(|t| run(&t).map_err(|e| e.to_string()));
    match report {
        Ok(report) => print_report(file, &report),
        Err(error) => {
            println!("{shown}: {error}");
            false
        }
    }
}

fn print_report(file: &Path, report: &Report) -> bool {
    let (passed, total) = (report.passed(), report.cases.len());
    println!("{}: {passed} of {total} passed", file.display());
    for (case, what) in report.failed() {
        println!("  {}:{}: {}\n    {what}", file.display(), case.line, case.query);
    }
    passed == total
}
