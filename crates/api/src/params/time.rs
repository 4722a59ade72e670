//! Times and lengths of time in the forms that Prometheus takes.

use bongsu_model::{parse_duration_ms, parse_float};

/// A point in time in milliseconds: Unix seconds with fraction as Go's `ParseFloat` reads them, or RFC 3339.
pub(super) fn parse_time_ms(text: &str) -> Result<i64, String> {
    let fail = || format!("cannot parse {text:?} to a valid timestamp");
    if let Some(seconds) = parse_go_float(text) {
        let ms = (seconds * 1000.0).round();
        return if ms.abs() < 9e18 { Ok(ms as i64) } else { Err(fail()) };
    }
    match text {
        // What Go clients send for "everything": its first and last time.
        "-292273086-05-16T16:47:06Z" => return Ok(i64::MIN),
        "+292277025-08-18T07:12:54.999999999Z" | "292277025-08-18T07:12:54.999999999Z" => return Ok(i64::MAX),
        _ => {}
    }
    if !has_rfc3339_form(text) {
        return Err(fail());
    }
    text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond).map_err(|_| fail())
}

/// A length of time in milliseconds: seconds with fraction, or Prometheus' notation.
pub(super) fn parse_span_ms(text: &str) -> Result<i64, String> {
    let fail = || format!("cannot parse {text:?} to a valid duration");
    match parse_go_float(text) {
        Some(seconds) if seconds.is_finite() && (seconds * 1e9).abs() < 9.2e18 => Ok((seconds * 1000.0) as i64),
        Some(_) => Err(format!("{}. It overflows int64", fail())),
        None => parse_duration_ms(text).map_err(|_| fail()),
    }
}

/// A float as Go's `ParseFloat` reads it: unlike PromQL's numbers, a hexadecimal one needs its exponent (`0x1p4`), and
/// underscores may stand between digits.
fn parse_go_float(text: &str) -> Option<f64> {
    let magnitude = text.strip_prefix(['-', '+']).unwrap_or(text);
    if magnitude.starts_with("0x") || magnitude.starts_with("0X") {
        return parse_float(text).filter(|_| magnitude.contains(['p', 'P']));
    }
    if !text.contains('_') {
        return parse_float(text);
    }
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let between =
        (0..bytes.len()).filter(|at| bytes[*at] == b'_').all(|at| at > 0 && is_digit(at - 1) && is_digit(at + 1));
    parse_float(&text.replace('_', "")).filter(|_| between)
}

/// Whether a text has the form `2015-07-01T20:10:30[.781](Z|±hh:mm)`, the only one that Go's layout takes; other readers of
/// times take more.
fn has_rfc3339_form(text: &str) -> bool {
    let fits = |pattern: &str, text: &str| {
        pattern.len() == text.len()
            && pattern.bytes().zip(text.bytes()).all(|(p, t)| if p == b'0' { t.is_ascii_digit() } else { p == t })
    };
    let Some((head, tail)) = text.split_at_checked(19) else { return false };
    let fraction = tail.strip_prefix('.').map_or(Some(tail), |rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        (digits > 0).then(|| &rest[digits..])
    });
    let zoned = fraction.is_some_and(|zone| zone == "Z" || fits("+00:00", zone) || fits("-00:00", zone));
    // A leap second is no time of Go's.
    fits("0000-00-00T00:00:00", head) && zoned && !head.ends_with(":60")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_every_form() {
        for (text, ms) in [
            ("1435781430.781", 1_435_781_430_781),
            ("1435781430", 1_435_781_430_000),
            ("-1.5", -1500),
            ("1e3", 1_000_000),
            ("1_000", 1_000_000),
            ("0x1p4", 16_000),
            ("2015-07-01T20:10:30.781Z", 1_435_781_430_781),
            ("2015-07-01T22:10:30+02:00", 1_435_781_430_000),
            ("-292273086-05-16T16:47:06Z", i64::MIN),
            ("292277025-08-18T07:12:54.999999999Z", i64::MAX),
        ] {
            assert_eq!(parse_time_ms(text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "noon",
            "0x10",
            "-0x10",
            "_1",
            "1__0",
            "nan",
            "+Inf",
            "1e300",
            "2015-07-01",
            "2015-07-01T20:10Z",
            "2015-07-01 20:10:30Z",
            "2015-07-01T20:10:30",
            "2015-07-01T20:10:30.Z",
            "2015-07-01T20:10:60Z",
            "2015-07-01T20:10:30+02",
            "2015-13-01T20:10:30Z",
            "시각",
        ] {
            assert_eq!(parse_time_ms(text), Err(format!("cannot parse {text:?} to a valid timestamp")));
        }
    }

    #[test]
    fn lengths_of_time() {
        assert_eq!(parse_span_ms("1m"), Ok(60_000));
        assert_eq!(parse_span_ms("0.5"), Ok(500));
        assert_eq!(parse_span_ms("-5"), Ok(-5000));
        assert_eq!(parse_span_ms("5x"), Err(r#"cannot parse "5x" to a valid duration"#.to_owned()));
        assert_eq!(parse_span_ms("-5s"), Err(r#"cannot parse "-5s" to a valid duration"#.to_owned()));
        assert!(parse_span_ms("1e30").is_err_and(|text| text.ends_with("It overflows int64")));
    }
}
