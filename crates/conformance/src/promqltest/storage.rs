//! The loaded series, as a store in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{
    FloatHistogram, Labels, Matcher, ResetHint, SampleBuffer, Selection, SeriesSet, Source, SourceError,
    SourceErrorKind,
};

use super::nhcb;
use super::script::Load;
use super::series::Point;

/// All series since the last `clear`.
#[derive(Default)]
pub struct Storage {
    series: BTreeMap<Labels, Samples>,
    /// When the counting of samples began, where that is known.
    starts_ms: BTreeMap<Labels, BTreeMap<i64, i64>>,
}

/// Samples by their times.
type Samples = BTreeMap<i64, Point>;

impl Storage {
    /// Adds series; the first point of each stands at time 0.
    pub fn load(&mut self, load: &Load) {
        for series in load.series.iter().filter(|series| !series.starts.is_empty()) {
            let times = (0..).map(|step: i64| step * load.step_ms);
            let known = times.zip(&series.starts).filter_map(|(time_ms, start)| Some((time_ms, time_ms + (*start)?)));
            self.starts_ms.entry(series.labels.clone()).or_default().extend(known);
        }
        let loaded: Vec<(Labels, Samples)> = load
            .series
            .iter()
            .map(|series| {
                let times = (0..).map(|step: i64| step * load.step_ms);
                let samples = times.zip(series.points.iter().cloned()).filter(|(_, point)| *point != Point::Omitted);
                (series.labels.clone(), samples.collect())
            })
            .collect();
        if load.with_nhcb {
            for (labels, samples) in nhcb::convert(&loaded) {
                self.series.entry(labels).or_default().extend(samples);
            }
        }
        for (labels, samples) in loaded {
            self.series.entry(labels).or_default().extend(samples);
        }
        self.series.retain(|_, samples| !samples.is_empty());
    }
}

/// Adds what Prometheus' store says of counter resets when it is read: a histogram that goes on from the one before is known to, one that
/// does not begins a new chunk, of which nothing is known.
fn hint(before: Option<&FloatHistogram>, now: &FloatHistogram) -> ResetHint {
    let Some(before) = before.filter(|_| now.reset_hint != ResetHint::Gauge) else {
        return if now.reset_hint == ResetHint::Gauge { ResetHint::Gauge } else { ResetHint::Unknown };
    };
    let asked = FloatHistogram { reset_hint: ResetHint::Unknown, ..now.clone() };
    let same_kind = before.reset_hint != ResetHint::Gauge
        && before.schema == now.schema
        && before.zero_threshold == now.zero_threshold
        && before.custom_bounds == now.custom_bounds;
    if same_kind && !before.is_stale() && now.reset_hint != ResetHint::Reset && !asked.is_reset_after(before) {
        ResetHint::NotReset
    } else {
        ResetHint::Unknown
    }
}

fn fulfils(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
}

impl Source for Storage {
    fn select(&self, selection: &Selection) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        let range = (selection.start_ms, selection.end_ms);
        let series: Vec<(&Labels, &Samples)> =
            self.series.iter().filter(|(labels, _)| fulfils(labels, &selection.matchers)).collect();
        if series.len() > selection.series_max {
            let message = format!("more than {} series selected", selection.series_max);
            return Err(SourceError { kind: SourceErrorKind::Limit, message });
        }
        Ok(Box::new(Selected { series, starts_ms: &self.starts_ms, range }))
    }
}

struct Selected<'a> {
    series: Vec<(&'a Labels, &'a Samples)>,
    starts_ms: &'a BTreeMap<Labels, BTreeMap<i64, i64>>,
    range: (i64, i64),
}

impl SeriesSet for Selected<'_> {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, place: usize) -> Result<Labels, SourceError> {
        Ok(self.series[place].0.clone())
    }

    fn read(&self, place: usize, buffer: &mut SampleBuffer) -> Result<(), SourceError> {
        let in_range = |time_ms: i64| self.range.0 <= time_ms && time_ms <= self.range.1;
        let mut before: Option<&FloatHistogram> = None;
        let starts_ms = self.starts_ms.get(self.series[place].0);
        let start_ms = |time_ms: &i64| starts_ms.and_then(|starts_ms| starts_ms.get(time_ms)).copied().unwrap_or(0);
        for (&time_ms, point) in self.series[place].1 {
            match point {
                Point::Float(value) => {
                    before = None;
                    if in_range(time_ms) {
                        buffer.push(time_ms, *value);
                        buffer.set_last_start(start_ms(&time_ms));
                    }
                }
                Point::Histogram(histogram, _) => {
                    if in_range(time_ms) {
                        let reset_hint = hint(before, histogram);
                        let hinted = FloatHistogram { reset_hint, ..FloatHistogram::clone(histogram) };
                        buffer.histograms.push((time_ms, Arc::new(hinted)));
                        buffer.set_last_histogram_start(start_ms(&time_ms));
                    }
                    before = Some(histogram);
                }
                Point::Omitted => {}
            }
        }
        Ok(())
    }
}
