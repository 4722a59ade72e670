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
            // The whole chain: what failed, and why.
            #[expect(clippy::print_stderr, reason = "the last word of a command goes to standard error")]
            {
                eprintln!("bongsu: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
