//! Label names, label values and series.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use bongsu_model::{Labels, Matcher, SourceError, TenantId};
use bongsu_tsdb::Reader;

use super::json::{separated, write_labels, write_text};
use super::{queued, success_with_warnings};
use crate::error::{ApiError, ErrorType};
use crate::params::Params;
use crate::state::Api;
use crate::tenant::Tenant;

pub(super) async fn names(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    list(&api, &tenant, params, |reader, q| reader.label_names(&q.matchers, q.start_ms, q.end_ms, q.count_max)).await
}

pub(super) async fn values(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let name = unescape_name(&name);
    if name.is_empty() {
        return Err(ApiError::bad_data("invalid label name: \"\""));
    }
    let ask =
        move |reader: &Reader, q: &Question| reader.label_values(&name, &q.matchers, q.start_ms, q.end_ms, q.count_max);
    list(&api, &tenant, params, ask).await
}

pub(super) async fn series(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    if params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let reader = api.store.reader(&tenant);
    let series_max = api.limits.query_series_max;
    queued(&api, &tenant, api.limits.query_timeout, move || {
        let refuse = |error| ApiError::bad_parameter("match[]", error);
        let question = Question::read(&params, series_max, refuse)?;
        let mut found = reader.series(&question.matchers, question.start_ms, question.end_ms, question.count_max)?;
        let warnings = question.bound(&mut found)?;
        let mut out = String::with_capacity(found.len() * 200);
        out.push('[');
        separated(&mut out, &found, |out, labels: &Labels| write_labels(out, labels));
        out.push(']');
        Ok(success_with_warnings(&out, &warnings))
    })
    .await
}

/// The parameters that these requests share.
struct Question {
    matchers: Vec<Vec<Matcher>>,
    start_ms: i64,
    end_ms: i64,
    limit: usize,
    /// What the server answers at most.
    bound: usize,
    /// One more than is wanted or allowed, so that a cut can be told.
    count_max: usize,
}

impl Question {
    fn read(params: &Params, bound: usize, refuse: fn(String) -> ApiError) -> Result<Self, ApiError> {
        let ((start_ms, end_ms), limit) = (params.time_range_ms()?, params.limit()?);
        let count_max = limit.min(bound).saturating_add(1);
        let matchers = params.matchers().map_err(refuse)?;
        Ok(Self { matchers, start_ms, end_ms, limit, bound, count_max })
    }

    /// Cuts an answer to the asked limit, and refuses one beyond the server's own.
    fn bound<T>(&self, found: &mut Vec<T>) -> Result<Vec<String>, ApiError> {
        if found.len() > self.bound {
            let bound = self.bound;
            let text =
                format!("the answer has more than {bound} entries; ask with limit=, or raise limits.query_series");
            return Err(ApiError::new(ErrorType::Execution, text));
        }
        if found.len() <= self.limit {
            return Ok(Vec::new());
        }
        found.truncate(self.limit);
        Ok(vec!["results truncated due to limit".to_owned()])
    }
}

async fn list(
    api: &Arc<Api>,
    tenant: &TenantId,
    params: Params,
    ask: impl FnOnce(&Reader, &Question) -> Result<Vec<String>, SourceError> + Send + 'static,
) -> Result<Response, ApiError> {
    let reader = api.store.reader(tenant);
    let series_max = api.limits.query_series_max;
    queued(api, tenant, api.limits.query_timeout, move || {
        let question = Question::read(&params, series_max, ApiError::bad_data)?;
        let mut found = ask(&reader, &question)?;
        let warnings = question.bound(&mut found)?;
        let mut out = String::from("[");
        separated(&mut out, &found, |out, text: &String| write_text(out, text));
        out.push(']');
        Ok(success_with_warnings(&out, &warnings))
    })
    .await
}

/// Names outside the classic grammar come as `U__` with `_hex_` escapes (Prometheus' "values escaping") or as they are.
fn unescape_name(name: &str) -> String {
    let Some(escaped) = name.strip_prefix("U__") else { return name.to_owned() };
    let (mut out, mut rest) = (String::new(), escaped);
    while let Some(at) = rest.find('_') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(tail) = rest.strip_prefix('_') {
            out.push('_');
            rest = tail;
            continue;
        }
        let decoded = rest.find('_').and_then(|end| {
            let code = u32::from_str_radix(&rest[..end], 16).ok()?;
            Some((char::from_u32(code)?, &rest[end + 1..]))
        });
        let Some((c, tail)) = decoded else { return name.to_owned() };
        out.push(c);
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unescapes_utf8_names() {
        assert_eq!(unescape_name("job"), "job");
        assert_eq!(unescape_name("U__http_2e_status__code"), "http.status_code");
        assert_eq!(unescape_name("U__a_zz_b"), "U__a_zz_b");
        assert_eq!(unescape_name("U__a_"), "U__a_");
    }

    #[test]
    fn a_cut_list_says_so_and_the_servers_bound_is_an_error() {
        let question = |limit: usize, bound: usize| Question {
            matchers: Vec::new(),
            start_ms: 0,
            end_ms: 0,
            limit,
            bound,
            count_max: limit.min(bound) + 1,
        };
        let mut items = vec![1, 2, 3];
        assert_eq!(question(2, 10).bound(&mut items).unwrap(), ["results truncated due to limit"]);
        assert_eq!(items, [1, 2]);
        assert!(question(2, 10).bound(&mut items).unwrap().is_empty());
        assert!(question(usize::MAX - 1, 1).bound(&mut items).unwrap_err().message.contains("more than 1 entries"));
    }
}
