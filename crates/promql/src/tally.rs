//! Histograms that are summed up or averaged, and what there is to remark about that.

use bongsu_model::{FloatHistogram, HistogramSum, IncompatibleHistograms, ResetHint};
use bongsu_syntax::Span;

use crate::annotation::{Annotations, HistogramOperation};

/// What becomes of the histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TallyKind {
    Sum,
    Mean,
}

/// A sum or a mean of histograms; a mean becomes an incremental one where the sum would overflow.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    kind: TallyKind,
    /// The sum, or the mean once `incremental`.
    state: HistogramSum,
    count: f64,
    incremental: bool,
    saw_reset: bool,
    saw_no_reset: bool,
    bounds_reconciled: bool,
}

impl Tally {
    pub(crate) fn new(kind: TallyKind, first: &FloatHistogram) -> Self {
        Self {
            kind,
            state: HistogramSum::new(first),
            count: 1.0,
            incremental: false,
            saw_reset: first.reset_hint == ResetHint::Reset,
            saw_no_reset: first.reset_hint == ResetHint::NotReset,
            bounds_reconciled: false,
        }
    }

    pub(crate) fn add(&mut self, histogram: &FloatHistogram) -> Result<(), IncompatibleHistograms> {
        self.merge(Self::new(self.kind, histogram))
    }

    /// Adds what another one has seen.
    pub(crate) fn merge(&mut self, mut other: Self) -> Result<(), IncompatibleHistograms> {
        let count = self.count + other.count;
        if self.kind == TallyKind::Mean && (self.incremental || other.incremental || self.would_overflow(&other)) {
            self.make_incremental();
            other.make_incremental();
            self.state.scale(self.count / count);
            other.state.scale(other.count / count);
        }
        self.bounds_reconciled |= self.state.merge(other.state)?.bounds_reconciled | other.bounds_reconciled;
        self.saw_reset |= other.saw_reset;
        self.saw_no_reset |= other.saw_no_reset;
        self.count = count;
        Ok(())
    }

    /// The result, and remarks about how it came to be.
    pub(crate) fn finish(self, annotations: &Annotations, span: Span) -> FloatHistogram {
        if self.saw_reset && self.saw_no_reset {
            annotations.reset_collision(span, HistogramOperation::Aggregation);
        }
        self.remark_on_bounds(annotations, span);
        let mut histogram = self.state.value();
        if self.kind == TallyKind::Mean && !self.incremental {
            histogram.divide(self.count);
        }
        histogram.compact();
        histogram
    }

    /// Whether the bounds of custom buckets differed.
    pub(crate) fn bounds_reconciled(&self) -> bool {
        self.bounds_reconciled
    }

    pub(crate) fn remark_on_bounds(&self, annotations: &Annotations, span: Span) {
        if self.bounds_reconciled {
            annotations.bounds_reconciled(span, HistogramOperation::Aggregation);
        }
    }

    fn would_overflow(&self, other: &Self) -> bool {
        self.state.greatest() + other.state.greatest() > f64::MAX / 2.0
    }

    fn make_incremental(&mut self) {
        if !self.incremental {
            self.state.scale(1.0 / self.count);
            self.incremental = true;
        }
    }
}
