//! `bongsu tsdb`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  bongsu tsdb list /var/lib/bongsu
  bongsu tsdb inspect /var/lib/bongsu/tenants/anonymous/1d_20656_3_16.block
  bongsu tsdb verify /var/lib/bongsu && echo whole
  bongsu tsdb repair /var/lib/bongsu
  bongsu tsdb dump /var/lib/bongsu --match 'up{job=\"node\"}' --start 2026-11-21T00:00:00Z
  bongsu tsdb bench --series 100000 --scrapes 240")]
pub(crate) enum TsdbCommand {
    /// List the blocks of a data directory: times, series, samples, bytes, level
    List(ListArgs),
    /// Show what a block is made of: sections, codecs, samples of chunks, labels
    Inspect(InspectArgs),
    /// Check every byte of a data directory or of a block; fails when something is damaged
    Verify(VerifyArgs),
    /// Set damaged files aside and rebuild what can be read of them; the server must be stopped
    Repair(RepairArgs),
    /// Print series with their samples; of a data directory, the server must be stopped
    Dump(DumpArgs),
    /// Replay a load of node-exporter-like hosts against a fresh store and print its rates
    Bench(BenchArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bongsu tsdb list /var/lib/bongsu
  bongsu tsdb list /var/lib/bongsu --tenant team-a")]
pub(crate) struct ListArgs {
    /// Data directory, snapshot, backup or block file
    #[arg(default_value = "data")]
    pub(crate) path: PathBuf,
    /// Only this tenant's
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bongsu tsdb inspect data/tenants/anonymous/1d_20656_3_16.block --labels 50")]
pub(crate) struct InspectArgs {
    /// The file of a block
    pub(crate) file: PathBuf,
    /// How many labels are listed, those with most bytes first
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) labels: usize,
}

#[derive(Debug, Args)]
#[command(after_help = "Exit code 0: everything is whole; 1: something is damaged, and it is named.

Examples:
  bongsu tsdb verify /var/lib/bongsu
  bongsu tsdb verify /var/lib/bongsu/snapshots/20261121T000000Z-0123456789abcdef")]
pub(crate) struct VerifyArgs {
    /// Data directory, snapshot, backup or block file; may be in use
    #[arg(default_value = "data")]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Damaged files go to `damaged/` in the data directory; nothing is deleted.

Examples:
  bongsu tsdb repair /var/lib/bongsu --dry-run
  bongsu tsdb repair /var/lib/bongsu")]
pub(crate) struct RepairArgs {
    /// Data directory; no server may use it
    pub(crate) dir: PathBuf,
    /// Only say what is damaged
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "One line per sample: series, value, time in milliseconds.

Examples:
  bongsu tsdb dump /var/lib/bongsu --match up --start 2026-11-21T00:00:00Z --end 2026-11-21T01:00:00Z
  bongsu tsdb dump data/tenants/anonymous/1d_20656_3_16.block --match '{job=~\"node|api\"}'")]
pub(crate) struct DumpArgs {
    /// Data directory that no server uses, or block file
    #[arg(default_value = "data")]
    pub(crate) path: PathBuf,
    /// Only series that one of these selectors selects; may be given more than once
    #[arg(long = "match", value_name = "SELECTOR")]
    pub(crate) selectors: Vec<String>,
    /// First time: RFC 3339 or Unix seconds
    #[arg(long, value_name = "TIME")]
    pub(crate) start: Option<String>,
    /// Last time, inclusive
    #[arg(long, value_name = "TIME")]
    pub(crate) end: Option<String>,
    /// Whose samples, of a data directory
    #[arg(long, default_value = "anonymous", value_name = "ID")]
    pub(crate) tenant: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bongsu tsdb bench
  bongsu tsdb bench --series 1000000 --scrapes 40 --dir /mnt/disk")]
pub(crate) struct BenchArgs {
    /// Series
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    pub(crate) series: u32,
    /// Scrapes of every series, 15 s apart; a flush follows every 20
    #[arg(long, default_value_t = 120, value_name = "N")]
    pub(crate) scrapes: u32,
    /// Where the store is made, and deleted afterwards [default: the system's directory for temporary files]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
