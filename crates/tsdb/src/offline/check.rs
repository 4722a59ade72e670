//! Whether the files of a data directory are whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bongsu_block::Block;
use bongsu_log::Position;

use super::list::{block_files, entries, is_data_dir, tenant_dirs};
use crate::error::Error;
use crate::metadata::MetadataMap;
use crate::record::{self, Content};
use crate::refs::samples::Samples;
use crate::{exemplars, tombstones};

/// A file that can be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: CheckKind,
    /// Its size.
    pub bytes: u64,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// Samples.
    Block,
    /// A segment of the write-ahead log. Its end may be torn by a crash: a start drops that part, which nobody was told is
    /// kept.
    Log,
    /// Types, helps and units.
    Metadata,
    /// Exemplars.
    Exemplars,
    /// Deletions.
    Tombstones,
}

const SMALL_FILES: [(&str, CheckKind); 3] =
    [("metadata", CheckKind::Metadata), ("exemplars", CheckKind::Exemplars), ("tombstones", CheckKind::Tombstones)];

/// The files to check of a data directory, or the block whose file it is.
///
/// # Errors
/// When the directory cannot be read.
pub fn checks(path: &Path) -> Result<Vec<Check>, Error> {
    let mut found: Vec<(PathBuf, CheckKind)> =
        block_files(path)?.into_iter().map(|file| (file.path, CheckKind::Block)).collect();
    if is_data_dir(path) {
        for dir in tenant_dirs(path)? {
            found.extend(SMALL_FILES.map(|(name, kind)| (dir.join(name), kind)));
        }
        let segments = entries(&path.join("log"))?.into_iter();
        found.extend(segments.filter(|path| log_start(path).is_some()).map(|path| (path, CheckKind::Log)));
    }
    let with_size = |(path, kind): (PathBuf, CheckKind)| match fs::metadata(&path) {
        // A merge has deleted it meanwhile, or it was never needed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        metadata => Some(metadata.map(|file| Check { bytes: file.len(), kind, path })),
    };
    found.into_iter().filter_map(with_size).collect::<Result<_, _>>().map_err(Error::io("list", path))
}

/// Reads a whole file and checks it; calls `progress` with the bytes that are done. Returns what is wrong, in words.
#[must_use]
pub fn check(file: &Check, progress: &mut dyn FnMut(u64)) -> Vec<String> {
    let checked = match file.kind {
        CheckKind::Block => check_block(file, progress),
        _ => match fs::read(&file.path) {
            Ok(bytes) => check_bytes(file, &bytes),
            Err(error) => Err(error.to_string()),
        },
    };
    progress(file.bytes);
    match checked {
        // Deleted since it was listed.
        Err(_) if !file.path.exists() => Vec::new(),
        Err(reason) => vec![reason],
        Ok(damages) => damages,
    }
}

fn check_block(file: &Check, progress: &mut dyn FnMut(u64)) -> Result<Vec<String>, String> {
    let block = Block::open(&file.path).map_err(|error| error.to_string())?;
    let series = u64::from(block.meta().series_count).max(1);
    let verified = block.verify_with(&mut |done| progress(file.bytes * u64::from(done) / series));
    verified.map(|()| Vec::new()).map_err(|error| error.to_string())
}

fn check_bytes(file: &Check, bytes: &[u8]) -> Result<Vec<String>, String> {
    if file.kind == CheckKind::Log {
        return Ok(check_log(&file.path, bytes));
    }
    check_whole(file.kind, bytes).map(|()| Vec::new())
}

/// Whether a small file of a tenant, called so, is sound.
pub(crate) fn is_sound(name: &str, bytes: &[u8]) -> bool {
    SMALL_FILES.iter().all(|(known, kind)| *known != name || check_whole(*kind, bytes).is_ok())
}

fn check_whole(kind: CheckKind, bytes: &[u8]) -> Result<(), String> {
    match kind {
        CheckKind::Block | CheckKind::Log => {}
        CheckKind::Metadata => _ = MetadataMap::decode(bytes)?,
        CheckKind::Exemplars => _ = exemplars::file::decode(bytes, usize::MAX)?,
        CheckKind::Tombstones => tombstones::check(bytes)?,
    }
    Ok(())
}

fn check_log(path: &Path, bytes: &[u8]) -> Vec<String> {
    let start = log_start(path).unwrap_or_default();
    let mut damages = Vec::new();
    let dropped = bongsu_log::scan_bytes(bytes, start, &mut |position, payload| {
        let checked = record::decode(payload).and_then(|record| match record.content {
            Content::Samples => Samples::parse(record.body).map(drop),
            Content::Request(..) => Ok(()),
        });
        if let Err(reason) = checked {
            damages.push(format!("record at position {}: {reason}", position.0));
        }
    });
    let describe = |part: bongsu_log::Dropped| {
        format!("{} bytes from byte {} on are not intact records: {}", part.bytes, part.offset_bytes, part.reason)
    };
    damages.extend(dropped.into_iter().map(describe));
    damages
}

/// The position that the name of a segment says.
fn log_start(path: &Path) -> Option<Position> {
    path.file_name()?.to_str()?.strip_suffix(".log")?.parse().ok().map(Position)
}
