//! A sum of histograms that keeps the low bits which plain float sums lose.

use super::side::{Entries, coarsen, join};
use super::{FloatHistogram, ResetHint};
use crate::KahanSum;

/// What was remarkable about joining two histograms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// One of them says that there was a counter reset, the other that there was none.
    pub resets_collide: bool,
    /// They had different custom bounds; those that both have are left.
    pub bounds_reconciled: bool,
}

/// Histograms with exponential buckets cannot be joined with those of custom bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("histograms have incompatible schemas: one has exponential buckets, the other custom ones")]
pub struct IncompatibleHistograms;

/// Histograms that were added up, each number with its compensation.
///
/// Differences in resolution and in the zero threshold are reconciled: the coarser one wins. A histogram of any sign can be added.
#[derive(Clone, Debug)]
pub struct HistogramSum {
    reset_hint: ResetHint,
    schema: i32,
    zero_threshold: f64,
    zero_count: KahanSum,
    count: KahanSum,
    sum: KahanSum,
    positive: Entries<KahanSum>,
    negative: Entries<KahanSum>,
    custom_bounds: Vec<f64>,
}

fn merge(sum: &mut KahanSum, other: KahanSum) {
    sum.merge(other);
}

impl HistogramSum {
    /// A sum of one.
    #[must_use]
    pub fn new(first: &FloatHistogram) -> Self {
        let side = |entries: Vec<(i32, f64)>| entries.into_iter().map(|(i, count)| (i, KahanSum::new(count))).collect();
        Self {
            reset_hint: first.reset_hint,
            schema: first.schema,
            zero_threshold: first.zero_threshold,
            zero_count: KahanSum::new(first.zero_count),
            count: KahanSum::new(first.count),
            sum: KahanSum::new(first.sum),
            positive: side(first.positive()),
            negative: side(first.negative()),
            custom_bounds: first.custom_bounds.clone(),
        }
    }

    /// Adds a histogram.
    ///
    /// # Errors
    /// When exponential and custom buckets meet; the sum stays as it was.
    pub fn add(&mut self, other: &FloatHistogram) -> Result<Joined, IncompatibleHistograms> {
        self.merge(Self::new(other))
    }

    /// Takes a histogram away.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn subtract(&mut self, other: &FloatHistogram) -> Result<Joined, IncompatibleHistograms> {
        let mut other = Self::new(other);
        other.scale(-1.0);
        self.merge(other)
    }

    /// Adds another sum, compensations included.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn merge(&mut self, mut other: Self) -> Result<Joined, IncompatibleHistograms> {
        let custom = self.schema == FloatHistogram::CUSTOM_BUCKETS;
        if custom != (other.schema == FloatHistogram::CUSTOM_BUCKETS) {
            return Err(IncompatibleHistograms);
        }
        let resets_collide = self.join_hints(other.reset_hint);
        let bounds_reconciled = custom && self.custom_bounds != other.custom_bounds;
        if bounds_reconciled {
            let common: Vec<f64> =
                self.custom_bounds.iter().copied().filter(|bound| other.custom_bounds.contains(bound)).collect();
            self.map_to_bounds(&common);
            other.map_to_bounds(&common);
        } else if !custom {
            self.reconcile_zero_buckets(&mut other);
            let schema = self.schema.min(other.schema);
            self.coarsen_to(schema);
            other.coarsen_to(schema);
        }
        self.zero_count.merge(other.zero_count);
        self.count.merge(other.count);
        self.sum.merge(other.sum);
        self.positive = join(&self.positive, &other.positive, merge);
        self.negative = join(&self.negative, &other.negative, merge);
        Ok(Joined { resets_collide, bounds_reconciled })
    }

    /// Multiplies all counts and the sum; hints stay.
    pub fn scale(&mut self, factor: f64) {
        self.each_number(|number| *number = number.scaled(factor));
    }

    /// The greatest of all its numbers, regardless of signs: tells how far it is from an overflow.
    #[must_use]
    pub fn greatest(&self) -> f64 {
        let sides = self.positive.iter().chain(&self.negative).map(|(_, number)| *number);
        let numbers = [self.zero_count, self.count, self.sum].into_iter().chain(sides);
        numbers.map(|number| number.value().abs()).fold(0.0, f64::max)
    }

    /// The sum. Buckets that have become empty are still in it.
    #[must_use]
    pub fn value(&self) -> FloatHistogram {
        let side = |entries: &Entries<KahanSum>| -> Vec<(i32, f64)> {
            entries.iter().map(|&(index, number)| (index, number.value())).collect()
        };
        let mut histogram = FloatHistogram {
            reset_hint: self.reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count.value(),
            count: self.count.value(),
            sum: self.sum.value(),
            custom_bounds: self.custom_bounds.clone(),
            ..FloatHistogram::default()
        };
        histogram.set_positive(&side(&self.positive));
        histogram.set_negative(&side(&self.negative));
        histogram
    }

    /// Merges buckets down to a coarser resolution.
    pub(super) fn coarsen_to(&mut self, schema: i32) {
        if let Some(halvings) = u32::try_from(self.schema - schema).ok().filter(|halvings| *halvings > 0) {
            coarsen(&mut self.positive, halvings, merge);
            coarsen(&mut self.negative, halvings, merge);
            self.schema = schema;
        }
    }

    fn each_number(&mut self, f: impl Fn(&mut KahanSum)) {
        [&mut self.zero_count, &mut self.count, &mut self.sum].into_iter().for_each(&f);
        self.positive.iter_mut().chain(&mut self.negative).for_each(|(_, number)| f(number));
    }

    /// Takes the other's hint into account; tells whether they contradict each other.
    fn join_hints(&mut self, other: ResetHint) -> bool {
        use ResetHint::{Gauge, Unknown};
        match (self.reset_hint, other) {
            (a, b) if a == b => {}
            (Gauge, _) | (_, Gauge) => self.reset_hint = Gauge,
            (Unknown, _) | (_, Unknown) => self.reset_hint = Unknown,
            _ => {
                self.reset_hint = Unknown;
                return true;
            }
        }
        false
    }

    /// Makes both zero buckets as wide as the wider one, or wider where that would cut through a populated bucket.
    fn reconcile_zero_buckets(&mut self, other: &mut Self) {
        while self.zero_threshold != other.zero_threshold {
            if self.zero_threshold > other.zero_threshold {
                other.widen_zero_bucket(self.zero_threshold);
            }
            if other.zero_threshold > self.zero_threshold {
                self.widen_zero_bucket(other.zero_threshold);
            }
            if self.zero_threshold.is_nan() || other.zero_threshold.is_nan() {
                return;
            }
        }
    }

    fn widen_zero_bucket(&mut self, threshold: f64) {
        let (count, threshold) = self.zero_count_at(threshold);
        let schema = self.schema;
        (self.zero_count, self.zero_threshold) = (count, threshold);
        let outside = |&(index, _): &(i32, KahanSum)| super::buckets::exponential_bound(index, schema) > threshold;
        self.positive.retain(outside);
        self.negative.retain(outside);
    }

    /// What the zero bucket would hold if it were at least this wide, and how wide that makes it: no populated bucket is cut in two.
    pub(super) fn zero_count_at(&self, mut threshold: f64) -> (KahanSum, f64) {
        'wider: loop {
            let mut count = self.zero_count;
            for side in [&self.positive, &self.negative] {
                for &(index, number) in side {
                    let bound = |index| super::buckets::exponential_bound(index, self.schema);
                    if bound(index.wrapping_sub(1)) >= threshold {
                        break;
                    }
                    count.merge(number);
                    let upper = bound(index);
                    if upper > threshold {
                        if number.value() != 0.0 {
                            threshold = upper;
                            // What was counted of the other side may not be enough now.
                            continue 'wider;
                        }
                        break;
                    }
                }
            }
            return (count, threshold);
        }
    }

    /// Maps buckets to fewer custom bounds, each to the first one that is not below its own.
    fn map_to_bounds(&mut self, common: &[f64]) {
        let target = |index: i32| {
            let bound = super::buckets::custom_bound(index, &self.custom_bounds);
            common.partition_point(|&one| one < bound) as i32
        };
        for entry in &mut self.positive {
            entry.0 = target(entry.0);
        }
        coarsen(&mut self.positive, 0, merge);
        self.positive.retain(|(_, number)| number.value() != 0.0);
        self.custom_bounds = common.to_vec();
    }
}
