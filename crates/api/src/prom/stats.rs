//! `stats`: what a query has used, as Prometheus shows it.

use std::fmt::Write;
use std::time::Duration;

use bongsu_promql::QueryOutput;

use super::json::write_seconds;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Totals: any value of `stats`.
    Totals,
    /// Also what each step looked at: `stats=all`.
    Steps,
}

impl Detail {
    pub(super) fn of(parameter: &str) -> Self {
        if parameter == "all" { Self::Steps } else { Self::Totals }
    }
}

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
pub(super) fn append(out: &mut String, timings: &Timings, detail: Detail, output: &QueryOutput) {
    debug_assert!(out.ends_with('}'), "an object to add to");
    out.pop();
    let evaluation = timings.total.saturating_sub(timings.queue);
    let inner = evaluation.saturating_sub(timings.preparation);
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        ",\"stats\":{{\"timings\":{{\"evalTotalTime\":{},\"resultSortTime\":0,\"queryPreparationTime\":{},\
         \"innerEvalTime\":{},\"execQueueTime\":{},\"execTotalTime\":{}}},\"samples\":{{",
        evaluation.as_secs_f64(),
        timings.preparation.as_secs_f64(),
        inner.as_secs_f64(),
        timings.queue.as_secs_f64(),
        timings.total.as_secs_f64(),
    );
    let counts = output.counts.clone().unwrap_or_default();
    if detail == Detail::Steps {
        out.push_str("\"totalQueryableSamplesPerStep\":[");
        for (place, (time_ms, count)) in counts.per_step.iter().enumerate() {
            out.push_str(if place == 0 { "[" } else { ",[" });
            write_seconds(out, *time_ms);
            let _ = write!(out, ",{count}]");
        }
        out.push_str("],");
    }
    let _ = write!(
        out,
        "\"totalQueryableSamples\":{},\"samplesRead\":{},\"peakSamples\":{}}}}}}}",
        counts.total(),
        output.stats.samples_read,
        counts.peak,
    );
}

#[cfg(test)]
mod tests {
    use bongsu_promql::{QueryStats, SampleCounts, Value};

    use super::*;

    #[test]
    fn stands_inside_the_data() {
        let timings = Timings {
            queue: Duration::from_millis(1),
            preparation: Duration::from_millis(2),
            total: Duration::from_millis(10),
        };
        let output = QueryOutput {
            value: Value::Vector(Vec::new()),
            annotations: Vec::new(),
            stats: QueryStats { samples_read: 9, series_read: 1, points_peak: 5 },
            counts: Some(SampleCounts { per_step: vec![(1500, 3), (2000, 4)], peak: 6 }),
        };
        let stats = |detail| {
            let mut out = "{\"status\":\"success\",\"data\":{\"result\":[]}".to_owned();
            append(&mut out, &timings, detail, &output);
            serde_json::from_str::<serde_json::Value>(&(out + "}")).unwrap()["data"]["stats"].clone()
        };
        let all = stats(Detail::of("all"));
        assert_eq!(all["timings"]["evalTotalTime"], 0.009);
        assert_eq!(all["timings"]["innerEvalTime"], 0.007);
        assert_eq!(all["samples"]["totalQueryableSamplesPerStep"], serde_json::json!([[1.5, 3], [2, 4]]));
        let samples = stats(Detail::of("1"))["samples"].clone();
        assert_eq!(samples, serde_json::json!({ "totalQueryableSamples": 7, "samplesRead": 9, "peakSamples": 6 }));
    }
}
