//! Bytes at places of a file, and numbers in them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::error::Error;

/// Something with bytes at places: a file, or memory in tests and fuzzing.
pub trait ReadAt {
    /// How many bytes there are.
    fn size(&self) -> u64;

    /// Fills `out` from a place on.
    ///
    /// # Errors
    /// When the bytes are not there or cannot be read.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()>;
}

impl ReadAt for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        let start = usize::try_from(offset).ok();
        let part = start.and_then(|start| self.get(start..)?.get(..out.len()));
        out.copy_from_slice(part.ok_or(std::io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A file with its length.
pub(super) struct SizedFile {
    file: File,
    size: u64,
}

impl SizedFile {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let size = file.metadata().map_err(Error::io("look at", path))?.len();
        Ok(Self { file, size })
    }
}

impl ReadAt for SizedFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.file.read_exact_at(out, offset)
    }
}

/// A window that moves over a file: places near each other cost one read of the file.
pub(super) struct Windowed {
    name: String,
    source: Box<dyn ReadAt + Send>,
    window: Vec<u8>,
    start: u64,
}

/// Bytes that are read at once.
const WINDOW_BYTES: usize = 1 << 20;

impl Windowed {
    pub(super) fn new(name: String, source: Box<dyn ReadAt + Send>) -> Self {
        Self { name, source, window: Vec::new(), start: 0 }
    }

    pub(super) fn size(&self) -> u64 {
        self.source.size()
    }

    pub(super) fn damaged(&self, offset: u64, message: impl Into<String>) -> Error {
        Error::damaged(&self.name, offset, message)
    }

    /// `len` bytes from a place on.
    pub(super) fn take(&mut self, offset: u64, len: usize) -> Result<&[u8], Error> {
        let end = offset.checked_add(len as u64).filter(|end| *end <= self.size());
        if end.is_none() {
            return Err(self.damaged(offset, format!("{len} bytes expected, the file ends at byte {}", self.size())));
        }
        let inside = offset >= self.start && offset + len as u64 <= self.start + self.window.len() as u64;
        if !inside {
            self.load(offset, len)?;
        }
        let first = (offset - self.start) as usize;
        Ok(&self.window[first..first + len])
    }

    /// As many bytes as there are from a place on, at most `len`.
    pub(super) fn up_to(&mut self, offset: u64, len: usize) -> Result<&[u8], Error> {
        let left = self.size().saturating_sub(offset);
        self.take(offset, usize::try_from(left).unwrap_or(usize::MAX).min(len))
    }

    fn load(&mut self, offset: u64, len: usize) -> Result<(), Error> {
        let left = usize::try_from(self.size() - offset).unwrap_or(usize::MAX);
        self.window.resize(left.min(WINDOW_BYTES.max(len)), 0);
        self.start = offset;
        let read = self.source.read_at(offset, &mut self.window);
        read.map_err(|source| {
            self.window.clear();
            Error::Io { action: "read", place: self.name.clone(), source }
        })
    }

    /// The content of a section: four bytes of length, content, checksum of the content.
    pub(super) fn section(&mut self, offset: u64, bytes_max: usize, what: &str) -> Result<Vec<u8>, Error> {
        let len = u64::from(be32(self.take(offset, 4)?));
        let Some(len) = usize::try_from(len).ok().filter(|len| *len <= bytes_max) else {
            return Err(self.damaged(offset, format!("{what} of {len} bytes, at most {bytes_max} are read")));
        };
        // Not through the window: it would keep the size.
        let mut content = vec![0; len.min(usize::try_from(self.size()).unwrap_or(usize::MAX))];
        let place = || self.name.clone();
        let read = self.source.read_at(offset + 4, &mut content);
        read.map_err(|source| Error::Io { action: "read", place: place(), source })?;
        let checksum = be32(self.take(offset + 4 + len as u64, 4)?);
        self.check(offset, &content, checksum, what)?;
        Ok(content)
    }

    pub(super) fn check(&self, offset: u64, content: &[u8], expected: u32, what: &str) -> Result<(), Error> {
        let found = crc32c::crc32c(content);
        if sums_match(found, expected) {
            return Ok(());
        }
        Err(self.damaged(offset, format!("checksum of {what} is {found:08x}, expected {expected:08x}")))
    }
}

/// Whether a checksum is right. When fuzzing every one is: else nothing behind the first would be reached.
pub(super) fn sums_match(found: u32, expected: u32) -> bool {
    cfg!(fuzzing) || found == expected
}

/// Four bytes, big endian; what is shorter counts as filled up with zeros.
pub(super) fn be32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// Eight bytes, big endian.
pub(super) fn be64(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Reads numbers one after the other; `None` when the bytes end or a number is too long.
#[derive(Clone, Debug)]
pub(super) struct Numbers<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn uvarint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn varint(&mut self) -> Option<i64> {
        let raw = self.uvarint()?;
        Some((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// Bytes behind their length.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.uvarint()?).ok()?;
        let bytes = self.bytes.get(self.at..)?.get(..len)?;
        self.at += len;
        Some(bytes)
    }
}
