//! The loaded series, as a store in memory.

use std::collections::BTreeMap;

use bongsu_model::{
    Labels, METRIC_NAME, Matcher, Sample, SampleBuffer, Selection, SeriesSet, Source, SourceError, SourceErrorKind,
};

use super::script::Load;
use super::series::Point;

/// All series since the last `clear`.
#[derive(Default)]
pub struct Storage {
    floats: BTreeMap<Labels, Vec<Sample>>,
    /// Series that have native histograms; their values are not kept.
    histograms: Vec<Labels>,
}

impl Storage {
    /// Adds series; the first point of each stands at time 0.
    pub fn load(&mut self, load: &Load) {
        for series in &load.series {
            let samples = self.floats.entry(series.labels.clone()).or_default();
            let times = (0..).map(|step: i64| step * load.step_ms);
            samples.extend(times.zip(&series.points).filter_map(|(timestamp_ms, point)| match point {
                Point::Float(value) => Some(Sample { timestamp_ms, value: *value }),
                Point::Omitted | Point::Histogram => None,
            }));
            samples.sort_by_key(|sample| sample.timestamp_ms);
            if series.points.contains(&Point::Histogram) {
                self.histograms.push(series.labels.clone());
            }
            if load.with_nhcb
                && let Some(labels) = nhcb_labels(&series.labels)
            {
                self.histograms.push(labels);
            }
        }
        self.floats.retain(|_, samples| !samples.is_empty());
    }

    /// Whether the conditions select a native histogram.
    pub fn selects_histograms(&self, matchers: &[Matcher]) -> bool {
        self.histograms.iter().any(|labels| fulfils(labels, matchers))
    }
}

/// The native histogram that the buckets of a classic one are converted to.
fn nhcb_labels(bucket: &Labels) -> Option<Labels> {
    bucket.get("le")?;
    let name = bucket.get(METRIC_NAME)?.strip_suffix("_bucket")?;
    let others = bucket.iter().filter(|(label, _)| *label != "le" && *label != METRIC_NAME);
    Some(Labels::from_pairs(others.chain([(METRIC_NAME, name)])))
}

fn fulfils(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
}

impl Source for Storage {
    fn select(&self, selection: &Selection) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        let range = selection.start_ms..=selection.end_ms;
        let series: Vec<(&Labels, &[Sample])> = self
            .floats
            .iter()
            .filter(|(labels, _)| fulfils(labels, &selection.matchers))
            .map(|(labels, samples)| {
                let start = samples.partition_point(|sample| sample.timestamp_ms < *range.start());
                let end = samples.partition_point(|sample| sample.timestamp_ms <= *range.end());
                (labels, samples.get(start..end).unwrap_or_default())
            })
            .collect();
        if series.len() > selection.series_max {
            let message = format!("more than {} series selected", selection.series_max);
            return Err(SourceError { kind: SourceErrorKind::Limit, message });
        }
        Ok(Box::new(Selected(series)))
    }
}

struct Selected<'a>(Vec<(&'a Labels, &'a [Sample])>);

impl SeriesSet for Selected<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, place: usize) -> Labels {
        self.0[place].0.clone()
    }

    fn read(&self, place: usize, buffer: &mut SampleBuffer) -> Result<(), SourceError> {
        for sample in self.0[place].1 {
            buffer.push(sample.timestamp_ms, sample.value);
        }
        Ok(())
    }
}
