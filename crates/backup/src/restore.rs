//! Bringing a backup back.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::Progress;
use crate::copy::{Told, sync_dirs};
use crate::digest::Digesting;
use crate::error::Error;
use crate::manifest::{self, Entry, Manifest};
use crate::target::Target;

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The name of the backup.
    pub name: String,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Writes the files of a backup, the newest one without a name, into a directory that is empty or not there; `place_of`
/// tells where in it a section goes, `None` for one that is not known. Every content is checked against its digest, and
/// everything is durable when this returns.
///
/// # Errors
/// When there is no such backup, the directory is not empty, something is damaged, or files cannot be written. What was
/// written until then stays.
pub fn restore(
    target: &dyn Target,
    name: Option<&str>,
    dir: &Path,
    place_of: &dyn Fn(&str) -> Option<PathBuf>,
    mut progress: Progress<'_>,
) -> Result<Restored, Error> {
    let manifest = match name {
        Some(name) => manifest::load(target, name)?,
        None => manifest::newest(target)?.ok_or_else(|| Error::Missing(String::new()))?,
    };
    check_empty(dir)?;
    let places = places(&manifest, dir, place_of)?;
    fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
    let (mut done, total) = (0, manifest.bytes());
    for (entry, path) in manifest.entries.iter().zip(&places) {
        write(target, entry, path, &mut done, total, &mut progress)?;
    }
    for path in &places {
        let parent = path.parent().unwrap_or(dir);
        sync_dirs(dir, parent).map_err(Error::io("sync", parent))?;
    }
    Ok(Restored { name: manifest.name, files: places.len() as u64, bytes: total })
}

fn check_empty(dir: &Path) -> Result<(), Error> {
    match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        entries => match entries.map_err(Error::io("list", dir))?.next() {
            None => Ok(()),
            Some(_) => Err(Error::NotEmpty(dir.display().to_string())),
        },
    }
}

/// Where each file goes. A section that this version does not know is no reason to lose the others silently.
fn places(manifest: &Manifest, dir: &Path, place_of: &dyn Fn(&str) -> Option<PathBuf>) -> Result<Vec<PathBuf>, Error> {
    let place = |entry: &Entry| {
        let place = place_of(&entry.section);
        let unknown =
            || Error::corrupt(&manifest.name, format!("section {} is not known to this version", entry.section));
        Ok(dir.join(place.ok_or_else(unknown)?).join(&entry.name))
    };
    manifest.entries.iter().map(place).collect()
}

fn write(
    target: &dyn Target,
    entry: &Entry,
    path: &Path,
    done: &mut u64,
    total: u64,
    progress: &mut Progress<'_>,
) -> Result<(), Error> {
    let key = entry.key();
    let content = target.open(&key).map_err(Error::of_key("open", &key))?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    let mut file = File::create_new(path).map_err(Error::io("create", path))?;
    let mut content = Digesting::new(content);
    let told = Told { inner: &mut content, done, total, progress };
    let mut told = io::BufReader::with_capacity(1 << 20, told);
    io::copy(&mut told, &mut file).map_err(Error::of_key("copy", &key))?;
    drop(told);
    if (content.bytes, content.digest()) != (entry.bytes, entry.digest) {
        return Err(Error::corrupt(&key, format!("it is not what {} had when it was backed up", entry.name)));
    }
    file.flush().and_then(|()| file.sync_all()).map_err(Error::io("sync", path))
}
