//! What a store is opened with.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use bongsu_disk::{Disk, OsDisk};
use bongsu_model::{Clock, Matcher, SystemClock, TenantId};

use crate::tier::BucketOptions;

/// Where a store lives and what bounds it.
#[derive(Clone)]
pub struct Options {
    /// The data directory; see `docs/formats/data-directory.md`.
    pub dir: PathBuf,
    /// Samples older than this are refused, not read, and deleted block by block.
    pub retention_ms: i64,
    /// Above this many bytes of blocks the oldest ones are deleted, those of all tenants together.
    pub retention_bytes: Option<u64>,
    /// Series that are kept for another time; the first rule that a series fulfils counts.
    pub retention_rules: Vec<RetentionRule>,
    /// Old samples as buckets.
    pub downsampling: Downsampling,
    /// Tenants with bounds of their own.
    pub tenant_retention: HashMap<TenantId, TenantRetention>,
    /// The head goes to blocks when its oldest sample came this long ago.
    pub flush_interval_ms: i64,
    /// ... or when this many bytes of log stand for it, which bounds the time of a restart.
    pub flush_log_bytes: u64,
    /// ... or when its samples and new series take this much memory.
    pub flush_head_bytes: u64,
    /// Bounds per tenant and request.
    pub limits: Limits,
    /// The bounds of tenants that have their own, in place of `limits`.
    pub tenant_limits: HashMap<TenantId, Limits>,
    /// How fast merges go.
    pub merge_pace: MergePace,
    /// The write-ahead log's own options.
    pub log: bongsu_log::Options,
    /// The file system, of the log too: [`Store::open`](crate::Store::open) hands it on.
    pub disk: Arc<dyn Disk>,
    /// Where blocks go besides the disk; nowhere without.
    pub bucket: Option<BucketOptions>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl Options {
    /// The defaults for a directory: 15 days, a flush every five minutes.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            retention_ms: 15 * 24 * 3_600_000,
            retention_bytes: None,
            retention_rules: Vec::new(),
            downsampling: Downsampling::default(),
            tenant_retention: HashMap::new(),
            flush_interval_ms: 5 * 60_000,
            flush_log_bytes: 1 << 30,
            flush_head_bytes: 512 << 20,
            limits: Limits::default(),
            tenant_limits: HashMap::new(),
            merge_pace: MergePace::unbounded(),
            log: bongsu_log::Options::default(),
            disk: Arc::new(OsDisk),
            bucket: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// The bounds of a tenant.
    pub(crate) fn limits_of(&self, tenant: &TenantId) -> &Limits {
        self.tenant_limits.get(tenant).unwrap_or(&self.limits)
    }
}

/// Series that are kept for another time than the rest.
#[derive(Clone, Debug)]
pub struct RetentionRule {
    /// Conditions on the labels that all have to hold; without any, the rule is about all series.
    pub matchers: Vec<Matcher>,
    /// How long their samples are kept, from their own time, milliseconds.
    pub keep_ms: i64,
}

/// What becomes of old samples besides: buckets of a few numbers each, in blocks of their own.
#[derive(Clone, Debug, Default)]
pub struct Downsampling {
    /// Finer resolutions first, each a multiple of the one before.
    pub levels: Vec<DownsamplingLevel>,
    /// Blocks of samples go when their day was over so long ago and a block of buckets has what they had. Never without.
    pub keep_samples_ms: Option<i64>,
}

/// Buckets of one resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DownsamplingLevel {
    /// A day gets them when it was over so long ago, milliseconds.
    pub after_ms: i64,
    /// How long a bucket is, seconds.
    pub resolution_secs: u32,
}

/// What one tenant has in place of what is set for all.
#[derive(Clone, Debug, Default)]
pub struct TenantRetention {
    /// In place of [`Options::retention_ms`].
    pub retention_ms: Option<i64>,
    /// Above this many bytes of blocks the tenant's oldest ones are deleted; [`Options::retention_bytes`] holds besides.
    pub retention_bytes: Option<u64>,
    /// Looked at before [`Options::retention_rules`].
    pub retention_rules: Vec<RetentionRule>,
}

/// How fast merges in the background go. Those that somebody waits for go as fast as they can.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MergePace {
    /// The part of one core that they may take, up to 1.
    pub cpu_share: f64,
    /// Bytes that they may read and write per second. No bound without.
    pub bytes_per_second: Option<u64>,
    /// Blocks of one day of a tenant beyond which they go as fast as they can: a read meets all that lie in its time.
    pub blocks_max: usize,
}

impl MergePace {
    /// As fast as they can.
    #[must_use]
    pub fn unbounded() -> Self {
        Self { cpu_share: 1.0, bytes_per_second: None, blocks_max: usize::MAX }
    }

    pub(crate) fn is_unbounded(self) -> bool {
        self.cpu_share >= 1.0 && self.bytes_per_second.is_none()
    }
}

/// Pairs of senders that send the same series, each with the value of a label for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairs {
    /// The label that a pair has in common.
    pub cluster_label: String,
    /// The label that tells the two apart; it is dropped.
    pub replica_label: String,
    /// After how long a silence of the one the other one is listened to, milliseconds.
    pub failover_ms: i64,
    /// Clusters of one tenant; the samples of more are refused.
    pub clusters_max: usize,
}

impl Default for Pairs {
    /// As in Mimir.
    fn default() -> Self {
        Self {
            cluster_label: "cluster".to_owned(),
            replica_label: "__replica__".to_owned(),
            failover_ms: 30_000,
            clusters_max: 100,
        }
    }
}

/// What a tenant may use, and how its samples are taken. Requests within the bounds are kept when a lower bound comes later: limits meet new data only.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Series in memory: those with samples since the last flush and some that fell idle lately.
    pub series_per_tenant_max: usize,
    /// Labels of one series, the metric name included.
    pub label_names_per_series_max: usize,
    /// Length of a label name.
    pub label_name_bytes_max: usize,
    /// Length of a label value.
    pub label_value_bytes_max: usize,
    /// Length of a request once decompressed.
    pub request_decoded_bytes_max: usize,
    /// How far ahead of the clock a sample may be, 7 days by default: a sender that counts nanoseconds would fill the disk
    /// with small blocks of all millennia. No bound without.
    pub future_ms_max: Option<i64>,
    /// How far behind the clock a sample may be. No bound but the retention without.
    pub past_ms_max: Option<i64>,
    /// Samples that come in per second, on average. No bound without.
    pub samples_per_second_max: Option<f64>,
    /// Samples that may come at once on top of that, after a pause.
    pub samples_burst_max: f64,
    /// Of pairs of senders one is listened to. Without, everyone is, and all labels are kept.
    pub pairs: Option<Pairs>,
    /// Reads and merges keep the last sample of each interval of a series alone, milliseconds; 0 keeps all. For pairs of senders
    /// without a label that tells them apart.
    pub interval_ms: i64,
    /// Exemplars in memory, the newest ones; 0 keeps none.
    pub exemplars_per_tenant_max: usize,
    /// Metrics with metadata; more are not remembered.
    pub metadata_per_tenant_max: usize,
    /// Tenants. Of the store: those of a single tenant are not asked.
    pub tenants_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            series_per_tenant_max: 10_000_000,
            label_names_per_series_max: 100,
            label_name_bytes_max: 1024,
            label_value_bytes_max: 65_536,
            request_decoded_bytes_max: 64 << 20,
            future_ms_max: Some(7 * 24 * 3_600_000),
            past_ms_max: None,
            samples_per_second_max: None,
            samples_burst_max: 1e6,
            pairs: None,
            interval_ms: 0,
            exemplars_per_tenant_max: 100_000,
            metadata_per_tenant_max: 100_000,
            tenants_max: 10_000,
        }
    }
}
