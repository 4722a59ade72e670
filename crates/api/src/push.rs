//! Remote write 1.0 in. Source: the Prometheus Remote-Write 1.0 specification.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bongsu_model::TenantId;
use bongsu_net::BodyError;
use bongsu_tsdb::{WriteError, WriteErrorKind, Written};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use crate::metrics;
use crate::state::Api;
use crate::tenant::Tenant;

/// How long a sender should wait before it tries again.
const RETRY_AFTER_SECONDS: &str = "1";

/// Takes a push and answers when its samples are on disk.
///
/// 204: all kept. 400: something can never be accepted; the good samples are kept. 413: too large. 415: another protocol.
/// 429, 503: try again later, after `Retry-After`.
pub(crate) async fn push(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if let Err(reason) = check_protocol(&headers) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, reason).into_response();
    }
    // Memory is asked for before it is used: a body without a length counts as the largest one.
    let Some(_slot) = api.reserve_push(announced_bytes(&headers)) else {
        metrics::PUSH_BUSY.inc();
        return retry_later(StatusCode::SERVICE_UNAVAILABLE, "too many bytes of pushes are in flight");
    };
    let read = bongsu_net::read_body(body, api.limits.push_body_bytes_max);
    let body = match tokio::time::timeout(api.limits.push_read_timeout, read).await {
        Ok(Ok(body)) => body,
        Ok(Err(error @ BodyError::TooLarge { .. })) => {
            return (StatusCode::PAYLOAD_TOO_LARGE, format!("{error}\n")).into_response();
        }
        Ok(Err(error)) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
        Err(_) => return (StatusCode::REQUEST_TIMEOUT, "the request body did not arrive in time\n").into_response(),
    };
    metrics::PUSH_BYTES.add(body.len() as u64);
    match write(&api, &tenant, body).await {
        Ok(written) => finish(&tenant, written).await,
        Err(error) => refuse(&tenant, &error),
    }
}

fn announced_bytes(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Off the threads of the network: a write waits for the disk when that is behind, and for a flush to take its moment.
async fn write(api: &Arc<Api>, tenant: &TenantId, body: Bytes) -> Result<Written, WriteError> {
    let (store, tenant) = (api.store.clone(), tenant.clone());
    match tokio::task::spawn_blocking(move || store.write(&tenant, &body)).await {
        Ok(outcome) => outcome,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

async fn finish(tenant: &TenantId, written: Written) -> Response {
    if let Some(commit) = written.commit
        && let Err(error) = commit.await
    {
        tracing::error!(%tenant, %error, "a push could not be made durable");
        return retry_later(StatusCode::SERVICE_UNAVAILABLE, &error.to_string());
    }
    metrics::PUSH_SAMPLES.add(written.samples);
    let Some(rejected) = written.rejected else {
        return StatusCode::NO_CONTENT.into_response();
    };
    metrics::PUSH_REJECTED.add([tenant.as_str(), rejected.reason.as_str()], rejected.count);
    let text = format!(
        "{}: {}: {} (first of {} rejected samples; {} samples of the request were kept)\n",
        rejected.reason.as_str(),
        rejected.series,
        rejected.message,
        rejected.count,
        written.samples
    );
    (StatusCode::BAD_REQUEST, text).into_response()
}

fn refuse(tenant: &TenantId, error: &WriteError) -> Response {
    match error.kind {
        WriteErrorKind::Malformed => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
        WriteErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, format!("{error}\n")).into_response(),
        WriteErrorKind::Limit => retry_later(StatusCode::TOO_MANY_REQUESTS, &error.to_string()),
        _ => {
            tracing::warn!(%tenant, %error, "a push was put off");
            retry_later(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
        }
    }
}

fn retry_later(status: StatusCode, reason: &str) -> Response {
    (status, [(header::RETRY_AFTER, RETRY_AFTER_SECONDS)], format!("{reason}\n")).into_response()
}

/// Only snappy and the 1.0 message; absent headers are taken as these, as other receivers do.
fn check_protocol(headers: &HeaderMap) -> Result<(), String> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("");
    let encoding = text(header::CONTENT_ENCODING);
    if !matches!(encoding, "" | "snappy") {
        return Err(format!("Content-Encoding {encoding:?} is not supported; expected snappy\n"));
    }
    let kind = text(header::CONTENT_TYPE);
    let media = kind.split(';').next().unwrap_or("").trim();
    let message = kind.split(';').filter_map(|p| p.trim().strip_prefix("proto=")).next().unwrap_or("");
    if !matches!(media, "" | "application/x-protobuf" | "application/octet-stream")
        || !matches!(message, "" | "prometheus.WriteRequest")
    {
        return Err(format!(
            "Content-Type {kind:?} is not supported; expected application/x-protobuf with prometheus.WriteRequest\n"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_remote_write_1_and_says_what_it_expects_of_others() {
        let check = |encoding: &'static str, kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-encoding", http::HeaderValue::from_static(encoding));
            headers.insert("content-type", http::HeaderValue::from_static(kind));
            check_protocol(&headers)
        };
        assert!(check_protocol(&HeaderMap::new()).is_ok());
        assert!(check("snappy", "application/x-protobuf").is_ok());
        assert!(check("snappy", "application/x-protobuf;proto=prometheus.WriteRequest").is_ok());
        assert!(check("zstd", "application/x-protobuf").is_err());
        assert!(check("snappy", "application/x-protobuf;proto=io.prometheus.write.v2.Request").is_err());
        assert!(check("snappy", "application/json").is_err());
    }
}
