//! Arithmetic of two histograms, and of a histogram and a number.

use super::{FloatHistogram, HistogramSum, IncompatibleHistograms, Joined, ResetHint};

impl FloatHistogram {
    /// The sum of both, and what was remarkable about it.
    ///
    /// # Errors
    /// When exponential and custom buckets meet.
    pub fn plus(&self, other: &Self) -> Result<(Self, Joined), IncompatibleHistograms> {
        let mut sum = HistogramSum::new(self);
        let joined = sum.add(other)?;
        Ok((sum.value(), joined))
    }

    /// The difference of both, and what was remarkable about it. It is no gauge by itself: where it is meant as one, the hint has to be set.
    ///
    /// # Errors
    /// When exponential and custom buckets meet.
    pub fn minus(&self, other: &Self) -> Result<(Self, Joined), IncompatibleHistograms> {
        let mut sum = HistogramSum::new(self);
        let joined = sum.subtract(other)?;
        Ok((sum.value(), joined))
    }

    /// Multiplies all counts and the sum. A negative factor makes a gauge.
    pub fn multiply(&mut self, factor: f64) {
        self.each_number(|number| number * factor);
        if factor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    /// Divides all counts and the sum. A negative divisor makes a gauge; zero leaves no buckets.
    pub fn divide(&mut self, divisor: f64) {
        self.each_number(|number| number / divisor);
        if divisor == 0.0 {
            self.set_positive(&[]);
            self.set_negative(&[]);
        } else if divisor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    /// Merges buckets down to a coarser resolution; a finer one or one of another kind changes nothing.
    pub fn coarsen_to(&mut self, schema: i32) {
        if schema < self.schema && !self.has_custom_buckets() && Self::EXPONENTIAL_SCHEMAS.contains(&schema) {
            let mut sum = HistogramSum::new(self);
            sum.coarsen_to(schema);
            *self = sum.value();
        }
    }

    fn each_number(&mut self, f: impl Fn(f64) -> f64) {
        let numbers = [&mut self.zero_count, &mut self.count, &mut self.sum];
        let buckets = self.positive_buckets.iter_mut().chain(&mut self.negative_buckets);
        numbers.into_iter().chain(buckets).for_each(|number| *number = f(*number));
    }
}
