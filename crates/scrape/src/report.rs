//! The series that tell how scraping went: `up` and the like.

use std::time::Duration;

use bongsu_model::{Batch, Labels, LabelsBuilder, METRIC_NAME, STALE_NAN, Sample};

use crate::cache::Counts;
use crate::config::Job;

const NAMES: [&str; 8] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
];
/// The rest of [`NAMES`] is only for jobs with `extra_scrape_metrics`.
const BASIC: usize = 5;

/// The labels of the report series of one target.
#[derive(Debug)]
pub(crate) struct Report {
    series: Vec<Labels>,
    timeout_seconds: f64,
    samples_max: u64,
    /// Whether the series have samples that are not followed by a stale marker.
    live: bool,
}

impl Report {
    pub(crate) fn new(job: &Job, timeout_ms: i64, target: &Labels) -> Self {
        let count = if job.extra_metrics { NAMES.len() } else { BASIC };
        let series = NAMES[..count]
            .iter()
            .map(|name| LabelsBuilder::from_labels(target).set(METRIC_NAME, name).build())
            .collect();
        let samples_max = job.limits.samples_max.unwrap_or(0);
        Self { series, timeout_seconds: timeout_ms as f64 / 1000.0, samples_max, live: false }
    }

    pub(crate) fn push(&mut self, up: bool, counts: &Counts, duration: Duration, time_ms: i64, batch: &mut Batch) {
        let values = [
            f64::from(u8::from(up)),
            duration.as_secs_f64(),
            counts.scraped as f64,
            counts.kept as f64,
            counts.added as f64,
            self.timeout_seconds,
            self.samples_max as f64,
            counts.body_bytes as f64,
        ];
        self.live = true;
        for (labels, value) in self.series.iter().zip(values) {
            batch.series.push((labels.clone(), Sample { timestamp_ms: time_ms, value }));
        }
    }

    pub(crate) fn end(&mut self, time_ms: i64, batch: &mut Batch) {
        if std::mem::take(&mut self.live) {
            let marker = Sample { timestamp_ms: time_ms, value: STALE_NAN };
            batch.series.extend(self.series.iter().map(|labels| (labels.clone(), marker)));
        }
    }
}
