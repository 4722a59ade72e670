//! What the agent says of itself.

use std::sync::{Arc, Weak};

use bongsu_forward::Stats;
use bongsu_telemetry::{Reading, Registry};
use parking_lot::Mutex;

use crate::outlets::Outlets;

type Read = fn(&Stats) -> f64;

const METRICS: [(&str, &str, Read); 11] = [
    ("bongsu_agent_samples_appended_total", "Samples put into the queue.", |s| s.samples_appended as f64),
    ("bongsu_agent_samples_pending", "Samples in the queue, not acked yet.", |s| s.samples_pending as f64),
    ("bongsu_agent_samples_sent_total", "Samples acked by the destination.", |s| s.samples_sent as f64),
    ("bongsu_agent_samples_retried_total", "Samples sent again.", |s| s.samples_retried as f64),
    ("bongsu_agent_samples_failed_total", "Samples the destination refused for good.", |s| s.samples_failed as f64),
    ("bongsu_agent_samples_dropped_full_total", "Samples dropped because the queue was full.", |s| {
        s.samples_dropped_full as f64
    }),
    ("bongsu_agent_samples_dropped_old_total", "Samples dropped because they were too old.", |s| {
        s.samples_dropped_old as f64
    }),
    ("bongsu_agent_requests_sent_total", "Requests acked.", |s| s.requests_sent as f64),
    ("bongsu_agent_bytes_sent_total", "Bytes of acked requests.", |s| s.bytes_sent as f64),
    ("bongsu_agent_queue_bytes", "Bytes of the queue on disk.", |s| s.queue_bytes as f64),
    ("bongsu_agent_newest_sent_timestamp_seconds", "Time of the newest acked sample.", |s| {
        s.newest_sent_ms as f64 / 1000.0
    }),
];

/// Metrics of an agent that may start later than the registry is made.
#[derive(Clone, Default)]
pub struct Readings(Arc<Mutex<Weak<Outlets>>>);

impl Readings {
    /// Adds the agent's metrics; they are absent until the agent runs.
    pub fn register(&self, registry: &mut Registry) {
        for (name, help, read) in METRICS {
            let outlets = Arc::clone(&self.0);
            registry.add_reading(name, help, move |out| {
                let Some(outlets) = outlets.lock().upgrade() else { return };
                let values = outlets.0.iter().map(|forward| (forward.name(), read(&forward.stats())));
                out.extend(values.map(|(queue, value)| Reading::new(name, value).label("queue", queue)));
            });
        }
    }

    pub(crate) fn attach(&self, outlets: &Arc<Outlets>) {
        *self.0.lock() = Arc::downgrade(outlets);
    }
}
