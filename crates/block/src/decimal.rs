//! Floats that are short decimals, as integers: `12.25` is `1225` at two decimals.
//!
//! Most of what machines report was a decimal or an integer before it became a float. A value counts as one only when
//! the way back gives the same bits; so NaN, infinities and -0.0 never do and go to the list of exceptions.

/// More decimals than this are taken for a full float.
pub(crate) const DECIMALS_MAX: u8 = 12;

/// Up to here adding one half is exact, so that [`round`] is.
const MANTISSA_MAX: f64 = 4_503_599_627_370_496.0;

const POWERS: [f64; DECIMALS_MAX as usize + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];

/// How floats are made of integers. Most are decimals; who counts milliseconds and tells seconds may round otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// The integer itself.
    #[default]
    Whole,
    /// Divided by 10 to this, 1 to [`DECIMALS_MAX`]. Division rounds correctly, so this is the float that the decimal text
    /// reads as.
    Decimals(u8),
    /// Times the float 0.001, as node_exporter does with times of disks: often one bit from the decimal.
    Thousandths,
    /// By 1000, and by 1000 again, as node_exporter does with pressure.
    ThousandTwice,
    /// The integer has the bits of the float.
    Bits,
}

impl Form {
    /// In a column's first byte.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Whole => 0,
            Self::Decimals(decimals) => decimals,
            Self::Thousandths => 13,
            Self::ThousandTwice => 14,
            Self::Bits => 15,
        }
    }

    /// Of the upper four bits of a column's first byte.
    pub(crate) fn of_code(code: u8) -> Self {
        match code & 15 {
            0 => Self::Whole,
            13 => Self::Thousandths,
            14 => Self::ThousandTwice,
            15 => Self::Bits,
            decimals => Self::Decimals(decimals),
        }
    }
}

/// 10 to the `decimals`.
pub(crate) fn power(decimals: u8) -> f64 {
    POWERS[usize::from(decimals.min(DECIMALS_MAX))]
}

/// The float of an integer at `power` = 10 to the decimals.
#[inline]
pub(crate) fn to_float(mantissa: i64, power: f64) -> f64 {
    mantissa as f64 / power
}

/// The same for [`Form::Thousandths`].
#[inline]
pub(crate) fn of_thousandths(mantissa: i64) -> f64 {
    mantissa as f64 * 0.001
}

/// The same for [`Form::ThousandTwice`].
#[inline]
pub(crate) fn by_thousand_twice(mantissa: i64) -> f64 {
    mantissa as f64 / 1e3 / 1e3
}

/// The integer of a float and whether the way back is exact.
#[inline]
fn to_mantissa(value: f64, power: f64) -> (i64, bool) {
    to_mantissa_by(value, power, |mantissa| to_float(mantissa, power))
}

#[inline]
fn to_mantissa_by(value: f64, power: f64, back: impl Fn(i64) -> f64) -> (i64, bool) {
    let scaled = value * power;
    let mantissa = round(scaled);
    let exact = scaled.abs() <= MANTISSA_MAX && back(mantissa).to_bits() == value.to_bits();
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
    /// Of every mantissa.
    pub form: Form,
    /// One for each value; that of an exception repeats the one before.
    pub mantissas: Vec<i64>,
    /// Places of the values that are no decimals, ascending.
    pub exceptions: Vec<usize>,
}

impl Scaled {
    /// Scales a column; false when it is not one of decimals, but for a few exceptions.
    pub(crate) fn fill(&mut self, values: &[f64]) -> bool {
        let exceptions_max = values.len() / 16 + 1;
        match decimals_of(values, exceptions_max) {
            Some(0) => self.fill_with(values, Form::Whole, exceptions_max, |value| to_mantissa(value, 1.0)),
            Some(decimals) => {
                let power = power(decimals);
                self.fill_with(values, Form::Decimals(decimals), exceptions_max, |value| to_mantissa(value, power))
            }
            None => false,
        }
    }

    /// The same for forms that versions before 4 do not know; stops early in a column of other floats.
    pub(crate) fn fill_with_rounded(&mut self, values: &[f64]) -> bool {
        let exceptions_max = values.len() / 16 + 1;
        self.fill_with(values, Form::Thousandths, exceptions_max, |value| to_mantissa_by(value, 1e3, of_thousandths))
            || self.fill_with(values, Form::ThousandTwice, exceptions_max, |value| {
                to_mantissa_by(value, 1e6, by_thousand_twice)
            })
    }

    fn fill_with(
        &mut self,
        values: &[f64],
        form: Form,
        exceptions_max: usize,
        to_mantissa: impl Fn(f64) -> (i64, bool),
    ) -> bool {
        self.form = form;
        self.mantissas.clear();
        self.exceptions.clear();
        let mut before = None;
        self.mantissas.reserve(values.len());
        for (place, value) in values.iter().enumerate() {
            let (mantissa, exact) = to_mantissa(*value);
            if exact {
                if before.is_none() {
                    self.mantissas.fill(mantissa);
                }
                before = Some(mantissa);
            } else {
                self.exceptions.push(place);
                if self.exceptions.len() > exceptions_max {
                    return false;
                }
            }
            self.mantissas.push(before.unwrap_or(0));
        }
        true
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
        scaled.fill(values).then_some((scaled.form.code(), scaled.mantissas, scaled.exceptions))
    }

    #[test]
    fn finds_the_decimals_that_all_values_need() {
        assert_eq!(scale(&[1.0, -2.0, 3e9]), Some((0, vec![1, -2, 3_000_000_000], vec![])));
        assert_eq!(scale(&[0.5, 12.25, 3.0]), Some((2, vec![50, 1225, 300], vec![])));
        assert_eq!(scale(&[0.1 + 0.2, std::f64::consts::PI, 1.0 / 3.0]), None);
    }

    #[test]
    fn finds_out_how_seconds_were_rounded() {
        let ticks = [29_137_u64, 87_963, 115_451, 175_377, 561_307, 629_477, 800_727];
        let columns = [
            (13, ticks.map(|ticks| ticks as f64 * 0.001)),
            (14, ticks.map(|ticks| ticks as f64 * 11.0 / 1000.0 / 1000.0)),
        ];
        for (code, values) in columns {
            let mut scaled = Scaled::default();
            assert!(!scaled.fill(&values) && scaled.fill_with_rounded(&values), "{values:?}");
            assert_eq!((scaled.form.code(), scaled.exceptions.len()), (code, 0));
            assert_eq!(scaled.mantissas[0], if code == 13 { 29_137 } else { 29_137 * 11 });
        }
        assert!(!Scaled::default().fill_with_rounded(&[0.1 + 0.2, std::f64::consts::PI, 1.0 / 3.0]));
    }

    #[test]
    fn codes_of_forms_are_all_there() {
        (0..16).for_each(|code| assert_eq!(Form::of_code(code).code(), code));
    }

    #[test]
    fn what_is_no_decimal_becomes_an_exception() {
        assert_eq!(scale(&[1.0, f64::NAN, 3.0]), Some((0, vec![1, 1, 3], vec![1])));
        assert_eq!(scale(&[-0.0, 7.0]), Some((0, vec![7, 7], vec![0])));
        assert_eq!(scale(&[f64::INFINITY, 1e300]), None);
    }
}
