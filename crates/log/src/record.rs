//! The frame around a payload, and finding frames in a file that may be damaged. See `docs/formats/log.md`.

use std::io;
use std::ops::Range;

use bongsu_disk::DiskFile;

use crate::Position;
use crate::segment::HEADER_BYTES;

/// Every record starts with this; no text or protobuf body is likely to have it.
const MARKER: [u8; 4] = [0xB0, 0x4E, 0x65, 0xF5];

/// Marker, payload length, checksum of the payload, checksum of the header.
pub(crate) const RECORD_HEADER_BYTES: usize = 16;

/// The least that is read from the disk at once.
const READ_BYTES: usize = 256 << 10;

/// A decoded record header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub payload_bytes: u32,
    pub payload_crc: u32,
}

impl RecordHeader {
    /// Header and payload.
    pub fn bytes(self) -> usize {
        RECORD_HEADER_BYTES + self.payload_bytes as usize
    }

    pub fn encode(self, position: Position) -> [u8; RECORD_HEADER_BYTES] {
        let mut bytes = [0; RECORD_HEADER_BYTES];
        bytes[0..4].copy_from_slice(&MARKER);
        bytes[4..8].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.payload_crc.to_le_bytes());
        let crc = header_crc(&bytes[0..12], position);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` when this is not the header of a record at this very position: the position is part of the checksum, so
    /// that a copy of a record inside some payload is never taken for one.
    pub fn decode(bytes: &[u8], position: Position) -> Option<Self> {
        let (fields, crc) = bytes.get(..RECORD_HEADER_BYTES)?.split_at(12);
        if fields[0..4] != MARKER || u32_at(crc, 0) != header_crc(fields, position) {
            return None;
        }
        Some(Self { payload_bytes: u32_at(fields, 4), payload_crc: u32_at(fields, 8) })
    }
}

fn header_crc(fields: &[u8], position: Position) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&position.0.to_le_bytes()), fields)
}

/// The little-endian number at `at`; the caller has checked the length.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// What stands next in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A whole record; [`Scanner::payload`] has its payload.
    Record(Position),
    /// Bytes that are not a whole record.
    Damage { offset_bytes: u64, bytes: u64, reason: &'static str },
    /// Nothing up to the limit.
    End,
}

/// Walks the records of one segment file.
pub(crate) struct Scanner {
    file: Box<dyn DiskFile>,
    /// The position of the first record.
    start: Position,
    /// File offset of the next step.
    offset: u64,
    /// Where the payload of the last record lies in the window.
    payload: Range<usize>,
    window: Window,
}

impl Scanner {
    /// A scanner that begins at a position, which is that of a record or of the end.
    pub fn new(file: Box<dyn DiskFile>, start: Position, from: Position) -> Self {
        let offset = HEADER_BYTES + from.0.saturating_sub(start.0);
        Self { file, start, offset, payload: 0..0, window: Window::default() }
    }

    pub fn file(&self) -> &dyn DiskFile {
        self.file.as_ref()
    }

    /// The file offset of the next step.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The position of the next step.
    pub fn position(&self) -> Position {
        self.position_of(self.offset)
    }

    /// The payload of the record that the last step found.
    pub fn payload(&self) -> &[u8] {
        &self.window.bytes[self.payload.clone()]
    }

    fn position_of(&self, offset: u64) -> Position {
        Position(self.start.0 + (offset - HEADER_BYTES))
    }

    /// The next record or gap before the file offset `limit`.
    pub fn step(&mut self, limit: u64) -> io::Result<Step> {
        let at = self.offset;
        let left = limit.saturating_sub(at);
        if left == 0 {
            return Ok(Step::End);
        }
        if left < RECORD_HEADER_BYTES as u64 {
            return Ok(self.damage(limit, "record header is cut short"));
        }
        let position = self.position_of(at);
        let header = self.window.view(self.file.as_ref(), at, RECORD_HEADER_BYTES, limit)?;
        let Some(header) = RecordHeader::decode(header, position) else {
            let next = self.find_header(at + 1, limit)?;
            return Ok(self.damage(next, "not a record header, or its checksum does not match"));
        };
        let bytes = RECORD_HEADER_BYTES as u64 + u64::from(header.payload_bytes);
        if bytes > left {
            return Ok(self.damage(limit, "record is cut short"));
        }
        let record = self.window.view(self.file.as_ref(), at, bytes as usize, limit)?;
        let payload = &record[RECORD_HEADER_BYTES..];
        self.offset = at + bytes;
        if crc32c::crc32c(payload) != header.payload_crc {
            return Ok(Step::Damage { offset_bytes: at, bytes, reason: "checksum of the payload does not match" });
        }
        let end = (self.offset - self.window.offset) as usize;
        self.payload = end - header.payload_bytes as usize..end;
        Ok(Step::Record(position))
    }

    fn damage(&mut self, until: u64, reason: &'static str) -> Step {
        let offset_bytes = std::mem::replace(&mut self.offset, until);
        Step::Damage { offset_bytes, bytes: until - offset_bytes, reason }
    }

    /// The offset of the next valid record header at or after `from`, else `limit`.
    fn find_header(&mut self, mut from: u64, limit: u64) -> io::Result<u64> {
        let start = self.start;
        while from + RECORD_HEADER_BYTES as u64 <= limit {
            let bytes = usize::try_from(limit - from).unwrap_or(usize::MAX).min(READ_BYTES);
            let view = self.window.view(self.file.as_ref(), from, bytes, limit)?;
            for at in 0..=bytes - RECORD_HEADER_BYTES {
                let offset = from + at as u64;
                let position = Position(start.0 + (offset - HEADER_BYTES));
                if view[at] == MARKER[0] && RecordHeader::decode(&view[at..], position).is_some() {
                    return Ok(offset);
                }
            }
            from += (bytes - RECORD_HEADER_BYTES + 1) as u64;
        }
        Ok(limit)
    }
}

/// The stretch of the file that is in memory.
#[derive(Default)]
struct Window {
    bytes: Vec<u8>,
    offset: u64,
}

impl Window {
    /// `bytes` bytes at `offset`, which end at or before `limit`; reads ahead up to `limit`.
    fn view(&mut self, file: &dyn DiskFile, offset: u64, bytes: usize, limit: u64) -> io::Result<&[u8]> {
        let end = self.offset + self.bytes.len() as u64;
        if offset < self.offset || offset + bytes as u64 > end {
            self.load(file, offset, bytes, limit)?;
        }
        let at = (offset - self.offset) as usize;
        Ok(&self.bytes[at..at + bytes])
    }

    fn load(&mut self, file: &dyn DiskFile, offset: u64, bytes: usize, limit: u64) -> io::Result<()> {
        let wanted = bytes.max(READ_BYTES).min(usize::try_from(limit - offset).unwrap_or(usize::MAX));
        // Forgotten first: after a failed read the old bytes must not stand for the new offset.
        self.bytes.clear();
        self.offset = offset;
        self.bytes.resize(wanted, 0);
        let mut filled = 0;
        while filled < wanted {
            match file.read_at(offset + filled as u64, &mut self.bytes[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(source) if source.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    self.bytes.clear();
                    return Err(source);
                }
            }
        }
        self.bytes.truncate(filled);
        if filled < bytes { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}
