//! Joining: whose bucket it is, and what it has that the disk does not know of.
//!
//! The bucket has one owner: the data directory whose mark it carries. An empty directory takes over a bucket with blocks;
//! one with blocks of its own does not, as flush numbers of both would mean different things. Who finds another mark sends
//! and deletes nothing more.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bongsu_block::FOOTER_BYTES;
use bongsu_bucket::Object;
use bongsu_model::TenantId;

use super::remote::names_with_end;
use super::send::SMALL_FILES;
use super::stub::{GONE, STUB, State, Stub};
use super::{Tier, block_key, in_parallel, key};
use crate::blocks::BlockName;
use crate::error::Error;
use crate::offline::is_sound;
use crate::store::Inner;
use crate::tenant::Tenant;

/// How often the mark is looked at.
pub(super) const OWNER_CHECK: Duration = Duration::from_secs(60);
/// The object with the owner's mark, and the file with the directory's own.
const OWNER: &str = "owner";
pub(super) const OWNER_FILE: &str = "bucket";
/// In that file, while the directory takes in what the bucket has.
const JOINING: &str = "joining ";
/// Where a tenant's directory is made; it moves to its place when it has all small files.
const JOINING_DIR: &str = "joining";
/// Bytes that are not what they were may have been damaged on their way.
const ATTEMPTS: u32 = 4;
const MARK_BYTES_MAX: u64 = 1024;
/// A small file of a tenant has at most so many bytes; see the files' own bounds.
const SMALL_FILE_BYTES_MAX: u64 = 256 << 20;

impl Tier {
    /// Whether the directory has ever taken in what this bucket has.
    fn has_joined_before(&self) -> Result<bool, Error> {
        Ok(self.own_mark()?.is_some_and(|mark| mark.is_joined))
    }

    fn mark_path(&self) -> PathBuf {
        self.dir.join(OWNER_FILE)
    }

    /// The directory's mark; it holds for the bucket that it names.
    fn own_mark(&self) -> Result<Option<Mark>, Error> {
        match std::fs::read_to_string(self.mark_path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &self.mark_path())(error)),
            Ok(text) => match Mark::parse(text.trim_end()) {
                Some((mark, name)) if name == self.bucket().name() => Ok(Some(mark)),
                _ => Err(self.refuse(&format!(
                    "{} says that this data directory belongs to another bucket: {}; blocks may be only there",
                    self.mark_path().display(),
                    text.trim_end()
                ))),
            },
        }
    }

    fn owner(&self) -> Result<Option<String>, Error> {
        let mark = self.bucket().get(OWNER, MARK_BYTES_MAX)?;
        Ok(mark.map(|mark| String::from_utf8_lossy(&mark).trim_end().to_owned()))
    }

    fn refuse(&self, why: &str) -> Error {
        Error::NotOwner { bucket: self.bucket().name().to_owned(), reason: why.to_owned() }
    }

    /// Fails when the bucket is not this directory's any more.
    pub(super) fn check_owner(&self) -> Result<(), Error> {
        let (own, owner) = (self.own_mark()?, self.owner()?);
        if own.is_some() && own.map(|mark| mark.text) == owner {
            return Ok(());
        }
        self.is_joined.store(false, Ordering::Relaxed);
        Err(self.refuse(match owner {
            Some(_) => "another data directory has taken it over; nothing is sent or deleted",
            None => "its object \"owner\" is gone: was it emptied? Nothing is sent or deleted",
        }))
    }

    /// Makes the bucket this directory's, if it may be.
    fn take_over(&self, is_empty: bool, has_objects: bool) -> Result<(), Error> {
        let own = self.own_mark()?;
        if own.is_some() {
            return self.check_owner();
        }
        if has_objects && !is_empty {
            return Err(self.refuse(
                "it has blocks of another data directory, and this one has tenants of its own; use another prefix, or an empty data \
                 directory, which takes over what is there",
            ));
        }
        let mark = Mark { text: format!("{:016x}", RandomState::new().build_hasher().finish()), is_joined: false };
        self.bucket().put(OWNER, mark.text.as_bytes())?;
        self.write_mark(&mark)
    }

    fn write_mark(&self, mark: &Mark) -> Result<(), Error> {
        let joining = if mark.is_joined { "" } else { JOINING };
        let text = format!("{} {joining}{}\n", mark.text, self.bucket().name());
        self.files.write_file(&self.mark_path(), text.as_bytes())
    }

    /// What the bucket has is known here. A start before that, as after a crash, does not go on without the bucket.
    fn note_joined(&self) -> Result<(), Error> {
        match self.own_mark()? {
            Some(mark) if !mark.is_joined => self.write_mark(&Mark { is_joined: true, ..mark }),
            _ => Ok(()),
        }
    }
}

/// What a data directory says of its bucket.
struct Mark {
    text: String,
    /// All that the bucket had was taken in.
    is_joined: bool,
}

impl Mark {
    /// The mark, and the name of the bucket.
    fn parse(text: &str) -> Option<(Self, &str)> {
        let (mark, rest) = text.split_once(' ')?;
        let name = rest.strip_prefix(JOINING);
        Some((Self { text: mark.to_owned(), is_joined: name.is_none() }, name.unwrap_or(rest)))
    }
}

impl Inner {
    /// Opens what is only in the bucket. A directory that has the bucket's mark knows that by its stubs, so that its start
    /// does not wait for the bucket. One that has not cannot begin without: it would give numbers to flushes that the bucket
    /// has already. Returns the highest number.
    pub(crate) fn open_tier(&self, damaged: &mut Vec<String>) -> Result<Option<u64>, Error> {
        let last_flush = self.open_far_blocks(damaged)?;
        let Some(tier) = &self.tier else { return Ok(last_flush) };
        let last_flush = last_flush.max(tier.last_flush_gone(&self.files)?);
        if !tier.has_joined_before()? {
            self.join_bucket(tier)?;
        }
        Ok(last_flush)
    }

    /// Makes sure that the bucket is this store's, and adds what only the bucket has.
    pub(super) fn join_bucket(&self, tier: &Tier) -> Result<(), Error> {
        let objects: Vec<Object> = tier.bucket().list()?;
        let is_empty = self.tenants.all().is_empty();
        tier.take_over(is_empty, objects.iter().any(|object| object.key != OWNER))?;
        let mut by_tenant: BTreeMap<TenantId, Vec<(BlockName, u64)>> = BTreeMap::new();
        for object in &objects {
            let parts = object.key.strip_prefix("tenants/").and_then(|rest| rest.split_once('/'));
            let Some((Ok(id), file)) = parts.map(|(id, file)| (TenantId::parse(id), file)) else { continue };
            let blocks = by_tenant.entry(id).or_default();
            blocks.extend(BlockName::parse(file).map(|name| (name, object.size_bytes)));
        }
        // Numbers that the bucket has are not used again, also when the disk is an older copy.
        let names = by_tenant.values().flatten().map(|(name, _)| name.last_flush);
        names.max().into_iter().for_each(|last| self.flushing.lock().pass(last));
        for (id, listed) in &by_tenant {
            self.join_tenant(tier, id, listed)?;
        }
        for tenant in self.tenants.all() {
            let listed = by_tenant.get(&tenant.id).map_or(&[][..], Vec::as_slice);
            self.doubt(&tenant, |name| listed.iter().find(|(other, _)| *other == name).map(|(_, bytes)| *bytes));
        }
        tier.note_joined()?;
        tier.is_joined.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn join_tenant(&self, tier: &Tier, id: &TenantId, listed: &[(BlockName, u64)]) -> Result<(), Error> {
        let mut known: HashSet<String> = tier.gone_of(id)?.iter().map(ToString::to_string).collect();
        let is_unknown = self.tenants.get(id).is_none();
        if is_unknown && tier.was_deleted(id) && listed.iter().all(|(name, _)| known.contains(&name.to_string())) {
            return Ok(());
        }
        let tenant = self.open_from_bucket(tier, id)?;
        for end in ["", STUB, GONE] {
            known.extend(names_with_end(&tenant.dir, end)?.iter().map(ToString::to_string));
        }
        let unknown: Vec<_> = listed.iter().filter(|(name, _)| !known.contains(&name.to_string())).collect();
        let stubs = in_parallel(tier.parallel(), &unknown, |(name, size_bytes)| {
            let is_sound = |stub: &Stub| self.open_far(&tenant, *name, stub).is_ok();
            read_until_sound(|| read_stub(tier, &tenant, *name, *size_bytes), is_sound)
        });
        let mut found = Vec::new();
        for ((name, _), stub) in unknown.iter().zip(stubs) {
            let stub = stub?;
            match self.open_far(&tenant, *name, &stub) {
                Ok(block) => {
                    stub.write(&self.files, &block.path)?;
                    found.push(block);
                }
                // Damaged there, or of a later version: it takes no part.
                Err(Error::Block(_)) => self.leave_alone(&tenant, *name),
                Err(error) => return Err(error),
            }
        }
        self.add_blocks(&tenant, found)
    }

    /// The tenant; of one that the disk has nothing of, the small files come first.
    fn open_from_bucket(&self, tier: &Tier, id: &TenantId) -> Result<Arc<Tenant>, Error> {
        let dir = self.options.dir.join("tenants").join(id.as_str());
        if !dir.is_dir() && self.tenants.get(id).is_none() {
            // All of them or none: without its deletions what they deleted would be back.
            let half = self.options.dir.join(JOINING_DIR);
            self.files.remove_tree(&half)?;
            self.files.create_dir_all(&half)?;
            for file in SMALL_FILES {
                if let Some(content) = read_small_file(tier, id, file)? {
                    self.files.write_file(&half.join(file), &content)?;
                }
            }
            self.files.rename(&half, &dir)?;
            self.files.sync_dir(&self.options.dir.join("tenants"))?;
        }
        Ok(self.tenants.open(id, self.options.limits_of(id), &mut Vec::new())?.0)
    }
}

/// Reads something again when it came damaged. What is damaged in the bucket comes the same way twice, and is taken as it is.
fn read_until_sound<T: PartialEq>(
    read: impl Fn() -> Result<T, Error>,
    is_sound: impl Fn(&T) -> bool,
) -> Result<T, Error> {
    let mut last = read()?;
    for _ in 1..ATTEMPTS {
        if is_sound(&last) {
            return Ok(last);
        }
        let again = read()?;
        if again == last {
            return Ok(last);
        }
        last = again;
    }
    if is_sound(&last) {
        return Ok(last);
    }
    let text = "what is read from the bucket is damaged, each time in another way";
    Err(bongsu_bucket::Error::new(bongsu_bucket::ErrorKind::Corrupt, text).into())
}

/// A small file; when it is damaged in the bucket, who opens it tells.
fn read_small_file(tier: &Tier, id: &TenantId, file: &str) -> Result<Option<Vec<u8>>, Error> {
    let read = || Ok(tier.bucket().get(&key(id, file), SMALL_FILE_BYTES_MAX)?.map(|content| content.to_vec()));
    read_until_sound(read, |content| content.as_deref().is_none_or(|content| is_sound(file, content)))
}

/// What the end of an object says of its block.
fn read_stub(tier: &Tier, tenant: &Tenant, name: BlockName, size_bytes: u64) -> Result<Stub, Error> {
    let start = size_bytes.saturating_sub(FOOTER_BYTES as u64);
    let footer = tier.bucket().get_range(&block_key(&tenant.id, name), start..size_bytes)?;
    Ok(Stub { state: State::Copied, size_bytes, footer: footer.to_vec() })
}
