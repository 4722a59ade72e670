//! The `bongsu` binary: the command line, and which roles run in this process.

mod cli;
mod command;

use std::process::ExitCode;

use clap::Parser;

#[cfg(all(target_os = "linux", feature = "jemalloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match command::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the last word of a command goes to standard error")]
            {
                eprintln!("bongsu: {}", whole_text(&error));
            }
            ExitCode::FAILURE
        }
    }
}

/// What failed, and why, down to the first cause. A cause that the text before it has told already is not told again.
pub(crate) fn whole_text(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
