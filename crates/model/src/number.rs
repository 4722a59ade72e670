//! Floats as text, the way Go and so every Prometheus client prints and reads them.

use std::fmt::Write;

/// The shortest decimal text that reads back as the same float, without an exponent; `NaN`, `+Inf`, `-Inf`. The form of
/// sample values in Prometheus' JSON (Go's `FormatFloat(v, 'f', -1, 64)`).
#[must_use]
pub fn format_float(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(text, "{value}");
        text
    }
}

/// Go's `%g`: the shortest digits that read back the same, with an exponent below 1e-4 and from 1e6 on.
#[must_use]
pub fn format_g(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return format_float(value);
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format_float(value);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// A float from text as Go's `ParseFloat` reads it: decimals with exponent, hexadecimal floats and integers, underscores
/// not allowed, `Inf`, `+Inf`, `-Infinity`, `NaN` in any case.
#[must_use]
pub fn parse_float(text: &str) -> Option<f64> {
    let (negative, magnitude) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let value = match magnitude.as_bytes().first()? {
        b'0'..=b'9' | b'.' => match magnitude.strip_prefix("0x").or_else(|| magnitude.strip_prefix("0X")) {
            Some(hex) => parse_hex(hex)?,
            None => magnitude.parse().ok()?,
        },
        _ if magnitude.eq_ignore_ascii_case("inf") || magnitude.eq_ignore_ascii_case("infinity") => f64::INFINITY,
        _ if text.eq_ignore_ascii_case("nan") => f64::NAN,
        _ => return None,
    };
    Some(if negative { -value } else { value })
}

/// `1.8p3` after its `0x`. Go asks for the exponent; a plain hexadecimal integer is allowed here too, as PromQL needs it.
fn parse_hex(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.find(['p', 'P']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0_f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?.checked_mul(4)?)?;
    Some(value * 2_f64.powi(shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go_does() {
        for (value, text) in [
            (0.1 + 0.2, "0.30000000000000004"),
            (1e21, "1000000000000000000000"),
            (-0.0, "-0"),
            (1e-7, "0.0000001"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
            (3.0, "3"),
        ] {
            assert_eq!(format_float(value), text);
        }
    }

    #[test]
    fn reads_as_go_does() {
        for (text, value) in [
            ("1e3", 1000.0),
            ("+Inf", f64::INFINITY),
            ("-inf", f64::NEG_INFINITY),
            (".5", 0.5),
            ("0x1p4", 16.0),
            ("0x1F", 31.0),
        ] {
            assert_eq!(parse_float(text), Some(value), "{text}");
        }
        assert!(parse_float("NaN").unwrap().is_nan());
        for bad in ["", "+", "1_000", "abc", "1e", "0x", "--1", " 1", "-nan"] {
            assert_eq!(parse_float(bad), None, "{bad:?}");
        }
    }
}
