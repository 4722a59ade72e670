//! Remote write 1.0 and 2.0 in. Source: the Prometheus Remote-Write specifications.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bongsu_model::TenantId;
use bongsu_net::BodyError;
use bongsu_tsdb::{Protocol, Rejected, WriteError, WriteErrorKind, Written};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::SemaphorePermit;

use crate::metrics;
use crate::state::Api;
use crate::tenant::Tenant;

/// How long a sender should wait before it tries again, at least.
const RETRY_AFTER_SECONDS_MIN: u64 = 1;

/// Takes a push and answers when its samples are on disk.
///
/// 204: all kept. 400: something was not accepted, and would not be if it was sent again; the good samples are kept. 413: too
/// large. 415: another protocol. 429, 503: nothing was kept, try again later, after `Retry-After`. A limit of series is of the
/// first kind, a rate of the second, as in Mimir: senders keep what is behind a request until that is answered otherwise, so
/// one series too many must not hold up all others. Every answer to a 2.0 message says how much of it was kept.
pub(crate) async fn push(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let protocol = match protocol_of(&headers) {
        Ok(protocol) => protocol,
        Err(reason) => return (StatusCode::UNSUPPORTED_MEDIA_TYPE, reason).into_response(),
    };
    let taken = match read(&api, &headers, body).await {
        Ok((body, slot)) => {
            let taken = take(&api, &tenant, protocol, body).await;
            drop(slot);
            taken
        }
        Err(refused) => refused.into(),
    };
    match protocol {
        Protocol::RemoteWrite1 => taken.answer,
        Protocol::RemoteWrite2 => taken.with_counts(),
    }
}

/// An answer, and what was kept of the request.
struct Taken {
    answer: Response,
    samples: u64,
    histograms: u64,
    exemplars: u64,
}

impl From<Response> for Taken {
    /// Nothing was kept.
    fn from(answer: Response) -> Self {
        Self { answer, samples: 0, histograms: 0, exemplars: 0 }
    }
}

impl Taken {
    /// Source: the specification's "Required `Written` Response Headers".
    fn with_counts(self) -> Response {
        let Self { mut answer, samples, histograms, exemplars } = self;
        for (name, count) in [
            ("x-prometheus-remote-write-samples-written", samples),
            ("x-prometheus-remote-write-histograms-written", histograms),
            ("x-prometheus-remote-write-exemplars-written", exemplars),
        ] {
            answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(count));
        }
        answer
    }
}

/// The body, and the room that it takes until it is dealt with.
async fn read<'a>(api: &'a Api, headers: &HeaderMap, body: Body) -> Result<(Bytes, SemaphorePermit<'a>), Response> {
    // Memory is asked for before it is used: a body without a length counts as the largest one.
    let Some(slot) = api.reserve_push(announced_bytes(headers)) else {
        metrics::PUSH_BUSY.inc();
        return Err(retry_later(StatusCode::SERVICE_UNAVAILABLE, "too many bytes of pushes are in flight"));
    };
    let read = bongsu_net::read_body(body, api.limits.push_body_bytes_max);
    let body = match tokio::time::timeout(api.limits.push_read_timeout, read).await {
        Ok(Ok(body)) => body,
        Ok(Err(error @ BodyError::TooLarge { .. })) => {
            return Err((StatusCode::PAYLOAD_TOO_LARGE, format!("{error}\n")).into_response());
        }
        Ok(Err(error)) => return Err((StatusCode::BAD_REQUEST, format!("{error}\n")).into_response()),
        Err(_) => {
            let text = "the request body did not arrive in time\n";
            return Err((StatusCode::REQUEST_TIMEOUT, text).into_response());
        }
    };
    metrics::PUSH_BYTES.add(body.len() as u64);
    Ok((body, slot))
}

async fn take(api: &Arc<Api>, tenant: &TenantId, protocol: Protocol, body: Bytes) -> Taken {
    match write(api, tenant, protocol, body).await {
        Ok(written) => finish(tenant, protocol, written).await,
        Err(error) => refuse(tenant, &error).into(),
    }
}

fn announced_bytes(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Off the threads of the network: a write waits for the disk when that is behind, and for a flush to take its moment.
async fn write(api: &Arc<Api>, tenant: &TenantId, protocol: Protocol, body: Bytes) -> Result<Written, WriteError> {
    let (store, tenant) = (api.store.clone(), tenant.clone());
    match tokio::task::spawn_blocking(move || store.write(&tenant, protocol, &body)).await {
        Ok(outcome) => outcome,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

async fn finish(tenant: &TenantId, protocol: Protocol, written: Written) -> Taken {
    if let Some(commit) = written.commit
        && let Err(error) = commit.await
    {
        tracing::error!(%tenant, %error, "a push could not be made durable");
        return retry_later(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()).into();
    }
    let Written { samples, histograms, exemplars, out_of_order_exemplars, duplicates, .. } = written;
    metrics::PUSH_SAMPLES.add(samples);
    if duplicates > 0 {
        metrics::PUSH_DUPLICATES.add([tenant.as_str()], duplicates);
    }
    metrics::PUSH_HISTOGRAMS.add(histograms);
    metrics::PUSH_EXEMPLARS.add(exemplars);
    let answer = match written.rejected {
        Some(rejected) => {
            for (reason, count) in &rejected.by_reason {
                metrics::PUSH_REJECTED.add([tenant.as_str(), reason.as_str()], *count);
            }
            let text = rejected_text(&rejected, samples + histograms);
            (StatusCode::BAD_REQUEST, text).into_response()
        }
        // Remote write 1.0 has no word for exemplars that were not taken.
        None if out_of_order_exemplars > 0 && protocol == Protocol::RemoteWrite2 => {
            let text = format!("{out_of_order_exemplars} exemplars are older than the newest ones of their series\n");
            (StatusCode::BAD_REQUEST, text).into_response()
        }
        // As Mimir answers: the sender may go on, and a proxy can see it.
        None if duplicates > 0 && samples + histograms + exemplars == 0 => {
            let text = format!("{duplicates} samples are not taken: another replica of their cluster is listened to\n");
            (StatusCode::ACCEPTED, text).into_response()
        }
        None => StatusCode::NO_CONTENT.into_response(),
    };
    Taken { answer, samples, histograms, exemplars }
}

fn rejected_text(rejected: &Rejected, kept: u64) -> String {
    format!(
        "{}: {}: {} (first of {} rejected samples; {kept} samples of the request were kept)\n",
        rejected.reason.as_str(),
        rejected.series,
        rejected.message,
        rejected.count,
    )
}

fn refuse(tenant: &TenantId, error: &WriteError) -> Response {
    if let Some((reason, samples)) = error.refused {
        metrics::PUSH_REJECTED.add([tenant.as_str(), reason.as_str()], samples);
    }
    match error.kind {
        WriteErrorKind::Malformed => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
        WriteErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, format!("{error}\n")).into_response(),
        WriteErrorKind::Limit => {
            retry_after(StatusCode::TOO_MANY_REQUESTS, error.retry_after_ms.unwrap_or(0), &error.to_string())
        }
        _ => {
            tracing::warn!(%tenant, %error, "a push was put off");
            retry_later(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
        }
    }
}

fn retry_later(status: StatusCode, reason: &str) -> Response {
    retry_after(status, 0, reason)
}

/// The header has whole seconds.
fn retry_after(status: StatusCode, wait_ms: i64, reason: &str) -> Response {
    let seconds = (wait_ms.max(0) as u64).div_ceil(1000).max(RETRY_AFTER_SECONDS_MIN);
    (status, [(header::RETRY_AFTER, seconds.to_string())], format!("{reason}\n")).into_response()
}

/// Only snappy, and the messages of 1.0 and 2.0; absent headers are taken as 1.0, as other receivers do.
fn protocol_of(headers: &HeaderMap) -> Result<Protocol, String> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("");
    let encoding = text(header::CONTENT_ENCODING);
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("snappy") {
        return Err(format!("Content-Encoding {encoding:?} is not supported; expected snappy\n"));
    }
    let kind = text(header::CONTENT_TYPE);
    let mut parts = kind.split(';').map(str::trim);
    let media = parts.next().unwrap_or("");
    let is_protobuf = ["", "application/x-protobuf", "application/octet-stream"]
        .iter()
        .any(|known| media.eq_ignore_ascii_case(known));
    let proto = |part: &'_ str| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("proto").then(|| value.trim().trim_matches('"').to_owned())
    };
    match parts.find_map(proto).as_deref() {
        None | Some("prometheus.WriteRequest") if is_protobuf => Ok(Protocol::RemoteWrite1),
        Some("io.prometheus.write.v2.Request") if is_protobuf => Ok(Protocol::RemoteWrite2),
        _ => Err(format!(
            "Content-Type {kind:?} is not supported; expected application/x-protobuf with \
             proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request\n"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_both_messages_and_says_what_it_expects_of_others() {
        let check = |encoding: &'static str, kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-encoding", HeaderValue::from_static(encoding));
            headers.insert("content-type", HeaderValue::from_static(kind));
            protocol_of(&headers)
        };
        assert_eq!(protocol_of(&HeaderMap::new()), Ok(Protocol::RemoteWrite1));
        for (kind, expected) in [
            ("application/x-protobuf", Protocol::RemoteWrite1),
            ("application/x-protobuf;proto=prometheus.WriteRequest", Protocol::RemoteWrite1),
            ("application/x-protobuf;proto=io.prometheus.write.v2.Request", Protocol::RemoteWrite2),
            ("application/x-protobuf; charset=x; proto=\"io.prometheus.write.v2.Request\"", Protocol::RemoteWrite2),
        ] {
            assert_eq!(check("snappy", kind), Ok(expected), "{kind}");
        }
        for (encoding, kind) in [
            ("zstd", "application/x-protobuf"),
            ("snappy", "application/x-protobuf;proto=io.prometheus.write.v3.Request"),
            ("snappy", "application/x-protobuf;proto="),
            ("snappy", "application/json"),
            ("snappy", "application/json;proto=io.prometheus.write.v2.Request"),
        ] {
            let reason = check(encoding, kind).unwrap_err();
            assert!(reason.contains("expected") && (reason.contains(kind) || reason.contains(encoding)), "{reason}");
        }
    }
}
