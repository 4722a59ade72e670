//! A request's body for code that blocks, and blocking code's output as an answer's body.

use std::io::{Error, Read, Write};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt;
use http::{HeaderMap, header};
use tokio::sync::mpsc;

/// Pieces that wait between the network and the work.
const PIECES_MAX: usize = 4;
/// An answer's pieces have about this size.
const PIECE_BYTES: usize = 1 << 20;

/// Bytes of a body as they arrive.
pub(super) struct Incoming {
    pieces: mpsc::Receiver<Result<Bytes, Error>>,
    piece: Bytes,
}

/// Starts to read a body, decompressed if its header says so. A client that sends nothing for `patience` is given up.
///
/// # Errors
/// The header names an encoding that is not known.
pub(super) fn incoming(headers: &HeaderMap, body: Body, patience: Duration) -> Result<Box<dyn Read + Send>, String> {
    let (send, pieces) = mpsc::channel(PIECES_MAX);
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    let raw = Incoming { pieces, piece: Bytes::new() };
    let reader: Box<dyn Read + Send> = match encoding {
        "" | "identity" => Box::new(raw),
        "gzip" => Box::new(MultiGzDecoder::new(raw)),
        other => return Err(format!("Content-Encoding {other:?} is not supported; expected gzip")),
    };
    tokio::spawn(async move {
        let mut body = body.into_data_stream();
        loop {
            let piece = match tokio::time::timeout(patience, body.next()).await {
                Ok(None) => return,
                Ok(Some(piece)) => piece.map_err(Error::other),
                Err(_) => Err(Error::other("the body did not arrive in time")),
            };
            let is_last = piece.is_err();
            // Who reads may have ended already.
            if send.send(piece).await.is_err() || is_last {
                return;
            }
        }
    });
    Ok(reader)
}

impl Read for Incoming {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let len = self.piece.len().min(out.len());
        out[..len].copy_from_slice(&self.piece.split_to(len));
        Ok(len)
    }
}

/// Where blocking code writes an answer.
pub(super) struct Outgoing {
    pieces: mpsc::Sender<Bytes>,
    buffer: Vec<u8>,
    /// A client that takes nothing for so long is given up: the slot is wanted.
    patience: Duration,
}

impl Outgoing {
    /// A pair of both ends.
    pub(super) fn channel(patience: Duration) -> (Self, mpsc::Receiver<Bytes>) {
        let (pieces, receiver) = mpsc::channel(PIECES_MAX);
        (Self { pieces, buffer: Vec::new(), patience }, receiver)
    }
}

impl Write for Outgoing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        let sent = tokio::time::timeout(self.patience, self.pieces.send(piece));
        match tokio::runtime::Handle::current().block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Error::other("the client went away")),
            Err(_) => Err(Error::other("the client reads too slowly")),
        }
    }
}
