//! Prometheus' chunks of samples, as they stand in its blocks and in streamed remote reads. Source: Prometheus'
//! `tsdb/docs/format/chunks.md` and `tsdb/chunkenc`.
//!
//! ```text
//!  1  XOR              samples <2, big endian> │ t0 (varint) │ v0 <8> │ t1 - t0 (uvarint) │ v1 xor v0 │ (delta of delta │ xor)*
//!  2  histogram        samples <2> │ flags <1> │ layout │ (t │ count │ zeros │ sum │ buckets)*   counts as integers
//!  3  float histogram  the same, counts as floats
//!  4  XOR2             floats with start timestamps, see `xor2`
//!  layout              zero threshold <1 or 9> │ schema │ positive spans │ negative spans │ custom bounds (schema -53)
//! ```
//!
//! Everything behind the head is a stream of bits. In a histogram chunk numbers are differences of differences, floats are
//! the exclusive or with the sample before.

mod bits;
mod histogram;
mod xor;
mod xor2;

#[cfg(test)]
mod tests;

use bongsu_model::SampleBuffer;

/// A chunk longer than this is no chunk: Prometheus ends them near one KiB.
pub const CHUNK_BYTES_MAX: usize = 4 << 20;

/// How the samples of a chunk are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Floats.
    Xor,
    /// Native histograms with integer counts.
    Histogram,
    /// Native histograms with float counts.
    FloatHistogram,
    /// Floats with start timestamps.
    Xor2,
}

impl Encoding {
    /// The encoding of a number, as it stands in front of a chunk; `None` for 0 and for later ones.
    #[must_use]
    pub fn of_number(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::Xor),
            2 => Some(Self::Histogram),
            3 => Some(Self::FloatHistogram),
            4 => Some(Self::Xor2),
            _ => None,
        }
    }
}

/// Where a chunk is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset_bytes} of the chunk")]
pub struct ChunkError {
    /// What is wrong.
    pub what: &'static str,
    /// Counted from the chunk's first byte.
    pub offset_bytes: usize,
}

/// Appends the samples of a chunk to `out`, in the order in which they stand. Of a broken chunk those before the fault are
/// appended.
///
/// # Errors
/// The chunk ends early, or says what cannot be.
pub fn decode(encoding: Encoding, data: &[u8], out: &mut SampleBuffer) -> Result<(), ChunkError> {
    if data.len() > CHUNK_BYTES_MAX {
        return Err(ChunkError { what: "more bytes than a chunk may have", offset_bytes: CHUNK_BYTES_MAX });
    }
    match encoding {
        Encoding::Xor => xor::decode(data, out),
        Encoding::Histogram => histogram::decode(data, histogram::Counts::Integer, out),
        Encoding::Xor2 => xor2::decode(data, out),
        Encoding::FloatHistogram => histogram::decode(data, histogram::Counts::Float, out),
    }
}
