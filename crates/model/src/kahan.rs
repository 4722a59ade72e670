//! Sums of floats that keep small terms.

/// A sum with Neumaier's compensation, which carries the low bits that a plain float sum loses.
#[derive(Clone, Copy, Debug, Default)]
pub struct KahanSum {
    /// The sum as floats have it.
    pub sum: f64,
    /// What it has lost.
    pub compensation: f64,
}

impl KahanSum {
    /// A sum of one.
    #[must_use]
    pub fn new(first: f64) -> Self {
        Self { sum: first, compensation: 0.0 }
    }

    /// Adds a term.
    #[inline]
    pub fn add(&mut self, term: f64) {
        let total = self.sum + term;
        if total.is_infinite() {
            self.compensation = 0.0;
        } else if self.sum.abs() >= term.abs() {
            self.compensation += (self.sum - total) + term;
        } else {
            self.compensation += (term - total) + self.sum;
        }
        self.sum = total;
    }

    /// Adds another sum, compensation included.
    pub fn merge(&mut self, other: Self) {
        self.add(other.sum);
        if !self.sum.is_infinite() {
            self.compensation += other.compensation;
        }
    }

    /// Multiplies sum and compensation.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self { sum: self.sum * factor, compensation: self.compensation * factor }
    }

    /// The sum with what it had lost.
    #[must_use]
    #[inline]
    pub fn value(self) -> f64 {
        self.sum + self.compensation
    }
}
