//! The HTTP/1.1 server.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// Bounds of the server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Connections at once; further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// A client must have sent its request head within this time.
    pub header_timeout: Duration,
    /// How long requests under way may still run after the shutdown began.
    pub shutdown_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            header_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}

/// Serves until `shutdown` resolves; then stops accepting, lets requests under way finish within the timeout, and returns.
///
/// # Errors
/// Never for a single connection; only when the listener itself is broken.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ServerOptions,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(options.connections_max));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot.map_err(io::Error::other)?,
            () = &mut shutdown => break,
        };
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match stream {
            Ok((stream, _)) => {
                let connection = graceful.watch(connection(stream, router.clone(), &options));
                tokio::spawn(async move {
                    // A client that goes away or sends nonsense is its own problem; hyper has answered what could be answered.
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "connection ended early");
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                // Out of file descriptors, or the peer reset before the accept: neither may end the server.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(options.shutdown_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still running at the end of the shutdown time");
    }
    Ok(())
}

fn connection(
    stream: TcpStream,
    router: Router,
    options: &ServerOptions,
) -> http1::Connection<TokioIo<TcpStream>, TowerToHyperService<Router>> {
    // Fails only on a socket that is gone already.
    let _ = stream.set_nodelay(true);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
}

/// The router with gzip and zstd answers for clients that accept them; small answers stay as they are.
pub fn compressed(router: Router) -> Router {
    let predicate = SizeAbove::new(1024).and(NotPrecompressed);
    router.layer(CompressionLayer::new().gzip(true).zstd(true).compress_when(predicate))
}

/// Answers that carry their own `Content-Encoding` are left alone by the layer; pictures would not shrink.
#[derive(Clone, Copy)]
struct NotPrecompressed;

impl Predicate for NotPrecompressed {
    fn should_compress<B: hyper::body::Body>(&self, response: &http::Response<B>) -> bool {
        let kind = response.headers().get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
        !kind.starts_with("image/") && !kind.starts_with("font/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Client, ClientOptions};
    use axum::routing::get;

    #[tokio::test]
    async fn serves_compresses_and_stops() {
        let router = compressed(Router::new().route("/", get(|| async { "x".repeat(5000) })));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, router, ServerOptions::default(), async {
            let _ = stopped.await;
        }));
        let client = Client::new(ClientOptions::default()).unwrap();
        let response = client.get(&url, &[], 10_000).await.unwrap();
        assert_eq!((response.status, response.body.len()), (200, 5000));
        assert!(client.get(&url, &[], 4_999).await.unwrap_err().to_string().contains("4999"));
        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
        assert!(client.get(&url, &[], 10_000).await.is_err());
    }
}
