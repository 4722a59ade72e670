//! Exemplars: single observations that stand for a series' samples.

use crate::Labels;

/// One observation, mostly with the id of the trace that it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// What tells it apart, such as `trace_id`; not the labels of its series.
    pub labels: Labels,
    /// What was observed.
    pub value: f64,
    /// When, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
}
