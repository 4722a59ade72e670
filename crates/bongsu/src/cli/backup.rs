//! `bongsu snapshot`, `bongsu backup`, `bongsu restore`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
#[command(
    after_help = "A snapshot is a directory of hard links: it takes no space until its blocks are merged or deleted, and is a
data directory of its own. Delete it when it is no longer needed.

Examples:
  bongsu snapshot --url http://127.0.0.1:9009     of a running centre that was started with --enable-admin-api
  bongsu snapshot --data /var/lib/bongsu          while no centre runs"
)]
pub(crate) struct SnapshotArgs {
    /// The running centre
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The data directory, without a running centre
    #[arg(long, default_value = "data", value_name = "DIR", conflicts_with = "url")]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Only what the folder has not got yet is copied. While a centre runs, it is asked for a snapshot, which is deleted
afterwards; the command runs on the same host, and the centre needs --enable-admin-api.

Examples:
  bongsu backup --data /var/lib/bongsu --url http://127.0.0.1:9009 --to /mnt/backup/bongsu --keep 30
  bongsu backup --data /var/lib/bongsu --to /mnt/backup/bongsu"
)]
pub(crate) struct BackupArgs {
    /// The data directory
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The running centre of this data directory; not needed while none runs
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The folder that has the backups; made when it is not there
    #[arg(long, value_name = "FOLDER")]
    pub(crate) to: PathBuf,
    /// Afterwards, delete all backups but the newest N
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<usize>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Everything is checked on its way and once more in its place. Then start a centre with --data DIR.

Examples:
  bongsu restore /mnt/backup/bongsu --list
  bongsu restore /mnt/backup/bongsu --to /var/lib/bongsu
  bongsu restore /mnt/backup/bongsu --to /tmp/yesterday --at 20261121T030000.000Z"
)]
pub(crate) struct RestoreArgs {
    /// The folder that has the backups
    pub(crate) from: PathBuf,
    /// The directory to restore to, empty or not there
    #[arg(long, value_name = "DIR", required_unless_present = "list")]
    pub(crate) to: Option<PathBuf>,
    /// Which backup [default: the newest]
    #[arg(long, value_name = "NAME")]
    pub(crate) at: Option<String>,
    /// List the backups
    #[arg(long, conflicts_with_all = ["to", "at"])]
    pub(crate) list: bool,
}
