//! Parameters: from the query string and, for a POST, from the form body.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use bongsu_model::{Matcher, parse_duration_ms, parse_float};
use bongsu_syntax::{Duration, ExprKind, Extent, ParseOptions};

use crate::error::ApiError;
use crate::state::Api;

/// The parameters of a request, in the order of their arrival: those of the body first, as Go's `Form` has them.
pub(crate) struct Params(Vec<(String, String)>);

impl FromRequest<Arc<Api>> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let mut pairs = Vec::new();
        if parts.method == http::Method::POST {
            let body = bongsu_net::read_body(body, api.limits.form_body_bytes_max)
                .await
                .map_err(|error| ApiError::bad_data(error.to_string()))?;
            pairs.extend(form_urlencoded::parse(&body).into_owned());
        }
        pairs.extend(form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes()).into_owned());
        Ok(Self(pairs))
    }
}

impl Params {
    /// The first value of a parameter; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A parameter that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::bad_parameter(name, "it is missing or empty"))
    }

    /// A point in time in milliseconds: Unix seconds with fraction, or RFC 3339.
    pub(crate) fn time_ms(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.get(name).map(|text| parse_time_ms(text).map_err(|e| ApiError::bad_parameter(name, e))).transpose()
    }

    /// A length of time in milliseconds: seconds with fraction, or Prometheus' notation.
    pub(crate) fn duration_ms(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.get(name).map(|text| parse_span_ms(text).map_err(|e| ApiError::bad_parameter(name, e))).transpose()
    }

    /// `limit`: how many results at most; 0 and absent mean all.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        let Some(text) = self.get("limit") else { return Ok(usize::MAX) };
        match text.parse::<i64>() {
            Ok(0) => Ok(usize::MAX),
            Ok(limit) if limit > 0 => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
            Ok(_) => Err(ApiError::bad_parameter("limit", "limit must be non-negative")),
            Err(_) => Err(ApiError::bad_parameter("limit", format!("cannot parse {text:?} to a number"))),
        }
    }

    /// The selectors of all `match[]` parameters.
    pub(crate) fn matchers(&self) -> Result<Vec<Vec<Matcher>>, ApiError> {
        let texts = self.0.iter().filter(|(name, _)| name == "match[]").map(|(_, value)| value);
        texts.map(|text| parse_selector(text).map_err(|e| ApiError::bad_parameter("match[]", e))).collect()
    }

    /// `start` and `end`, with everything as default.
    pub(crate) fn time_range_ms(&self) -> Result<(i64, i64), ApiError> {
        let start = self.time_ms("start")?.unwrap_or(i64::MIN);
        let end = self.time_ms("end")?.unwrap_or(i64::MAX);
        if end < start {
            return Err(ApiError::bad_data("invalid parameter \"end\": end timestamp must not be before start time"));
        }
        Ok((start, end))
    }
}

/// A selector such as `up{job="a"}`, without offset, range or anything else.
fn parse_selector(text: &str) -> Result<Vec<Matcher>, String> {
    let expr = bongsu_syntax::parse(text, &ParseOptions::default()).map_err(|e| e.to_string())?;
    match expr.kind {
        ExprKind::Vector(ref selector)
            if selector.at.is_none() && selector.offset == Duration::ZERO && selector.extent == Extent::Plain =>
        {
            Ok(selector.matchers.clone())
        }
        _ => Err(format!("expected a series selector such as up{{job=\"a\"}}, found {text:?}")),
    }
}

fn parse_time_ms(text: &str) -> Result<i64, String> {
    if let Some(seconds) = parse_float(text).filter(|s| s.is_finite()) {
        let ms = (seconds * 1000.0).round();
        return if ms.abs() < 9e18 {
            Ok(ms as i64)
        } else {
            Err(format!("cannot parse {text:?} to a valid timestamp"))
        };
    }
    match text {
        // Go clients send these for "everything".
        "-292273086-05-16T16:47:06Z" => return Ok(i64::MIN),
        "+292277025-08-18T07:12:54.999999999Z" | "292277025-08-18T07:12:54.999999999Z" => return Ok(i64::MAX),
        _ => {}
    }
    text.parse::<jiff::Timestamp>()
        .map(jiff::Timestamp::as_millisecond)
        .map_err(|_| format!("cannot parse {text:?} to a valid timestamp"))
}

fn parse_span_ms(text: &str) -> Result<i64, String> {
    let fail = || format!("cannot parse {text:?} to a valid duration");
    match parse_float(text) {
        Some(seconds) if seconds.is_finite() && (seconds * 1e9).abs() < 9.2e18 => Ok((seconds * 1000.0) as i64),
        Some(_) => Err(format!("{}. It overflows int64", fail())),
        None => parse_duration_ms(text).map_err(|_| fail()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    #[test]
    fn times_in_every_form() {
        for (text, ms) in [
            ("1435781430.781", 1_435_781_430_781),
            ("1435781430", 1_435_781_430_000),
            ("-1.5", -1500),
            ("2015-07-01T20:10:30.781Z", 1_435_781_430_781),
            ("2015-07-01T22:10:30%2B02:00", 1_435_781_430_000),
            ("-292273086-05-16T16:47:06Z", i64::MIN),
        ] {
            assert_eq!(params(&format!("time={text}")).time_ms("time").unwrap(), Some(ms), "{text}");
        }
        let error = params("time=noon").time_ms("time").unwrap_err();
        assert_eq!(error.message, r#"invalid parameter "time": cannot parse "noon" to a valid timestamp"#);
    }

    #[test]
    fn spans_limits_and_absent_ones() {
        let p = params("step=1m&x=0.5&limit=0&bad=5x");
        assert_eq!(p.duration_ms("step").unwrap(), Some(60_000));
        assert_eq!(p.duration_ms("x").unwrap(), Some(500));
        assert_eq!(p.duration_ms("none").unwrap(), None);
        assert_eq!(p.limit().unwrap(), usize::MAX);
        assert!(p.duration_ms("bad").is_err());
        assert!(params("limit=-1").limit().is_err());
        assert!(params("start=2&end=1").time_range_ms().is_err());
    }

    #[test]
    fn selectors_only() {
        assert_eq!(params("match[]=up%7Ba=%22b%22%7D").matchers().unwrap()[0].len(), 2);
        assert!(params("match[]=up%2B1").matchers().is_err());
        assert!(params("match[]=up+offset+5m").matchers().is_err());
        assert!(params("match[]=up%5B5m%5D").matchers().is_err());
    }
}
