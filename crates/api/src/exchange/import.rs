//! Import: a body of any length, read as it comes. What is understood and allowed is kept; what is not is counted in the answer.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bongsu_exchange::{
    Counts, CsvColumns, CsvReader, Error, JsonLinesReader, Labelled, Lines, Protocol, Receiver, Sent, TextOptions,
    TextReader, Transport, UploadOptions, Uploader,
};
use bongsu_model::TenantId;
use bongsu_tsdb::{Store, WriteErrorKind};
use bongsu_wire::exposition::Format;
use http::{HeaderMap, StatusCode, header};

use super::body::incoming;
use crate::error::ApiError;
use crate::metrics;
use crate::params::{Params, parse_integer};
use crate::state::Api;
use crate::tenant::Tenant;

/// Memory that an import under way counts for among the pushes.
const IMPORT_BYTES: usize = 16 << 20;
/// A line has all samples of a series that its client wants to stand together.
const JSON_LINE_BYTES_MAX: usize = 32 << 20;
/// Samples of one record of the log.
const SAMPLES_PER_WRITE: usize = 10_000;
/// A store that is behind is waited for so long; then the client is told to come back.
const GIVE_UP_AFTER_MS: u64 = 10_000;

/// `POST /api/v1/import`.
pub(super) async fn json_lines(
    State(api): State<Arc<Api>>,
    tenant: Tenant,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let import = Import::new(&api, tenant, query.as_deref());
    import
        .run(&headers, body, |input, receiver| {
            let mut lines = Lines::new(input, "the body", JSON_LINE_BYTES_MAX);
            let reader = JsonLinesReader::read(&mut lines, "body", 0, receiver)?;
            Ok(BadLines { count: reader.bad_lines, first: reader.first_bad })
        })
        .await
}

/// `POST /api/v1/import/prometheus`: the text format, or OpenMetrics if the media type says so. Samples without a time get that
/// of the parameter `timestamp` (milliseconds), or now.
pub(super) async fn text(
    State(api): State<Arc<Api>>,
    tenant: Tenant,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let import = Import::new(&api, tenant, query.as_deref());
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let format = match Format::of_content_type(kind) {
        Some(Format::OpenMetrics) => Format::OpenMetrics,
        _ => Format::Text,
    };
    let default_ms = match import.params.get("timestamp").map(parse_integer) {
        None => api.clock.now_ms(),
        Some(Ok(ms)) => ms,
        Some(Err(error)) => return ApiError::bad_parameter("timestamp", error).into_plain_response(),
    };
    import
        .run(&headers, body, move |input, receiver| {
            let options = TextOptions { format, default_ms: Some(default_ms), part: "the body".to_owned() };
            let reader = TextReader::read(input, &options, 0, receiver)?;
            Ok(BadLines { count: reader.bad_lines, first: reader.first_bad })
        })
        .await
}

/// `POST /api/v1/import/csv`, with the parameter `format`.
pub(super) async fn csv(
    State(api): State<Arc<Api>>,
    tenant: Tenant,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let import = Import::new(&api, tenant, query.as_deref());
    let columns = match CsvColumns::parse_import(import.params.text("format")) {
        Ok(columns) => columns,
        Err(error) => return ApiError::bad_parameter("format", error).into_plain_response(),
    };
    let now_ms = api.clock.now_ms();
    import
        .run(&headers, body, move |input, receiver| {
            let reader = CsvReader::read(input, ("the body", 0), &columns, now_ms, receiver)?;
            Ok(BadLines { count: reader.bad_lines, first: reader.first_bad })
        })
        .await
}

/// Lines that made no sense.
struct BadLines {
    count: u64,
    first: Option<Error>,
}

/// One request.
struct Import<'a> {
    api: &'a Api,
    tenant: TenantId,
    params: Params,
}

impl<'a> Import<'a> {
    fn new(api: &'a Api, Tenant(tenant): Tenant, query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or("").as_bytes()).into_owned().collect();
        Self { api, tenant, params: Params::from_pairs(pairs) }
    }

    /// `extra_label=name=value`, any number of them.
    fn extra_labels(&self) -> Result<Vec<(String, String)>, ApiError> {
        let label = |text: &str| {
            let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
            pair.ok_or_else(|| ApiError::bad_parameter("extra_label", format!("expected NAME=VALUE, found {text:?}")))
        };
        self.params.all("extra_label").map(label).collect()
    }

    async fn run(
        self,
        headers: &HeaderMap,
        body: Body,
        read: impl FnOnce(&mut dyn Read, &mut dyn Receiver) -> Result<BadLines, Error> + Send + 'static,
    ) -> Response {
        let labels = match self.extra_labels() {
            Ok(labels) => labels,
            Err(error) => return error.into_plain_response(),
        };
        let Some(slot) = self.api.reserve_push(Some(IMPORT_BYTES)) else {
            metrics::PUSH_BUSY.inc();
            return retry_later("too many bytes of pushes are in flight");
        };
        let mut input = match incoming(headers, body, self.api.limits.push_read_timeout) {
            Ok(input) => input,
            Err(error) => return (StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("{error}\n")).into_response(),
        };
        let mut writer = Writer { store: self.api.store.clone(), tenant: self.tenant };
        let work = tokio::task::spawn_blocking(move || {
            let options = UploadOptions {
                protocol: Protocol::RemoteWrite2,
                samples_per_request: SAMPLES_PER_WRITE,
                give_up_after_ms: GIVE_UP_AFTER_MS,
            };
            let mut uploader = Uploader::new(&mut writer, options);
            let outcome = read(&mut *input, &mut Labelled::new(labels, &mut uploader));
            // What came before a fault is kept as well.
            let flushed = uploader.flush();
            (outcome.and_then(|bad| flushed.map(|()| bad)), uploader.counts().clone())
        });
        let answer = match work.await {
            Ok((outcome, counts)) => answer(outcome, &counts),
            Err(panic) => {
                tracing::error!(%panic, "an import panicked");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal error, see the log\n").into_response()
            }
        };
        drop(slot);
        answer
    }
}

/// 204 when all was kept; else what was not, and what was.
fn answer(outcome: Result<BadLines, Error>, counts: &Counts) -> Response {
    let kept = counts.samples.saturating_sub(counts.refused_samples());
    metrics::PUSH_SAMPLES.add(kept);
    let mut text = String::new();
    match outcome {
        Ok(bad) => {
            if let Some(first) = bad.first {
                text += &format!("{} lines were not understood; the first: {first}\n", bad.count);
            }
        }
        Err(Error::Target(reason)) => {
            return retry_later(&format!("{reason}; {kept} samples of the request were kept"));
        }
        Err(error) => text += &format!("{error}\n"),
    }
    for refused in counts.refused.values() {
        text += &format!("{} samples were refused; the first: {}\n", refused.count, refused.example);
    }
    if text.is_empty() {
        return StatusCode::NO_CONTENT.into_response();
    }
    (StatusCode::BAD_REQUEST, format!("{text}{kept} samples of the request were kept\n")).into_response()
}

fn retry_later(reason: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], format!("{reason}\n")).into_response()
}

/// Writes to the store, as a push does.
struct Writer {
    store: Store,
    tenant: TenantId,
}

impl Transport for Writer {
    fn send(&mut self, _: Protocol, body: &[u8]) -> Sent {
        let mut written = match self.store.write(&self.tenant, bongsu_tsdb::Protocol::RemoteWrite2, body) {
            Ok(written) => written,
            Err(error) if matches!(error.kind, WriteErrorKind::Limit | WriteErrorKind::Unavailable) => {
                return Sent::Again { reason: error.to_string(), after_ms: None };
            }
            Err(error) => return Sent::Never { reason: error.to_string() },
        };
        let (kept, rejected) = (written.samples + written.histograms, written.rejected.take());
        if let Err(error) = written.wait() {
            return Sent::Again { reason: error.to_string(), after_ms: None };
        }
        let Some(rejected) = rejected else { return Sent::Taken { written: None } };
        metrics::PUSH_REJECTED.add([self.tenant.as_str(), rejected.reason.as_str()], rejected.count);
        let reason = format!("{}: {}: {}", rejected.reason.as_str(), rejected.series, rejected.message);
        Sent::Partly { written: Some(kept), reason }
    }

    fn wait(&mut self, ms: u64) -> bool {
        std::thread::sleep(Duration::from_millis(ms));
        true
    }
}
