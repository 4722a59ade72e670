//! `bongsu backup` and `bongsu restore`: the whole data directory, to a folder and back.

use std::path::{Path, PathBuf};

use bongsu_backup::{Folder, Section, manifests};
use bongsu_tsdb::{BACKUP_END, BackupLock, offline};

use super::progress;
use super::snapshot::{ask, make, time_name};
use super::table::{bytes, count};
use super::tsdb::damaged_of;
use crate::cli::{BackupArgs, RestoreArgs};

/// What a backup consists of: a word, the directory of its files in a snapshot or in the data directory, and whether a
/// snapshot has it. Rules, silences, dashboards and users join here once there are any.
const SECTIONS: [(&str, &str, bool); 2] = [("samples", "tenants", true), ("receipts", "receipts", false)];

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(super) fn run(args: &BackupArgs) -> anyhow::Result<()> {
    anyhow::ensure!(offline::is_data_dir(&args.data), "{} is no data directory", args.data.display());
    // Before the snapshot is made: whenever this process ends, the next backup or start of the centre deletes it.
    let _lock = BackupLock::take(&args.data)?;
    let snapshot = Snapshot(match &args.url {
        Some(url) => args.data.join("snapshots").join(ask(url, true)?),
        None => make(&args.data, BACKUP_END)?,
    });
    anyhow::ensure!(
        snapshot.0.is_dir(),
        "the centre has made a snapshot, but there is no {}: is --data its data directory, on this host?",
        snapshot.0.display()
    );
    let root = |in_snapshot: bool| if in_snapshot { &snapshot.0 } else { &args.data };
    let sections = SECTIONS.map(|(name, folder, in_snapshot)| Section { name, dir: root(in_snapshot).join(folder) });
    let target = Folder::new(&args.to);
    let bar = progress::of_bytes(0, "backing up");
    let taken = bongsu_backup::take(&target, &time_name(), &sections, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let taken = taken?;
    println!(
        "{}: {} files, {}; copied now: {} files, {}",
        taken.name,
        count(taken.files),
        bytes(taken.bytes),
        count(taken.copied_files),
        bytes(taken.copied_bytes)
    );
    if let Some(keep) = args.keep {
        let gone = bongsu_backup::prune(&target, keep)?;
        println!("deleted {gone} older backups");
    }
    Ok(())
}

/// Goes when the backup is done, or has failed: it keeps merged and deleted blocks on the disk.
struct Snapshot(PathBuf);

impl Drop for Snapshot {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0)
            && self.0.exists()
        {
            tracing::warn!("delete {} by hand: {error}", self.0.display());
        }
    }
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(super) fn restore(args: &RestoreArgs) -> anyhow::Result<()> {
    let target = Folder::new(&args.from);
    let Some(dir) = &args.to else {
        manifests(&target)?.iter().for_each(|name| println!("{name}"));
        return Ok(());
    };
    let bar = progress::of_bytes(0, "restoring");
    let place_of =
        |section: &str| SECTIONS.iter().find(|(name, ..)| *name == section).map(|(_, folder, _)| PathBuf::from(folder));
    let restored = bongsu_backup::restore(&target, args.at.as_deref(), dir, &place_of, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let restored = restored?;
    verify(dir)?;
    println!("{}: {} files, {}, all whole", restored.name, count(restored.files), bytes(restored.bytes));
    Ok(())
}

/// What was damaged when it was backed up comes back damaged: that is told here.
#[expect(clippy::print_stdout, reason = "the result of the command")]
fn verify(dir: &Path) -> anyhow::Result<()> {
    if !offline::is_data_dir(dir) {
        // A backup of a centre that had no samples.
        return Ok(());
    }
    let damaged = damaged_of(&offline::checks(dir)?);
    for (file, reasons) in &damaged {
        reasons.iter().for_each(|reason| println!("{}: {reason}", file.path.display()));
    }
    anyhow::ensure!(damaged.is_empty(), "restored, but {} files were damaged before the backup", damaged.len());
    Ok(())
}
