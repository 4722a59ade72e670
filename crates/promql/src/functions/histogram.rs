//! `histogram_quantile` and `histogram_fraction`: of classic histograms, which are series that differ in `le`, and of native ones.

use bongsu_model::{FloatHistogram, Labels};
use bongsu_syntax::Span;
use hashbrown::HashMap;

use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::grid::Grid;
use crate::number::{ABSENT, is_present};
use crate::quantile::{self, Bucket, NativeResult};
use crate::series::{Scalar, Series, Vector, merge_same_labels};

/// The label with a bucket's upper bound.
const BUCKET_LABEL: &str = "le";

/// One histogram: the series of its buckets, or the series of native histograms, or both, which is one too many.
struct Histogram {
    /// Of the first series, without `le`.
    labels: Labels,
    drop_name: bool,
    /// Upper bound and place of the series.
    buckets: Vec<(f64, usize)>,
    native: Option<usize>,
}

/// What is asked of a histogram at a step.
trait Question {
    fn of_buckets(&self, step: usize, buckets: &mut Vec<Bucket>, metric: &str) -> f64;

    fn of_native(&self, step: usize, histogram: &FloatHistogram, metric: &str) -> f64;
}

impl Evaluator<'_> {
    /// A value for each histogram and step.
    fn per_histogram(
        &self,
        vector: &Vector,
        span: Span,
        grid: Grid,
        question: &dyn Question,
    ) -> Result<Vector, QueryError> {
        let mut result = self.vector(Vec::new(), grid)?;
        let mut scratch = Vec::new();
        for histogram in self.histograms(&vector.series, span) {
            self.budget.check()?;
            let metric = histogram.labels.metric_name().to_owned();
            let mut column = vec![ABSENT; grid.count];
            for (step, cell) in column.iter_mut().enumerate() {
                let counts = histogram.buckets.iter().map(|&(bound, place)| (bound, vector.series[place].values[step]));
                scratch.clear();
                scratch.extend(
                    counts
                        .filter(|&(_, count)| is_present(count))
                        .map(|(upper_bound, count)| Bucket { upper_bound, count }),
                );
                let native = histogram.native.and_then(|place| vector.series[place].histograms.get(step));
                match (native, scratch.is_empty()) {
                    (Some(_), false) => self.annotations.mixed_classic_and_native(span, &metric),
                    (Some(native), true) => *cell = question.of_native(step, native, &metric),
                    (None, false) => *cell = question.of_buckets(step, &mut scratch, &metric),
                    (None, true) => {}
                }
            }
            let series = Series { drop_name: histogram.drop_name, ..Series::new(histogram.labels, column) };
            if !series.is_absent() {
                result.charge.grow(grid.count)?;
                result.series.push(series);
            }
        }
        self.drop_names(&mut result.series)?;
        Ok(result)
    }

    fn histograms(&self, series: &[Series], span: Span) -> Vec<Histogram> {
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut histograms: Vec<Histogram> = Vec::new();
        let mut at = |labels: Labels, drop_name: bool, histograms: &mut Vec<Histogram>| {
            *places.entry(labels).or_insert_with_key(|labels| {
                let labels = labels.clone();
                histograms.push(Histogram { labels, drop_name, buckets: Vec::new(), native: None });
                histograms.len() - 1
            })
        };
        for (place, one) in series.iter().enumerate() {
            if !one.histograms.is_empty() {
                let number = at(one.labels.clone(), one.drop_name, &mut histograms);
                histograms[number].native = Some(place);
            }
            if !one.values.iter().any(|&value| is_present(value)) {
                continue;
            }
            let le = one.labels.get(BUCKET_LABEL).unwrap_or("");
            let Some(bound) = bongsu_model::parse_float(le) else {
                self.annotations.bad_bucket_label(span, one.labels.metric_name(), le);
                continue;
            };
            let number = at(one.labels.without(BUCKET_LABEL), one.drop_name, &mut histograms);
            histograms[number].buckets.push((bound, place));
        }
        histograms
    }

    /// `histogram_quantile`; `quantile_span` and `span` are the places of its arguments.
    pub(crate) fn histogram_quantile(
        &self,
        (quantiles, quantile_span): (&[f64], Span),
        vector: &Vector,
        span: Span,
        grid: Grid,
    ) -> Result<Vector, QueryError> {
        for &quantile in quantiles.iter().filter(|quantile| !(0.0..=1.0).contains(*quantile)) {
            self.annotations.quantile_out_of_range(quantile_span, quantile);
        }
        self.per_histogram(vector, span, grid, &Quantile { evaluator: self, quantiles, span, grid })
    }

    /// `histogram_fraction`.
    pub(crate) fn histogram_fraction(
        &self,
        (lower, upper): (&[f64], &[f64]),
        vector: &Vector,
        span: Span,
        grid: Grid,
    ) -> Result<Vector, QueryError> {
        self.per_histogram(vector, span, grid, &Fraction { evaluator: self, lower, upper, span })
    }

    /// `histogram_quantiles`: several quantiles, told apart by a label.
    pub(crate) fn histogram_quantiles(
        &self,
        vector: &Vector,
        span: Span,
        label: &str,
        quantiles: &[(Scalar, Span)],
        grid: Grid,
    ) -> Result<Vector, QueryError> {
        let mut all = self.vector(Vec::new(), grid)?;
        for (column, quantile_span) in quantiles {
            let mut one = self.histogram_quantile((&**column, *quantile_span), vector, span, grid)?;
            label_by_quantile(&mut one.series, label, column);
            all.series.append(&mut one.series);
            all.charge.absorb(one.charge);
        }
        merge_same_labels(&mut all.series)?;
        Ok(all)
    }
}

/// Gives each series a label with the quantile; one series for each quantile where it is not the same at all steps.
fn label_by_quantile(series: &mut Vec<Series>, label: &str, quantiles: &[f64]) {
    let mut different: Vec<f64> = Vec::new();
    for &quantile in quantiles {
        if !different.iter().any(|known| known.to_bits() == quantile.to_bits()) {
            different.push(quantile);
        }
    }
    let labelled = |one: &Series, quantile: f64| {
        let mut one = one.clone();
        for (step, _) in quantiles.iter().enumerate().filter(|(_, other)| other.to_bits() != quantile.to_bits()) {
            one.remove(step);
        }
        let mut builder = bongsu_model::LabelsBuilder::from_labels(&one.labels);
        builder.set(label, &crate::number::format_label_value(quantile));
        one.labels = builder.build();
        one
    };
    *series = series.iter().flat_map(|one| different.iter().map(|&quantile| labelled(one, quantile))).collect();
    series.retain(|one| !one.is_absent());
}

struct Quantile<'q> {
    evaluator: &'q Evaluator<'q>,
    quantiles: &'q [f64],
    span: Span,
    grid: Grid,
}

impl Question for Quantile<'_> {
    fn of_buckets(&self, step: usize, buckets: &mut Vec<Bucket>, metric: &str) -> f64 {
        let (value, forced) = quantile::bucket_quantile(self.quantiles[step], buckets);
        if let Some(forced) = forced {
            self.evaluator.annotations.forced_monotonicity(self.span, metric, self.grid.time_ms(step), forced);
        }
        value
    }

    fn of_native(&self, step: usize, histogram: &FloatHistogram, metric: &str) -> f64 {
        let NativeResult { value, ignores_nans } = quantile::native_quantile(self.quantiles[step], histogram);
        match (ignores_nans, value.is_nan()) {
            (false, _) => {}
            (true, true) => self.evaluator.annotations.quantile_is_nan(self.span, metric),
            (true, false) => self.evaluator.annotations.quantile_is_skewed(self.span, metric),
        }
        value
    }
}

struct Fraction<'q> {
    evaluator: &'q Evaluator<'q>,
    lower: &'q [f64],
    upper: &'q [f64],
    span: Span,
}

impl Question for Fraction<'_> {
    fn of_buckets(&self, step: usize, buckets: &mut Vec<Bucket>, _metric: &str) -> f64 {
        quantile::bucket_fraction(self.lower[step], self.upper[step], buckets)
    }

    fn of_native(&self, step: usize, histogram: &FloatHistogram, metric: &str) -> f64 {
        let NativeResult { value, ignores_nans } =
            quantile::native_fraction(self.lower[step], self.upper[step], histogram);
        if ignores_nans {
            self.evaluator.annotations.fraction_without_nans(self.span, metric);
        }
        value
    }
}
