//! Floats that are short decimals, as integers: `12.25` is `1225` at two decimals.
//!
//! Most of what machines report was a decimal or an integer before it became a float. A value counts as one only when
//! the way back gives the same bits; so NaN, infinities and -0.0 never do and go to the list of exceptions.

/// More decimals than this are taken for a full float.
pub(crate) const DECIMALS_MAX: u8 = 12;

/// Up to here adding one half is exact, so that [`round`] is.
const MANTISSA_MAX: f64 = 4_503_599_627_370_496.0;

const POWERS: [f64; DECIMALS_MAX as usize + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];

/// 10 to the `decimals`; beyond [`DECIMALS_MAX`] there is none.
pub(crate) fn power(decimals: u8) -> Option<f64> {
    POWERS.get(usize::from(decimals)).copied()
}

/// The float of an integer at `power` = 10 to the decimals. Division rounds correctly, so this is the float that the
/// decimal text reads as.
#[inline]
pub(crate) fn to_float(mantissa: i64, power: f64) -> f64 {
    mantissa as f64 / power
}

/// The integer of a float and whether the way back is exact.
#[inline]
fn to_mantissa(value: f64, power: f64) -> (i64, bool) {
    let scaled = value * power;
    let mantissa = round(scaled);
    let exact = scaled.abs() <= MANTISSA_MAX && to_float(mantissa, power).to_bits() == value.to_bits();
    (mantissa, exact)
}

/// The nearest integer, half away from zero; without the call that `f64::round` is on plain x86-64.
#[inline]
fn round(value: f64) -> i64 {
    (value + 0.5_f64.copysign(value)) as i64
}

/// A column as integers.
#[derive(Debug, Default)]
pub(crate) struct Scaled {
    /// Decimals of every mantissa.
    pub decimals: u8,
    /// One for each value; that of an exception repeats the one before.
    pub mantissas: Vec<i64>,
    /// Places of the values that are no decimals, ascending.
    pub exceptions: Vec<usize>,
}

impl Scaled {
    /// Scales a column; false when it is not one of decimals, but for a few exceptions.
    pub(crate) fn fill(&mut self, values: &[f64]) -> bool {
        let exceptions_max = values.len() / 16 + 1;
        decimals_of(values, exceptions_max).is_some_and(|decimals| self.fill_at(values, decimals, exceptions_max))
    }

    fn fill_at(&mut self, values: &[f64], decimals: u8, exceptions_max: usize) -> bool {
        let power = POWERS[usize::from(decimals)];
        self.decimals = decimals;
        self.mantissas.clear();
        self.exceptions.clear();
        let first = values.iter().map(|v| to_mantissa(*v, power)).find(|(_, exact)| *exact);
        let mut before = first.map_or(0, |(mantissa, _)| mantissa);
        self.mantissas.reserve(values.len());
        for (place, value) in values.iter().enumerate() {
            let (mantissa, exact) = to_mantissa(*value, power);
            if exact {
                before = mantissa;
            } else {
                self.exceptions.push(place);
            }
            self.mantissas.push(before);
        }
        self.exceptions.len() <= exceptions_max
    }
}

/// The decimals that the column needs; `None` when more than `exceptions_max` values are none of few decimals.
fn decimals_of(values: &[f64], exceptions_max: usize) -> Option<u8> {
    let (mut decimals, mut exceptions) = (0, 0);
    for value in values {
        if to_mantissa(*value, POWERS[usize::from(decimals)]).1 {
            continue;
        }
        match decimals_from(*value, decimals + 1) {
            Some(more) => decimals = more,
            None => exceptions += 1,
        }
        if exceptions > exceptions_max {
            return None;
        }
    }
    Some(decimals)
}

/// The least number of decimals, at least `from`, at which the value is exact.
fn decimals_from(value: f64, from: u8) -> Option<u8> {
    (from..=DECIMALS_MAX).find(|decimals| to_mantissa(value, POWERS[usize::from(*decimals)]).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(values: &[f64]) -> Option<(u8, Vec<i64>, Vec<usize>)> {
        let mut scaled = Scaled::default();
        scaled.fill(values).then_some((scaled.decimals, scaled.mantissas, scaled.exceptions))
    }

    #[test]
    fn finds_the_decimals_that_all_values_need() {
        assert_eq!(scale(&[1.0, -2.0, 3e9]), Some((0, vec![1, -2, 3_000_000_000], vec![])));
        assert_eq!(scale(&[0.5, 12.25, 3.0]), Some((2, vec![50, 1225, 300], vec![])));
        assert_eq!(scale(&[0.1 + 0.2, std::f64::consts::PI, 1.0 / 3.0]), None);
    }

    #[test]
    fn what_is_no_decimal_becomes_an_exception() {
        assert_eq!(scale(&[1.0, f64::NAN, 3.0]), Some((0, vec![1, 1, 3], vec![1])));
        assert_eq!(scale(&[-0.0, 7.0]), Some((0, vec![7, 7], vec![0])));
        assert_eq!(scale(&[f64::INFINITY, 1e300]), None);
    }
}
