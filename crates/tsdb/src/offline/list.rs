//! Which block files there are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::blocks::BlockName;
use crate::error::Error;

/// The file of a block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockFile {
    /// Whose it is, going by the directory; "" for a file outside a data directory.
    pub tenant: String,
    /// What its name says; `None` when it has no name of a block.
    pub span: Option<BlockSpan>,
    /// Where it is.
    pub path: PathBuf,
}

/// What the name of a block says; see `docs/formats/data-directory.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockSpan {
    /// First time of its partition, milliseconds.
    pub start_ms: i64,
    /// Last time of its partition, milliseconds.
    pub end_ms: i64,
    /// The first flush that it holds samples of.
    pub first_flush: u64,
    /// The last one.
    pub last_flush: u64,
}

/// Whether it is a data directory, or a snapshot or backup, which look the same.
#[must_use]
pub fn is_data_dir(dir: &Path) -> bool {
    dir.join("tenants").is_dir()
}

/// The blocks of a data directory by tenant and time; or the block whose file it is.
///
/// # Errors
/// When there is neither, or when the directory cannot be read.
pub fn block_files(path: &Path) -> Result<Vec<BlockFile>, Error> {
    if fs::metadata(path).map_err(Error::io("find", path))?.is_file() {
        return Ok(vec![BlockFile::at(path)]);
    }
    let mut files = Vec::new();
    for dir in tenant_dirs(path)? {
        files.extend(entries(&dir)?.iter().map(|path| BlockFile::at(path)).filter(|file| file.span.is_some()));
    }
    files.sort();
    Ok(files)
}

/// The directories of tenants, by name.
pub(super) fn tenant_dirs(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    if !is_data_dir(dir) {
        let missing = io::Error::new(io::ErrorKind::NotFound, "it has no directory \"tenants\"");
        return Err(Error::io("use as a data directory", dir)(missing));
    }
    let mut dirs = entries(&dir.join("tenants"))?;
    dirs.retain(|path| path.is_dir());
    Ok(dirs)
}

/// What a directory holds, by name; nothing when it is not there.
pub(super) fn entries(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("list", dir))?,
    };
    let paths: Result<Vec<PathBuf>, io::Error> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(Error::io("list", dir))?;
    paths.sort();
    Ok(paths)
}

impl BlockFile {
    fn at(path: &Path) -> Self {
        let name = path.file_name().and_then(|name| name.to_str()).and_then(BlockName::parse);
        let span = name.map(|name| BlockSpan {
            start_ms: name.partition.start_ms(),
            end_ms: name.partition.end_ms(),
            first_flush: name.first_flush,
            last_flush: name.last_flush,
        });
        let above = |path: &Path| Some(path.parent()?.file_name()?.to_str()?.to_owned());
        let folder = path.parent().filter(|folder| above(folder).is_some_and(|name| name == "tenants"));
        let tenant = folder.and_then(|_| above(path)).unwrap_or_default();
        Self { tenant, span, path: path.to_owned() }
    }
}
