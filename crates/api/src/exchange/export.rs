//! Export: series as they are read, one after the other, however many there are.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bongsu_exchange::{CsvColumns, CsvWriter, Error, JsonLinesWriter, Receiver, Window};
use bongsu_model::TenantId;
use futures_util::StreamExt;
use http::header;
use tokio::sync::oneshot;

use super::body::Outgoing;
use crate::error::{ApiError, ErrorType};
use crate::params::{Params, parse_integer};
use crate::prom::queued;
use crate::state::Api;
use crate::tenant::Tenant;

/// A client that takes nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// `/api/v1/export`: `match[]`, `start`, `end`, `max_rows_per_line`.
pub(super) async fn json_lines(State(api): State<Arc<Api>>, Tenant(tenant): Tenant, params: Params) -> Response {
    let rows = match params.get("max_rows_per_line").map(parse_integer) {
        None => usize::MAX,
        Some(Ok(rows)) => usize::try_from(rows).ok().filter(|rows| *rows > 0).unwrap_or(usize::MAX),
        Some(Err(error)) => return ApiError::bad_parameter("max_rows_per_line", error).into_plain_response(),
    };
    let make = move |out| Ok(Box::new(JsonLinesWriter::new(out, rows)) as Box<dyn Finish>);
    run(&api, &tenant, &params, "application/stream+json", make).await
}

/// `/api/v1/export/csv`: `format`, `match[]`, `start`, `end`.
pub(super) async fn csv(State(api): State<Arc<Api>>, Tenant(tenant): Tenant, params: Params) -> Response {
    let columns = match CsvColumns::parse_export(params.text("format")) {
        Ok(columns) => columns,
        Err(error) => return ApiError::bad_parameter("format", error).into_plain_response(),
    };
    let make = move |out| Ok(Box::new(CsvWriter::new(out, columns)?) as Box<dyn Finish>);
    run(&api, &tenant, &params, "text/csv; charset=utf-8", make).await
}

/// A writer that gives back what it writes to.
trait Finish: Receiver {
    fn finish(self: Box<Self>) -> Outgoing;
}

impl Finish for JsonLinesWriter<Outgoing> {
    fn finish(self: Box<Self>) -> Outgoing {
        self.into_inner()
    }
}

impl Finish for CsvWriter<Outgoing> {
    fn finish(self: Box<Self>) -> Outgoing {
        self.into_inner()
    }
}

async fn run(
    api: &Arc<Api>,
    tenant: &TenantId,
    params: &Params,
    kind: &'static str,
    make: impl FnOnce(Outgoing) -> Result<Box<dyn Finish>, Error> + Send + 'static,
) -> Response {
    let window = match window(params) {
        Ok(window) => window,
        Err(error) => return error.into_plain_response(),
    };
    let (out, mut pieces) = Outgoing::channel(PATIENCE);
    let (reader, series_max) = (api.store.reader(tenant), api.limits.query_series_max);
    let (done, outcome) = oneshot::channel();
    let (owner, tenant) = (Arc::clone(api), tenant.clone());
    tokio::spawn(async move {
        let timeout = owner.limits.query_timeout;
        let work = queued(&owner, &tenant, timeout, move || {
            let mut writer = make(out).map_err(api_error)?;
            bongsu_exchange::export(&reader, &window, series_max, &mut *writer).map_err(api_error)?;
            std::io::Write::flush(&mut writer.finish())
                .map_err(|error| ApiError::new(ErrorType::Canceled, error.to_string()))
        });
        // Nobody may be there to be told.
        let _ = done.send(work.await);
    });
    // What fails before the first piece is answered as an error; later, the connection is cut.
    let Some(first) = pieces.recv().await else {
        return match outcome.await {
            Ok(Ok(())) => ([(header::CONTENT_TYPE, kind)], "").into_response(),
            Ok(Err(error)) => error.into_plain_response(),
            Err(_) => ApiError::new(ErrorType::Internal, "the export ended early").into_plain_response(),
        };
    };
    let rest = futures_util::stream::poll_fn(move |context| pieces.poll_recv(context));
    let end = futures_util::stream::once(async move {
        match outcome.await {
            Ok(Ok(())) => Ok(bytes::Bytes::new()),
            Ok(Err(error)) => Err(std::io::Error::other(error.message)),
            Err(_) => Err(std::io::Error::other("the export ended early")),
        }
    });
    let pieces = futures_util::stream::iter([first]).chain(rest).map(Ok).chain(end);
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(pieces)).into_response()
}

fn window(params: &Params) -> Result<Window, ApiError> {
    let matchers = params.matchers().map_err(ApiError::bad_data)?;
    if matchers.is_empty() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let (start_ms, end_ms) = params.time_range_ms()?;
    Ok(Window { start_ms, end_ms, matchers })
}

fn api_error(error: Error) -> ApiError {
    match error {
        Error::Source(error) => error.into(),
        error => ApiError::new(ErrorType::Canceled, error.to_string()),
    }
}
