//! What stands on a simulated disk, and what of it would survive a power cut.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A disk writes that many bytes as one.
const SECTOR_BYTES: usize = 512;

/// All files of a disk.
#[derive(Debug, Default)]
pub(super) struct Journal {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    /// Changes from `durable_names` to `names`, oldest first.
    changes: Vec<NameChange>,
}

/// A change of names that happens as a whole.
#[derive(Clone, Debug)]
pub(super) enum NameChange {
    /// A new directory.
    Dir(PathBuf),
    /// What the names of files stand for now.
    Files(BTreeMap<PathBuf, Option<u64>>),
}

/// The bytes of a file, whatever its name is.
#[derive(Debug, Default)]
pub(super) struct Inode {
    durable: Vec<u8>,
    edits: Vec<Edit>,
    len_bytes: u64,
}

#[derive(Debug)]
enum Edit {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, written) => {
                let (start, end) = (*offset as usize, *offset as usize + written.len());
                bytes.resize(bytes.len().max(end), 0);
                bytes[start..end].copy_from_slice(written);
            }
            Self::SetLen(len) => bytes.resize(*len as usize, 0),
        }
    }
}

impl Inode {
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.len_bytes = self.len_bytes.max(offset + bytes.len() as u64);
        self.edits.push(Edit::Write(offset, bytes.to_vec()));
    }

    pub(super) fn set_len(&mut self, bytes: u64) {
        self.len_bytes = bytes;
        self.edits.push(Edit::SetLen(bytes));
    }

    pub(super) fn sync(&mut self) {
        let edits = std::mem::take(&mut self.edits);
        edits.iter().for_each(|edit| edit.apply(&mut self.durable));
    }

    /// The bytes after a power cut.
    fn survivors(&self, loss: Loss, chance: &mut Chance) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for edit in loss.keep(&self.edits, chance) {
            match edit {
                Edit::Write(offset, written) if loss == Loss::Any => {
                    // Some sectors came to the disk; what was to lie behind a missing one reads as zeros.
                    for (place, sector) in written.chunks(SECTOR_BYTES).enumerate() {
                        if chance.below(2) == 0 {
                            Edit::Write(offset + (place * SECTOR_BYTES) as u64, sector.to_vec()).apply(&mut bytes);
                        }
                    }
                }
                edit => edit.apply(&mut bytes),
            }
        }
        bytes
    }
}

/// What a power cut does to changes that no sync has made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Nothing,
    Everything,
    Latest,
    Any,
}

impl Loss {
    /// The changes that survive, in order.
    fn keep<'a, T>(self, changes: &'a [T], chance: &mut Chance) -> Vec<&'a T> {
        match self {
            Self::Nothing => changes.iter().collect(),
            Self::Everything => Vec::new(),
            Self::Latest => changes[..chance.below(changes.len() as u64 + 1) as usize].iter().collect(),
            Self::Any => changes.iter().filter(|_| chance.below(2) == 0).collect(),
        }
    }
}

impl Journal {
    /// Takes all files under a directory as durable.
    pub(super) fn adopt(&mut self, dir: &Path) -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                self.adopt(&path)?;
                continue;
            }
            let durable = fs::read(&path)?;
            let inode = Inode { len_bytes: durable.len() as u64, durable, edits: Vec::new() };
            let number = self.add_inode(inode);
            self.names.insert(path.clone(), number);
            self.durable_names.insert(path, number);
        }
        Ok(())
    }

    fn add_inode(&mut self, inode: Inode) -> u64 {
        let number = self.inodes.last_key_value().map_or(0, |(last, _)| last + 1);
        self.inodes.insert(number, inode);
        number
    }

    /// A new empty file.
    pub(super) fn add(&mut self, path: &Path) -> u64 {
        let inode = self.add_inode(Inode::default());
        self.change(NameChange::Files(BTreeMap::from([(path.to_owned(), Some(inode))])));
        inode
    }

    pub(super) fn inode_of(&self, path: &Path) -> Option<u64> {
        self.names.get(path).copied()
    }

    pub(super) fn edit(&mut self, inode: u64, edit: impl FnOnce(&mut Inode)) {
        // A file that has no name any more is of no interest.
        if let Some(inode) = self.inodes.get_mut(&inode) {
            edit(inode);
        }
    }

    pub(super) fn used_bytes(&self) -> u64 {
        let named = |number: &&u64| self.names.values().any(|other| other == *number);
        let numbers = self.inodes.keys().filter(named);
        numbers.filter_map(|number| self.inodes.get(number)).map(|inode| inode.len_bytes).sum()
    }

    pub(super) fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    /// A directory's new name is durable at once: nothing depends on when it is.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) {
        if let Some(inode) = self.inode_of(from) {
            let names = BTreeMap::from([(from.to_owned(), None), (to.to_owned(), Some(inode))]);
            return self.change(NameChange::Files(names));
        }
        let moved = |path: &Path| path.strip_prefix(from).map_or_else(|_| path.to_owned(), |rest| to.join(rest));
        for names in [&mut self.names, &mut self.durable_names] {
            *names = std::mem::take(names).into_iter().map(|(path, inode)| (moved(&path), inode)).collect();
        }
        for change in &mut self.changes {
            match change {
                NameChange::Dir(dir) => *dir = moved(dir),
                NameChange::Files(names) => {
                    *names = std::mem::take(names).into_iter().map(|(path, inode)| (moved(&path), inode)).collect();
                }
            }
        }
    }

    /// It is gone at once: nothing depends on when it is.
    pub(super) fn remove_dir(&mut self, dir: &Path) {
        self.names.retain(|path, _| !path.starts_with(dir));
        self.durable_names.retain(|path, _| !path.starts_with(dir));
        self.changes.retain(|change| !change.is_below(dir));
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) {
        let (synced, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.changes).into_iter().partition(|change| change.is_in(dir));
        synced.iter().for_each(|change| change.apply(&mut self.durable_names));
        self.changes = others;
        // What can come back in no way needs no memory.
        let alive = |number: &u64| {
            let named = |names: &BTreeMap<PathBuf, u64>| names.values().any(|other| other == number);
            named(&self.names) || named(&self.durable_names) || self.changes.iter().any(|change| change.names(*number))
        };
        let dead: Vec<u64> = self.inodes.keys().filter(|number| !alive(number)).copied().collect();
        dead.iter().for_each(|number| _ = self.inodes.remove(number));
    }

    /// Brings the real files to a state that a power cut may leave.
    pub(super) fn lose(&mut self, seed: u64) -> io::Result<()> {
        let mut chance = Chance(seed);
        let kinds = [Loss::Nothing, Loss::Everything, Loss::Latest, Loss::Any];
        let loss = kinds[chance.below(kinds.len() as u64) as usize];
        let mut left = self.durable_names.clone();
        let kept = loss.keep(&self.changes, &mut chance);
        kept.iter().for_each(|change| change.apply(&mut left));
        let made = |dir: &Path| kept.iter().any(|change| matches!(change, NameChange::Dir(made) if made == dir));
        let lost_dirs: Vec<_> = self.changes.iter().filter_map(NameChange::dir).filter(|dir| !made(dir)).collect();
        left.retain(|path, _| !lost_dirs.iter().any(|dir| path.starts_with(dir)));
        let contents: BTreeMap<u64, Vec<u8>> =
            self.inodes.iter().map(|(number, inode)| (*number, inode.survivors(loss, &mut chance))).collect();
        let unsynced = |number: &u64| self.inodes.get(number).is_some_and(|inode| !inode.edits.is_empty());
        for path in self.names.keys() {
            let (before, after) = (self.names.get(path), left.get(path));
            if path.exists() && (before != after || before.is_some_and(unsynced)) {
                fs::remove_file(path)?;
            }
        }
        for (path, number) in &left {
            if let Some(content) = contents.get(number).filter(|_| !path.exists()) {
                fs::write(path, content)?;
            }
        }
        lost_dirs.iter().filter(|dir| dir.is_dir()).try_for_each(fs::remove_dir_all)
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        let Self::Files(changed) = self else { return };
        for (path, inode) in changed {
            match inode {
                Some(inode) => _ = names.insert(path.clone(), *inode),
                None => _ = names.remove(path),
            }
        }
    }

    fn dir(&self) -> Option<&PathBuf> {
        match self {
            Self::Dir(dir) => Some(dir),
            Self::Files(_) => None,
        }
    }

    fn is_in(&self, dir: &Path) -> bool {
        match self {
            Self::Dir(made) => made.parent() == Some(dir),
            Self::Files(names) => names.keys().any(|path| path.parent() == Some(dir)),
        }
    }

    fn is_below(&self, dir: &Path) -> bool {
        match self {
            Self::Dir(made) => made.starts_with(dir),
            Self::Files(names) => names.keys().all(|path| path.starts_with(dir)),
        }
    }

    fn names(&self, inode: u64) -> bool {
        matches!(self, Self::Files(names) if names.values().any(|named| *named == Some(inode)))
    }
}

/// SplitMix64: the same seed, the same loss.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}
