//! What a metric is, apart from its values.

use std::fmt;

/// The kind of a metric family, with the words of OpenMetrics and Prometheus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MetricType {
    /// Not known.
    #[default]
    Unknown,
    /// Only goes up, or back to zero.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, sum and count.
    Histogram,
    /// Buckets of current state.
    GaugeHistogram,
    /// Quantiles, sum and count.
    Summary,
    /// Constant 1 with information in labels.
    Info,
    /// One of several states.
    StateSet,
}

impl MetricType {
    /// The lower-case word, as in `# TYPE` lines and the metadata API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }

    /// The type of a word; the text format's `untyped` is unknown.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "unknown" | "untyped" => Self::Unknown,
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "gaugehistogram" => Self::GaugeHistogram,
            "summary" => Self::Summary,
            "info" => Self::Info,
            "stateset" => Self::StateSet,
            _ => return None,
        })
    }
}

impl fmt::Display for MetricType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Type, help and unit of a metric family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MetricMetadata {
    /// The kind.
    pub metric_type: MetricType,
    /// A sentence for people.
    pub help: String,
    /// The unit (`seconds`, `bytes`), or "".
    pub unit: String,
}
