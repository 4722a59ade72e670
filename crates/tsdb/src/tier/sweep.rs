//! Sweeping: objects of blocks that have left the store are deleted, once nothing needs them.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::remote::names_with_end;
use super::stub::{self, GONE, STUB, Stub};
use super::{Tending, Tier, block_key};
use crate::blocks::{BlockName, StoredBlock};
use crate::error::Error;
use crate::store::Inner;
use crate::tenant::Tenant;

impl Inner {
    /// See the module's text.
    pub(super) fn sweep_bucket(&self, tier: &Tier, tending: &mut Tending) -> Result<(), Error> {
        let tenants = self.tenants.all();
        tending.settled.retain(|id, _| tenants.iter().any(|tenant| tenant.id == *id));
        for tenant in tenants {
            let blocks = Arc::clone(&tenant.state.read().blocks);
            if tending.settled.get(&tenant.id).is_some_and(|known| Arc::ptr_eq(known, &blocks)) {
                continue;
            }
            self.find_gone(tier, &tenant)?;
            let gone = names_with_end(&tenant.dir, GONE)?;
            for name in &gone {
                if tier.is_stopped() {
                    return Ok(());
                }
                self.sweep_block(tier, &tenant, *name)?;
            }
            if gone.is_empty() {
                tending.settled.insert(tenant.id.clone(), blocks);
            }
        }
        Ok(())
    }

    /// Stubs whose block is not in the store any more.
    fn find_gone(&self, tier: &Tier, tenant: &Tenant) -> Result<(), Error> {
        let names = names_with_end(&tenant.dir, STUB)?;
        // Not before: what has a stub and is in the store later was in the store before.
        let _leaving = self.leaving.lock();
        if tenant.is_leaving.load(Ordering::Relaxed) {
            return Ok(());
        }
        let in_store = names_in_store(tenant);
        for name in names.iter().filter(|name| !in_store.contains(&name.to_string())) {
            let path = tenant.dir.join(name.to_string());
            let is_unreadable = tier.unreadable.lock().contains(&block_key(&tenant.id, *name));
            if !is_unreadable && Stub::read(&path).is_some() {
                stub::leave(&self.files, &path, || Ok(()))?;
            }
        }
        Ok(())
    }

    fn sweep_block(&self, tier: &Tier, tenant: &Tenant, name: BlockName) -> Result<(), Error> {
        let path = tenant.dir.join(name.to_string());
        let remove = || self.files.remove(&stub::gone_path(&path));
        // Not while one is on its way out.
        let leaving = self.leaving.lock();
        let blocks = Arc::clone(&tenant.state.read().blocks);
        if let Some(block) = blocks.iter().find(|block| block.name == name) {
            if block.far.is_some() && !stub::path(&path).exists() {
                // It could not leave, as with an error of the disk: nothing else says that it is there.
                self.files.rename(&stub::gone_path(&path), &stub::path(&path))?;
                return self.files.sync_dir(&tenant.dir);
            }
            // It is back, under the same name: the object is, or will be, that of the new one.
            return remove();
        }
        drop(leaving);
        // What a merged block stands for is needed until the bucket has that one.
        let is_needed = |block: &StoredBlock| block.name.covers(&name) && !block.is_in_bucket();
        if blocks.iter().any(|block| is_needed(block)) || !is_old(&stub::gone_path(&path), tier) {
            return Ok(());
        }
        tier.bucket().delete(&block_key(&tenant.id, name))?;
        tier.deleted_objects.fetch_add(1, Ordering::Relaxed);
        remove()
    }

    /// Blocks of the disk that the bucket was believed to have are looked at again: see [`super::join`].
    pub(super) fn doubt(&self, tenant: &Tenant, has: impl Fn(BlockName) -> Option<u64>) {
        let blocks = Arc::clone(&tenant.state.read().blocks);
        for block in blocks.iter().filter(|block| block.far.is_none() && block.is_in_bucket()) {
            if has(block.name) != Some(block.size_bytes()) {
                block.in_bucket.store(false, Ordering::Relaxed);
            }
        }
    }
}

/// Names of files of blocks that are part of the store, or stand in its way.
fn names_in_store(tenant: &Tenant) -> HashSet<String> {
    let state = tenant.state.read();
    let names = state.blocks.iter().map(|block| block.name.to_string());
    names.chain(tenant.unopened.iter().map(ToString::to_string)).collect()
}

/// Whether queries that began before have ended.
fn is_old(path: &Path, tier: &Tier) -> bool {
    // A rename keeps the time of the content, that of the inode's change tells when.
    let changed = fs::metadata(path).ok().and_then(|meta| {
        use std::os::unix::fs::MetadataExt;
        u64::try_from(meta.ctime()).ok()
    });
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    changed.is_none_or(|changed| now.saturating_sub(changed) >= tier.options.delete_after.as_secs())
}

/// Whether the stub of a block says that the bucket has it as it is on the disk.
pub(crate) fn is_in_bucket(path: &Path, block: &bongsu_block::Block) -> bool {
    Stub::read(path).is_some_and(|stub| stub.is_copy_of(block))
}
