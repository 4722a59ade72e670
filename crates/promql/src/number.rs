//! Floats: means, the mark of an absent point, texts.

use bongsu_model::STALE_NAN;
pub(crate) use bongsu_model::{KahanSum, format_g};

/// Stands in a column for "no sample at this step". It is the stale marker: no stored value that is selected has this
/// pattern, and arithmetic on others gives quiet NaNs, which this one is not. (Only the sign change of one NaN that nobody
/// writes, 0xfff0000000000002, would make it.)
pub(crate) const ABSENT: f64 = STALE_NAN;

/// Whether a column's cell holds a sample.
#[inline]
pub(crate) fn is_present(value: f64) -> bool {
    !bongsu_model::is_stale(value)
}

/// A mean: the sum over the count as long as the sum does not overflow, an incremental mean from there on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mean {
    count: f64,
    /// The sum, or the mean once `incremental`.
    state: KahanSum,
    incremental: bool,
}

impl Mean {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.state = KahanSum::new(value);
            return;
        }
        if !self.incremental {
            let mut sum = self.state;
            sum.add(value);
            if !sum.sum.is_infinite() {
                self.state = sum;
                return;
            }
            self.state = self.mean_of(self.count - 1.0);
            self.incremental = true;
        }
        let weight = (self.count - 1.0) / self.count;
        self.state = self.state.scaled(weight);
        self.state.add(value / self.count);
    }

    /// Adds the values that another mean has seen.
    pub(crate) fn merge(&mut self, other: Self) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = other;
            return;
        }
        let count = self.count + other.count;
        let mut sum = self.state;
        sum.merge(other.state);
        if !self.incremental && !other.incremental && !sum.sum.is_infinite() {
            (self.state, self.count) = (sum, count);
            return;
        }
        let mut state = self.mean_of(self.count).scaled(self.count / count);
        state.merge(other.mean_of(other.count).scaled(other.count / count));
        *self = Self { count, state, incremental: true };
    }

    pub(crate) fn is_empty(self) -> bool {
        self.count == 0.0
    }

    pub(crate) fn value(self) -> f64 {
        if self.incremental {
            return self.state.value();
        }
        self.state.sum / self.count + self.state.compensation / self.count
    }

    fn mean_of(self, count: f64) -> KahanSum {
        if self.incremental { self.state } else { self.state.scaled(1.0 / count) }
    }
}

/// A float as a label value, as OpenMetrics asks for it: `%g`, with `.0` when it would look like an integer.
pub(crate) fn format_label_value(value: f64) -> String {
    let mut text = format_g(value);
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        text.push_str(".0");
    }
    text
}

/// Go's `%.2g`: two digits that count, with an exponent below 1e-4 and from 1e2 on.
pub(crate) fn format_two_digits(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return bongsu_model::format_float(value);
    }
    let rounded = format!("{value:.1e}");
    let Some((mantissa, exponent)) = rounded.split_once('e') else { return rounded };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..2).contains(&exponent) {
        return bongsu_model::format_float(rounded.parse().unwrap_or(value));
    }
    let mantissa = mantissa.strip_suffix(".0").unwrap_or(mantissa);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// A count as people read it: `11,000`.
pub(crate) fn group_thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_floats_as_go_does() {
        let shown = [1.1, 1e6, 123_456.0, 1e-5, -0.5, f64::NAN].map(format_g);
        assert_eq!(shown, ["1.1", "1e+06", "123456", "1e-05", "-0.5", "NaN"]);
        assert_eq!([0.0, 1.0, 0.25, -0.1, f64::NAN].map(format_label_value), ["0.0", "1.0", "0.25", "-0.1", "NaN"]);
        let two = [1.0, 0.25, 12.3, 99.6, 1234.0, 0.000_012_3, 2e-20].map(format_two_digits);
        assert_eq!(two, ["1", "0.25", "12", "1e+02", "1.2e+03", "1.2e-05", "2e-20"]);
        assert_eq!([0, 999, 11_000, 1_234_567].map(group_thousands), ["0", "999", "11,000", "1,234,567"]);
    }

    #[test]
    fn means_of_parts_make_the_mean_of_all() {
        let values = [f64::MAX, f64::MAX, 1.0, f64::MAX, -f64::MAX];
        for split in 0..=values.len() {
            let mut parts = [Mean::default(), Mean::default()];
            values[..split].iter().for_each(|&value| parts[0].add(value));
            values[split..].iter().for_each(|&value| parts[1].add(value));
            let [mut all, rest] = parts;
            all.merge(rest);
            assert!((all.value() / (f64::MAX / 5.0 * 2.0) - 1.0).abs() < 1e-9, "{split}: {}", all.value());
        }
    }
}
