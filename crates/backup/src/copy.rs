//! Reading files, with progress.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::Progress;
use crate::error::Error;

/// A file to back up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Relative to the section, with `/` between names.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// When it was changed last, nanoseconds since the epoch.
    pub(crate) modified_ns: i64,
}

/// The files below a directory by name; nothing when it is not there.
pub(crate) fn sources(dir: &Path) -> Result<Vec<Source>, Error> {
    let mut found = Vec::new();
    collect(dir, "", &mut found)?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn collect(dir: &Path, prefix: &str, found: &mut Vec<Source>) -> Result<(), Error> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::io("list", dir))?,
    };
    for entry in entries {
        let path = entry.map_err(Error::io("list", dir))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.contains(['\n', '\r']));
        let name = format!("{prefix}{}", name.ok_or_else(|| Error::Name(path.display().to_string()))?);
        let about = fs::symlink_metadata(&path).map_err(Error::io("look at", &path))?;
        if about.is_dir() {
            collect(&path, &format!("{name}/"), found)?;
        } else if about.is_file() {
            let modified = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let modified_ns = modified.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
            found.push(Source { path, name, bytes: about.len(), modified_ns });
        }
    }
    Ok(())
}

/// A reader that tells how far it is.
pub(crate) struct Told<'p, 'q, R> {
    pub(crate) inner: R,
    pub(crate) done: &'p mut u64,
    pub(crate) total: u64,
    pub(crate) progress: &'p mut Progress<'q>,
}

impl<R: Read> Read for Told<'_, '_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        *self.done += read as u64;
        (self.progress)(*self.done, self.total);
        Ok(read)
    }
}

/// Makes a file and the names above it durable, up to `root`.
pub(crate) fn sync_dirs(root: &Path, dir: &Path) -> io::Result<()> {
    let inside = dir.ancestors().take_while(|above| above.starts_with(root));
    inside.into_iter().try_for_each(|above| File::open(above)?.sync_all())
}
