//! All tenants of a store.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bongsu_model::TenantId;
use parking_lot::RwLock;

use crate::durable;
use crate::error::{Error, WriteError, WriteErrorKind};
use crate::tenant::Tenant;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Tenants {
    dir: PathBuf,
    by_id: RwLock<HashMap<TenantId, Arc<Tenant>>>,
}

impl Tenants {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, by_id: RwLock::default() }
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

    /// The tenant of a request, made if it is new and there is room.
    pub(crate) fn for_write(&self, id: &TenantId, tenants_max: usize) -> Result<Arc<Tenant>, WriteError> {
        if let Some(tenant) = self.get(id) {
            return Ok(tenant);
        }
        if self.by_id.read().len() >= tenants_max {
            let message = format!("new tenant {id} is beyond the limit of {tenants_max} tenants");
            return Err(WriteError::new(WriteErrorKind::Limit, message));
        }
        let opened = self.open(id, &mut Vec::new());
        opened.map(|(tenant, _)| tenant).map_err(|error| WriteError::new(WriteErrorKind::Unavailable, error))
    }

    /// The tenant, opened from disk if it is not open yet, and the highest number of a flush then.
    pub(crate) fn open(&self, id: &TenantId, damaged: &mut Vec<String>) -> Result<(Arc<Tenant>, Option<u64>), Error> {
        let mut by_id = self.by_id.write();
        if let Some(tenant) = by_id.get(id) {
            return Ok((Arc::clone(tenant), None));
        }
        let (tenant, last_flush) = Tenant::open(id.clone(), &self.dir, damaged)?;
        let tenant = Arc::new(tenant);
        by_id.insert(id.clone(), Arc::clone(&tenant));
        Ok((tenant, last_flush))
    }

    /// Opens all tenants that are on disk. Returns the highest number of a flush.
    pub(crate) fn open_all(&self, damaged: &mut Vec<String>) -> Result<Option<u64>, Error> {
        durable::create_dir_all(&self.dir)?;
        let mut last_flush = None;
        for entry in fs::read_dir(&self.dir).map_err(Error::io("list", &self.dir))? {
            let file_name = entry.map_err(Error::io("list", &self.dir))?.file_name();
            if let Some(id) = file_name.to_str().and_then(|name| TenantId::parse(name).ok()) {
                last_flush = last_flush.max(self.open(&id, damaged)?.1);
            }
        }
        Ok(last_flush)
    }
}
