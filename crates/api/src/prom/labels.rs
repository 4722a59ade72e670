//! Label names, label values and series.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use bongsu_model::Labels;

use super::json::{separated, write_labels, write_text};
use super::{blocking, success_with_warnings};
use crate::error::ApiError;
use crate::params::Params;
use crate::state::Api;
use crate::tenant::Tenant;

pub(super) async fn names(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    let ((start_ms, end_ms), limit, matchers) = (params.time_range_ms()?, params.limit()?, params.matchers()?);
    let reader = api.store.reader(&tenant);
    let found = blocking(move || Ok(reader.label_names(&matchers, start_ms, end_ms, limit.saturating_add(1))?)).await?;
    Ok(text_list(found, limit))
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
    let ((start_ms, end_ms), limit, matchers) = (params.time_range_ms()?, params.limit()?, params.matchers()?);
    let reader = api.store.reader(&tenant);
    let work = move || Ok(reader.label_values(&name, &matchers, start_ms, end_ms, limit.saturating_add(1))?);
    Ok(text_list(blocking(work).await?, limit))
}

pub(super) async fn series(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    let ((start_ms, end_ms), limit, matchers) = (params.time_range_ms()?, params.limit()?, params.matchers()?);
    if matchers.is_empty() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let reader = api.store.reader(&tenant);
    let mut found = blocking(move || Ok(reader.series(&matchers, start_ms, end_ms, limit.saturating_add(1))?)).await?;
    let warnings = truncate(&mut found, limit);
    let mut out = String::with_capacity(found.len() * 200);
    out.push('[');
    separated(&mut out, &found, |out, labels: &Labels| write_labels(out, labels));
    out.push(']');
    Ok(success_with_warnings(&out, &warnings))
}

fn text_list(mut found: Vec<String>, limit: usize) -> Response {
    let warnings = truncate(&mut found, limit);
    let mut out = String::from("[");
    separated(&mut out, &found, |out, text: &String| write_text(out, text));
    out.push(']');
    success_with_warnings(&out, &warnings)
}

/// One more than the limit was asked for, so that a cut can be told.
fn truncate<T>(found: &mut Vec<T>, limit: usize) -> Vec<String> {
    if found.len() <= limit {
        return Vec::new();
    }
    found.truncate(limit);
    vec!["results truncated due to limit".to_owned()]
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
    fn a_cut_list_says_so() {
        let mut items = vec![1, 2, 3];
        assert_eq!(truncate(&mut items, 2), ["results truncated due to limit"]);
        assert_eq!(items, [1, 2]);
        assert!(truncate(&mut items, 2).is_empty());
    }
}
