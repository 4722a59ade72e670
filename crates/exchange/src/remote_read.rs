//! Answers to remote reads as series.

use std::io::Read;

use bongsu_model::{LabelsBuilder, SampleBuffer};
use bongsu_wire::remote_read::{
    self, AnswerError, FRAME_BYTES_ACCEPTED_MAX, FramedLabels, check_frame, read_frame, read_response,
};
use bongsu_wire::remote_write::TimeSeries;

use crate::error::Error;
use crate::receiver::{Piece, Receiver};

impl From<AnswerError> for Error {
    fn from(error: AnswerError) -> Self {
        Self::Answer(error.to_string())
    }
}

/// Reads a streamed answer, frame by frame, and hands on its series. Returns how many pieces of series there were.
///
/// # Errors
/// The stream cannot be read or is not what was asked for, or the receiver takes no more.
pub fn read_stream(input: &mut dyn Read, receiver: &mut dyn Receiver) -> Result<u64, Error> {
    let (mut message, mut buffer, mut count) = (Vec::new(), SampleBuffer::default(), 0);
    while let Some(len) = frame_len(input)? {
        if len > FRAME_BYTES_ACCEPTED_MAX {
            return Err(Error::Answer(format!("frame of {len} bytes, at most {FRAME_BYTES_ACCEPTED_MAX} are read")));
        }
        let mut checksum = [0; 4];
        read_exact(input, &mut checksum)?;
        message.clear();
        let read = input.take(len as u64).read_to_end(&mut message).map_err(broken)?;
        if read < len {
            return Err(Error::Answer(format!("frame ends after {read} of {len} bytes")));
        }
        check_frame(&message, checksum)?;
        read_frame::<Error>(&message, &mut buffer, |labels, samples| {
            count += 1;
            hand_on(labels, samples, receiver)
        })?;
    }
    Ok(count)
}

/// Reads a snappy answer of samples, at most so many bytes once decompressed, and hands on its series. Native histograms that
/// make no sense are left out; returns how many.
///
/// # Errors
/// As [`read_stream`].
pub fn read_samples(body: &[u8], decoded_bytes_max: usize, receiver: &mut dyn Receiver) -> Result<u64, Error> {
    let (mut decoded, mut samples, mut bad) = (Vec::new(), SampleBuffer::default(), 0);
    let message = remote_read::decompress(body, decoded_bytes_max, &mut decoded).map_err(AnswerError::from)?;
    read_response::<Error>(message, |series| {
        samples.clear();
        let labels = read_series(&series, &mut samples, &mut bad).map_err(AnswerError::from)?;
        hand_on(labels, &mut samples, receiver)
    })?;
    Ok(bad)
}

fn read_series<'a>(
    series: &TimeSeries<'a>,
    samples: &mut SampleBuffer,
    bad: &mut u64,
) -> Result<FramedLabels<'a>, remote_read::DecodeError> {
    for sample in series.samples() {
        let sample = sample?;
        samples.push(sample.timestamp_ms, sample.value);
    }
    for sample in series.histograms() {
        let sample = sample?;
        match sample.histogram {
            Ok(histogram) => samples.histograms.push((sample.timestamp_ms, std::sync::Arc::new(histogram))),
            Err(_) => *bad += 1,
        }
    }
    series.labels().collect()
}

fn hand_on(labels: FramedLabels<'_>, samples: &mut SampleBuffer, receiver: &mut dyn Receiver) -> Result<(), Error> {
    let mut builder = LabelsBuilder::default();
    for (name, value) in labels {
        builder.set(name, value);
    }
    receiver.piece(Piece { labels: &builder.build(), samples, exemplars: &[] })
}

/// The length in front of a frame; `None` at the end of the stream.
fn frame_len(input: &mut dyn Read) -> Result<Option<usize>, Error> {
    let mut value = 0_usize;
    for shift in (0..35).step_by(7) {
        let mut byte = [0];
        if shift == 0 && input.read(&mut byte).map_err(broken)? == 0 {
            return Ok(None);
        }
        if shift > 0 {
            read_exact(input, &mut byte)?;
        }
        value |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return Ok(Some(value));
        }
    }
    Err(Error::Answer("length of a frame has more than 35 bits".to_owned()))
}

fn read_exact(input: &mut dyn Read, out: &mut [u8]) -> Result<(), Error> {
    input.read_exact(out).map_err(broken)
}

fn broken(source: std::io::Error) -> Error {
    Error::Io { action: "read", place: "the server's answer".to_owned(), source }
}
