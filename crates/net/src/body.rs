//! Request bodies, read whole and never beyond a cap.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// More bytes than allowed.
    #[error("request body is larger than the limit of {max_bytes} bytes")]
    TooLarge {
        /// The cap.
        max_bytes: usize,
    },
    /// The connection broke.
    #[error("request body ended early: {0}")]
    Broken(#[from] axum::Error),
}

/// Of a body that is too large this much is read and thrown away, so that a client which writes all before it reads gets
/// the answer and not a broken connection.
const DRAINED_BYTES_MAX: usize = 64 << 20;

/// Reads a body of at most `max_bytes`; nothing is kept of a larger one.
///
/// # Errors
/// See [`BodyError`].
pub async fn read_body(mut body: Body, max_bytes: usize) -> Result<Bytes, BodyError> {
    let announced = hyper::body::Body::size_hint(&body);
    if announced.lower() > max_bytes as u64 {
        drain(body).await;
        return Err(BodyError::TooLarge { max_bytes });
    }
    let mut first = None;
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let read = first.as_ref().map_or(0, Bytes::len) + rest.len();
        if read + data.len() > max_bytes {
            drain(body).await;
            return Err(BodyError::TooLarge { max_bytes });
        }
        // Most bodies arrive in one piece, which is handed on without a copy.
        match &first {
            None => first = Some(data),
            Some(start) if rest.is_empty() => {
                rest.reserve(usize::try_from(announced.lower()).unwrap_or(0).max(start.len() + data.len()));
                rest.extend_from_slice(start);
                rest.extend_from_slice(&data);
                first = Some(Bytes::new());
            }
            Some(_) => rest.extend_from_slice(&data),
        }
    }
    Ok(if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() })
}

async fn drain(mut body: Body) {
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        drained += frame.data_ref().map_or(0, Bytes::len);
        if drained > DRAINED_BYTES_MAX {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(pieces: &'static [&'static str]) -> Body {
        Body::from_stream(futures_util::stream::iter(pieces.iter().map(|p| Ok::<_, std::io::Error>(*p))))
    }

    #[tokio::test]
    async fn joins_pieces_up_to_the_cap() {
        assert_eq!(read_body(in_pieces(&["ab", "cd", "ef"]), 6).await.unwrap(), "abcdef");
        assert_eq!(read_body(Body::from("abc"), 3).await.unwrap(), "abc");
        assert_eq!(read_body(Body::empty(), 0).await.unwrap(), "");
        assert!(matches!(
            read_body(in_pieces(&["ab", "cd", "ef"]), 5).await,
            Err(BodyError::TooLarge { max_bytes: 5 })
        ));
        assert!(matches!(read_body(Body::from("abcd"), 3).await, Err(BodyError::TooLarge { .. })));
    }
}
