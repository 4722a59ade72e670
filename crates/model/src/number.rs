//! Floats as text, the way Go and so every Prometheus client prints and reads them.

use std::fmt::Write;

/// The shortest decimal text that reads back as the same float, without an exponent; `NaN`, `+Inf`, `-Inf`. The form of
/// sample values in Prometheus' JSON (Go's `FormatFloat(v, 'f', -1, 64)`).
#[must_use]
pub fn format_float(value: f64) -> String {
    let mut text = String::new();
    push_float(&mut text, value);
    text
}

/// Appends what [`format_float`] makes of a value.
pub fn push_float(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else if PLAIN.contains(&value.abs()) && value.fract() != 0.0 {
        let start = out.len();
        out.push_str(zmij::Buffer::new().format_finite(value));
        round_half_to_even(out, start, value);
    } else {
        let start = out.len();
        // Writing to a string cannot fail.
        let _ = write!(out, "{value}");
        round_half_to_even(out, start, value);
    }
}

/// Here every printer shows fractions without an exponent.
const PLAIN: std::ops::Range<f64> = 1e-4..1e15;

/// Fewer digits than these are never one of two texts that are equally near.
const TIED_DIGITS_MIN: usize = 16;
/// From here on a float has too many trailing bits of 0 to lie in the middle of two such texts.
const TIED_MAX: f64 = 1e23;

/// Where a float lies exactly in the middle of two shortest texts, Go takes the even one, and Rust the greater one.
fn round_half_to_even(out: &mut String, start: usize, value: f64) {
    let text = &out[start..];
    let digits = text.trim_start_matches(['-', '0', '.']).trim_end_matches('0').len();
    if digits < TIED_DIGITS_MIN || value.abs() >= TIED_MAX {
        return;
    }
    // One more decimal than are shown says it all just when the value is a multiple of 2^-decimals.
    let decimals = text.find('.').map_or(0, |dot| text.len() - dot - 1);
    let zeros = text.len() - text.trim_end_matches('0').len();
    let exact = match i32::try_from(decimals + 1) {
        Ok(power) if decimals > 0 && (value * 2_f64.powi(power)).fract() == 0.0 => format!("{value:.*}", decimals + 1),
        _ if decimals == 0 && zeros > 0 => format!("{value:.0}"),
        _ => return,
    };
    let last = text.len() - zeros - 1;
    let is_tie = exact.as_bytes().get(last + 1) == Some(&b'5') && exact[last + 2..].bytes().all(|digit| digit == b'0');
    if is_tie && text.as_bytes()[last] % 2 == 1 {
        // The exact digits are the lower text's, as the odd one was rounded up to.
        out.replace_range(start + last..=start + last, &exact[last..=last]);
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
            // In the middle of two texts: the even one.
            (20_239_608_151_413.0 / 32.0, "632487754731.6562"),
            (20_239_608_151_411.0 / 32.0, "632487754731.5938"),
            (-10_421_434_475_181.0 / 64.0, "-162834913674.70312"),
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
