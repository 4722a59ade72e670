//! The histograms of a group at a step, which may stand among floats.
//!
//! What is remarked upon depends on the order of the series, as in Prometheus: histograms behind a float are not looked at, and nothing is
//! behind histograms that cannot be joined. Either way there is no sample.

use bongsu_model::FloatHistogram;
use bongsu_syntax::Span;

use crate::annotation::{Annotations, HistogramOperation};
use crate::tally::Tally;

/// What the histograms have come to so far.
pub(super) enum Histograms {
    Joined(Tally),
    /// A float was the first sample.
    BehindFloat,
    /// They cannot be joined.
    Incompatible {
        /// Of the histogram that did not fit.
        metric: String,
        /// A float came between the first histogram and this one.
        after_float: bool,
        /// Bounds of custom buckets differed before.
        bounds_reconciled: bool,
    },
}

impl Histograms {
    /// Joins later histograms of a metric; `after_float`: there was a float before them.
    pub(super) fn join(&mut self, later: Self, after_float: bool, of_metric: &str) {
        let Self::Joined(tally) = self else {
            return;
        };
        let bounds_reconciled = tally.bounds_reconciled();
        match later {
            Self::Joined(other) => {
                if tally.merge(other).is_err() {
                    *self = Self::Incompatible { metric: of_metric.to_owned(), after_float, bounds_reconciled };
                }
            }
            // Only in the parts of a large group; that there is no sample is all that can be said.
            Self::BehindFloat => {}
            Self::Incompatible { metric, after_float: own, bounds_reconciled: others } => {
                let bounds_reconciled = bounds_reconciled || others;
                *self = Self::Incompatible { metric, after_float: after_float || own, bounds_reconciled };
            }
        }
    }

    /// The sample, if there is one, and remarks; `has_float`: there was a float at some place.
    pub(super) fn finish(self, has_float: bool, annotations: &Annotations, span: Span) -> Option<FloatHistogram> {
        match self {
            Self::Joined(tally) if has_float => {
                tally.remark_on_bounds(annotations, span);
                annotations.mixed_samples_in_aggregation(span);
                None
            }
            Self::Joined(tally) => Some(tally.finish(annotations, span)),
            Self::BehindFloat => {
                annotations.mixed_samples_in_aggregation(span);
                None
            }
            Self::Incompatible { metric, after_float, bounds_reconciled } => {
                if bounds_reconciled {
                    annotations.bounds_reconciled(span, HistogramOperation::Aggregation);
                }
                annotations.mixed_schemas(span, &metric);
                if after_float {
                    annotations.mixed_samples_in_aggregation(span);
                }
                None
            }
        }
    }
}
