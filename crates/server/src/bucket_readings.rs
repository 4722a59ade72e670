//! What the store says of its bucket, as metrics.

use bongsu_telemetry::{Reading, Registry};
use bongsu_tsdb::{BucketStats, Store};

type Read = fn(&BucketStats) -> f64;

/// Name, help and value of each metric of the bucket.
const METRICS: [(&str, &str, Read); 14] = [
    ("bongsu_bucket_local_blocks", "Blocks on the local disk.", |s| s.local_blocks as f64),
    ("bongsu_bucket_local_bytes", "Bytes of blocks on the local disk.", |s| s.local_bytes as f64),
    ("bongsu_bucket_remote_blocks", "Blocks that are only in the bucket.", |s| s.remote_blocks as f64),
    ("bongsu_bucket_remote_bytes", "Bytes of blocks that are only in the bucket.", |s| s.remote_bytes as f64),
    ("bongsu_bucket_pending_blocks", "Blocks that the bucket does not have yet.", |s| s.pending_blocks as f64),
    ("bongsu_bucket_pending_bytes", "Bytes of blocks that the bucket does not have yet.", |s| s.pending_bytes as f64),
    ("bongsu_bucket_cache_bytes", "Bytes kept on the local disk of blocks that are only in the bucket.", |s| {
        s.cache_bytes as f64
    }),
    ("bongsu_bucket_sent_blocks_total", "Blocks sent.", |s| s.sent_blocks as f64),
    ("bongsu_bucket_deleted_objects_total", "Objects deleted because their block left the store.", |s| {
        s.deleted_objects as f64
    }),
    ("bongsu_bucket_requests_total", "Requests to the bucket.", |s| s.requests.requests as f64),
    ("bongsu_bucket_request_failures_total", "Requests to the bucket that failed.", |s| s.requests.failures as f64),
    ("bongsu_bucket_read_bytes_total", "Bytes read from the bucket.", |s| s.requests.read_bytes as f64),
    ("bongsu_bucket_written_bytes_total", "Bytes written to the bucket.", |s| s.requests.written_bytes as f64),
    ("bongsu_bucket_up", "Whether the bucket answered last, and is this store's.", |s| {
        f64::from(u8::from(s.requests.down.is_none() && s.is_joined))
    }),
];

/// Adds the metrics of a store's bucket, if it has one.
pub(crate) fn register(registry: &mut Registry, store: &Store) {
    if store.stats().bucket.is_none() {
        return;
    }
    for (name, help, read) in METRICS {
        let store = store.clone();
        registry.add_reading(name, help, move |out| {
            out.extend(store.stats().bucket.map(|stats| Reading::new(name, read(&stats))));
        });
    }
    let (name, store) = ("bongsu_bucket_last_error_info", store.clone());
    registry.add_reading(name, "What went wrong with the bucket last, until it was done.", move |out| {
        let error = store.stats().bucket.and_then(|stats| stats.last_error);
        out.extend(error.map(|error| Reading::new(name, 1.0).label("error", &error)));
    });
}
