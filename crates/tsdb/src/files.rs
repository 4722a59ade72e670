//! The disk, as the store uses it: with errors that say what was tried and where.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bongsu_disk::Disk;

use crate::error::Error;

/// The content of a small file; without a sound one, none. What is damaged is told. A file that cannot be read, or that a
/// later version of this program wrote, is an error: it may be sound, and the next flush would replace it.
///
/// The last byte of `magic` is the version.
pub(crate) fn load<T: Default>(
    path: &Path,
    magic: &[u8; 8],
    damaged: &mut Vec<String>,
    decode: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<T, Error> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
        bytes => bytes.map_err(Error::io("read", path))?,
    };
    if is_newer(&bytes, magic) {
        return Err(Error::Newer { what: path.display().to_string() });
    }
    Ok(decode(&bytes).unwrap_or_else(|reason| {
        damaged.push(format!("{}: {reason}", path.display()));
        T::default()
    }))
}

/// Whether bytes begin as those of a later version do, and not as a flipped bit could have made them.
fn is_newer(bytes: &[u8], magic: &[u8; 8]) -> bool {
    let [name @ .., version] = magic;
    let Some(found) = bytes.get(name.len()).filter(|_| bytes.starts_with(name)) else { return false };
    found.is_ascii_digit() && found > version && (found ^ version).count_ones() > 1
}

/// Everything that the store changes on disk goes through here; blocks and the log get the same disk.
#[derive(Clone, Debug)]
pub(crate) struct Files(pub(crate) Arc<dyn Disk>);

impl Files {
    /// Makes the names in a directory durable.
    pub(crate) fn sync_dir(&self, dir: &Path) -> Result<(), Error> {
        self.0.sync_dir(dir).map_err(Error::io("sync", dir))
    }

    /// Makes a directory and those above it, each durable; what is there already stays as it is.
    pub(crate) fn create_dir_all(&self, dir: &Path) -> Result<(), Error> {
        self.0.create_dir_all(dir).map_err(Error::io("create", dir))
    }

    /// Puts a file in place as a whole, durably: what is at `path` is the old content or the new one. Its directory is
    /// there.
    pub(crate) fn write_file(&self, path: &Path, content: &[u8]) -> Result<(), Error> {
        bongsu_disk::write_file(self.0.as_ref(), path, content).map_err(Error::io("write", path))
    }

    /// Gives a file or a directory another name.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.0.rename(from, to).map_err(Error::io("rename", from))
    }

    /// Deletes a directory with all that is in it; one that is gone already is fine.
    pub(crate) fn remove_tree(&self, dir: &Path) -> Result<(), Error> {
        bongsu_disk::remove_tree(self.0.as_ref(), dir).map_err(Error::io("delete", dir))
    }

    /// Deletes a file; one that is gone already is fine.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), Error> {
        bongsu_disk::remove_if_there(self.0.as_ref(), path).map_err(Error::io("delete", path))
    }
}
