//! What the store holds of one tenant.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bongsu_log::Position;
use bongsu_model::TenantId;
use bongsu_wire::remote_write::DecodeError;
use parking_lot::{Mutex, RwLock};

use crate::batch::{Batch, Taken};
use crate::blocks::{self, BlockName, StoredBlock};
use crate::error::{Error, Rejections};
use crate::exemplars::{self, Added, Exemplars};
use crate::files::{self, Files};
use crate::ha::Elections;
use crate::head::{Frozen, Head};
use crate::lateness::Lateness;
use crate::metadata::{self, MetadataMap};
use crate::options::Limits;
use crate::rate::Bucket;
use crate::refs::Refs;
use crate::span;
use crate::table::NO_SLOT;
use crate::tombstones::{self, Tombstones};

/// What a new series costs besides its labels: slot, hash table, chunk, postings.
const SERIES_BYTES: usize = 256;
const METADATA_FILE: &str = "metadata";
const EXEMPLARS_FILE: &str = "exemplars";

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    /// Where its blocks and its other files are.
    pub(crate) dir: PathBuf,
    files: Files,
    /// Held while a request is resolved, logged and applied, so that samples have the same order in the log and in memory.
    /// How the log calls series is for whose turn it is.
    pub(crate) turn: Mutex<Refs>,
    /// How many samples may come now.
    pub(crate) rate: Mutex<Bucket>,
    /// Which of pairs of senders are listened to.
    pub(crate) elections: Mutex<Elections>,
    pub(crate) state: RwLock<State>,
    pub(crate) metadata: Mutex<MetadataMap>,
    pub(crate) exemplars: Mutex<Exemplars>,
    /// Told after every change of samples that readers can see.
    pub(crate) lateness: Lateness,
    /// Files of blocks that take no part any more and could not be deleted. At the next start they would be taken for
    /// blocks: no deletion may be forgotten while there are any.
    leftovers: Mutex<Vec<PathBuf>>,
    /// Blocks that are on disk and take no part; see [`blocks::Found`].
    pub(crate) unopened: Vec<BlockName>,
    /// It is being deleted: its merges give up.
    pub(crate) is_leaving: AtomicBool,
}

/// Where samples can be. A sample is in exactly one of them, or in two with the same value.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) head: Head,
    pub(crate) frozen: Option<Arc<Frozen>>,
    /// Set from freeze to the end of the flush: the log from here on has what no file of the tenant has.
    pub(crate) pending_from: Option<Position>,
    /// Where the log was cut when the head began.
    head_from: Position,
    /// In order of writing; see [`blocks::sort_by_age`].
    pub(crate) blocks: Arc<Vec<Arc<StoredBlock>>>,
    /// What was deleted and is still in blocks.
    pub(crate) tombstones: Tombstones,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Applied {
    pub(crate) samples: u64,
    pub(crate) histograms: u64,
    pub(crate) exemplars: u64,
    pub(crate) out_of_order_exemplars: u64,
    pub(crate) dropped_exemplars: u64,
    /// Metadata that there was no room for.
    pub(crate) dropped_metadata: u64,
}

impl Tenant {
    /// Opens what is on disk of a tenant, which is nothing for a new one. What is damaged is told in `damaged`. Also
    /// returns the highest number of a flush.
    pub(crate) fn open(
        id: TenantId,
        files: &Files,
        tenants_dir: &Path,
        limits: &Limits,
        damaged: &mut Vec<String>,
    ) -> Result<(Self, Option<u64>), Error> {
        let dir = tenants_dir.join(id.as_str());
        let found = blocks::open_all(files, &dir, damaged)?;
        let state = State {
            head: Head::new(random_seed()),
            frozen: None,
            pending_from: None,
            head_from: Position(0),
            blocks: Arc::new(found.blocks),
            tombstones: tombstones::load(&dir, damaged)?,
        };
        // Numbers that a tombstone is about are not used again, also when no block has them any more.
        let last_flush = found.last_flush.max(state.tombstones.iter().map(|tombstone| tombstone.last_flush).max());
        let metadata = files::load(&dir.join(METADATA_FILE), metadata::MAGIC, damaged, MetadataMap::decode)?;
        let exemplars = files::load(&dir.join(EXEMPLARS_FILE), exemplars::file::MAGIC, damaged, |bytes| {
            exemplars::file::decode(bytes, limits.exemplars_per_tenant_max)
        })?;
        let (metadata, exemplars) = (Mutex::new(metadata), Mutex::new(exemplars));
        let (files, turn, state, unopened) = (files.clone(), Mutex::default(), RwLock::new(state), found.unopened);
        let (lateness, leftovers, is_leaving) = (Lateness::default(), Mutex::default(), AtomicBool::new(false));
        let (rate, elections) = (Mutex::new(Bucket::default()), Mutex::default());
        let tenant = Self {
            id,
            dir,
            files,
            turn,
            rate,
            elections,
            state,
            metadata,
            exemplars,
            lateness,
            leftovers,
            unopened,
            is_leaving,
        };
        Ok((tenant, last_flush))
    }

    /// Writes the files of metadata and of exemplars when there is something new.
    pub(crate) fn save_files(&self) -> Result<(), Error> {
        // Not in the condition itself: its lock would be held while the file is written.
        let unsaved = self.metadata.lock().unsaved();
        if let Some((metrics, version)) = unsaved {
            self.save(METADATA_FILE, metadata::encode(&metrics))?;
            self.metadata.lock().mark_saved(version);
        }
        let unsaved = self.exemplars.lock().unsaved();
        if let Some((all, version)) = unsaved {
            self.save(EXEMPLARS_FILE, exemplars::file::encode(&all))?;
            self.exemplars.lock().mark_saved(version);
        }
        Ok(())
    }

    fn save(&self, name: &str, content: Result<Vec<u8>, DecodeError>) -> Result<(), Error> {
        let path = self.dir.join(name);
        let content = content.map_err(|error| Error::io("encode", &path)(std::io::Error::other(error.to_string())))?;
        self.files.create_dir_all(&self.dir)?;
        self.files.write_file(&path, &content)
    }

    /// Finds or makes the series of a batch. Without limits, only what cannot be stored at all is refused.
    pub(crate) fn resolve(&self, batch: &mut Batch, limits: Option<&Limits>, rejections: &mut Rejections) {
        let table = Arc::clone(&self.state.read().head.memory.table);
        let mut table = table.write();
        let known = table.len();
        let (mut previous, mut added_bytes) = (NO_SLOT, 0);
        for place in 0..batch.series.len() {
            let series = batch.series[place];
            if series.is_left_out {
                continue;
            }
            let span = batch.span(&series);
            let slot = match table.find(previous, span) {
                Some(slot) => Ok(slot),
                None => table.create(previous, span, limits).inspect(|_| added_bytes += span.len() + SERIES_BYTES),
            };
            match slot {
                Ok(slot) => {
                    batch.series[place].id = table.series_of(slot);
                    previous = slot;
                }
                Err(refusal) => {
                    rejections.add(refusal, batch.sample_count(place), || span::text(batch.span(&series)));
                }
            }
        }
        let series_count = table.len();
        drop(table);
        if series_count > known || added_bytes > 0 {
            self.state.write().head.grow(series_count, added_bytes);
        }
    }

    /// New series go to the label index at once when it [catches up](Self::catch_up_index). Until then nobody may read.
    pub(crate) fn put_off_index(&self) {
        self.state.read().head.memory.table.write().put_off_index();
    }

    /// Brings the label index of the head up to date.
    pub(crate) fn catch_up_index(&self) {
        self.state.read().head.memory.table.write().catch_up();
    }

    /// Appends what is taken of a resolved batch.
    pub(crate) fn apply(&self, batch: &Batch, received_ms: i64, limits: &Limits) -> Applied {
        let mut applied = Applied { dropped_exemplars: batch.dropped_exemplars, ..Applied::default() };
        let mut has_exemplars = false;
        if !batch.series.is_empty() {
            let mut state = self.state.write();
            let mut appender = state.head.appender();
            for Taken { series, data, starts, histogram_starts } in batch.taken() {
                if !data.samples.is_empty() {
                    appender.append(series.id, data.samples, starts);
                    applied.samples += data.samples.len() as u64;
                }
                if !data.histograms.is_empty() {
                    appender.append_histograms(series.id, data.histograms, histogram_starts);
                    applied.histograms += data.histograms.len() as u64;
                }
                has_exemplars |= !data.exemplars.is_empty();
            }
            drop(appender);
            if applied.samples + applied.histograms > 0 {
                state.head.cover(batch.min_ms, batch.max_ms, received_ms);
                // A sample hides those before it in its interval.
                self.lateness.changed(batch.min_ms.saturating_sub(limits.interval_ms));
            }
        }
        if has_exemplars {
            self.apply_exemplars(batch, limits, &mut applied);
        }
        if !batch.metadata.is_empty() {
            let mut known = self.metadata.lock();
            for (metric, metadata) in &batch.metadata {
                applied.dropped_metadata += u64::from(!known.add(metric, metadata, limits.metadata_per_tenant_max));
            }
        }
        applied
    }

    /// Whether nothing of what a batch tells of metrics is new.
    pub(crate) fn knows_metadata_of(&self, batch: &Batch) -> bool {
        batch.metadata.is_empty() || {
            let known = self.metadata.lock();
            batch.metadata.iter().all(|(metric, metadata)| known.has(metric, metadata))
        }
    }

    fn apply_exemplars(&self, batch: &Batch, limits: &Limits, applied: &mut Applied) {
        let table = Arc::clone(&self.state.read().head.memory.table);
        let table = table.read();
        let mut exemplars = self.exemplars.lock();
        for Taken { series, data, .. } in batch.taken().filter(|taken| !taken.data.exemplars.is_empty()) {
            let labels = span::labels(table.span(series.id));
            for exemplar in data.exemplars {
                match exemplars.add(&labels, exemplar.clone(), limits.exemplars_per_tenant_max) {
                    Added::Taken | Added::Known => applied.exemplars += 1,
                    Added::OutOfOrder => applied.out_of_order_exemplars += 1,
                    Added::Off => applied.dropped_exemplars += 1,
                }
            }
        }
    }

    /// Begins a new generation where the log was cut; the one before becomes `frozen`. Nothing happens while the flush of the
    /// generation before is not done. Only while no request is between log and head.
    pub(crate) fn freeze(&self, position: Position, limits: &Limits) {
        self.turn.lock().forget();
        let mut state = self.state.write();
        if state.pending_from.is_none() {
            state.frozen = state.head.freeze(random_seed(), limits.series_per_tenant_max).map(Arc::new);
            state.pending_from = Some(std::mem::replace(&mut state.head_from, position));
        }
    }

    /// From here on the log may have what no file of the tenant has. The head may reach back further than the last cut of the
    /// log: it was not frozen there when the flush before was not done.
    pub(crate) fn log_from(&self) -> Position {
        let state = self.state.read();
        state.pending_from.unwrap_or(state.head_from)
    }

    /// Nothing of a new tenant lies before this in the log.
    pub(crate) fn begin(&self, position: Position) {
        self.state.write().head_from = position;
    }

    /// Puts the blocks of the frozen generation in its place.
    pub(crate) fn register(&self, added: Vec<Arc<StoredBlock>>) {
        let mut state = self.state.write();
        let mut blocks = state.blocks.to_vec();
        blocks.extend(added);
        blocks::sort_by_age(&mut blocks);
        state.blocks = Arc::new(blocks);
        state.frozen = None;
        state.pending_from = None;
    }

    /// Deletes the file of a block that takes no part any more, or remembers to.
    pub(crate) fn discard(&self, path: &Path) {
        if self.files.remove(path).is_err() {
            self.leftovers.lock().push(path.to_owned());
        }
    }

    /// Deletes what could not be deleted before.
    ///
    /// # Errors
    /// When that fails still.
    pub(crate) fn sweep(&self) -> Result<(), Error> {
        let mut leftovers = self.leftovers.lock();
        while let Some(path) = leftovers.last() {
            self.files.remove(path)?;
            leftovers.pop();
        }
        Ok(())
    }

    /// Puts a block (or nothing) in place of others.
    pub(crate) fn replace(&self, gone: &[Arc<StoredBlock>], added: Option<Arc<StoredBlock>>) {
        let mut state = self.state.write();
        let mut blocks = state.blocks.to_vec();
        // By name: a block may have gone to the bucket while it was merged.
        blocks.retain(|block| !gone.iter().any(|other| block.name == other.name));
        blocks.extend(added);
        blocks::sort_by_age(&mut blocks);
        state.blocks = Arc::new(blocks);
    }
}

/// A seed that nobody outside can know.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
