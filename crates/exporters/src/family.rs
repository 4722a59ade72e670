//! Metric families: what every exporter hands out.

use std::borrow::Cow;

use bongsu_model::{Labels, METRIC_NAME, MetricType};

/// A source of metrics inside this process.
pub trait Exporter: Send {
    /// The name it is configured by and known as, as in `job="node"`.
    fn name(&self) -> &str;

    /// Appends what is measured now. An exporter reports its own failures as metrics; it never fails as a whole.
    fn collect(&mut self, families: &mut Vec<Family>);
}

/// All samples of one metric name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// The metric's name.
    pub name: Cow<'static, str>,
    /// A sentence for people.
    pub help: Cow<'static, str>,
    /// The kind.
    pub metric_type: MetricType,
    /// Complete label sets (the name among them) and their values.
    pub samples: Vec<(Labels, f64)>,
}

impl Family {
    /// A family without samples.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        metric_type: MetricType,
        help: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { name: name.into(), help: help.into(), metric_type, samples: Vec::new() }
    }

    /// The family with one more sample; see [`Family::push`].
    #[must_use]
    pub fn with(mut self, labels: &[(&str, &str)], value: f64) -> Self {
        self.push(labels, value);
        self
    }

    /// Adds a sample of this family's name. `labels` are sorted by name and lower case; empty values mean no label.
    pub fn push(&mut self, labels: &[(&str, &str)], value: f64) {
        debug_assert!(labels.is_sorted_by(|a, b| a.0 < b.0) && labels.first().is_none_or(|l| METRIC_NAME < l.0));
        let name = std::iter::once((METRIC_NAME, &*self.name));
        let given = labels.iter().copied().filter(|(_, value)| !value.is_empty());
        self.samples.push((Labels::from_sorted(name.chain(given)), value));
    }
}

/// What a family is, as a constant.
pub(crate) struct Description {
    name: &'static str,
    metric_type: MetricType,
    help: &'static str,
}

impl From<&Description> for Family {
    fn from(description: &Description) -> Self {
        Self::new(description.name, description.metric_type, description.help)
    }
}

/// Describes a counter.
pub(crate) const fn counter(name: &'static str, help: &'static str) -> Description {
    Description { name, metric_type: MetricType::Counter, help }
}

/// Describes a gauge.
pub(crate) const fn gauge(name: &'static str, help: &'static str) -> Description {
    Description { name, metric_type: MetricType::Gauge, help }
}

/// Appends a family for each description and returns them for filling; whoever collects drops those left empty.
pub(crate) fn described<'f, const N: usize>(
    families: &'f mut Vec<Family>,
    descriptions: &[Description; N],
) -> &'f mut [Family; N] {
    families.extend(descriptions.iter().map(Family::from));
    families.last_chunk_mut().expect("N families were just appended")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_carries_the_name_and_no_empty_labels() {
        let family = Family::new("node_network_info", MetricType::Gauge, "Words about a device.")
            .with(&[("device", "lo"), ("duplex", ""), ("operstate", "up")], 1.0);
        assert_eq!(family.samples[0].0.to_string(), r#"node_network_info{device="lo", operstate="up"}"#);
    }
}
