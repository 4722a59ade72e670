//! How many values labels have, and how many series values have. Source: "Label names cardinality" and "Label values
//! cardinality" of Mimir's HTTP API reference.
//!
//! Counted are the series in memory: those with samples since the last flush and some that fell idle lately. Both of
//! Mimir's ways to count (`inmemory`, `active`) mean these.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bongsu_model::Matcher;
use bongsu_tsdb::Counted;
use http::StatusCode;
use serde_json::{Value, json};

use super::{json_response, queued};
use crate::error::{ApiError, ErrorType};
use crate::params::{Params, parse_integer, parse_selector};
use crate::state::Api;
use crate::tenant::Tenant;

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: i64 = 500;
/// Labels that one request may ask for.
const LABELS_MAX: usize = 100;

pub(super) async fn label_names(State(api): State<Arc<Api>>, Tenant(tenant): Tenant, params: Params) -> Response {
    let reader = api.store.reader(&tenant);
    let answer = queued(&api, &tenant, api.limits.query_timeout, move || {
        let (matchers, limit) = question(&params)?;
        let names = reader.head_label_names(&matchers);
        let total: u64 = names.iter().map(|name| name.count).sum();
        let shown = names.iter().take(limit);
        let shown: Vec<Value> =
            shown.map(|name| json!({ "label_name": name.name, "label_values_count": name.count })).collect();
        Ok(json!({ "label_values_count_total": total, "label_names_count": names.len(), "cardinality": shown }))
    });
    respond(answer.await)
}

pub(super) async fn label_values(State(api): State<Arc<Api>>, Tenant(tenant): Tenant, params: Params) -> Response {
    let reader = api.store.reader(&tenant);
    let answer = queued(&api, &tenant, api.limits.query_timeout, move || {
        let names = names(&params)?;
        let (matchers, limit) = question(&params)?;
        let total = reader.head_series_count(&matchers);
        let mut labels: Vec<(String, u64, Vec<Counted>)> = names
            .into_iter()
            .map(|name| {
                let (series, values) = reader.head_label_values(&name, &matchers);
                (name, series, values)
            })
            .collect();
        labels.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let labels: Vec<Value> = labels.iter().map(|label| label_json(label, limit)).collect();
        Ok(json!({ "series_count_total": total, "labels": labels }))
    });
    respond(answer.await)
}

fn label_json((name, series, values): &(String, u64, Vec<Counted>), limit: usize) -> Value {
    let shown: Vec<Value> = values
        .iter()
        .take(limit)
        .map(|value| json!({ "label_value": value.name, "series_count": value.count }))
        .collect();
    json!({
        "label_name": name,
        "label_values_count": values.len(),
        "series_count": series,
        "cardinality": shown,
    })
}

/// The parameters that both requests share: which series, and how many entries.
fn question(params: &Params) -> Result<(Vec<Matcher>, usize), ApiError> {
    let mut selectors = params.all("selector");
    let matchers = match selectors.next() {
        Some(text) => {
            parse_selector(text).map_err(|error| ApiError::bad_data(format!("failed to parse selector: {error}")))?
        }
        None => Vec::new(),
    };
    if selectors.next().is_some() {
        return Err(ApiError::bad_data("multiple 'selector' params are not allowed"));
    }
    if let Some(method) = params.all("count_method").next()
        && !matches!(method, "inmemory" | "active")
    {
        let text = format!("invalid 'count_method' param '{method}'. valid options are: [active,inmemory]");
        return Err(ApiError::bad_data(text));
    }
    Ok((matchers, limit(params)?))
}

fn limit(params: &Params) -> Result<usize, ApiError> {
    let mut limits = params.all("limit");
    let Some(text) = limits.next() else { return Ok(LIMIT_DEFAULT) };
    if limits.next().is_some() {
        return Err(ApiError::bad_data("multiple 'limit' params are not allowed"));
    }
    match parse_integer(text).map_err(ApiError::bad_data)? {
        limit if limit < 0 => Err(ApiError::bad_data("'limit' param cannot be less than '0'")),
        limit if limit > LIMIT_MAX => {
            Err(ApiError::bad_data(format!("'limit' param cannot be greater than '{LIMIT_MAX}'")))
        }
        limit => Ok(usize::try_from(limit).unwrap_or(LIMIT_DEFAULT)),
    }
}

fn names(params: &Params) -> Result<Vec<String>, ApiError> {
    let names: Vec<String> = params.all("label_names[]").map(str::to_owned).collect();
    if names.is_empty() {
        return Err(ApiError::bad_data("'label_names[]' param is required"));
    }
    if names.iter().any(String::is_empty) {
        return Err(ApiError::bad_data("invalid 'label_names' param ''"));
    }
    if names.len() > LABELS_MAX {
        return Err(ApiError::bad_data(format!("more than {LABELS_MAX} 'label_names[]' params")));
    }
    Ok(names)
}

/// Bare JSON on success and plain text else, as in Mimir.
fn respond(answer: Result<Value, ApiError>) -> Response {
    match answer {
        Ok(answer) => json_response(answer.to_string()),
        Err(error) if error.kind == ErrorType::BadData => {
            (StatusCode::BAD_REQUEST, format!("{}\n", error.message)).into_response()
        }
        Err(error) => error.into_response(),
    }
}
