//! Parameters: from the query string and, for a POST, from the form body.

mod multipart;
mod time;

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use bongsu_model::Matcher;
use bongsu_syntax::{Duration, ExprKind, Extent, ParseOptions};
use http::header;

use crate::error::ApiError;
use crate::state::Api;

/// The parameters of a request in the order in which Go's `Form` has them: those of a form body first, those of a
/// multipart body last.
pub(crate) struct Params(Vec<(String, String)>);

impl FromRequest<Arc<Api>> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes()).into_owned();
        if !matches!(parts.method, http::Method::POST | http::Method::PUT) {
            return Ok(Self(query.collect()));
        }
        let body = bongsu_net::read_body(body, api.limits.form_body_bytes_max)
            .await
            .map_err(|error| ApiError::bad_data(error.to_string()))?;
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let Some(boundary) = multipart::boundary_of(kind) else {
            return Ok(Self(form_urlencoded::parse(&body).into_owned().chain(query).collect()));
        };
        let fields = multipart::parse(&body, boundary)
            .map_err(|error| ApiError::bad_data(format!("error parsing form values: {error}")))?;
        Ok(Self(query.chain(fields).collect()))
    }
}

impl Params {
    /// Parameters that came in another way.
    pub(crate) fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The first value of a parameter; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The first value of a parameter, "" without one: what has to be there is refused by its own reader.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    /// All values of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A point in time in milliseconds that has to be there.
    pub(crate) fn required_time_ms(&self, name: &str) -> Result<i64, ApiError> {
        time::parse_time_ms(self.text(name)).map_err(|error| ApiError::bad_parameter(name, error))
    }

    /// A point in time in milliseconds, if it is given.
    pub(crate) fn time_ms(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let parse = |text| {
            let outcome = time::parse_time_ms(text);
            outcome.map_err(|e| ApiError::bad_parameter(name, format!("Invalid time value for '{name}': {e}")))
        };
        self.get(name).map(parse).transpose()
    }

    /// A length of time in milliseconds that has to be there.
    pub(crate) fn required_duration_ms(&self, name: &str) -> Result<i64, ApiError> {
        time::parse_span_ms(self.text(name)).map_err(|error| ApiError::bad_parameter(name, error))
    }

    /// A length of time in milliseconds, if it is given.
    pub(crate) fn duration_ms(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.get(name).map(|_| self.required_duration_ms(name)).transpose()
    }

    /// `lookback_delta` in milliseconds; zero and less mean the default, as in Prometheus.
    pub(crate) fn lookback_ms(&self) -> Result<Option<i64>, ApiError> {
        let parse = |text| {
            let outcome = time::parse_span_ms(text);
            outcome.map_err(|error| ApiError::bad_data(format!("error parsing lookback delta duration: {error}")))
        };
        Ok(self.get("lookback_delta").map(parse).transpose()?.filter(|ms| *ms > 0))
    }

    /// `limit`: how many results at most; 0 and absent mean all.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        let Some(text) = self.get("limit") else { return Ok(usize::MAX) };
        match parse_integer(text) {
            Ok(0) => Ok(usize::MAX),
            Ok(limit) if limit > 0 => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
            Ok(_) => Err(ApiError::bad_parameter("limit", "limit must be non-negative")),
            Err(error) => Err(ApiError::bad_parameter("limit", error)),
        }
    }

    /// The selectors of all `match[]` parameters, each with a matcher that a series without labels does not fulfil.
    ///
    /// # Errors
    /// The text alone: where it is shown, and how, differs from request to request.
    pub(crate) fn matchers(&self) -> Result<Vec<Vec<Matcher>>, String> {
        let sets = self.all("match[]").map(parse_selector).collect::<Result<Vec<_>, String>>()?;
        if sets.iter().any(|set| set.iter().all(Matcher::matches_empty)) {
            return Err("match[] must contain at least one non-empty matcher".to_owned());
        }
        Ok(sets)
    }

    /// `start` and `end`, with everything as default. An end before the start is an empty range.
    pub(crate) fn time_range_ms(&self) -> Result<(i64, i64), ApiError> {
        Ok((self.time_ms("start")?.unwrap_or(i64::MIN), self.time_ms("end")?.unwrap_or(i64::MAX)))
    }
}

/// An integer as Go's `Atoi` reads it, and what that says of others.
pub(crate) fn parse_integer(text: &str) -> Result<i64, String> {
    text.parse::<i64>().map_err(|error| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let beyond = matches!(error.kind(), PosOverflow | NegOverflow);
        format!("strconv.Atoi: parsing {text:?}: {}", if beyond { "value out of range" } else { "invalid syntax" })
    })
}

/// A truth value as Go's `ParseBool` reads it.
pub(crate) fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}

/// A selector such as `up{job="a"}`, without offset, range or anything else.
pub(crate) fn parse_selector(text: &str) -> Result<Vec<Matcher>, String> {
    let options = ParseOptions { empty_selectors: true, ..ParseOptions::default() };
    let expr = bongsu_syntax::parse(text, &options).map_err(|e| e.to_string())?;
    match expr.kind {
        ExprKind::Vector(ref selector)
            if selector.at.is_none() && selector.offset == Duration::ZERO && selector.extent == Extent::Plain =>
        {
            Ok(selector.matchers.clone())
        }
        _ => Err(format!("expected a series selector such as up{{job=\"a\"}}, found {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    #[test]
    fn a_time_that_may_be_absent_is_refused_in_more_words() {
        let p = params("time=noon&end=1");
        let expected =
            r#"invalid parameter "time": Invalid time value for 'time': cannot parse "noon" to a valid timestamp"#;
        assert_eq!(p.time_ms("time").unwrap_err().message, expected);
        let expected = r#"invalid parameter "start": cannot parse "" to a valid timestamp"#;
        assert_eq!(p.required_time_ms("start").unwrap_err().message, expected);
        assert_eq!(p.time_ms("none").unwrap(), None);
    }

    #[test]
    fn spans_limits_and_absent_ones() {
        let p = params("step=1m&limit=0&bad=5x&lookback_delta=-1");
        assert_eq!(p.duration_ms("step").unwrap(), Some(60_000));
        assert_eq!(p.duration_ms("none").unwrap(), None);
        assert_eq!(p.lookback_ms().unwrap(), None);
        assert_eq!(p.limit().unwrap(), usize::MAX);
        assert!(p.duration_ms("bad").is_err());
        assert_eq!(
            params("limit=-1").limit().unwrap_err().message,
            r#"invalid parameter "limit": limit must be non-negative"#
        );
        let expected = r#"invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax"#;
        assert_eq!(params("limit=x").limit().unwrap_err().message, expected);
        assert_eq!(params("start=2&end=1").time_range_ms().unwrap(), (2000, 1000));
    }

    #[test]
    fn selectors_only_and_none_that_selects_everything() {
        assert_eq!(params("match[]=up%7Ba=%22b%22%7D").matchers().unwrap()[0].len(), 2);
        assert!(params("match[]=up%2B1").matchers().is_err());
        assert!(params("match[]=up+offset+5m").matchers().is_err());
        assert!(params("match[]=up%5B5m%5D").matchers().is_err());
        let everything = params("match[]=up&match[]=%7Ba=~%22.*%22%7D").matchers();
        assert_eq!(everything.unwrap_err(), "match[] must contain at least one non-empty matcher");
    }
}
