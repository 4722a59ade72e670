//! Times and selectors of the command line.

use anyhow::Context;
use bongsu_exchange::Window;
use bongsu_model::{Clock, MatchOp, Matcher, SystemClock, parse_duration_ms};
use bongsu_syntax::{Duration, ExprKind, Extent, ParseOptions};

use crate::cli::WindowArgs;

/// What the flags ask for.
pub(super) fn window(args: &WindowArgs) -> anyhow::Result<Window> {
    let now_ms = SystemClock.now_ms();
    let time = |text: &Option<String>, default| match text {
        Some(text) => time_ms(text, now_ms),
        None => Ok(default),
    };
    let start_ms = time(&args.start, i64::MIN).context("--start")?;
    let end_ms = time(&args.end, i64::MAX).context("--end")?;
    anyhow::ensure!(start_ms <= end_ms, "--start lies behind --end");
    let matchers = args.matches.iter().map(|text| selector(text).context("--match")).collect::<anyhow::Result<_>>()?;
    Ok(Window { start_ms, end_ms, matchers })
}

/// The sets of conditions of a window; that of all series without any.
pub(super) fn matcher_sets(window: &Window) -> anyhow::Result<Vec<Vec<Matcher>>> {
    if window.matchers.is_empty() {
        return Ok(vec![vec![Matcher::new("__name__", MatchOp::Regex, ".+")?]]);
    }
    Ok(window.matchers.clone())
}

/// RFC 3339, seconds since 1970, `now`, or a duration before now.
fn time_ms(text: &str, now_ms: i64) -> anyhow::Result<i64> {
    if text == "now" {
        return Ok(now_ms);
    }
    if let Ok(seconds) = text.parse::<f64>()
        && seconds.is_finite()
    {
        return Ok((seconds * 1000.0) as i64);
    }
    if let Some(age_ms) = text.strip_prefix('-').and_then(|age| parse_duration_ms(age).ok()) {
        return Ok(now_ms.saturating_sub(age_ms));
    }
    let expected = || format!("expected 2026-01-31T12:00:00Z, seconds since 1970, -30d or now, found {text:?}");
    Ok(text.parse::<jiff::Timestamp>().ok().with_context(expected)?.as_millisecond())
}

fn selector(text: &str) -> anyhow::Result<Vec<Matcher>> {
    let expr = bongsu_syntax::parse(text, &ParseOptions::default()).map_err(|error| anyhow::anyhow!("{error}"))?;
    match expr.kind {
        ExprKind::Vector(ref selector)
            if selector.at.is_none() && selector.offset == Duration::ZERO && selector.extent == Extent::Plain =>
        {
            Ok(selector.matchers.clone())
        }
        _ => anyhow::bail!("expected a series selector such as up{{job=\"a\"}}, found {text:?}"),
    }
}

/// A selector's text, for servers that read it.
pub(super) fn selector_text(matchers: &[Matcher]) -> String {
    let op = |op| match op {
        MatchOp::Equal => "=",
        MatchOp::NotEqual => "!=",
        MatchOp::Regex => "=~",
        MatchOp::NotRegex => "!~",
    };
    let one = |matcher: &Matcher| format!("{:?}{}{:?}", matcher.name(), op(matcher.op()), matcher.value());
    // Names in quotes are known to Prometheus 3 and Bongsu alone.
    let plain = |matcher: &Matcher| match bongsu_model::is_legacy_label_name(matcher.name()) {
        true => format!("{}{}{:?}", matcher.name(), op(matcher.op()), matcher.value()),
        false => one(matcher),
    };
    format!("{{{}}}", matchers.iter().map(plain).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_four_forms() {
        let at = |text| time_ms(text, 100_000_000).unwrap();
        assert_eq!(at("1970-01-01T00:00:01.5Z"), 1_500);
        assert_eq!(at("12.5"), 12_500);
        assert_eq!(at("-1d"), 100_000_000 - 86_400_000);
        assert_eq!(at("-10"), -10_000);
        assert_eq!(at("now"), 100_000_000);
        let error = time_ms("noon", 0).unwrap_err().to_string();
        assert!(error.contains("expected 2026-01-31T12:00:00Z") && error.contains("\"noon\""), "{error}");
    }

    #[test]
    fn selectors_become_text_again() {
        let matchers = selector(r#"up{job=~"a|\"b",x!="1"}"#).unwrap();
        assert_eq!(selector_text(&matchers), r#"{job=~"a|\"b",x!="1",__name__="up"}"#);
        assert!(selector("up[5m]").is_err() && selector("1").is_err());
    }
}
