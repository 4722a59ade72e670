//! The web UI: its files by path, and its start page for every path that is a route of the UI itself.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri, header};

use crate::error::{ApiError, ErrorType};

pub(crate) async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") || path.starts_with("prometheus/") || path.starts_with("-/") {
        return ApiError::new(ErrorType::NotFound, format!("no such route: {method} {}", uri.path())).into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let gzip = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|accepted| accepted.contains("gzip"));
    match bongsu_ui::asset(path, gzip) {
        Some(asset) => respond(asset, &headers),
        None if is_page(path) => respond(bongsu_ui::index(gzip), &headers),
        None => (StatusCode::NOT_FOUND, format!("nothing here: {}\n", uri.path())).into_response(),
    }
}

/// The routes of the UI, by their first segment; `web/src/App.svelte` has the same ones.
fn is_page(path: &str) -> bool {
    matches!(path.split('/').next(), Some("" | "hosts" | "explore" | "queries" | "store" | "status"))
}

fn respond(asset: bongsu_ui::Asset, request: &HeaderMap) -> Response {
    let cache = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = request.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == asset.etag.as_bytes());
    let mut response = Response::builder()
        .status(if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK })
        .header(header::CONTENT_TYPE, asset.content_type)
        .header(header::CACHE_CONTROL, cache)
        .header(header::ETAG, &asset.etag)
        .header(header::VARY, "Accept-Encoding")
        .header("X-Content-Type-Options", "nosniff");
    if let Some(encoding) = asset.encoding {
        response = response.header(header::CONTENT_ENCODING, encoding);
    }
    let body = if known { Body::empty() } else { Body::from(asset.bytes.into_owned()) };
    response.body(body).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}
