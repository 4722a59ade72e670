//! Where backups are kept.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A place for contents with names such as `objects/ab/ab12…`: a folder, or later a bucket.
pub trait Target {
    /// Puts a content in place, whole and durable or not at all.
    ///
    /// # Errors
    /// Those of the system, as for all methods here.
    fn put(&self, key: &str, content: &mut dyn Read) -> io::Result<()>;

    /// The content of a name.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is none; those of the system.
    fn open(&self, key: &str) -> io::Result<Box<dyn Read>>;

    /// All names below one, which ends in `/`, sorted.
    ///
    /// # Errors
    /// Those of the system.
    fn list(&self, prefix: &str) -> io::Result<Vec<String>>;

    /// Deletes a content; one that is not there is fine.
    ///
    /// # Errors
    /// Those of the system.
    fn delete(&self, key: &str) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Debug)]
pub struct Folder {
    dir: PathBuf,
    /// Names of files on their way.
    next: AtomicU64,
}

impl Folder {
    /// A folder, made when something is put there.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), next: AtomicU64::new(0) }
    }

    fn temporary(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.dir.join("tmp").join(format!("{}-{number}", std::process::id()))
    }
}

impl Target for Folder {
    fn put(&self, key: &str, content: &mut dyn Read) -> io::Result<()> {
        let (path, temporary) = (self.dir.join(key), self.temporary());
        let parent = path.parent().unwrap_or(&self.dir);
        fs::create_dir_all(parent)?;
        fs::create_dir_all(self.dir.join("tmp"))?;
        let write = || {
            let mut file = File::create(&temporary)?;
            io::copy(content, &mut file)?;
            file.flush()?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(parent)?.sync_all()
        };
        let mut write = write;
        write().inspect_err(|_| _ = fs::remove_file(&temporary))
    }

    fn open(&self, key: &str) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(File::open(self.dir.join(key))?))
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        let mut keys = Vec::new();
        collect(&self.dir.join(prefix), prefix.trim_end_matches('/'), &mut keys)?;
        keys.sort();
        Ok(keys)
    }

    fn delete(&self, key: &str) -> io::Result<()> {
        match fs::remove_file(self.dir.join(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn collect(dir: &Path, prefix: &str, keys: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        // What is not UTF-8 is not ours.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let key = format!("{prefix}/{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &key, keys)?;
        } else {
            keys.push(key);
        }
    }
    Ok(())
}
