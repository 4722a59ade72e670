//! `query_batch`: many queries in one request, answered as one stream, each as soon as it is done.
//!
//! Prometheus has no such request. A page of panels asks once, over one connection, and draws what comes; a query that
//! fails fails alone. The body is a JSON list of objects with the parameters of `query_range` (those with `step`) or
//! `query`, as texts or numbers, and an `id` that stands in front of the answer; the answer is newline-delimited JSON.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bongsu_model::TenantId;
use bytes::Bytes;
use futures_util::StreamExt;
use http::header;
use serde_json::Value;

use super::query;
use crate::error::ApiError;
use crate::params::Params;
use crate::state::Api;
use crate::tenant::Tenant;

/// Queries of one request.
const QUERIES_MAX: usize = 200;
/// Those of one request that are at work, or done and not read yet, at a time: bounds what a slow reader makes wait here.
const CONCURRENT_MAX: usize = 8;

/// One query of a batch.
struct Item {
    /// JSON.
    id: String,
    /// Refused alone when it makes no sense.
    params: Result<Params, ApiError>,
}

pub(super) async fn batch(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    body: Body,
) -> Result<Response, ApiError> {
    let body = bongsu_net::read_body(body, api.limits.form_body_bytes_max)
        .await
        .map_err(|error| ApiError::bad_data(error.to_string()))?;
    let items = items(&body)?;
    // The futures live in the body: they are dropped with it, and that stops their queries.
    let answers = futures_util::stream::iter(items)
        .map(move |item| answer(Arc::clone(&api), tenant.clone(), item))
        .buffer_unordered(CONCURRENT_MAX)
        .map(|line| Ok::<_, std::convert::Infallible>(Bytes::from(line)));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(answers)).into_response())
}

/// A line: the answer that the query would have got alone, with the id in front.
async fn answer(api: Arc<Api>, tenant: TenantId, item: Item) -> String {
    let outcome = match item.params {
        Ok(params) if params.get("step").is_some() => query::answer_range(&api, &tenant, &params).await,
        Ok(params) => query::answer_instant(&api, &tenant, &params).await,
        Err(error) => Err(error),
    };
    let text = outcome.unwrap_or_else(|error| error.to_json().to_string());
    format!("{{\"id\":{},{}\n", item.id, text.strip_prefix('{').unwrap_or(&text))
}

fn items(body: &[u8]) -> Result<Vec<Item>, ApiError> {
    let list: Vec<Value> = serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_data(format!("expected a JSON list of queries: {error}")))?;
    if list.len() > QUERIES_MAX {
        let count = list.len();
        return Err(ApiError::bad_data(format!("a batch of {count} queries, at most {QUERIES_MAX} are allowed")));
    }
    Ok(list.into_iter().enumerate().map(|(place, value)| item(place, value)).collect())
}

fn item(place: usize, value: Value) -> Item {
    let Value::Object(members) = value else {
        let error = ApiError::bad_data(format!("query {place} of the batch: expected an object, found {value}"));
        return Item { id: place.to_string(), params: Err(error) };
    };
    let id = members.get("id").filter(|id| id.is_string() || id.is_number());
    let id = id.map_or_else(|| place.to_string(), Value::to_string);
    let texts = members.into_iter().filter(|(name, value)| name != "id" && !value.is_null());
    let params = texts.map(|(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(number) => Ok((name, number.to_string())),
        other => Err(ApiError::bad_parameter(&name, format!("expected a text or a number, found {other}"))),
    });
    Item { id, params: params.collect::<Result<Vec<_>, _>>().map(Params::from_pairs) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_and_bad_ones_refused_alone() {
        let body =
            br#"[{"id":"a","query":"up","start":1.5,"end":"2","step":15},{"query":"1","timeout":null},7,{"query":[]}]"#;
        let items = items(body).unwrap();
        let first = items[0].params.as_ref().unwrap();
        assert_eq!((items[0].id.as_str(), first.get("start"), first.get("step")), ("\"a\"", Some("1.5"), Some("15")));
        assert_eq!((items[1].id.as_str(), items[1].params.as_ref().unwrap().get("timeout")), ("1", None));
        let texts: Vec<&str> =
            items.iter().filter_map(|item| Some(item.params.as_ref().err()?.message.as_str())).collect();
        assert_eq!(
            texts,
            [
                "query 2 of the batch: expected an object, found 7",
                "invalid parameter \"query\": expected a text or a number, found []"
            ]
        );
    }

    #[test]
    fn a_batch_is_a_list_of_bounded_length() {
        let error = |body: &str| items(body.as_bytes()).err().unwrap().message;
        assert!(error("{}").starts_with("expected a JSON list of queries: invalid type: map"));
        assert_eq!(error(&format!("[{}1]", "1,".repeat(200))), "a batch of 201 queries, at most 200 are allowed");
        assert_eq!(items(b"[]").unwrap().len(), 0);
    }
}
