//! A tenant is deleted: all that there is of it goes, and a receipt stays.
//!
//! ```text
//! gate closed:  log.rotate() = P ─► note (durable) ─► tenant forgotten                                  milliseconds
//! gate open:    files deleted ─► note says so ─► flush, so that the log begins at P or later ─► receipt ─► note deleted
//! ```
//!
//! From the note on the deletion happens, whatever crashes: a start deletes what files are left, leaves out the tenant's
//! records of the log before P, and maintenance does the rest. Writes for the name are refused until the files are gone;
//! then they belong to a new tenant. The files are drawn in `docs/formats/data-directory.md`.

mod receipt;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bongsu_log::Position;
use bongsu_model::{Labels, LabelsBuffer, TenantId};
use hashbrown::HashSet;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::Error;
use crate::files::Files;
use crate::span;
use crate::store::{Inner, Store};
use crate::tenant::Tenant;
use crate::tier;

pub use receipt::Receipt;

/// Notes of deletions under way.
const UNDER_WAY: &str = "deleting";
const RECEIPTS: &str = "receipts";

/// A deletion that is not done.
#[derive(Clone, Debug)]
pub(crate) struct Departure {
    /// The receipt as far as it is known, on disk.
    note: PathBuf,
    receipt: Receipt,
}

impl Departure {
    /// Whether a record of the log belongs to what is deleted.
    pub(crate) fn takes(&self, tenant: &TenantId, position: Position) -> bool {
        self.receipt.tenant == *tenant && position.0 < self.receipt.log_position
    }

    /// Deletes the tenant's files, and says so in the note: what is there later is a new tenant's.
    fn clear(&mut self, files: &Files, tenants_dir: &Path) -> Result<(), Error> {
        if self.receipt.is_cleared {
            return Ok(());
        }
        let dir = tenants_dir.join(self.receipt.tenant.as_str());
        if let Some(data) = tenants_dir.parent() {
            tier::gone::keep_notes(files, data, &self.receipt.tenant)?;
        }
        for name in list(files, &dir)? {
            files.remove(&dir.join(name))?;
        }
        if dir.is_dir() {
            files.sync_dir(&dir)?;
            // An empty directory that stays says that there is a tenant without data, no more.
            let _ = files.0.remove_dir(&dir);
            files.sync_dir(tenants_dir)?;
        }
        self.receipt.is_cleared = true;
        files.write_file(&self.note, &self.receipt.encode())
    }
}

/// The deletions that a crash interrupted; no file of what they delete is left. A note that makes no sense is told.
pub(crate) fn open_all(files: &Files, dir: &Path, damaged: &mut Vec<String>) -> Result<Vec<Departure>, Error> {
    for dir in [dir.join(UNDER_WAY), dir.join(RECEIPTS)] {
        let halves = list(files, &dir)?.into_iter().filter(|name| name.ends_with(".tmp"));
        halves.map(|name| dir.join(name)).try_for_each(|path| files.remove(&path))?;
    }
    let under_way = dir.join(UNDER_WAY);
    let mut all = Vec::new();
    for name in list(files, &under_way)? {
        let note = under_way.join(name);
        let bytes = fs::read(&note).map_err(Error::io("read", &note))?;
        match Receipt::decode(&bytes) {
            Ok(receipt) => all.push(Departure { note, receipt }),
            Err(reason) => damaged.push(format!(
                "{}: {reason}; the deletion of a tenant that this file is about is not finished",
                note.display()
            )),
        }
    }
    all.iter_mut().try_for_each(|departure| departure.clear(files, &dir.join("tenants")))?;
    Ok(all)
}

impl Store {
    /// Deletes all that there is of a tenant: samples in memory, in the log and in blocks, metadata, exemplars and
    /// deletions. Readers see nothing of it from the moment on at which the directory is out of the way; what is written
    /// for the same name afterwards is a new tenant's. Snapshots are not touched: the receipt names those that have it.
    ///
    /// `None` when there is no such tenant. A receipt without [`Receipt::finished_ms`] says that the tenant is gone for
    /// readers, but that other tenants' data keep the log from being cut: [`maintain`](Self::maintain) finishes it.
    ///
    /// # Errors
    /// When files cannot be written, renamed or deleted. When the error came after the note was written, maintenance goes
    /// on with the deletion.
    pub fn delete_tenant(&self, tenant: &TenantId) -> Result<Option<Receipt>, Error> {
        self.inner.delete_tenant(tenant)
    }
}

impl Inner {
    fn delete_tenant(&self, id: &TenantId) -> Result<Option<Receipt>, Error> {
        let Some(tenant) = self.tenants.get(id) else { return Ok(None) };
        tenant.is_leaving.store(true, Ordering::Relaxed);
        let begun = self.begin_departure(&tenant);
        if begun.is_err() {
            tenant.is_leaving.store(false, Ordering::Relaxed);
        }
        let Some(receipt) = begun? else { return Ok(None) };
        let finished = self.finish_departures()?;
        let is_this = |one: &Receipt| one.tenant == receipt.tenant && one.log_position == receipt.log_position;
        let finished = finished.into_iter().find(is_this);
        // Maintenance may have been first.
        let kept = || Receipt::decode(&fs::read(self.options.dir.join(RECEIPTS).join(receipt.name())).ok()?).ok();
        Ok(Some(finished.or_else(kept).unwrap_or(receipt)))
    }

    /// Waits for flush and merge (which gives up when it is this tenant's), so that nobody else has the tenant's files in hand.
    fn begin_departure(&self, tenant: &Arc<Tenant>) -> Result<Option<Receipt>, Error> {
        let _merging = self.merging.lock();
        let _flushing = self.flushing.lock();
        let _leaving = self.leaving.lock();
        let _deleting = self.deleting.lock();
        let mut receipt = self.describe(tenant)?;
        let _closed = self.gate.write();
        if !self.tenants.get(&tenant.id).is_some_and(|known| Arc::ptr_eq(&known, tenant)) {
            return Ok(None);
        }
        receipt.log_position = self.log.rotate()?.0;
        let under_way = self.options.dir.join(UNDER_WAY);
        self.files.create_dir_all(&under_way)?;
        let note = under_way.join(receipt.name());
        let noted = self.files.write_file(&note, &receipt.encode());
        if noted.is_err() && self.files.remove(&note).and_then(|()| self.files.sync_dir(&under_way)).is_ok() {
            return noted.map(|()| None);
        }
        // Also when the note may be there or not: a start that finds it would delete what is written from now on.
        self.departures.lock().push(Departure { note, receipt: receipt.clone() });
        self.tenants.forget(tenant);
        noted.map(|()| Some(receipt))
    }

    /// What there is of a tenant.
    fn describe(&self, tenant: &Tenant) -> Result<Receipt, Error> {
        let mut receipt = Receipt::new(tenant.id.clone(), self.options.clock.now_ms());
        let (blocks, frozen) = {
            let state = tenant.state.read();
            receipt.samples += state.head.sample_count;
            (state.blocks.clone(), state.frozen.clone())
        };
        let mut series: HashSet<u64> = HashSet::new();
        let mut see = |labels: &Labels| _ = series.insert(xxh3_64(labels.packed()));
        for block in blocks.iter() {
            receipt.samples += block.block.meta().sample_count;
            // A damaged index must not keep its tenant from being deleted.
            let Ok(mut walk) = block.block.label_walk() else { continue };
            let mut labels = LabelsBuffer::default();
            for number in 0..block.block.meta().series_count {
                if walk.read(number, &mut labels).is_ok() {
                    see(&labels.to_labels());
                }
            }
        }
        if let Some(frozen) = frozen {
            for (number, chunk) in (0..).zip(&*frozen.memory.chunks.read()).filter(|(_, chunk)| !chunk.is_empty()) {
                receipt.samples += chunk.view().times().count() as u64;
                see(&span::labels(frozen.spans.get(number)));
            }
        }
        let state = tenant.state.read();
        let (table, chunks) = (state.head.memory.table.read(), state.head.memory.chunks.read());
        for (number, _) in (0..).zip(&*chunks).filter(|(_, chunk)| !chunk.is_empty()) {
            see(&span::labels(table.span(number)));
        }
        receipt.series = series.len() as u64;
        receipt.files = files_of(&self.files, &tenant.dir)?;
        receipt.snapshots = self.snapshots_with(&tenant.id)?;
        Ok(receipt)
    }

    /// The names of the snapshots that have data of a tenant.
    fn snapshots_with(&self, tenant: &TenantId) -> Result<Vec<String>, Error> {
        let dir = self.options.dir.join("snapshots");
        let mut names = list(&self.files, &dir)?;
        names.retain(|name| dir.join(name).join("tenants").join(tenant.as_str()).is_dir());
        Ok(names)
    }

    /// Does what is left of deletions under way; returns the receipts of those that are done now.
    pub(crate) fn finish_departures(&self) -> Result<Vec<Receipt>, Error> {
        let _departing = self.departing.lock();
        let mut under_way = self.departures.lock().clone();
        let mut receipts = Vec::new();
        for departure in &mut under_way {
            departure.clear(&self.files, &self.options.dir.join("tenants"))?;
            // Remembered before a new tenant of the name can come: what is tried again must not delete that one's files.
            let mut known = self.departures.lock();
            known.iter_mut().filter(|other| other.note == departure.note).for_each(|it| it.receipt.is_cleared = true);
            drop(known);
            self.tenants.cleared(&departure.receipt.tenant);
            if self.log.start().0 < departure.receipt.log_position {
                self.flush()?;
            }
            if self.log.start().0 < departure.receipt.log_position {
                // Samples of other tenants cannot be flushed: tried again later.
                continue;
            }
            let mut receipt = departure.receipt.clone();
            receipt.finished_ms = Some(self.options.clock.now_ms());
            let kept = self.options.dir.join(RECEIPTS);
            self.files.create_dir_all(&kept)?;
            self.files.write_file(&kept.join(receipt.name()), &receipt.encode())?;
            self.files.remove(&departure.note)?;
            departure.note.parent().map_or(Ok(()), |dir| self.files.sync_dir(dir))?;
            self.departures.lock().retain(|other| other.note != departure.note);
            receipts.push(receipt);
        }
        Ok(receipts)
    }
}

/// The files in a directory with their sizes, by name; none when there is no directory.
fn files_of(files: &Files, dir: &Path) -> Result<Vec<(String, u64)>, Error> {
    let size = |name: String| fs::symlink_metadata(dir.join(&name)).ok().map(|meta| (name, meta.len()));
    Ok(list(files, dir)?.into_iter().filter_map(size).collect())
}

/// The names in a directory, sorted; none when it is not there.
fn list(files: &Files, dir: &Path) -> Result<Vec<String>, Error> {
    let mut names = match files.0.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        names => names.map_err(Error::io("list", dir))?,
    };
    names.sort();
    Ok(names)
}
