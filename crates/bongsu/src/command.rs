//! What each subcommand does.

mod agent;
mod backup;
mod check;
mod exchange;
mod input;
mod progress;
mod server;
mod snapshot;
mod table;
mod tsdb;

use clap::CommandFactory;

use crate::cli::{Cli, Command};

pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    bongsu_telemetry::init_logging(&cli.log, bongsu_telemetry::LogFormat::Text).map_err(anyhow::Error::msg)?;
    match cli.command {
        Command::Server(args) => block_on(server::run(args)),
        Command::Agent(args) => block_on(agent::run(args)),
        Command::Check(command) => check::run(&command),
        Command::Import(args) => exchange::import(&args),
        Command::Export(args) => exchange::export(&args),
        Command::Tsdb(command) => tsdb::run(&command),
        Command::Snapshot(args) => snapshot::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "bongsu", &mut std::io::stdout());
            Ok(())
        }
    }
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// Resolves at Ctrl-C or SIGTERM.
async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        outcome = tokio::signal::ctrl_c() => outcome?,
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    Ok(())
}
