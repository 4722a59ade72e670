//! The client's side: reads the answers.

use bongsu_model::SampleBuffer;

use super::DecodeError;
use crate::chunk::{self, ChunkError, Encoding};
use crate::remote_write::TimeSeries;
use crate::remote_write::cursor::{Cursor, length_delimited, varint};

/// A frame's message may have so many bytes; Prometheus ends them at one MiB, if a series' chunks are not longer.
pub const FRAME_BYTES_ACCEPTED_MAX: usize = 256 << 20;

/// Why an answer cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Not the message that was expected.
    #[error("{0}")]
    Malformed(#[from] DecodeError),
    /// The bytes of a frame are not those that were sent.
    #[error("frame has checksum {found:08x}, expected {expected:08x}")]
    Checksum {
        /// Of the bytes that came.
        found: u32,
        /// What the frame says.
        expected: u32,
    },
    /// A chunk inside.
    #[error("{0}")]
    Chunk(#[from] ChunkError),
    /// A chunk in an encoding that is not known here.
    #[error("chunk has encoding {0}; known are 1 (XOR), 2 and 3 (histograms), 4 (XOR2)")]
    Encoding(u64),
}

/// The series of a decompressed `ReadResponse` with one result.
///
/// # Errors
/// See [`AnswerError`]; series before the fault were handed out.
pub fn read_response<'a, E: From<AnswerError>>(
    bytes: &'a [u8],
    mut each: impl FnMut(TimeSeries<'a>) -> Result<(), E>,
) -> Result<(), E> {
    const RESULT: u64 = length_delimited(1);
    const SERIES: u64 = length_delimited(1);
    let malformed = |error: DecodeError| E::from(AnswerError::from(error));
    let mut cursor = Cursor::new(bytes, 0);
    while !cursor.at_end() {
        match cursor.varint().map_err(malformed)? {
            RESULT => {
                let mut result = cursor.message().map_err(malformed)?;
                while !result.at_end() {
                    match result.varint().map_err(malformed)? {
                        SERIES => {
                            let content = result.content().map_err(malformed)?;
                            let base = result.offset() - content.len();
                            each(TimeSeries::parse(content, base).map_err(malformed)?)?;
                        }
                        other => result.skip(other).map_err(malformed)?,
                    }
                }
            }
            other => cursor.skip(other).map_err(malformed)?,
        }
    }
    Ok(())
}

/// Checks the message of a frame against the checksum that stood in front of it.
///
/// # Errors
/// [`AnswerError::Checksum`].
pub fn check_frame(message: &[u8], checksum: [u8; 4]) -> Result<(), AnswerError> {
    let (found, expected) = (crc32c::crc32c(message), u32::from_be_bytes(checksum));
    if found == expected { Ok(()) } else { Err(AnswerError::Checksum { found, expected }) }
}

/// A series of a frame: labels in the order in which they were sent.
pub type FramedLabels<'a> = Vec<(&'a str, &'a str)>;

/// Hands out the series of a frame's message, with the samples of their chunks in `buffer`, which is cleared for each.
///
/// # Errors
/// See [`AnswerError`]; series before the fault were handed out.
pub fn read_frame<'a, E: From<AnswerError>>(
    message: &'a [u8],
    buffer: &mut SampleBuffer,
    mut each: impl FnMut(FramedLabels<'a>, &mut SampleBuffer) -> Result<(), E>,
) -> Result<(), E> {
    const SERIES: u64 = length_delimited(1);
    let malformed = |error: DecodeError| E::from(AnswerError::from(error));
    let mut cursor = Cursor::new(message, 0);
    while !cursor.at_end() {
        match cursor.varint().map_err(malformed)? {
            SERIES => {
                buffer.clear();
                let labels = read_series(cursor.message().map_err(malformed)?, buffer)?;
                each(labels, buffer)?;
            }
            other => cursor.skip(other).map_err(malformed)?,
        }
    }
    Ok(())
}

fn read_series<'a>(mut cursor: Cursor<'a>, buffer: &mut SampleBuffer) -> Result<FramedLabels<'a>, AnswerError> {
    const LABEL: u64 = length_delimited(1);
    const CHUNK: u64 = length_delimited(2);
    let mut labels = FramedLabels::new();
    while !cursor.at_end() {
        match cursor.varint()? {
            LABEL => labels.push(read_label(cursor.message()?)?),
            CHUNK => read_chunk(cursor.message()?, buffer)?,
            other => cursor.skip(other)?,
        }
    }
    Ok(labels)
}

fn read_label(mut cursor: Cursor<'_>) -> Result<(&str, &str), DecodeError> {
    const NAME: u64 = length_delimited(1);
    const VALUE: u64 = length_delimited(2);
    let (mut name, mut value) = ("", "");
    while !cursor.at_end() {
        match cursor.varint()? {
            NAME => name = cursor.text()?,
            VALUE => value = cursor.text()?,
            other => cursor.skip(other)?,
        }
    }
    Ok((name, value))
}

fn read_chunk(mut cursor: Cursor<'_>, buffer: &mut SampleBuffer) -> Result<(), AnswerError> {
    const ENCODING: u64 = varint(3);
    const DATA: u64 = length_delimited(4);
    let (mut encoding, mut data) = (0, &[][..]);
    while !cursor.at_end() {
        match cursor.varint()? {
            ENCODING => encoding = cursor.varint()?,
            DATA => data = cursor.content()?,
            other => cursor.skip(other)?,
        }
    }
    let known = Encoding::of_number(encoding).ok_or(AnswerError::Encoding(encoding))?;
    Ok(chunk::decode(known, data, buffer)?)
}
