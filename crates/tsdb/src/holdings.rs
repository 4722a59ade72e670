//! What the store holds of a tenant, block by block: for those who run it.

use bongsu_model::TenantId;

use crate::blocks::StoredBlock;
use crate::progress::MergeProgress;
use crate::store::Store;
use crate::tenant::Tenant;

/// What the store holds of one tenant now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holdings {
    /// Whose it is.
    pub tenant: TenantId,
    /// Series in memory, those without samples since the last flush included.
    pub head_series: usize,
    /// Series with samples since the last flush.
    pub head_active_series: usize,
    /// Samples in memory that are in no block and not on their way to one.
    pub head_samples: u64,
    /// Memory of those samples and of series that came with them.
    pub head_bytes: usize,
    /// First and last time of those samples, milliseconds.
    pub head_range_ms: Option<(i64, i64)>,
    /// What was in memory is being written to blocks, or will be again after a failure.
    pub is_flushing: bool,
    /// Exemplars in memory.
    pub exemplars: usize,
    /// Deletions whose samples are still in blocks.
    pub deletions: usize,
    /// Blocks on disk that could not be opened when the store was, and take no part.
    pub unopened_blocks: usize,
    /// The blocks by partition and in order of writing.
    pub blocks: Vec<HeldBlock>,
}

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldBlock {
    /// The name of its file.
    pub name: String,
    /// First and last time of the partition that it lies in, milliseconds.
    pub partition_ms: (i64, i64),
    /// First and last time of its samples, milliseconds.
    pub range_ms: (i64, i64),
    /// How long the stretches of time are of which it has buckets, milliseconds; 0 when it has samples.
    pub resolution_ms: i64,
    /// 0: as a flush wrote it. 1: merged while its partition was open. 2: merged for good.
    pub level: u32,
    /// Series.
    pub series: u32,
    /// Samples.
    pub samples: u64,
    /// Bytes on disk.
    pub size_bytes: u64,
    /// Where it is.
    pub place: Place,
}

/// Where a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// On the local disk only.
    Disk,
    /// There and in the bucket.
    Both,
    /// In the bucket only: queries read what they need of it.
    Bucket,
}

impl Place {
    fn of(stored: &StoredBlock) -> Self {
        match (&stored.far, stored.is_in_bucket()) {
            (Some(_), _) => Self::Bucket,
            (None, true) => Self::Both,
            (None, false) => Self::Disk,
        }
    }

    /// The word in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Both => "both",
            Self::Bucket => "bucket",
        }
    }
}

impl Store {
    /// What the store holds of a tenant; `None` for one that has written nothing.
    #[must_use]
    pub fn holdings(&self, tenant: &TenantId) -> Option<Holdings> {
        self.inner.tenants.get(tenant).map(|tenant| Holdings::of(&tenant))
    }

    /// What the store holds of all tenants, by name.
    #[must_use]
    pub fn all_holdings(&self) -> Vec<Holdings> {
        self.inner.tenants.all().iter().map(|tenant| Holdings::of(tenant)).collect()
    }

    /// How far the merge under way has come.
    #[must_use]
    pub fn merge_progress(&self) -> Option<MergeProgress> {
        self.inner.current_merge.get()
    }
}

impl Holdings {
    fn of(tenant: &Tenant) -> Self {
        let exemplars = tenant.exemplars.lock().len();
        let state = tenant.state.read();
        let head = &state.head;
        let mut blocks: Vec<&StoredBlock> = state.blocks.iter().map(AsRef::as_ref).collect();
        blocks.sort_by_key(|block| (block.name.partition.start_ms(), block.name.last_flush));
        Self {
            tenant: tenant.id.clone(),
            head_series: head.series_count(),
            head_active_series: head.active_count,
            head_samples: head.sample_count,
            head_bytes: head.bytes,
            head_range_ms: (head.min_ms <= head.max_ms).then_some((head.min_ms, head.max_ms)),
            is_flushing: state.pending_from.is_some(),
            exemplars,
            deletions: state.tombstones.len(),
            unopened_blocks: tenant.unopened.len(),
            blocks: blocks.into_iter().map(HeldBlock::of).collect(),
        }
    }

    /// Bytes of all blocks.
    #[must_use]
    pub fn block_bytes(&self) -> u64 {
        self.blocks.iter().map(|block| block.size_bytes).sum()
    }

    /// Samples in all blocks; one that was sent twice may count twice until its blocks are merged.
    #[must_use]
    pub fn block_samples(&self) -> u64 {
        self.blocks.iter().map(|block| block.samples).sum()
    }
}

impl HeldBlock {
    fn of(stored: &StoredBlock) -> Self {
        let (meta, partition) = (stored.block.meta(), stored.name.partition);
        Self {
            name: stored.name.to_string(),
            partition_ms: (partition.start_ms(), partition.end_ms()),
            range_ms: (meta.min_time_ms, meta.max_time_ms),
            resolution_ms: meta.resolution_ms,
            level: meta.level,
            series: meta.series_count,
            samples: meta.sample_count,
            size_bytes: meta.size_bytes,
            place: Place::of(stored),
        }
    }
}
