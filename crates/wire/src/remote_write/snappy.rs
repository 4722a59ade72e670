//! The snappy block format around a request.

use super::DecodeError;

/// The most bytes that one compressed byte can stand for: a copy element of 3 bytes yields at most 64.
const EXPANSION_MAX: usize = 64 / 3 + 1;

/// Decompresses a snappy block into `out`, whose former content is replaced and whose memory is reused. A declared
/// length above the limit, or beyond what so short a body can hold, is refused before anything is allocated.
///
/// # Errors
/// [`DecodeError::TooLarge`] or [`DecodeError::Snappy`]; `out` is empty then.
pub fn decompress<'b>(body: &[u8], decoded_bytes_max: usize, out: &'b mut Vec<u8>) -> Result<&'b [u8], DecodeError> {
    let declared = declared_bytes(body, decoded_bytes_max).inspect_err(|_| out.clear())?;
    // Not cleared first: what is there already gets overwritten, and setting it to zero would cost a pass over memory.
    out.resize(declared, 0);
    match snap::raw::Decoder::new().decompress(body, out) {
        Ok(len) => {
            out.truncate(len);
            Ok(out)
        }
        Err(error) => {
            out.clear();
            Err(DecodeError::Snappy { reason: error.to_string() })
        }
    }
}

fn declared_bytes(body: &[u8], decoded_bytes_max: usize) -> Result<usize, DecodeError> {
    let declared =
        snap::raw::decompress_len(body).map_err(|error| DecodeError::Snappy { reason: error.to_string() })?;
    if declared > decoded_bytes_max {
        return Err(DecodeError::TooLarge { declared_bytes: declared as u64, bytes_max: decoded_bytes_max as u64 });
    }
    if declared > body.len().saturating_mul(EXPANSION_MAX) {
        let reason = format!("declared length {declared} is more than {} bytes can hold", body.len());
        return Err(DecodeError::Snappy { reason });
    }
    Ok(declared)
}

/// Compresses `raw` into a snappy block in `out`, whose former content is replaced and whose memory is reused.
///
/// # Errors
/// [`DecodeError::TooLarge`] when `raw` is longer than a snappy block can be (4 GiB).
pub fn compress<'b>(raw: &[u8], out: &'b mut Vec<u8>) -> Result<&'b [u8], DecodeError> {
    let too_large = || DecodeError::TooLarge { declared_bytes: raw.len() as u64, bytes_max: u64::from(u32::MAX) };
    let bound = snap::raw::max_compress_len(raw.len());
    if bound == 0 {
        return Err(too_large());
    }
    out.resize(bound, 0);
    let len = snap::raw::Encoder::new().compress(raw, out).map_err(|_| too_large())?;
    out.truncate(len);
    Ok(out)
}
