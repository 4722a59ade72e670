//! `</` and `>/`: only the observations on one side of a value.
//!
//! Where the value lies within a bucket, that bucket is split as quantiles are interpolated: linearly in the zero bucket and in custom ones,
//! exponentially elsewhere. Source: the section on trim operators of the native histogram specification.

use super::{Bucket, FloatHistogram};

/// Which observations are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Below,
    Above,
}

/// How observations are spread within a bucket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    Linear,
    Exponential,
    /// Exponential, towards minus infinity.
    Negative,
}

/// What is left of a bucket: how many observations, and what each of them counts for in the sum.
struct Rest {
    count: f64,
    value: f64,
}

impl FloatHistogram {
    /// Keeps what was observed below a value. Count and sum are estimated anew when anything was taken away.
    #[must_use]
    pub fn below(&self, value: f64) -> Self {
        self.trimmed(value, Keep::Below)
    }

    /// Keeps what was observed above a value.
    #[must_use]
    pub fn above(&self, value: f64) -> Self {
        self.trimmed(value, Keep::Above)
    }

    fn trimmed(&self, at: f64, keep: Keep) -> Self {
        let mut trimmed = self.clone();
        let (mut count, mut sum, mut changed) = (0.0, 0.0, false);
        let positive_spread = if self.has_custom_buckets() { Spread::Linear } else { Spread::Exponential };
        let sides = [
            (self.positive_buckets(), &mut trimmed.positive_buckets, positive_spread),
            (self.negative_buckets(), &mut trimmed.negative_buckets, Spread::Negative),
        ];
        for (buckets, counts, spread) in sides {
            for (bucket, cell) in buckets.iter().zip(counts).filter(|(bucket, _)| bucket.count != 0.0) {
                let rest = keep.of(bucket, at, spread);
                count += rest.count;
                sum += rest.value * rest.count;
                changed |= *cell != rest.count;
                *cell = rest.count;
            }
        }
        if self.zero_count > 0.0 {
            let any = |counts: &[f64]| counts.iter().any(|&count| count != 0.0);
            let sides = (any(&self.negative_buckets), any(&self.positive_buckets));
            let rest = keep.of_zero_bucket(self.zero_bucket(), at, sides);
            count += rest.count;
            sum += rest.value * rest.count;
            changed |= trimmed.zero_count != rest.count;
            trimmed.zero_count = rest.count;
        }
        if changed {
            (trimmed.count, trimmed.sum) = (count, sum);
            trimmed.compact();
        }
        trimmed
    }
}

impl Keep {
    fn of(self, bucket: &Bucket, at: f64, spread: Spread) -> Rest {
        let (lower, upper) = (bucket.lower, bucket.upper);
        let whole = || Rest { count: bucket.count, value: middle(lower, upper, spread) };
        match self {
            Self::Below if upper <= at => whole(),
            Self::Above if lower >= at => whole(),
            Self::Below if lower < at => self.part(bucket, at, spread),
            Self::Above if upper > at => self.part(bucket, at, spread),
            _ => Rest { count: 0.0, value: 0.0 },
        }
    }

    /// Of a bucket that the value lies in.
    fn part(self, bucket: &Bucket, at: f64, spread: Spread) -> Rest {
        if bucket.lower.is_infinite() || bucket.upper.is_infinite() {
            return self.of_endless(bucket, at);
        }
        let below = bucket.count * share_below(bucket, at, spread);
        match self {
            Self::Below => Rest { count: below, value: middle(bucket.lower, at, spread) },
            Self::Above => Rest { count: bucket.count - below, value: middle(at, bucket.upper, spread) },
        }
    }

    /// Of a bucket without an end on one side: nobody knows how observations are spread in it, so rather none is kept than a wrong one. A
    /// lowest bucket that ends above zero counts as beginning there.
    fn of_endless(self, bucket: &Bucket, at: f64) -> Rest {
        let (count, upper) = (bucket.count, bucket.upper);
        let from_zero = bucket.lower == f64::NEG_INFINITY && upper > 0.0 && upper.is_finite();
        match self {
            Self::Below if from_zero && at > 0.0 => Rest { count: count * at / upper, value: at / 2.0 },
            Self::Below if bucket.lower == f64::NEG_INFINITY && upper <= 0.0 => Rest { count, value: at },
            Self::Above if from_zero && at >= 0.0 => {
                Rest { count: count * (1.0 - at / upper), value: (at + upper) / 2.0 }
            }
            Self::Above if upper == f64::INFINITY && bucket.lower != f64::NEG_INFINITY => Rest { count, value: at },
            _ => Rest { count: 0.0, value: 0.0 },
        }
    }

    /// Without buckets on one side, nothing was observed on that side of zero.
    fn of_zero_bucket(self, bucket: Bucket, at: f64, (negative, positive): (bool, bool)) -> Rest {
        let lower = if positive && !negative { 0.0 } else { bucket.lower };
        let upper = if negative && !positive { 0.0 } else { bucket.upper };
        let whole = Rest { count: bucket.count, value: (lower + upper) / 2.0 };
        let none = Rest { count: 0.0, value: 0.0 };
        let part = |from: f64, to: f64| Rest {
            count: bucket.count * ((to - from) / (upper - lower)),
            value: (from + to) / 2.0,
        };
        match self {
            Self::Below if at <= lower => none,
            Self::Below if at >= upper => whole,
            Self::Below => part(lower, at),
            Self::Above if at <= lower => whole,
            Self::Above if at >= upper => none,
            Self::Above => part(at, upper),
        }
    }
}

/// The part of a bucket's observations that are below a value in it.
fn share_below(bucket: &Bucket, at: f64, spread: Spread) -> f64 {
    let [lower, upper, at_log] = [bucket.lower, bucket.upper, at].map(|value| value.abs().log2());
    match spread {
        Spread::Linear => (at - bucket.lower) / (bucket.upper - bucket.lower),
        Spread::Exponential => (at_log - lower) / (upper - lower),
        Spread::Negative => 1.0 - (at_log - upper) / (lower - upper),
    }
}

/// What an observation between two values counts for in a sum.
fn middle(lower: f64, upper: f64, spread: Spread) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => return 0.0,
        (true, false) if upper > 0.0 => return upper / 2.0,
        (true, false) => return upper,
        (false, true) => return lower,
        (false, false) => {}
    }
    match spread {
        Spread::Linear => (lower + upper) / 2.0,
        Spread::Exponential => (lower * upper).abs().sqrt(),
        Spread::Negative => -(lower * upper).abs().sqrt(),
    }
}
