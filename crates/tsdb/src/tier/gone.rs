//! Tenants that were deleted: what the bucket has of them goes, too.
//!
//! Before the files of a tenant go, what says which of its blocks the bucket may have moves to `<dir>/gone/<tenant>/`; a new
//! tenant of the same name has nothing to do with it, as its flushes have other numbers.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use bongsu_model::TenantId;

use super::remote::names_with_end;
use super::send::SMALL_FILES;
use super::stub::{GONE, STUB};
use super::{Tending, Tier, block_key, key};
use crate::blocks::BlockName;
use crate::error::Error;
use crate::files::Files;
use crate::store::Inner;

const DIR: &str = "gone";

/// Where it is noted what the bucket has of a deleted tenant.
fn dir_of(data: &Path, tenant: &TenantId) -> PathBuf {
    data.join(DIR).join(tenant.as_str())
}

/// Keeps the notes of a tenant whose files are about to be deleted, if the data directory has a bucket.
pub(crate) fn keep_notes(files: &Files, data: &Path, tenant: &TenantId) -> Result<(), Error> {
    if !data.join(super::join::OWNER_FILE).exists() {
        return Ok(());
    }
    let (from, to) = (data.join("tenants").join(tenant.as_str()), dir_of(data, tenant));
    files.create_dir_all(&to)?;
    for end in [STUB, GONE] {
        for name in names_with_end(&from, end)? {
            let note = from.join(format!("{name}{end}"));
            files.0.rename(&note, &to.join(format!("{name}{GONE}"))).map_err(Error::io("rename", &note))?;
        }
    }
    files.sync_dir(&to)
}

impl Tier {
    /// Blocks of deleted tenants of this name.
    pub(super) fn gone_of(&self, tenant: &TenantId) -> Result<Vec<BlockName>, Error> {
        names_with_end(&dir_of(&self.dir, tenant), GONE)
    }

    /// The highest number of a flush of deleted tenants that the bucket may have blocks of: it is not used again before.
    pub(super) fn last_flush_gone(&self, files: &Files) -> Result<Option<u64>, Error> {
        let dir = self.dir.join(DIR);
        let mut last_flush = None;
        if dir.is_dir() {
            for name in files.0.list(&dir).map_err(Error::io("list", &dir))? {
                let names = names_with_end(&dir.join(name), GONE)?;
                last_flush = last_flush.max(names.iter().map(|name| name.last_flush).max());
            }
        }
        Ok(last_flush)
    }

    /// Whether a tenant of this name was deleted, and the bucket may not know yet.
    pub(super) fn was_deleted(&self, tenant: &TenantId) -> bool {
        dir_of(&self.dir, tenant).is_dir()
    }
}

impl Inner {
    /// Deletes what the bucket has of deleted tenants.
    pub(super) fn sweep_tenants(&self, tier: &Tier, tending: &mut Tending) -> Result<(), Error> {
        let dir = tier.dir.join(DIR);
        if !dir.is_dir() {
            return Ok(());
        }
        for name in self.files.0.list(&dir).map_err(Error::io("list", &dir))? {
            let Ok(tenant) = TenantId::parse(&name) else { continue };
            for block in tier.gone_of(&tenant)? {
                if tier.is_stopped() {
                    return Ok(());
                }
                tier.bucket().delete(&block_key(&tenant, block))?;
                tier.deleted_objects.fetch_add(1, Ordering::Relaxed);
                self.files.remove(&dir.join(&name).join(format!("{block}{GONE}")))?;
            }
            // Those of a new tenant take their place.
            tending.sent_files.retain(|(id, _), _| *id != tenant);
            for file in SMALL_FILES {
                tier.bucket().delete(&key(&tenant, file))?;
            }
            // What is not empty, or cannot be removed now, is looked at again.
            let _ = self.files.0.remove_dir(&dir.join(&name));
        }
        Ok(())
    }
}
