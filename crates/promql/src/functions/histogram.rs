//! `histogram_quantile` and `histogram_fraction` of classic histograms: series that differ in `le`.

use bongsu_model::Labels;
use bongsu_syntax::Span;

use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::grid::Grid;
use crate::keys::{KeyNumbers, LabelChoice};
use crate::number::{ABSENT, is_present};
use crate::quantile::Bucket;
use crate::series::{Scalar, Series, Vector, merge_same_labels};

/// The label with a bucket's upper bound.
const BUCKET_LABEL: &str = "le";

/// The buckets of one histogram.
struct ClassicHistogram {
    /// Of the first bucket, without `le`.
    labels: Labels,
    drop_name: bool,
    /// Upper bound and place of the series.
    buckets: Vec<(f64, usize)>,
}

impl Evaluator<'_> {
    /// A value for each histogram and step, made of its buckets by `value_of` (step number, buckets).
    fn per_histogram(
        &self,
        vector: &Vector,
        span: Span,
        grid: Grid,
        value_of: &mut dyn FnMut(usize, &mut Vec<Bucket>, &Labels) -> f64,
    ) -> Result<Vector, QueryError> {
        let mut result = self.vector(Vec::new(), grid)?;
        let mut scratch = Vec::new();
        for histogram in self.classic_histograms(&vector.series, span) {
            self.budget.check()?;
            let mut column = vec![ABSENT; grid.count];
            for (step, cell) in column.iter_mut().enumerate() {
                let counts = histogram.buckets.iter().map(|&(bound, place)| (bound, vector.series[place].values[step]));
                scratch.clear();
                scratch.extend(
                    counts
                        .filter(|&(_, count)| is_present(count))
                        .map(|(upper_bound, count)| Bucket { upper_bound, count }),
                );
                if !scratch.is_empty() {
                    *cell = value_of(step, &mut scratch, &histogram.labels);
                }
            }
            let mut series = Series::new(histogram.labels, column);
            series.drop_name = histogram.drop_name;
            result.charge.grow(grid.count)?;
            result.series.push(series);
        }
        self.drop_names(&mut result.series)?;
        Ok(result)
    }

    fn classic_histograms(&self, series: &[Series], span: Span) -> Vec<ClassicHistogram> {
        let bucket_label = [BUCKET_LABEL.to_owned()];
        let choice = LabelChoice { names: &bucket_label, only_these: false };
        let mut keys = KeyNumbers::default();
        let mut histograms: Vec<ClassicHistogram> = Vec::new();
        for (place, one) in series.iter().enumerate() {
            let le = one.labels.get(BUCKET_LABEL).unwrap_or("");
            let Some(bound) = bongsu_model::parse_float(le) else {
                self.annotations.bad_bucket_label(span, one.labels.metric_name(), le);
                continue;
            };
            let (number, is_new) = keys.number(choice, &one.labels);
            if is_new {
                let labels = one.labels.without(BUCKET_LABEL);
                histograms.push(ClassicHistogram { labels, drop_name: one.drop_name, buckets: Vec::new() });
            }
            histograms[number].buckets.push((bound, place));
        }
        histograms
    }

    /// `histogram_quantile`; `quantile_span` and `span` are the places of its arguments.
    pub(crate) fn histogram_quantile(
        &self,
        quantiles: &[f64],
        quantile_span: Span,
        vector: &Vector,
        span: Span,
        grid: Grid,
    ) -> Result<Vector, QueryError> {
        for &quantile in quantiles.iter().filter(|quantile| !(0.0..=1.0).contains(*quantile)) {
            self.annotations.quantile_out_of_range(quantile_span, quantile);
        }
        self.per_histogram(vector, span, grid, &mut |step, buckets, labels| {
            let (value, forced) = crate::quantile::bucket_quantile(quantiles[step], buckets);
            if forced {
                self.annotations.forced_monotonicity(span, labels.metric_name());
            }
            value
        })
    }

    /// `histogram_fraction`.
    pub(crate) fn histogram_fraction(
        &self,
        lower: &[f64],
        upper: &[f64],
        vector: &Vector,
        span: Span,
        grid: Grid,
    ) -> Result<Vector, QueryError> {
        self.per_histogram(vector, span, grid, &mut |step, buckets, _| {
            crate::quantile::bucket_fraction(lower[step], upper[step], buckets)
        })
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
            let mut one = self.histogram_quantile(column, *quantile_span, vector, span, grid)?;
            for series in &mut one.series {
                if series.labels.get(label).is_some() {
                    let text = format!("label {label:?} is there already; expected the name of a new label");
                    return Err(QueryError::execution(text));
                }
                let mut builder = bongsu_model::LabelsBuilder::from_labels(&series.labels);
                builder.set(label, &crate::number::format_label_value(column[0]));
                series.labels = builder.build();
            }
            all.series.append(&mut one.series);
            all.charge.absorb(one.charge);
        }
        merge_same_labels(&mut all.series)?;
        Ok(all)
    }
}
