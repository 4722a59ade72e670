//! Remote read: another Prometheus, Thanos or a tool asks for raw samples. Source: Prometheus'
//! `storage/remote/read_handler.go`; the messages are described in `bongsu_wire::remote_read`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bongsu_model::{SampleBuffer, Selection, Source};
use bongsu_tsdb::Reader;
use bongsu_wire::remote_read::{self, Query, ReadRequest, ReadResponseBuilder, ResponseType, StreamedSeries};
use bytes::Bytes;
use http::header;
use tokio::sync::mpsc;

use super::query::StopOnDrop;
use super::queued;
use crate::error::{ApiError, ErrorType};
use crate::state::Api;
use crate::tenant::Tenant;

/// A request is a few matchers.
const REQUEST_BYTES_MAX: usize = 4 << 20;
/// An answer as samples is whole in memory; a streamed one is not.
const ANSWER_BYTES_MAX: usize = 512 << 20;
/// Pieces of a streamed answer have about this size; so many wait for the network.
const PIECE_BYTES: usize = 1 << 20;
const PIECES_MAX: usize = 4;

pub(super) async fn read(State(api): State<Arc<Api>>, Tenant(tenant): Tenant, body: Body) -> Response {
    let request = match request(&api, body).await {
        Ok(request) => request,
        Err(error) => return error.into_plain_response(),
    };
    let Some(kind) = request.response_type() else {
        let text =
            "server does not support any of the requested response types; supported: SAMPLES, STREAMED_XOR_CHUNKS";
        return ApiError::bad_data(text).into_plain_response();
    };
    let reader = api.store.reader(&tenant);
    let answer = match kind {
        ResponseType::StreamedXorChunks => streamed(&api, reader, request.queries).await,
        _ => samples(&api, reader, request.queries).await,
    };
    answer.unwrap_or_else(ApiError::into_plain_response)
}

async fn request(api: &Api, body: Body) -> Result<ReadRequest, ApiError> {
    let body = bongsu_net::read_body(body, api.limits.form_body_bytes_max).await;
    let body = body.map_err(|error| ApiError::bad_data(error.to_string()))?;
    let mut raw = Vec::new();
    let raw = remote_read::decompress(&body, REQUEST_BYTES_MAX, &mut raw);
    let raw = raw.map_err(|error| ApiError::bad_data(error.to_string()))?;
    ReadRequest::decode(raw).map_err(|error| ApiError::bad_data(error.to_string()))
}

/// What bounds one read, and ends it when its client has gone.
struct Bounds {
    stop: Arc<AtomicBool>,
    deadline: Instant,
    series_max: usize,
    samples_max: u64,
    samples: u64,
}

impl Bounds {
    fn new(api: &Api, stop: &StopOnDrop) -> Self {
        Self {
            stop: Arc::clone(&stop.0),
            deadline: Instant::now() + api.limits.query_timeout,
            series_max: api.limits.query_series_max,
            samples_max: api.engine.options().samples_max,
            samples: 0,
        }
    }

    fn check(&self) -> Result<(), ApiError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(ApiError::new(ErrorType::Canceled, "the client went away"));
        }
        if Instant::now() >= self.deadline {
            return Err(ApiError::new(ErrorType::Timeout, "remote read timed out"));
        }
        Ok(())
    }

    /// Counts samples that have to be in memory all at once.
    fn count(&mut self, samples: usize) -> Result<(), ApiError> {
        self.samples += samples as u64;
        if self.samples > self.samples_max {
            return Err(ApiError::bad_data(format!("exceeded sample limit ({})", self.samples_max)));
        }
        Ok(())
    }
}

/// Hands the series of one query to `take`, one after the other.
fn each_series(
    reader: &Reader,
    query: &Query,
    bounds: &mut Bounds,
    mut take: impl FnMut(&mut Bounds, bongsu_model::Labels, &SampleBuffer) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let selection = Selection {
        matchers: query.matchers.clone(),
        start_ms: query.start_ms,
        end_ms: query.end_ms,
        series_max: bounds.series_max,
    };
    let (set, mut buffer) = (reader.select(&selection)?, SampleBuffer::default());
    for place in 0..set.len() {
        bounds.check()?;
        buffer.clear();
        set.read(place, &mut buffer)?;
        if !buffer.is_empty() {
            take(bounds, set.labels(place)?, &buffer)?;
        }
    }
    Ok(())
}

/// One message with all samples.
async fn samples(api: &Arc<Api>, reader: Reader, queries: Vec<Query>) -> Result<Response, ApiError> {
    let stop = StopOnDrop(Arc::default());
    let mut bounds = Bounds::new(api, &stop);
    let tenant = reader.tenant().clone();
    let body = queued(api, &tenant, api.limits.query_timeout, move || {
        let mut response = ReadResponseBuilder::new();
        for query in &queries {
            each_series(&reader, query, &mut bounds, |bounds, labels, buffer| {
                bounds.count(buffer.len())?;
                response.push_series(&labels, buffer);
                if response.len() > ANSWER_BYTES_MAX {
                    let text =
                        format!("answer of more than {ANSWER_BYTES_MAX} bytes; ask for less or for streamed chunks");
                    return Err(ApiError::bad_data(text));
                }
                Ok(())
            })?;
            response.finish_result();
        }
        let mut compressed = Vec::new();
        remote_read::compress(&response.finish(), &mut compressed)
            .map_err(|error| ApiError::new(ErrorType::Internal, error.to_string()))?;
        Ok(compressed)
    });
    let headers = [(header::CONTENT_TYPE, "application/x-protobuf"), (header::CONTENT_ENCODING, "snappy")];
    Ok((headers, body.await?).into_response())
}

type Piece = Result<Bytes, ApiError>;

/// Frames as they are made. What fails before the first piece is answered as an error; later, the connection is cut.
async fn streamed(api: &Arc<Api>, reader: Reader, queries: Vec<Query>) -> Result<Response, ApiError> {
    let (send, mut receive) = mpsc::channel::<Piece>(PIECES_MAX);
    let stop = StopOnDrop(Arc::default());
    let bounds = Bounds::new(api, &stop);
    let api = Arc::clone(api);
    tokio::spawn(async move {
        let pieces = send.clone();
        let tenant = reader.tenant().clone();
        let work = queued(&api, &tenant, api.limits.query_timeout, move || frames(&reader, &queries, bounds, &pieces));
        tokio::select! {
            () = send.closed() => {}
            outcome = work => if let Err(error) = outcome {
                // Nobody is there to be told.
                let _ = send.send(Err(error)).await;
            },
        }
    });
    let first = receive.recv().await.transpose()?;
    let rest = futures_util::stream::poll_fn(move |context| {
        // Held by the body: the work stops when it is dropped.
        let _stop = &stop;
        receive.poll_recv(context)
    });
    let rest =
        futures_util::StreamExt::map(rest, |piece: Piece| piece.map_err(|error| std::io::Error::other(error.message)));
    let pieces = futures_util::stream::iter(first.map(Ok));
    let body = Body::from_stream(futures_util::StreamExt::chain(pieces, rest));
    let kind = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

fn frames(
    reader: &Reader,
    queries: &[Query],
    mut bounds: Bounds,
    pieces: &mpsc::Sender<Piece>,
) -> Result<(), ApiError> {
    let (mut writer, mut piece) = (StreamedSeries::new(), Vec::new());
    for (index, query) in queries.iter().enumerate() {
        each_series(reader, query, &mut bounds, |bounds, labels, buffer| {
            writer.write(index, &labels, buffer, &mut piece);
            if piece.len() >= PIECE_BYTES {
                send(pieces, std::mem::take(&mut piece), bounds.deadline)?;
            }
            Ok(())
        })?;
    }
    if piece.is_empty() { Ok(()) } else { send(pieces, piece, bounds.deadline) }
}

/// Waits for room, but no longer than the read may take: its slot is wanted.
fn send(pieces: &mpsc::Sender<Piece>, piece: Vec<u8>, deadline: Instant) -> Result<(), ApiError> {
    let sent = tokio::time::timeout_at(deadline.into(), pieces.send(Ok(piece.into())));
    match tokio::runtime::Handle::current().block_on(sent) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(ApiError::new(ErrorType::Canceled, "the client went away")),
        Err(_) => Err(ApiError::new(ErrorType::Timeout, "remote read timed out: the client reads too slowly")),
    }
}
