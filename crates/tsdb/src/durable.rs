//! Directories and small files that are still there after a power cut.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::error::Error;

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", dir))
}

/// Makes a directory and those above it, each durable; what is there already stays as it is.
pub(crate) fn create_dir_all(dir: &Path) -> Result<(), Error> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_dir_all(parent)?;
    }
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !dir.is_dir() => {
            Err(Error::io("create", dir)(error))
        }
        _ => sync_dir(parent.unwrap_or(Path::new("."))),
    }
}

/// Puts a file in place as a whole, durably: what is at `path` is the old content or the new one. Its directory is there.
pub(crate) fn write_file(path: &Path, content: &[u8]) -> Result<(), Error> {
    let temporary = path.with_extension("tmp");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(Error::io("write", path))?;
    path.parent().map_or(Ok(()), sync_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_what_is_missing_and_refuses_a_file_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        create_dir_all(&deep).unwrap();
        create_dir_all(&deep).unwrap();
        write_file(&deep.join("x"), b"1").unwrap();
        write_file(&deep.join("x"), b"2").unwrap();
        assert_eq!(fs::read(deep.join("x")).unwrap(), b"2");
        assert_eq!(fs::read_dir(&deep).unwrap().count(), 1);
        assert!(create_dir_all(&deep.join("x/y")).is_err());
    }
}
