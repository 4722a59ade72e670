//! Flags of `bongsu import` and `bongsu export`.

use std::path::PathBuf;

use bongsu_config::{Duration, Secret};
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bongsu import prometheus /var/lib/prometheus --to http://centre:9009
  bongsu import prometheus ./01HF2Y8M6P3S9V --data /var/lib/bongsu      a centre that is stopped
  bongsu import openmetrics metrics.txt.gz --to http://centre:9009
  bongsu import victoria http://vm:8428 --start -30d --to http://centre:9009
  bongsu import remote-read http://prometheus:9090/api/v1/read --start -90d --to http://centre:9009
  bongsu import jsonl - --to http://centre:9009 < export.jsonl

What ends early prints the last point that is safe; --resume-from POINT goes on there. Sending
samples twice does no harm.")]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    pub(crate) kind: ImportKind,
}

/// Where samples come from.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportKind {
    /// Blocks of Prometheus, Mimir or Thanos: a data directory, a directory of blocks, or one block
    #[command(after_help = "Examples:
  curl -XPOST http://prometheus:9090/api/v1/admin/tsdb/snapshot      (with --web.enable-admin-api)
  bongsu import prometheus /var/lib/prometheus/snapshots/20260101T000000Z-1a2b3c --to http://centre:9009
  bongsu import prometheus ./mimir-tenant-1 --tenant team-1 --to http://centre:9009

The newest hours of a running Prometheus are in its write-ahead log and in no block: take a
snapshot, which has them as a block.")]
    Prometheus {
        /// The directory
        path: PathBuf,
        #[command(flatten)]
        target: TargetArgs,
    },
    /// OpenMetrics text with timestamps, as promtool reads it
    Openmetrics {
        /// The file, which may be compressed by gzip; - is standard input
        path: PathBuf,
        #[command(flatten)]
        target: TargetArgs,
    },
    /// The text format of Prometheus, with timestamps in milliseconds
    Text {
        /// The file, which may be compressed by gzip; - is standard input
        path: PathBuf,
        #[command(flatten)]
        target: TargetArgs,
    },
    /// JSON lines as VictoriaMetrics and bongsu export write them
    #[command(visible_alias = "jsonl")]
    Victoria {
        /// A file, which may be compressed by gzip, - for standard input, or the URL of a VictoriaMetrics
        from: String,
        /// How much time one request to a URL asks for
        #[arg(long, default_value = "1d", value_name = "DURATION")]
        step: Duration,
        #[command(flatten)]
        target: TargetArgs,
    },
    /// Comma-separated values
    Csv {
        /// The file, which may be compressed by gzip; - is standard input
        path: PathBuf,
        /// Columns, as VictoriaMetrics names them: 2:metric:ask,1:label:ticker,3:time:unix_s
        /// [default: metric,labels,timestamp_ms,value, as bongsu export csv writes them]
        #[arg(long)]
        format: Option<String>,
        #[command(flatten)]
        target: TargetArgs,
    },
    /// Another server's remote read API: Prometheus, Thanos sidecar, Mimir, Bongsu
    RemoteRead {
        /// The URL of the API, or of a server that has it at /api/v1/read
        url: String,
        /// How much time one request asks for
        #[arg(long, default_value = "6h", value_name = "DURATION")]
        step: Duration,
        #[command(flatten)]
        target: TargetArgs,
    },
}

/// Where samples go, which of them, and how.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// The centre, or any receiver of remote write: http://centre:9009 or the full URL
    #[arg(long, value_name = "URL", required_unless_present = "data", conflicts_with = "data")]
    pub(crate) to: Option<String>,
    /// Straight into the data directory of a centre that is stopped
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The centre's configuration file: retention and limits of --data
    #[arg(long, value_name = "FILE", requires = "data")]
    pub(crate) config: Option<PathBuf>,
    /// Version of the remote write message; older receivers know 1 only
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub(crate) protocol: u8,
    /// Samples of one request
    #[arg(long, default_value_t = 20_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=500_000))]
    pub(crate) batch: u32,
    /// Go on behind the point that an import that ended early has printed
    #[arg(long, value_name = "POINT")]
    pub(crate) resume_from: Option<String>,
    /// Headers of requests to --to, such as 'Authorization: Bearer …'
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = secret)]
    pub(crate) headers: Vec<Secret>,
    /// Headers of requests to the server that is read
    #[arg(long = "source-header", value_name = "NAME: VALUE", value_parser = secret)]
    pub(crate) source_headers: Vec<Secret>,
    /// A label that every series gets; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub(crate) labels: Vec<String>,
    #[command(flatten)]
    pub(crate) window: WindowArgs,
}

/// Whose samples, and which.
#[derive(Debug, Args)]
pub(crate) struct WindowArgs {
    /// The tenant in Bongsu [default: anonymous]
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// First time: 2026-01-31T12:00:00Z, seconds since 1970, or -30d from now
    #[arg(long, allow_hyphen_values = true, value_name = "TIME")]
    pub(crate) start: Option<String>,
    /// Last time
    #[arg(long, allow_hyphen_values = true, value_name = "TIME")]
    pub(crate) end: Option<String>,
    /// Only series that this selector takes: 'up{job="node"}'; may be repeated
    #[arg(long = "match", value_name = "SELECTOR")]
    pub(crate) matches: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bongsu export jsonl --from http://centre:9009 --match '{job=\"node\"}' --start -1d -o node.jsonl.gz
  bongsu export openmetrics --data /var/lib/bongsu --tenant team-1 -o team-1.txt
  bongsu export parquet --from http://centre:9009 --match '{__name__=~\"node_.*\"}' -o node.parquet
  bongsu export csv --from http://prometheus:9090/api/v1/read --match up -o up.csv

Native histograms and stale markers fit none of these formats: they are left out and counted. To
move everything between two centres, use bongsu import remote-read.")]
pub(crate) struct ExportArgs {
    /// The format
    #[arg(value_enum)]
    pub(crate) format: ExportFormat,
    #[command(flatten)]
    pub(crate) side: Side,
    /// The file; one that ends with .gz is compressed by gzip [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Columns of CSV, as VictoriaMetrics names them: __name__,job,__value__,__timestamp__:unix_s
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) columns: Option<String>,
    /// Samples of one line of JSON
    #[arg(long, default_value_t = 10_000, value_name = "COUNT")]
    pub(crate) max_rows_per_line: usize,
    #[command(flatten)]
    pub(crate) window: WindowArgs,
}

/// Where an export reads.
#[derive(Debug, Args)]
pub(crate) struct Side {
    /// A centre, or the URL of another server's remote read API
    #[arg(long, value_name = "URL", required_unless_present = "data", conflicts_with = "data")]
    pub(crate) from: Option<String>,
    /// The data directory of a centre that is stopped
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The centre's configuration file: retention and limits of --data
    #[arg(long, value_name = "FILE", requires = "data")]
    pub(crate) config: Option<PathBuf>,
    /// Headers of requests to --from, such as 'Authorization: Bearer …'
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = secret)]
    pub(crate) headers: Vec<Secret>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// VictoriaMetrics' JSON lines
    Jsonl,
    /// metric,labels,timestamp_ms,value; or other columns
    Csv,
    /// OpenMetrics text, with types and help
    Openmetrics,
    /// One row a sample: metric, labels (a map), timestamp, value
    Parquet,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

impl ImportKind {
    pub(crate) fn target(&self) -> &TargetArgs {
        match self {
            Self::Prometheus { target, .. }
            | Self::Openmetrics { target, .. }
            | Self::Text { target, .. }
            | Self::Victoria { target, .. }
            | Self::Csv { target, .. }
            | Self::RemoteRead { target, .. } => target,
        }
    }
}
