//! `load_with_nhcb`: classic histograms as native ones with custom buckets.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{FloatHistogram, Labels, METRIC_NAME, is_stale, parse_float};

use super::series::Point;

/// What is known of one histogram at one time: cumulative counts by upper bound, sum and count.
#[derive(Default)]
struct Classic {
    buckets: BTreeMap<Bound, f64>,
    sum: Option<f64>,
    count: Option<f64>,
}

/// An upper bound, ordered as a number.
#[derive(Clone, Copy, PartialEq)]
struct Bound(f64);

impl Eq for Bound {}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bound {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// The native histograms of all classic ones among the series.
pub fn convert(series: &[(Labels, BTreeMap<i64, Point>)]) -> BTreeMap<Labels, BTreeMap<i64, Point>> {
    let mut classics: BTreeMap<Labels, BTreeMap<i64, Classic>> = BTreeMap::new();
    for (labels, samples) in series {
        let Some(part) = Part::of(labels) else { continue };
        let histogram = classics.entry(part.histogram).or_default();
        for (&time_ms, point) in samples {
            if let Point::Float(value) = point
                && !is_stale(*value)
            {
                let classic = histogram.entry(time_ms).or_default();
                match part.kind {
                    Kind::Bucket(bound) => _ = classic.buckets.insert(Bound(bound), *value),
                    Kind::Sum => classic.sum = Some(*value),
                    Kind::Count => classic.count = Some(*value),
                }
            }
        }
    }
    // Without a bucket, it is a summary or something else.
    classics.retain(|_, times| times.values().any(|classic| !classic.buckets.is_empty()));
    let native = |classic: Classic| Point::Histogram(Arc::new(classic.native()), false);
    classics
        .into_iter()
        .map(|(labels, times)| (labels, times.into_iter().map(|(time, classic)| (time, native(classic))).collect()))
        .collect()
}

/// Which part of which histogram a series is.
struct Part {
    histogram: Labels,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Bucket(f64),
    Sum,
    Count,
}

impl Part {
    fn of(labels: &Labels) -> Option<Self> {
        let name = labels.metric_name();
        let (base, kind) = if let Some(base) = name.strip_suffix("_bucket") {
            (base, Kind::Bucket(parse_float(labels.get("le")?)?))
        } else if let Some(base) = name.strip_suffix("_sum") {
            (base, Kind::Sum)
        } else {
            (name.strip_suffix("_count")?, Kind::Count)
        };
        let others = labels.iter().filter(|(label, _)| *label != "le" && *label != METRIC_NAME);
        Some(Self { histogram: Labels::from_pairs(others.chain([(METRIC_NAME, base)])), kind })
    }
}

impl Classic {
    fn native(self) -> FloatHistogram {
        let mut entries = Vec::new();
        let mut bounds = Vec::new();
        let mut before = 0.0;
        for (place, (bound, &cumulative)) in (0..).zip(&self.buckets) {
            if bound.0 != f64::INFINITY {
                bounds.push(bound.0);
            }
            entries.push((place, cumulative - before));
            before = cumulative;
        }
        let count = self.count.unwrap_or(before);
        if !self.buckets.contains_key(&Bound(f64::INFINITY)) {
            entries.push((bounds.len() as i32, count - before));
        }
        let mut histogram = FloatHistogram {
            schema: FloatHistogram::CUSTOM_BUCKETS,
            count,
            sum: self.sum.unwrap_or(0.0),
            custom_bounds: bounds,
            ..FloatHistogram::default()
        };
        histogram.set_positive(&entries);
        histogram.compact();
        histogram
    }
}
