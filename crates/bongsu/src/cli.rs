//! Flags and subcommands.

mod backup;
mod exchange;
mod tsdb;

use std::net::SocketAddr;
use std::path::PathBuf;

use bongsu_config::{ByteSize, Duration};
use clap::{Args, Parser, Subcommand};

pub(crate) use backup::{BackupArgs, RestoreArgs, SnapshotArgs};
pub(crate) use exchange::{ExportArgs, ExportFormat, ImportArgs, ImportKind, TargetArgs, WindowArgs};
pub(crate) use tsdb::{BenchArgs, DumpArgs, InspectArgs, ListArgs, RepairArgs, TsdbCommand, VerifyArgs};

/// Monitoring in one binary: agents push, one centre keeps, answers PromQL and draws.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  bongsu server --data /var/lib/bongsu            the centre, on 127.0.0.1:9009
  bongsu server --with-agent                      the centre, with this host's own metrics
  bongsu agent --remote-write-url http://centre:9009/api/v1/push
  bongsu check config prometheus.yml
  bongsu import prometheus /var/lib/prometheus --to http://centre:9009
  bongsu tsdb verify /var/lib/bongsu              whether every byte on disk is whole
  bongsu completion bash > /etc/bash_completion.d/bongsu"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// What is logged: error, warn, info, debug, trace, or a filter such as bongsu_tsdb=debug,info
    #[arg(long, global = true, env = "BONGSU_LOG", default_value = "info", value_name = "FILTER")]
    pub(crate) log: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the centre: takes remote write, keeps samples, answers PromQL, serves the web UI
    Server(ServerArgs),
    /// Run the agent: scrapes, collects this host's metrics, pushes them outward
    Agent(AgentArgs),
    /// Check configuration files without running anything
    #[command(subcommand)]
    Check(CheckCommand),
    /// Bring samples in: from Prometheus, Mimir, Thanos, VictoriaMetrics, or a file
    Import(ImportArgs),
    /// Write samples to a file that other programs read
    Export(ExportArgs),
    /// Look after a data directory: list, inspect, verify, repair, dump, bench
    #[command(subcommand)]
    Tsdb(TsdbCommand),
    /// Make a snapshot: hard links to what is on disk, a data directory of its own
    Snapshot(SnapshotArgs),
    /// Copy everything to a folder, while the centre runs; unchanged files are not copied again
    Backup(BackupArgs),
    /// Bring a backup back into an empty directory, and check it
    Restore(RestoreArgs),
    /// Print a shell completion script
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bongsu server
  bongsu server --data /var/lib/bongsu --listen 0.0.0.0:9009 --retention 100y --retention-size 500GB
  bongsu server --config bongsu.yml --with-agent")]
pub(crate) struct ServerArgs {
    /// Configuration file (YAML); flags win over it
    #[arg(long, env = "BONGSU_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Data directory [default: data]
    #[arg(long, env = "BONGSU_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Address to listen on, one port for everything [default: 127.0.0.1:9009]
    #[arg(long, env = "BONGSU_LISTEN", value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// How long samples are kept: 15d, 1y, 100y [default: 1y]
    #[arg(long, value_name = "DURATION")]
    pub(crate) retention: Option<Duration>,
    /// How many bytes of blocks are kept, oldest go first: 100GB [default: no bound]
    #[arg(long, value_name = "SIZE")]
    pub(crate) retention_size: Option<ByteSize>,
    /// Let data be deleted and snapshots be taken over HTTP
    #[arg(long)]
    pub(crate) enable_admin_api: bool,
    /// Which origins' pages may read the API, a regular expression [default: .*]
    #[arg(long, value_name = "REGEX")]
    pub(crate) cors_origin: Option<String>,
    /// Also run an agent for this host in the same process
    #[arg(long)]
    pub(crate) with_agent: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bongsu agent --remote-write-url http://centre:9009/api/v1/push
  bongsu agent --config prometheus.yml --data /var/lib/bongsu-agent")]
pub(crate) struct AgentArgs {
    /// Configuration file: prometheus.yml with global, scrape_configs, remote_write, and our section exporters
    #[arg(long, env = "BONGSU_AGENT_CONFIG", value_name = "FILE", required_unless_present = "remote_write_url")]
    pub(crate) config: Option<PathBuf>,
    /// Where to push to, without a configuration file or in addition to it
    #[arg(long, env = "BONGSU_REMOTE_WRITE_URL", value_name = "URL")]
    pub(crate) remote_write_url: Option<String>,
    /// Directory of the send queue
    #[arg(long, env = "BONGSU_AGENT_DATA", value_name = "DIR", default_value = "data-agent")]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CheckCommand {
    /// Check a prometheus.yml for the agent
    Config {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Check a configuration of the centre
    Server {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}
