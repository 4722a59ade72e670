//! Numbers as Go's clients write them.

use std::borrow::Cow;

use bongsu_model::{MetricType, parse_float};

/// Any NaN of an exposition becomes this one: Prometheus' normal NaN.
const NORMAL_NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// A sample value: what Go's `ParseFloat` reads, without hexadecimal forms.
pub(super) fn parse_value(word: &str) -> Option<f64> {
    if word.bytes().any(|byte| matches!(byte, b'x' | b'X' | b'p' | b'P' | b'_')) {
        return None;
    }
    parse_float(word).map(|value| if value.is_nan() { NORMAL_NAN } else { value })
}

/// The shortest text that reads back as the same float, with an exponent from a million on and below a ten-thousandth
/// (Go's `FormatFloat(v, 'g', -1, 64)`): `1e+06`, `0.25`, `+Inf`. The form of values in expositions.
#[must_use]
pub fn format_go_float(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return bongsu_model::format_float(value);
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => format!("{value}"),
    }
}

/// The value of a histogram's `le` or a summary's `quantile` in one form, so that `1` and `1.0` are the same series.
/// Source: Prometheus 3 writes both in OpenMetrics' canonical form when it scrapes.
#[must_use]
pub fn normalize_bound<'a>(metric_type: MetricType, label: &str, value: Cow<'a, str>) -> Cow<'a, str> {
    let is_bound = matches!(
        (metric_type, label),
        (MetricType::Histogram | MetricType::GaugeHistogram, "le") | (MetricType::Summary, "quantile")
    );
    match parse_float(&value) {
        Some(bound) if is_bound => {
            let mut text = format_go_float(bound);
            if bound.is_finite() && !text.contains(['.', 'e']) {
                text.push_str(".0");
            }
            if text == value { value } else { Cow::Owned(text) }
        }
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_look_like_gos() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (100_000.0, "100000"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (123_456.7, "123456.7"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (1e-300, "1e-300"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(format_go_float(value), text);
        }
    }

    #[test]
    fn bounds_have_one_form() {
        let le = |value| normalize_bound(MetricType::Histogram, "le", Cow::Borrowed(value)).into_owned();
        assert_eq!(["1", "1.0", ".5", "+Inf", "1000000", "x"].map(le), ["1.0", "1.0", "0.5", "+Inf", "1e+06", "x"]);
        assert_eq!(normalize_bound(MetricType::Gauge, "le", Cow::Borrowed("1")), "1");
        assert_eq!(normalize_bound(MetricType::Summary, "quantile", Cow::Borrowed("0")), "0.0");
    }
}
