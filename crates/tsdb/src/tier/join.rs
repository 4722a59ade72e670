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
use crate::store::Inner;
use crate::tenant::Tenant;

/// How often the mark is looked at.
pub(super) const OWNER_CHECK: Duration = Duration::from_secs(60);
/// The object with the owner's mark, and the file with the directory's own.
const OWNER: &str = "owner";
pub(super) const OWNER_FILE: &str = "bucket";
const MARK_BYTES_MAX: u64 = 1024;
/// A small file of a tenant has at most so many bytes; see the files' own bounds.
const SMALL_FILE_BYTES_MAX: u64 = 256 << 20;

impl Tier {
    /// Whether the directory has ever been the owner of this bucket.
    fn has_joined_before(&self) -> Result<bool, Error> {
        Ok(self.own_mark()?.is_some())
    }

    fn mark_path(&self) -> PathBuf {
        self.dir.join(OWNER_FILE)
    }

    /// The directory's mark; it holds for the bucket that it names.
    fn own_mark(&self) -> Result<Option<String>, Error> {
        match std::fs::read_to_string(self.mark_path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &self.mark_path())(error)),
            Ok(text) => match text.trim_end().split_once(' ') {
                Some((mark, name)) if name == self.bucket().name() => Ok(Some(mark.to_owned())),
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
        if own.is_some() && own == owner {
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
                "it has blocks of another data directory, and this one has blocks, too; use another prefix, or an empty data \
                 directory, which takes over what is there",
            ));
        }
        let mark = format!("{:016x}", RandomState::new().build_hasher().finish());
        self.bucket().put(OWNER, mark.as_bytes())?;
        self.files.write_file(&self.mark_path(), format!("{mark} {}\n", self.bucket().name()).as_bytes())
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
        let is_empty = self.tenants.all().iter().all(|tenant| tenant.state.read().blocks.is_empty());
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
        let stubs = in_parallel(&unknown, |(name, size_bytes)| read_stub(tier, &tenant, *name, *size_bytes));
        let mut found = Vec::new();
        for ((name, _), stub) in unknown.iter().zip(stubs) {
            match self.take_in(&tenant, *name, stub?) {
                Ok(block) => found.push(block),
                // Damaged there, or of a later version: it takes no part.
                Err(Error::Block(_)) => self.leave_alone(&tenant, *name),
                Err(error) => return Err(error),
            }
        }
        self.add_blocks(&tenant, found)
    }

    fn take_in(&self, tenant: &Tenant, name: BlockName, stub: Stub) -> Result<Arc<crate::blocks::StoredBlock>, Error> {
        let block = self.open_far(tenant, name, &stub)?;
        stub.write(&self.files, &tenant.dir.join(name.to_string()))?;
        Ok(block)
    }

    /// The tenant; of one that the disk has nothing of, the small files come first.
    fn open_from_bucket(&self, tier: &Tier, id: &TenantId) -> Result<Arc<Tenant>, Error> {
        let dir = self.options.dir.join("tenants").join(id.as_str());
        if !dir.is_dir() && self.tenants.get(id).is_none() {
            self.files.create_dir_all(&dir)?;
            for file in SMALL_FILES {
                if let Some(content) = tier.bucket().get(&key(id, file), SMALL_FILE_BYTES_MAX)? {
                    self.files.write_file(&dir.join(file), &content)?;
                }
            }
        }
        Ok(self.tenants.open(id, self.options.limits_of(id), &mut Vec::new())?.0)
    }
}

/// What the end of an object says of its block.
fn read_stub(tier: &Tier, tenant: &Tenant, name: BlockName, size_bytes: u64) -> Result<Stub, Error> {
    let start = size_bytes.saturating_sub(FOOTER_BYTES as u64);
    let footer = tier.bucket().get_range(&block_key(&tenant.id, name), start..size_bytes)?;
    Ok(Stub { state: State::Copied, size_bytes, footer: footer.to_vec() })
}
