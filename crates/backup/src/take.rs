//! Taking a backup.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Cursor};
use std::path::PathBuf;

use crate::Progress;
use crate::copy::{Source, Told, sources};
use crate::digest::Digesting;
use crate::error::Error;
use crate::manifest::{self, Entry, Manifest, object_key};
use crate::target::Target;

/// A part of the whole: a name, and the directory whose files belong to it.
#[derive(Clone, Debug)]
pub struct Section {
    /// One word.
    pub name: &'static str,
    /// Where its files are. One that is not there has none.
    pub dir: PathBuf,
}

/// What a backup did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its name in the target.
    pub name: String,
    /// Files of the backup.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were copied now: the target had not got their content.
    pub copied_files: u64,
    /// Their bytes.
    pub copied_bytes: u64,
}

/// Puts the files of all sections into the target, as a backup of this name. It is there once its manifest is, which comes
/// last; what was copied by one that was cut short is used by the next.
///
/// # Errors
/// When a file cannot be read, or the target not be written.
pub fn take(target: &dyn Target, name: &str, sections: &[Section], mut progress: Progress<'_>) -> Result<Taken, Error> {
    // Without a readable backup before this one, all files are read: that costs time only.
    let before = manifest::newest(target).ok().flatten().unwrap_or_default();
    let known: HashMap<(&str, &str), &Entry> =
        before.entries.iter().map(|entry| ((entry.section.as_str(), entry.name.as_str()), entry)).collect();
    let keys = target.list("objects/").map_err(Error::of_key("list", "objects/"))?;
    let mut work = Work { target, held: keys.into_iter().collect(), done: 0, total: 0, copied: (0, 0) };
    let mut found = Vec::new();
    for section in sections {
        found.extend(sources(&section.dir)?.into_iter().map(|source| (section.name, source)));
    }
    work.total = found.iter().map(|(_, source)| source.bytes).sum();
    let mut manifest = Manifest { name: name.to_owned(), entries: Vec::new() };
    for (section, source) in &found {
        let entry = match known.get(&(*section, source.name.as_str())) {
            Some(entry) if work.is_unchanged(entry, source) => {
                work.done += source.bytes;
                progress(work.done, work.total);
                (*entry).clone()
            }
            _ => work.copy(section, source, &mut progress)?,
        };
        manifest.entries.push(entry);
    }
    target
        .put(&manifest.key(), &mut Cursor::new(manifest.encode()))
        .map_err(Error::of_key("write", &manifest.key()))?;
    let (copied_files, copied_bytes) = work.copied;
    let (files, bytes) = (manifest.entries.len() as u64, manifest.bytes());
    Ok(Taken { name: name.to_owned(), files, bytes, copied_files, copied_bytes })
}

struct Work<'t> {
    target: &'t dyn Target,
    /// Names of the contents that the target has.
    held: HashSet<String>,
    done: u64,
    total: u64,
    copied: (u64, u64),
}

impl Work<'_> {
    /// A block never changes under its name but by being written anew, which its time tells.
    fn is_unchanged(&self, entry: &Entry, source: &Source) -> bool {
        (entry.bytes, entry.modified_ns) == (source.bytes, source.modified_ns) && self.held.contains(&entry.key())
    }

    fn copy(&mut self, section: &str, source: &Source, progress: &mut Progress<'_>) -> Result<Entry, Error> {
        let open = || File::open(&source.path).map_err(Error::io("open", &source.path));
        let mut digesting = Digesting::new(open()?);
        let told = Told { inner: &mut digesting, done: &mut self.done, total: self.total, progress };
        let mut told = io::BufReader::with_capacity(1 << 20, told);
        io::copy(&mut told, &mut io::sink()).map_err(Error::io("read", &source.path))?;
        drop(told);
        let (digest, bytes) = (digesting.digest(), digesting.bytes);
        let key = object_key(digest);
        if !self.held.contains(&key) {
            // Read once more: what goes to the target is checked against the digest when it comes back.
            self.target.put(&key, &mut open()?).map_err(Error::of_key("write", &key))?;
            self.held.insert(key);
            self.copied = (self.copied.0 + 1, self.copied.1 + bytes);
        }
        let (section, name) = (section.to_owned(), source.name.clone());
        Ok(Entry { section, name, bytes, modified_ns: source.modified_ns, digest })
    }
}
