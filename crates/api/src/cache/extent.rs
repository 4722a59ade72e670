//! Answers for a stretch of steps, cut and put together.

use std::sync::Arc;

use bongsu_promql::MatrixSeries;

/// The answer to an expression at the steps from `first_ms` to `last_ms`, both inclusive.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Extent {
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    /// Sorted by labels, each with a sample at least.
    pub(super) series: Vec<MatrixSeries>,
}

impl Extent {
    /// The part from `first_ms` to `last_ms`, if there is such a part.
    pub(super) fn slice(&self, first_ms: i64, last_ms: i64) -> Option<Self> {
        slice(&self.series, first_ms.max(self.first_ms), last_ms.min(self.last_ms))
    }

    /// Puts a later stretch behind this one.
    pub(super) fn append(&mut self, later: Self) {
        self.last_ms = later.last_ms;
        let count = self.series.len().max(later.series.len());
        let mut before = std::mem::replace(&mut self.series, Vec::with_capacity(count)).into_iter().peekable();
        for series in later.series {
            self.series.extend(std::iter::from_fn(|| before.next_if(|known| known.labels < series.labels)));
            match before.next_if(|known| known.labels == series.labels) {
                Some(mut known) => {
                    known.timestamps_ms.extend(series.timestamps_ms);
                    known.values.extend(series.values);
                    known.histograms.extend(series.histograms);
                    self.series.push(known);
                }
                None => self.series.push(series),
            }
        }
        self.series.extend(before);
    }

    /// What it takes in memory, about.
    pub(super) fn size_bytes(&self) -> usize {
        self.series.iter().map(series_bytes).sum::<usize>() + size_of::<Self>()
    }
}

/// What series have from `first_ms` to `last_ms`; `None` when there is no such time.
pub(super) fn slice(series: &[MatrixSeries], first_ms: i64, last_ms: i64) -> Option<Extent> {
    let part = |one: &MatrixSeries| slice_series(one, first_ms, last_ms);
    (first_ms <= last_ms).then(|| Extent { first_ms, last_ms, series: series.iter().filter_map(part).collect() })
}

fn slice_series(series: &MatrixSeries, first_ms: i64, last_ms: i64) -> Option<MatrixSeries> {
    let from = series.timestamps_ms.partition_point(|time_ms| *time_ms < first_ms);
    let to = series.timestamps_ms.partition_point(|time_ms| *time_ms <= last_ms);
    let histograms_from = series.histograms.partition_point(|(time_ms, _)| *time_ms < first_ms);
    let histograms_to = series.histograms.partition_point(|(time_ms, _)| *time_ms <= last_ms);
    let is_empty = from == to && histograms_from == histograms_to;
    (!is_empty).then(|| MatrixSeries {
        labels: series.labels.clone(),
        timestamps_ms: series.timestamps_ms[from..to].to_vec(),
        values: series.values[from..to].to_vec(),
        histograms: series.histograms[histograms_from..histograms_to].to_vec(),
    })
}

fn series_bytes(series: &MatrixSeries) -> usize {
    const HISTOGRAM_NUMBERS: usize = 24;
    let mut bytes = size_of::<MatrixSeries>() + 64 + series.labels.packed().len();
    bytes += series.timestamps_ms.capacity() * 8 + series.values.capacity() * 8;
    for (at, (_, histogram)) in series.histograms.iter().enumerate() {
        bytes += 16;
        // Many steps may show the same one.
        if at == 0 || !Arc::ptr_eq(&series.histograms[at - 1].1, histogram) {
            let numbers = HISTOGRAM_NUMBERS + histogram.positive_buckets.len() + histogram.negative_buckets.len();
            bytes += numbers * 8;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use bongsu_model::Labels;

    use super::*;

    fn series(name: &str, times_ms: &[i64]) -> MatrixSeries {
        MatrixSeries {
            labels: Labels::from_pairs([("a", name)]),
            timestamps_ms: times_ms.to_vec(),
            values: times_ms.iter().map(|time_ms| *time_ms as f64).collect(),
            histograms: Vec::new(),
        }
    }

    #[test]
    fn parts_put_together_are_the_whole() {
        let all = vec![series("both", &[0, 10, 20, 30]), series("early", &[10]), series("late", &[20, 30])];
        let whole = Extent { first_ms: 0, last_ms: 30, series: all };
        for cut in [0, 10, 20] {
            let mut parts = whole.slice(i64::MIN, cut).unwrap();
            parts.append(whole.slice(cut + 10, i64::MAX).unwrap());
            assert_eq!(parts, whole, "cut after {cut}");
        }
        assert_eq!(whole.slice(31, 40), None);
        assert_eq!(whole.slice(0, 5).unwrap().series, [series("both", &[0])]);
    }
}
