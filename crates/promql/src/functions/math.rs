//! Functions of one number.

use bongsu_syntax::FunctionId;

/// The function of this id, if it maps each value by itself.
pub(crate) fn function(id: FunctionId) -> Option<fn(f64) -> f64> {
    use FunctionId as F;
    Some(match id {
        F::Abs => f64::abs,
        F::Ceil => f64::ceil,
        F::Floor => f64::floor,
        F::Exp => f64::exp,
        F::Sqrt => f64::sqrt,
        F::Ln => f64::ln,
        F::Log2 => f64::log2,
        F::Log10 => f64::log10,
        F::Sin => f64::sin,
        F::Cos => f64::cos,
        F::Tan => f64::tan,
        F::Asin => f64::asin,
        F::Acos => f64::acos,
        F::Atan => f64::atan,
        F::Sinh => f64::sinh,
        F::Cosh => f64::cosh,
        F::Tanh => f64::tanh,
        F::Asinh => asinh,
        F::Acosh => acosh,
        F::Atanh => f64::atanh,
        F::Rad => f64::to_radians,
        F::Deg => f64::to_degrees,
        F::Sgn => sign,
        _ => return None,
    })
}

fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// The nearest multiple of `to`, halves upwards.
pub(crate) fn round_to(value: f64, to: f64) -> f64 {
    // Multiplying by the inverse keeps 0.1 and its kin exact.
    let inverse = 1.0 / to;
    (value * inverse + 0.5).floor() / inverse
}

/// From here on x² + 1 and x² - 1 are x², and x² is not calculated any more because it may overflow.
const SQUARE_RULES: f64 = (1_u64 << 28) as f64;

fn asinh(value: f64) -> f64 {
    if value.abs() > SQUARE_RULES {
        return (value.abs().ln() + std::f64::consts::LN_2).copysign(value);
    }
    value.asinh()
}

fn acosh(value: f64) -> f64 {
    if value > SQUARE_RULES { value.ln() + std::f64::consts::LN_2 } else { value.acosh() }
}

/// The lesser one. -Inf when either is, else NaN when either is; -0 is less than 0.
///
/// Source: Go's `math.Min`.
pub(crate) fn min(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a.total_cmp(&b).is_lt() {
        a
    } else {
        b
    }
}

/// The greater one. +Inf when either is, else NaN when either is; 0 is greater than -0.
///
/// Source: Go's `math.Max`.
pub(crate) fn max(a: f64, b: f64) -> f64 {
    -min(-a, -b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinities_come_before_nan_and_zeros_have_signs() {
        const INF: f64 = f64::INFINITY;
        const NAN: f64 = f64::NAN;
        assert_eq!([max(NAN, INF), max(INF, NAN), min(NAN, -INF), min(-INF, NAN)], [INF, INF, -INF, -INF]);
        assert!(max(NAN, -INF).is_nan() && min(NAN, INF).is_nan() && min(1.0, NAN).is_nan());
        assert_eq!([max(1.0, 2.0), min(1.0, 2.0), max(-INF, 3.0)], [2.0, 1.0, 3.0]);
        assert_eq!([max(0.0, -0.0).is_sign_negative(), min(0.0, -0.0).is_sign_negative()], [false, true]);
    }

    #[test]
    fn the_greatest_numbers_have_inverse_hyperbolic_functions() {
        let expected = 710.475_860_073_943_9;
        assert_eq!([asinh(f64::MAX), asinh(-f64::MAX), acosh(f64::MAX)], [expected, -expected, expected]);
        // Both ways agree where they meet.
        let near = (SQUARE_RULES * 1.001, SQUARE_RULES * 0.999);
        for value in [near.0, near.1] {
            assert!((asinh(value) - value.asinh()).abs() < 1e-12 && (acosh(value) - value.acosh()).abs() < 1e-12);
        }
        assert!(acosh(0.5).is_nan());
    }
}
