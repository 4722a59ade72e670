//! Durations in Prometheus' notation: `1d12h`, `5m`, `250ms`.

/// Units in the order in which they must stand.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing there.
    #[error("empty duration; expected a number and a unit, such as 5m or 1h30m")]
    Empty,
    /// Not of the form.
    #[error(
        "not a valid duration: {0:?}; expected numbers with the units y, w, d, h, m, s, ms in this order, such as 1h30m"
    )]
    Malformed(String),
    /// Beyond 64 bits of nanoseconds, Prometheus' bound (about 292 years).
    #[error("duration {0:?} is out of range; at most about 292 years are allowed")]
    OutOfRange(String),
}

/// The milliseconds of a duration such as `1h30m`; a bare `0` is allowed. Units come once each and from large to small.
///
/// # Errors
/// When the text has another form or overflows.
pub fn parse_duration_ms(text: &str) -> Result<i64, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if text == "0" {
        return Ok(0);
    }
    let malformed = || DurationError::Malformed(text.to_owned());
    let out_of_range = || DurationError::OutOfRange(text.to_owned());
    let (mut rest, mut total_ms, mut next_unit) = (text, 0_i64, 0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let place = UNITS[next_unit..].iter().position(|(name, _)| *name == unit).ok_or_else(malformed)? + next_unit;
        if digits == 0 {
            return Err(malformed());
        }
        let count: i64 = number.parse().map_err(|_| out_of_range())?;
        let part_ms = count.checked_mul(UNITS[place].1).ok_or_else(out_of_range)?;
        total_ms = total_ms.checked_add(part_ms).ok_or_else(out_of_range)?;
        (rest, next_unit) = (tail, place + 1);
    }
    if total_ms > i64::MAX / 1_000_000 {
        return Err(out_of_range());
    }
    Ok(total_ms)
}

/// A duration in Prometheus' notation, years and weeks only when they fit exactly: `90m` is `1h30m`, 0 is `0s`.
#[must_use]
pub fn format_duration_ms(duration_ms: i64) -> String {
    if duration_ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::from(if duration_ms < 0 { "-" } else { "" });
    let mut rest = duration_ms.unsigned_abs();
    for (unit, size_ms) in UNITS {
        let (size_ms, exact_only) = (size_ms.unsigned_abs(), matches!(unit, "y" | "w"));
        if exact_only && !rest.is_multiple_of(size_ms) {
            continue;
        }
        if rest >= size_ms {
            text.push_str(&format!("{}{unit}", rest / size_ms));
            rest %= size_ms;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_as_prometheus_does() {
        for (text, ms, printed) in [
            ("0", 0, "0s"),
            ("5m", 300_000, "5m"),
            ("90m", 5_400_000, "1h30m"),
            ("1d", 86_400_000, "1d"),
            ("7d", 604_800_000, "1w"),
            ("1y", 31_536_000_000, "1y"),
            ("1h0m250ms", 3_600_250, "1h250ms"),
            ("100y", 3_153_600_000_000, "100y"),
        ] {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
            assert_eq!(format_duration_ms(ms), printed, "{text}");
        }
    }

    #[test]
    fn refuses_other_forms() {
        for bad in ["", "5", "m", "1m1h", "1m1m", "-1m", "1.5h", "1 m", "5µs"] {
            assert!(parse_duration_ms(bad).is_err(), "{bad:?}");
        }
        assert!(matches!(parse_duration_ms("300y"), Err(DurationError::OutOfRange(_))));
        assert!(matches!(parse_duration_ms("99999999999999999999s"), Err(DurationError::OutOfRange(_))));
    }
}
