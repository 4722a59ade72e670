//! Chores: `cargo xtask layers` checks the crates' edges, `cargo xtask tidy` the sources.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command for people: its output is its result")]

mod layers;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    let findings = match task.as_str() {
        "layers" => layers::check(),
        "tidy" => tidy::check(),
        _ => Err(format!("unknown task {task:?}; expected layers or tidy")),
    };
    match findings {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}
