//! `stats`: what a query has used, as Prometheus shows it.
//!
//! The evaluator works on columns, not step by step: samples are counted once each as they are decoded, and so there are
//! no numbers per step.

use std::fmt::Write;
use std::time::Duration;

use bongsu_promql::QueryStats;

/// Where the time of a query went.
pub(super) struct Timings {
    /// Waiting for a slot.
    pub(super) queue: Duration,
    /// Parsing.
    pub(super) preparation: Duration,
    /// From the request to the end of the evaluation.
    pub(super) total: Duration,
}

/// Adds the object to the `data` object that `out` ends with.
pub(super) fn append(out: &mut String, timings: &Timings, used: QueryStats) {
    debug_assert!(out.ends_with('}'), "an object to add to");
    out.pop();
    let evaluation = timings.total.saturating_sub(timings.queue);
    let inner = evaluation.saturating_sub(timings.preparation);
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        ",\"stats\":{{\"timings\":{{\"evalTotalTime\":{},\"resultSortTime\":0,\"queryPreparationTime\":{},\
         \"innerEvalTime\":{},\"execQueueTime\":{},\"execTotalTime\":{}}},\
         \"samples\":{{\"totalQueryableSamples\":{},\"samplesRead\":{},\"peakSamples\":{}}}}}}}",
        evaluation.as_secs_f64(),
        timings.preparation.as_secs_f64(),
        inner.as_secs_f64(),
        timings.queue.as_secs_f64(),
        timings.total.as_secs_f64(),
        used.samples_read,
        used.samples_read,
        used.points_peak,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_inside_the_data() {
        let mut out = "{\"status\":\"success\",\"data\":{\"result\":[]}".to_owned();
        let timings = Timings {
            queue: Duration::from_millis(1),
            preparation: Duration::from_millis(2),
            total: Duration::from_millis(10),
        };
        append(&mut out, &timings, QueryStats { samples_read: 7, series_read: 1, points_peak: 3 });
        let value: serde_json::Value = serde_json::from_str(&(out + "}")).unwrap();
        let stats = &value["data"]["stats"];
        assert_eq!(stats["timings"]["evalTotalTime"], 0.009);
        assert_eq!(stats["timings"]["innerEvalTime"], 0.007);
        assert_eq!(stats["samples"]["totalQueryableSamples"], 7);
        assert_eq!(stats["samples"]["peakSamples"], 3);
    }
}
