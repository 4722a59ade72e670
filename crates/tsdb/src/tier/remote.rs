//! Blocks that are only in the bucket, as blocks of the store.

use std::path::Path;
use std::sync::Arc;

use bongsu_block::Block;
use bongsu_model::TenantId;

use super::far::{Cache, FarFile, Kept};
use super::stub::{STUB, State, Stub};
use super::{Tier, block_key};
use crate::blocks::{self, BlockName, StoredBlock};
use crate::error::Error;
use crate::store::Inner;
use crate::tenant::Tenant;

/// Opens a block that a stub speaks of.
pub(super) fn open(
    tier: Option<&Tier>,
    cache: &Arc<Cache>,
    tenant: (&TenantId, &Path),
    name: BlockName,
    stub: &Stub,
) -> Result<Arc<StoredBlock>, bongsu_block::Error> {
    let (id, dir) = tenant;
    let path = dir.join(name.to_string());
    let kept = Kept::new(cache);
    let bucket = tier.map(|tier| Arc::clone(&tier.options.bucket));
    let file = FarFile { bucket, key: block_key(id, name), kept: Arc::clone(&kept) };
    let block = Block::open_remote(&path, stub.size_bytes, &stub.footer, Box::new(file))?;
    Ok(StoredBlock::new(name, path, block, true, Some(kept)))
}

/// Names of files of a tenant's directory that end so, as names of blocks.
pub(super) fn names_with_end(dir: &Path, end: &str) -> Result<Vec<BlockName>, Error> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("list", dir))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let file_name = entry.map_err(Error::io("list", dir))?.file_name();
        let name = file_name.to_str().and_then(|name| name.strip_suffix(end)).and_then(BlockName::parse);
        names.extend(name);
    }
    // The system lists them in any order; what is done with them should not hang on it.
    names.sort_by_key(|name| (name.last_flush, name.partition, name.first_flush, name.resolution_secs));
    Ok(names)
}

impl Inner {
    /// Adds the blocks that are only in the bucket to those of the disk. Returns the highest number of a flush among all
    /// that the bucket was sent.
    pub(crate) fn open_far_blocks(&self, damaged: &mut Vec<String>) -> Result<Option<u64>, Error> {
        let mut last_flush = None;
        for tenant in self.tenants.all() {
            for end in [STUB, super::stub::GONE] {
                let names = names_with_end(&tenant.dir, end)?;
                last_flush = last_flush.max(names.iter().map(|name| name.last_flush).max());
            }
            let mut found = Vec::new();
            for name in names_with_end(&tenant.dir, STUB)? {
                let path = tenant.dir.join(name.to_string());
                match Stub::read(&path) {
                    None => {
                        // The bucket's own list says what is there.
                        damaged.push(format!("{}: no stub of a block", super::stub::path(&path).display()));
                        self.files.remove(&super::stub::path(&path))?;
                    }
                    Some(stub) if stub.state == State::Copied && !path.exists() => {
                        found.extend(self.open_far(&tenant, name, &stub).inspect_err(|error| {
                            damaged.push(format!("of a block that is only in the bucket: {error}"));
                            self.leave_alone(&tenant, name);
                        }));
                    }
                    Some(_) => {}
                }
            }
            self.add_blocks(&tenant, found)?;
        }
        Ok(last_flush)
    }

    /// Keeps the object of a block that cannot be read now, as one of a later version.
    pub(super) fn leave_alone(&self, tenant: &Tenant, name: BlockName) {
        if let Some(tier) = &self.tier {
            tier.unreadable.lock().insert(block_key(&tenant.id, name));
        }
    }

    /// A far block of a tenant.
    pub(super) fn open_far(&self, tenant: &Tenant, name: BlockName, stub: &Stub) -> Result<Arc<StoredBlock>, Error> {
        let nowhere = || Arc::new(Cache::new(self.options.dir.join("cache"), 0));
        let cache = self.tier.as_ref().map_or_else(nowhere, |tier| Arc::clone(&tier.cache));
        Ok(open(self.tier.as_deref(), &cache, (&tenant.id, &tenant.dir), name, stub)?)
    }

    /// Makes blocks that were found part of the store, without those that others replace.
    pub(super) fn add_blocks(&self, tenant: &Tenant, found: Vec<Arc<StoredBlock>>) -> Result<(), Error> {
        if found.is_empty() {
            return Ok(());
        }
        let _leaving = self.leaving.lock();
        let mut all = tenant.state.read().blocks.to_vec();
        all.extend(found);
        let is_replaced = |block: &StoredBlock| all.iter().any(|other| other.name.replaces(&block.name));
        let (replaced, mut kept): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|block| is_replaced(block));
        replaced.iter().try_for_each(|block| block.delete(&self.files))?;
        blocks::sort_by_age(&mut kept);
        tenant.state.write().blocks = Arc::new(kept);
        tenant.lateness.changed(i64::MIN);
        Ok(())
    }
}
