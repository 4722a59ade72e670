//! Selectors, their modifiers, and what range functions take.

use super::{Expr, Precision, Queries, WITHIN_SECOND_MS};
use crate::awkward::{BOUNDS, INSTANCES, JOBS};

/// A metric of [`crate::awkward`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Metric {
    name: &'static str,
    labels: &'static [&'static str],
    pub(super) precision: Precision,
    pub(super) is_moderate: bool,
}

const fn metric(name: &'static str, labels: &'static [&'static str], precision: Precision) -> Metric {
    Metric { name, labels, precision, is_moderate: true }
}

const TARGET: &[&str] = &["instance", "job"];
const GAUGES: [Metric; 5] = [
    metric("temperature", TARGET, Precision::Eighths),
    metric("sessions", TARGET, Precision::Eighths),
    metric("build_info", &["instance", "job", "version"], Precision::Eighths),
    Metric { is_moderate: false, ..metric("extreme", &["instance", "job", "size"], Precision::Bits) },
    Metric { is_moderate: false, ..metric("special", &["instance", "job", "kind"], Precision::Eighths) },
];
const COUNTERS: [Metric; 5] = [
    metric("requests_total", &["code", "instance", "job"], Precision::Eighths),
    metric("bytes_total", TARGET, Precision::Eighths),
    metric("latency_seconds_count", TARGET, Precision::Eighths),
    metric("latency_seconds_sum", TARGET, Precision::Eighths),
    BUCKETS,
];
/// The buckets of a classic histogram.
pub(super) const BUCKETS: Metric = metric("latency_seconds_bucket", &["instance", "job", "le"], Precision::Eighths);
/// The counter that may be asked for at any steps.
pub(super) const GAPPED_COUNTER: Metric = COUNTERS[1];

impl Queries {
    pub(super) fn metric(&mut self) -> Metric {
        if self.random.percent(60) { self.random.pick(&GAUGES) } else { self.counter() }
    }

    pub(super) fn counter(&mut self) -> Metric {
        self.random.pick(&COUNTERS)
    }

    pub(super) fn selector(&mut self) -> Expr {
        let metric = self.metric();
        self.selector_of(metric)
    }

    pub(super) fn selector_of(&mut self, metric: Metric) -> Expr {
        let text = format!("{}{}", self.series(metric), self.modifiers());
        Expr::new(text, metric.labels, metric.precision).with_moderate(metric.is_moderate)
    }

    /// A metric of target labels only.
    pub(super) fn target_selector(&mut self) -> Expr {
        let metric = self.random.pick(&[GAUGES[0], GAUGES[1], GAPPED_COUNTER]);
        self.selector_of(metric)
    }

    pub(super) fn range_selector(&mut self, metric: Metric) -> String {
        let range = self.random.pick(&["1m", "90s", "5m", "4m59s", "10m", "17m", "2m30s"]);
        format!("{}[{range}]{}", self.series(metric), self.modifiers())
    }

    /// Half a second off the steps, so that no step lies on the edge.
    pub(super) fn subquery(&mut self, inner: &Expr) -> String {
        let range = self.random.pick(&["59s500ms", "3m500ms", "4m59s500ms", "10m500ms"]);
        let step = self.random.pick(&["15s", "30s", "1m", "7s", ""]);
        format!("({})[{range}:{step}]{}", inner.text, self.modifiers())
    }

    fn series(&mut self, metric: Metric) -> String {
        if self.random.percent(55) {
            return metric.name.to_owned();
        }
        let matcher = self.matcher(metric);
        match self.random.below(10) {
            0 => format!("{{__name__=\"{}\",{matcher}}}", metric.name),
            1 => {
                let second = self.matcher(metric);
                format!("{}{{{matcher}, {second},}}", metric.name)
            }
            _ => format!("{}{{{matcher}}}", metric.name),
        }
    }

    fn matcher(&mut self, metric: Metric) -> String {
        let label = self.random.pick(metric.labels);
        let value = match label {
            "job" => self.random.pick(&JOBS),
            "instance" => self.random.pick(&INSTANCES),
            "le" => self.random.pick(&BOUNDS),
            "code" => self.random.pick(&["200", "404", "500"]),
            "kind" => "ü",
            "size" => self.random.pick(&["huge", "tiny"]),
            _ => "1.2",
        };
        match self.random.below(10) {
            0..4 => format!("{label}=\"{value}\""),
            4 => format!("{label}!='{value}'"),
            5 => format!("{label}=~\"{value}|nothing\""),
            6 => format!("{label}!~`{value}.*`"),
            7 => self
                .random
                .pick(&["job=~\"a.*|w.b\"", "job=~\".+\"", "instance=~\"[ab]:1\"", "instance!~\"(?i)A:.\""])
                .to_owned(),
            8 => self.random.pick(&["absent=\"\"", "absent=~\".*\"", "absent!=\"x\"", "job!=\"\""]).to_owned(),
            _ => format!("{label}=~\".*{}\"", &value[value.len() - value.chars().last().map_or(0, char::len_utf8)..]),
        }
    }

    fn modifiers(&mut self) -> String {
        let offset = match self.random.below(8) {
            0 => self.random.pick(&[" offset 1m", " offset 7m", " offset -2m", " offset 30s", " offset -1s"]),
            _ => "",
        };
        let at = match self.random.below(14) {
            0 => {
                let second = self.start_ms / 1000 + 1500 + self.random.below(1500) as i64;
                format!(" @ {second}.{WITHIN_SECOND_MS}")
            }
            1 => " @ start()".to_owned(),
            2 => " @ end()".to_owned(),
            _ => String::new(),
        };
        if self.random.percent(50) { format!("{offset}{at}") } else { format!("{at}{offset}") }
    }
}
