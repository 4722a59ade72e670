//! From what a target writes to the labels that are stored: merged with the target's labels, relabelled, checked.

use std::borrow::Cow;

use bongsu_model::{
    Labels, LabelsBuilder, METRIC_NAME, MetricType, is_legacy_label_name, is_legacy_metric_name, relabel,
};
use bongsu_wire::exposition::{Series, normalize_bound};

use crate::config::{Job, ValidationScheme};
use crate::error::ScrapeError;

/// Errors quote at most this many characters of a name or series.
const QUOTED_CHARS_MAX: usize = 50;

/// The labels of a series as they are stored; `None` when a rule drops it.
pub(crate) fn stored_labels(
    series: Series<'_>,
    metric_type: MetricType,
    job: &Job,
    target: &Labels,
) -> Result<Option<Labels>, ScrapeError> {
    let exposed = exposed_labels(series, metric_type)?;
    let mut builder = LabelsBuilder::default();
    for (name, value) in &exposed {
        builder.set(name, value);
    }
    merge_target(&mut builder, &exposed, target, job.honor_labels);
    if !relabel(&job.metric_relabel, &mut builder) {
        return Ok(None);
    }
    let labels = builder.build();
    if labels.is_empty() {
        return Ok(None);
    }
    check_names(&labels, job.validation)?;
    check_limits(&labels, job)?;
    Ok(Some(labels))
}

/// A name and a value as the target wrote them.
type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The pairs that the target wrote, sorted by name.
fn exposed_labels<'a>(series: Series<'a>, metric_type: MetricType) -> Result<Vec<Pair<'a>>, ScrapeError> {
    let pairs = series.labels().map(|(name, value)| {
        let value = normalize_bound(metric_type, &name, value);
        (name, value)
    });
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    match pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(ScrapeError::LabelTwice { label: pair[0].0.to_string(), series: shortened(series.text()) }),
        None => Ok(pairs),
    }
}

/// Adds the target's labels. Of a name that both have, the target's own value wins and the exposed one moves to
/// `exported_<name>`, or the other way round when labels are honoured: then an exposed empty value removes the label.
fn merge_target(builder: &mut LabelsBuilder, exposed: &[Pair<'_>], target: &Labels, honor_labels: bool) {
    let is_exposed = |name: &str| exposed.iter().any(|(candidate, _)| candidate == name);
    if honor_labels {
        for (name, value) in target.iter().filter(|(name, _)| !is_exposed(name)) {
            builder.set(name, value);
        }
        return;
    }
    let mut conflicts = Vec::new();
    for (name, value) in target {
        if let Some(former) = builder.get(name) {
            conflicts.push((name, former.to_owned()));
        }
        builder.set(name, value);
    }
    // Short names first, so that the outcome does not depend on the order of labels.
    conflicts.sort_by_key(|(name, _)| name.len());
    for (name, value) in conflicts {
        let mut moved = format!("exported_{name}");
        while builder.get(&moved).is_some() {
            moved.insert_str(0, "exported_");
        }
        builder.set(&moved, &value);
    }
}

fn check_names(labels: &Labels, validation: ValidationScheme) -> Result<(), ScrapeError> {
    let metric = labels.metric_name();
    if metric.is_empty() {
        return Err(ScrapeError::NameMissing(shortened(&labels.to_string())));
    }
    let legacy = || {
        is_legacy_metric_name(metric)
            && labels.iter().all(|(name, _)| name == METRIC_NAME || is_legacy_label_name(name))
    };
    let valid = labels.iter().all(|(name, _)| !name.is_empty()) && (validation == ValidationScheme::Utf8 || legacy());
    if valid { Ok(()) } else { Err(ScrapeError::NameInvalid(shortened(&labels.to_string()))) }
}

fn check_limits(labels: &Labels, job: &Job) -> Result<(), ScrapeError> {
    let limits = &job.limits;
    let check = |limit, found: usize, max: Option<u64>| match max {
        Some(max) if found as u64 > max => {
            Err(ScrapeError::Labels { limit, metric: shortened(labels.metric_name()), found: found as u64, max })
        }
        _ => Ok(()),
    };
    if limits.labels_max.is_some() {
        check("label_limit", labels.len(), limits.labels_max)?;
    }
    for (name, value) in labels {
        check("label_name_length_limit", name.len(), limits.label_name_bytes_max)?;
        check("label_value_length_limit", value.len(), limits.label_value_bytes_max)?;
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    text.chars().take(QUOTED_CHARS_MAX).collect()
}
