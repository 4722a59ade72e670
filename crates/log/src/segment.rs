//! Segment files: their names, their header, and writing to the newest one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_disk::{Disk, DiskFile, write_all_at};

use crate::Position;
use crate::error::Error;

/// The bytes before the first record.
pub(crate) const HEADER_BYTES: u64 = 32;

const MAGIC: [u8; 8] = *b"BONGSULG";
const VERSION: u32 = 1;
const SUFFIX: &str = ".log";

/// The first bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The position of the first record; the same as in the file's name.
    pub start: Position,
    /// Where the segment before ended: less than `start` when records in between could not be kept.
    pub previous_end: Position,
}

/// Why bytes are not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// Not what was written.
    Damaged(&'static str),
    /// Written by another version of the program: to be left alone.
    Version,
}

impl SegmentHeader {
    pub fn encode(self) -> [u8; HEADER_BYTES as usize] {
        let mut bytes = [0; HEADER_BYTES as usize];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.start.0.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.previous_end.0.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[0..28]);
        bytes[28..32].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// # Errors
    /// Says whether the bytes are damaged or whole and of another version.
    pub fn decode(bytes: &[u8; HEADER_BYTES as usize]) -> Result<Self, HeaderError> {
        let u64_at = |at: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(number)
        };
        if bytes[0..8] != MAGIC {
            return Err(HeaderError::Damaged("segment header does not start with BONGSULG"));
        }
        if bytes[28..32] != crc32c::crc32c(&bytes[0..28]).to_le_bytes() {
            return Err(HeaderError::Damaged("checksum of the segment header does not match"));
        }
        if bytes[8..12] != VERSION.to_le_bytes() {
            return Err(HeaderError::Version);
        }
        Ok(Self { start: Position(u64_at(12)), previous_end: Position(u64_at(20)) })
    }
}

/// The path of the segment that begins at `start`.
pub(crate) fn path(dir: &Path, start: Position) -> PathBuf {
    dir.join(format!("{:020}{SUFFIX}", start.0))
}

/// The start position in a segment's file name; `None` for other files.
pub(crate) fn start_of_name(name: &str) -> Option<Position> {
    let digits = name.strip_suffix(SUFFIX)?;
    let plain = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok().map(Position))?
}

/// A segment that readers can open.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub start: Position,
    /// Readers go no further.
    pub end: Position,
    /// Shared, because readers ask for their segment at every record.
    pub path: Arc<Path>,
}

impl Segment {
    pub fn file_bytes(&self) -> u64 {
        HEADER_BYTES + (self.end.0 - self.start.0)
    }
}

/// The segment that is being written.
pub(crate) struct ActiveSegment {
    pub start: Position,
    /// The end of what was written without an error.
    pub end: Position,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    /// Whether there is something that was written and not synced.
    pub dirty: bool,
}

impl ActiveSegment {
    /// Creates the file and makes it and its name durable.
    pub fn create(disk: &dyn Disk, dir: &Path, header: SegmentHeader) -> Result<Self, Error> {
        let path = path(dir, header.start);
        let was_there = path.exists();
        let create = || -> io::Result<Box<dyn DiskFile>> {
            let file = disk.create(&path)?;
            write_all_at(file.as_ref(), 0, &header.encode())?;
            file.sync()?;
            disk.sync_dir(dir)?;
            Ok(file)
        };
        match create() {
            Ok(file) => Ok(Self { start: header.start, end: header.start, path, file, dirty: false }),
            Err(source) => {
                // What is left of it would only be reported as damage at the next start. But one that was there, without
                // records, is what the next start knows the position by.
                if !was_there {
                    let _ = disk.remove(&path);
                }
                Err(Error::io("create log segment", &path, &source))
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file_bytes(&self) -> u64 {
        HEADER_BYTES + (self.end.0 - self.start.0)
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Writes the records of one group behind the others.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        write_all_at(self.file.as_ref(), self.file_bytes(), bytes)
            .map_err(|source| Error::io("write to log segment", &self.path, &source))?;
        self.dirty = true;
        self.end.0 += bytes.len() as u64;
        Ok(())
    }

    /// Makes what was written durable.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.file.sync().map_err(|source| Error::io("sync log segment", &self.path, &source))?;
        self.dirty = false;
        Ok(())
    }

    /// After a failed write or sync: cuts what readers were never shown, so that a restart does not show it either. When
    /// even that fails, records may come back that were reported as failed; never the other way round.
    pub fn abandon(self, disk: &dyn Disk, readable_end: Position) {
        if readable_end == self.start {
            let _ = disk.remove(&self.path);
        } else {
            let _ = self.file.set_len(HEADER_BYTES + (readable_end.0 - self.start.0));
        }
    }
}
