//! All tenants of a store.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bongsu_model::TenantId;
use parking_lot::{Mutex, RwLock};

use crate::error::{Error, RejectReason, WriteError, WriteErrorKind};
use crate::files::Files;
use crate::lateness::Lateness;
use crate::options::{Limits, Options};
use crate::tenant::Tenant;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Tenants {
    files: Files,
    dir: PathBuf,
    by_id: RwLock<HashMap<TenantId, Arc<Tenant>>>,
    /// Tenants that were deleted since the start.
    deleted: Mutex<HashMap<TenantId, Gone>>,
    /// Held for the first request of a new tenant, so that there is one of each.
    pub(crate) founding: Mutex<()>,
}

/// A deleted tenant.
#[derive(Clone, Copy, Debug)]
struct Gone {
    /// Number of its last change: who kept an answer of it must not take that for one of a later tenant of the same name.
    last_change: u64,
    /// Its files are gone.
    is_cleared: bool,
}

impl Tenants {
    pub(crate) fn new(files: Files, dir: PathBuf) -> Self {
        let (by_id, deleted, founding) = (RwLock::default(), Mutex::default(), Mutex::default());
        Self { files, dir, by_id, deleted, founding }
    }

    pub(crate) fn get(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.by_id.read().get(id).cloned()
    }

    /// All tenants, by name, so that maintenance goes the same way every time.
    pub(crate) fn all(&self) -> Vec<Arc<Tenant>> {
        let mut all: Vec<_> = self.by_id.read().values().cloned().collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// The tenant of a request, made if it is new and there is room. A new one is known to others when
    /// [`insert`](Self::insert)ed, once something of the request is taken.
    pub(crate) fn for_write(&self, id: &TenantId, options: &Options, samples: u64) -> Result<Arc<Tenant>, WriteError> {
        if let Some(tenant) = self.get(id) {
            return Ok(tenant);
        }
        let tenants_max = options.limits.tenants_max;
        if self.by_id.read().len() >= tenants_max {
            let message = format!("new tenant {id} is beyond the limit of {tenants_max} tenants");
            return Err(WriteError::limit(RejectReason::TenantLimit, samples, message));
        }
        let gone = self.deleted.lock().get(id).copied();
        if gone.is_some_and(|gone| !gone.is_cleared) {
            let message = format!("tenant {id} is being deleted");
            return Err(WriteError::new(WriteErrorKind::Unavailable, message));
        }
        let opened = Tenant::open(id.clone(), &self.files, &self.dir, options.limits_of(id), &mut Vec::new());
        let (mut tenant, _) = opened.map_err(|error| WriteError::new(WriteErrorKind::Unavailable, error))?;
        if let Some(gone) = gone {
            tenant.lateness = Lateness::after(gone.last_change);
        }
        Ok(Arc::new(tenant))
    }

    /// Forgets a tenant. Its next request is refused until [`cleared`](Self::cleared), and then makes a new one.
    pub(crate) fn forget(&self, tenant: &Tenant) {
        let gone = Gone { last_change: tenant.lateness.last(), is_cleared: false };
        self.deleted.lock().insert(tenant.id.clone(), gone);
        self.by_id.write().remove(&tenant.id);
    }

    /// There is nothing left of a forgotten tenant that a new one of its name could find.
    pub(crate) fn cleared(&self, id: &TenantId) {
        if let Some(gone) = self.deleted.lock().get_mut(id) {
            gone.is_cleared = true;
        }
    }

    /// Makes a tenant known.
    pub(crate) fn insert(&self, tenant: &Arc<Tenant>) {
        self.by_id.write().insert(tenant.id.clone(), Arc::clone(tenant));
    }

    /// The tenant, opened from disk if it is not open yet, and the highest number of a flush then.
    pub(crate) fn open(
        &self,
        id: &TenantId,
        limits: &Limits,
        damaged: &mut Vec<String>,
    ) -> Result<(Arc<Tenant>, Option<u64>), Error> {
        let mut by_id = self.by_id.write();
        if let Some(tenant) = by_id.get(id) {
            return Ok((Arc::clone(tenant), None));
        }
        let (tenant, last_flush) = Tenant::open(id.clone(), &self.files, &self.dir, limits, damaged)?;
        let tenant = Arc::new(tenant);
        by_id.insert(id.clone(), Arc::clone(&tenant));
        Ok((tenant, last_flush))
    }

    /// Opens all tenants that are on disk. Returns the highest number of a flush.
    pub(crate) fn open_all(&self, options: &Options, damaged: &mut Vec<String>) -> Result<Option<u64>, Error> {
        self.files.create_dir_all(&self.dir)?;
        let mut last_flush = None;
        for entry in fs::read_dir(&self.dir).map_err(Error::io("list", &self.dir))? {
            let entry = entry.map_err(Error::io("list", &self.dir))?;
            match entry.file_name().to_str().map(TenantId::parse) {
                Some(Ok(id)) if entry.path().is_dir() => {
                    last_flush = last_flush.max(self.open(&id, options.limits_of(&id), damaged)?.1);
                }
                _ => damaged.push(format!("{}: no directory of a tenant", entry.path().display())),
            }
        }
        Ok(last_flush)
    }
}
