//! Literals: `1.5Ki`, `1.5h`, `5i`.

use crate::lexer::TokenKind;

/// What a literal is that PromQL does not know.
pub(crate) fn kind(literal: &str) -> Option<TokenKind> {
    if suffixed(literal).is_some() {
        Some(TokenKind::Number)
    } else if fraction_seconds(literal).is_some() {
        Some(TokenKind::Duration)
    } else {
        steps(literal).map(|_| TokenKind::Steps)
    }
}

/// The value of `1.5K`, `2Mi`, `8GB` or `1TiB`: powers of 1,000, with an `i` of 1,024. Case matters: `1m` is a minute.
pub(crate) fn suffixed(literal: &str) -> Option<f64> {
    let number = literal.strip_suffix('B').unwrap_or(literal);
    let (number, base) = match number.strip_suffix('i') {
        Some(number) => (number, 1024.0),
        None => (number, 1000.0),
    };
    let (at, letter) = number.char_indices().next_back()?;
    let power = match letter {
        'K' => 1,
        'M' => 2,
        'G' => 3,
        'T' => 4,
        _ => return None,
    };
    Some(decimal(&number[..at])? * f64::powi(base, power))
}

/// The seconds of `1.5h`, to whole milliseconds: one unit with a fraction.
pub(crate) fn fraction_seconds(literal: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] = [
        // Before "s" and "m", which it ends in or begins with.
        ("ms", 1.0),
        ("s", 1e3),
        ("m", 60e3),
        ("h", 3600e3),
        ("d", 24.0 * 3600e3),
        ("w", 7.0 * 24.0 * 3600e3),
        ("y", 365.0 * 24.0 * 3600e3),
    ];
    let (number, unit_ms) = UNITS.iter().find_map(|(unit, ms)| Some((literal.strip_suffix(unit)?, ms)))?;
    let seconds = decimal(number.contains('.').then_some(number)?)? * unit_ms / 1000.0;
    Some(crate::duration::seconds_to_ms(seconds)? as f64 / 1000.0)
}

/// The number before the `i`.
pub(crate) fn steps(literal: &str) -> Option<f64> {
    decimal(literal.strip_suffix('i')?)
}

/// Digits with at most one dot; nothing else that the standard library takes for a number.
fn decimal(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_multiply() {
        assert_eq!(suffixed("1.5K"), Some(1500.0));
        assert_eq!(suffixed("8KB"), Some(8000.0));
        assert_eq!(suffixed("1Ki"), Some(1024.0));
        assert_eq!(suffixed("2MiB"), Some(2_097_152.0));
        assert_eq!(suffixed("1G"), Some(1e9));
        assert_eq!(suffixed("1Ti"), Some(1_099_511_627_776.0));
        for other in ["1", "1m", "K", "Ki", "1k", "1iK", "1.2.3K", "infK", "1B", "äK", ""] {
            assert_eq!(suffixed(other), None, "{other}");
        }
    }

    #[test]
    fn durations_have_fractions_and_steps_are_counted() {
        assert_eq!(fraction_seconds("1.5h"), Some(5400.0));
        assert_eq!(fraction_seconds("0.25ms"), Some(0.0));
        assert_eq!(fraction_seconds("1.5m"), Some(90.0));
        assert_eq!(fraction_seconds("5m"), None);
        assert_eq!(fraction_seconds("1.5h30m"), None);
        assert_eq!(fraction_seconds("9999999999.5y"), None);
        assert_eq!((steps("5i"), steps("0.5i"), steps("i"), steps("5")), (Some(5.0), Some(0.5), None, None));
    }
}
