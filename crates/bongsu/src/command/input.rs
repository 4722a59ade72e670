//! Words of the command line that mean something to the query language.

use anyhow::{Context, bail};
use bongsu_model::Matcher;
use bongsu_syntax::{Duration, ExprKind, Extent, ParseOptions};

/// The matchers of a series selector.
pub(crate) fn selector(text: &str) -> anyhow::Result<Vec<Matcher>> {
    let options = ParseOptions { empty_selectors: true, ..ParseOptions::default() };
    let expr = bongsu_syntax::parse(text, &options).with_context(|| format!("selector {text:?}"))?;
    match &expr.kind {
        ExprKind::Vector(selector)
            if selector.at.is_none() && selector.offset == Duration::ZERO && selector.extent == Extent::Plain =>
        {
            Ok(selector.matchers.clone())
        }
        _ => bail!("expected a series selector such as up{{job=\"a\"}}, found {text:?}"),
    }
}

/// Milliseconds of an RFC 3339 time or of Unix seconds.
pub(crate) fn time_ms(text: &str) -> anyhow::Result<i64> {
    if let Ok(seconds) = text.parse::<f64>()
        && seconds.is_finite()
    {
        return Ok((seconds * 1000.0).round() as i64);
    }
    let time: jiff::Timestamp = text
        .parse()
        .with_context(|| format!("expected a time such as 2026-11-21T00:00:00Z or Unix seconds, found {text:?}"))?;
    Ok(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_and_times_are_understood_or_told() {
        assert_eq!(selector("up{job=\"a\"}").unwrap().len(), 2);
        assert!(selector("sum(up)").unwrap_err().to_string().contains("expected a series selector"));
        assert_eq!(time_ms("1.5").unwrap(), 1500);
        assert_eq!(time_ms("1970-01-01T00:00:02Z").unwrap(), 2000);
        assert!(time_ms("soon").unwrap_err().to_string().contains("expected a time"));
    }
}
