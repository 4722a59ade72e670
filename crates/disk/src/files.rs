//! Small things made of a disk's operations.

use std::io;
use std::path::{Path, PathBuf};

use crate::{Disk, DiskFile};

/// Writes all bytes, however short the single writes are.
///
/// # Errors
/// Those of the operating system; part of the bytes may be written then.
pub fn write_all_at(file: &dyn DiskFile, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(offset, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset += written as u64;
                bytes = &bytes[written..];
            }
            Err(source) if source.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(source),
        }
    }
    Ok(())
}

/// Puts a file in place as a whole, durably: what is at `path` is the old content or the new one. Its directory is there.
///
/// # Errors
/// Those of the operating system. The old content stays, and no half of the new one; unless the directory cannot be synced:
/// then it is one of both.
pub fn write_file(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let write = || {
        let file = disk.create(&temporary)?;
        write_all_at(file.as_ref(), 0, content)?;
        file.sync()?;
        disk.rename(&temporary, path)
    };
    write().inspect_err(|_| {
        // It would only keep a full disk full.
        let _ = disk.remove(&temporary);
    })?;
    path.parent().map_or(Ok(()), |dir| disk.sync_dir(dir))
}

/// Deletes a file; one that is gone already is fine.
///
/// # Errors
/// Those of the operating system.
pub fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(source),
        _ => Ok(()),
    }
}

/// Deletes a directory with all that is in it; one that is gone already is fine.
///
/// # Errors
/// Those of the operating system; part of it may be gone then.
pub fn remove_tree(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(disk, &entry.path())?;
        } else {
            disk.remove(&entry.path())?;
        }
    }
    match disk.remove_dir(dir) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(source),
        _ => Ok(()),
    }
}

/// What people can do about an error of the system, as the end of a message; often nothing.
#[must_use]
pub fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        _ if is_full(source) => "; it goes on by itself once there is space",
        io::ErrorKind::PermissionDenied => "; let the user that Bongsu runs as write to the directory",
        io::ErrorKind::ReadOnlyFilesystem => "; the directory has to be on a file system that can be written to",
        _ => "",
    }
}

/// Whether an error says that there is no space left, on the disk or for its user.
#[must_use]
pub fn is_full(source: &io::Error) -> bool {
    matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::OsDisk;

    #[test]
    fn makes_what_is_missing_and_refuses_a_file_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        OsDisk.create_dir_all(&deep).unwrap();
        OsDisk.create_dir_all(&deep).unwrap();
        write_file(&OsDisk, &deep.join("x"), b"1").unwrap();
        write_file(&OsDisk, &deep.join("x"), b"2").unwrap();
        assert_eq!(fs::read(deep.join("x")).unwrap(), b"2");
        assert_eq!(fs::read_dir(&deep).unwrap().count(), 1);
        assert!(OsDisk.create_dir_all(&deep.join("x/y")).is_err());
    }

    #[test]
    fn what_cannot_be_put_in_place_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("x")).unwrap();
        assert!(write_file(&OsDisk, &dir.path().join("x"), b"1").is_err(), "a directory is there");
        assert_eq!(OsDisk.list(dir.path()).unwrap(), ["x"]);
        remove_if_there(&OsDisk, &dir.path().join("y")).unwrap();
        fs::write(dir.path().join("x/z"), b"").unwrap();
        remove_tree(&OsDisk, &dir.path().join("x")).unwrap();
        remove_tree(&OsDisk, &dir.path().join("x")).unwrap();
        assert!(OsDisk.list(dir.path()).unwrap().is_empty());
    }
}
