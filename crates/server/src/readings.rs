//! What the store says of itself, as metrics and in the log.

use bongsu_telemetry::{Reading, Registry};
use bongsu_tsdb::{OpenReport, Stats, Store};

type Read = fn(&Stats) -> f64;

/// Name, help and value of each metric of the store.
const METRICS: [(&str, &str, Read); 29] = [
    ("bongsu_store_requests_total", "Pushes taken in, wholly or partly.", |s| s.requests as f64),
    ("bongsu_store_samples_total", "Float samples taken in.", |s| s.samples as f64),
    ("bongsu_store_histograms_total", "Native histograms taken in.", |s| s.histograms as f64),
    ("bongsu_store_exemplars_total", "Exemplars taken in, repeated ones included.", |s| s.exemplars as f64),
    ("bongsu_store_exemplars_out_of_order_total", "Exemplars older than the newest of their series.", |s| {
        s.out_of_order_exemplars as f64
    }),
    ("bongsu_store_exemplars_dropped_total", "Exemplars not taken for another reason.", |s| s.dropped_exemplars as f64),
    ("bongsu_store_exemplars", "Exemplars in memory.", |s| s.held_exemplars as f64),
    ("bongsu_store_flushes_total", "Flushes of memory to blocks.", |s| s.flushes as f64),
    ("bongsu_store_flush_failures_total", "Flushes that failed and are tried again.", |s| s.flush_failures as f64),
    ("bongsu_store_merges_total", "Merges of blocks.", |s| s.merges as f64),
    ("bongsu_store_merged_bytes_total", "Bytes of blocks that merges have read.", |s| s.merged_bytes as f64),
    ("bongsu_store_merge_rest_seconds_total", "Time that merges have rested to leave the machine to others.", |s| {
        s.merges_rested_ms as f64 / 1000.0
    }),
    ("bongsu_store_read_amplification", "The most blocks of one tenant that a read of one moment may meet.", |s| {
        s.blocks_met_max as f64
    }),
    ("bongsu_store_deduplicated_samples_total", "Samples not taken because another replica is listened to.", |s| {
        s.duplicates as f64
    }),
    ("bongsu_store_ha_clusters", "Clusters of replicas of which one is listened to.", |s| s.clusters as f64),
    ("bongsu_store_ha_changes_total", "Times that another replica took the place of a silent one.", |s| {
        s.replica_changes as f64
    }),
    ("bongsu_store_blocks_dropped_total", "Blocks deleted by retention.", |s| s.dropped_blocks as f64),
    ("bongsu_store_damaged_blocks", "Blocks that are left out, or cannot be read.", |s| s.damaged_blocks as f64),
    ("bongsu_store_log_syncs_total", "Syncs of the write-ahead log.", |s| s.log_syncs as f64),
    ("bongsu_store_tenants", "Tenants with data.", |s| s.tenants as f64),
    ("bongsu_store_head_series", "Series in memory.", |s| s.head_series as f64),
    ("bongsu_store_head_active_series", "Series with samples since the last flush.", |s| s.head_active_series as f64),
    ("bongsu_store_head_samples", "Samples in memory.", |s| s.head_samples as f64),
    ("bongsu_store_head_bytes", "Memory of the samples in memory and of new series.", |s| s.head_bytes as f64),
    ("bongsu_store_blocks", "Blocks on disk.", |s| s.blocks as f64),
    ("bongsu_store_block_bytes", "Bytes of the blocks.", |s| s.block_bytes as f64),
    ("bongsu_store_block_samples", "Samples in blocks; one sent twice counts twice until merged.", |s| {
        s.block_samples as f64
    }),
    ("bongsu_store_metadata_dropped_total", "Metric metadata not kept because of its bounds.", |s| {
        s.dropped_metadata as f64
    }),
    ("bongsu_store_log_bytes", "Bytes of the write-ahead log.", |s| s.log_bytes as f64),
];

/// Adds the store's metrics.
pub(crate) fn register(registry: &mut Registry, store: &Store) {
    for (name, help, read) in METRICS {
        let store = store.clone();
        registry.add_reading(name, help, move |out| out.push(Reading::new(name, read(&store.stats()))));
    }
    let (name, store) = ("bongsu_store_rejected_samples_total", store.clone());
    registry.add_reading(name, "Samples refused, by reason.", move |out| {
        let rejected = store.stats().rejected;
        out.extend(rejected.iter().map(|(reason, n)| Reading::new(name, *n as f64).label("reason", reason.as_str())));
    });
}

/// Says what was found at start, and above all what had to be left out.
pub(crate) fn tell(report: &OpenReport) {
    tracing::info!(records = report.log.records, samples = report.replayed_samples, "write-ahead log replayed");
    for dropped in &report.log.dropped {
        tracing::warn!(
            segment = %dropped.segment.display(),
            offset_bytes = dropped.offset_bytes,
            bytes = dropped.bytes,
            reason = %dropped.reason,
            "damaged part of the write-ahead log dropped"
        );
    }
    if report.unusable_records > 0 {
        tracing::warn!(records = report.unusable_records, "records of the write-ahead log dropped: they make no sense");
    }
    for text in &report.damaged {
        tracing::warn!("damaged and left out: {text}");
    }
}
