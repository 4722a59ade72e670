//! The segments with the chunks.

use std::path::{Path, PathBuf};

use bongsu_model::SampleBuffer;
use bongsu_wire::chunk::{self, CHUNK_BYTES_MAX, Encoding};

use super::bytes::{Numbers, SizedFile, Windowed, be32, sums_match};
use crate::error::Error;

const MAGIC: u32 = 0x85BD_40DD;
const HEADER_BYTES: u64 = 8;

/// Chunks by their references. Neighbouring series lie near each other: one segment is open at a time.
pub(super) struct Chunks {
    dir: PathBuf,
    open: Option<(u64, Windowed)>,
}

impl Chunks {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, open: None }
    }

    /// One segment, which is in memory; there are no others.
    pub(super) fn of_memory(segment: Windowed) -> Result<Self, Error> {
        Ok(Self { dir: PathBuf::new(), open: Some((0, check_segment(segment)?)) })
    }

    /// Appends the samples of a chunk.
    pub(super) fn read(&mut self, reference: u64, out: &mut SampleBuffer) -> Result<(), Error> {
        let (number, offset) = (reference >> 32, reference & 0xffff_ffff);
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            self.open = None;
        }
        let (_, segment) = match &mut self.open {
            Some(open) => open,
            closed => closed.insert((number, open_segment(&self.dir, number)?)),
        };
        read_chunk(segment, offset, out)
    }
}

fn open_segment(dir: &Path, number: u64) -> Result<Windowed, Error> {
    // References count from 0, files from 1.
    let path = dir.join(format!("{:06}", number + 1));
    check_segment(Windowed::new(path.display().to_string(), Box::new(SizedFile::open(&path)?)))
}

pub(super) fn check_segment(mut segment: Windowed) -> Result<Windowed, Error> {
    let header = segment.take(0, HEADER_BYTES as usize)?;
    let (magic, version) = (be32(header), header[4]);
    if magic != MAGIC || version != 1 {
        let message =
            format!("expected magic {MAGIC:08x} and version 1 of a chunk segment, found {magic:08x} and {version}");
        return Err(segment.damaged(0, message));
    }
    Ok(segment)
}

pub(super) fn read_chunk(segment: &mut Windowed, offset: u64, out: &mut SampleBuffer) -> Result<(), Error> {
    let head = segment.up_to(offset, 6)?;
    let mut numbers = Numbers::new(head);
    let len = numbers.uvarint().and_then(|len| usize::try_from(len).ok()).filter(|len| *len <= CHUNK_BYTES_MAX);
    let (head_len, encoding) = (numbers.position() as u64, numbers.byte());
    let (Some(len), Some(number)) = (len, encoding) else {
        return Err(segment.damaged(offset, format!("expected a chunk's length, at most {CHUNK_BYTES_MAX}")));
    };
    let Some(encoding) = Encoding::of_number(u64::from(number)) else {
        let message = format!("chunk has encoding {number}; known are 1 (XOR), 2 and 3 (histograms), 4 (XOR2)");
        return Err(segment.damaged(offset, message));
    };
    // The checksum is that of the encoding and the data.
    let whole = segment.take(offset + head_len, 1 + len + 4)?;
    let (content, checksum) = whole.split_at(1 + len);
    let (found, expected) = (crc32c::crc32c(content), be32(checksum));
    if !sums_match(found, expected) {
        let message = format!("checksum of a chunk is {found:08x}, expected {expected:08x}");
        return Err(segment.damaged(offset, message));
    }
    let decoded = chunk::decode(encoding, &content[1..], out);
    decoded.map_err(|error| {
        let at = offset + head_len + 1 + error.offset_bytes as u64;
        segment.damaged(at, error.what)
    })
}
