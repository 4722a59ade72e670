//! Opening a log that may have been torn or damaged.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_disk::{Disk, DiskFile};

use crate::Position;
use crate::error::Error;
use crate::record::{Scanner, Step};
use crate::segment::{self, HEADER_BYTES, HeaderError, Segment, SegmentHeader};

/// What was found when the log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Intact records.
    pub records: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// What was not intact.
    pub dropped: Vec<Dropped>,
}

/// Bytes of a segment that are not intact records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The file.
    pub segment: PathBuf,
    /// Where in the file.
    pub offset_bytes: u64,
    /// How many bytes.
    pub bytes: u64,
    /// What is wrong with them.
    pub reason: &'static str,
}

/// A log as it was found.
pub(crate) struct Recovered {
    pub segments: Vec<Segment>,
    /// Files of segments without a record. Their names keep the positions from beginning anew, so they go once the next
    /// segment is there.
    pub empty: Vec<Arc<Path>>,
    /// At or behind every position that the log had reached.
    pub end: Position,
    pub recovery: Recovery,
}

/// Reads all segments, hands the intact records to `replay`, and cuts what is damaged at the end of a segment.
pub(crate) fn recover(
    disk: &dyn Disk,
    dir: &Path,
    replay: &mut dyn FnMut(Position, &[u8]),
) -> Result<Recovered, Error> {
    let names = disk.list(dir).map_err(|source| Error::io("list log directory", dir, &source))?;
    let mut starts: Vec<Position> = names.iter().filter_map(|name| segment::start_of_name(name)).collect();
    starts.sort_unstable();
    let mut recovered =
        Recovered { segments: Vec::new(), empty: Vec::new(), end: Position::default(), recovery: Recovery::default() };
    for start in starts {
        let path = segment::path(dir, start);
        let file = disk.open(&path).map_err(|source| Error::io("open log segment", &path, &source))?;
        recovered.take_segment(Segment { start, end: start, path: path.into() }, file, replay)?;
    }
    Ok(recovered)
}

/// Hands every intact record of one segment's bytes to `replay` and returns what is not intact: the recovery of a single
/// file, without a disk, for fuzzing and for tools.
pub fn scan_bytes(bytes: &[u8], start: Position, replay: &mut dyn FnMut(Position, &[u8])) -> Vec<Dropped> {
    let limit = bytes.len() as u64;
    let mut scan = SegmentScan::new(Path::new(""), Scanner::new(Box::new(Bytes(Arc::from(bytes))), start, start));
    // Reading from memory does not fail.
    let _ = scan.run(limit, replay);
    scan.dropped
}

impl Recovered {
    fn take_segment(
        &mut self,
        mut segment: Segment,
        file: Box<dyn DiskFile>,
        replay: &mut dyn FnMut(Position, &[u8]),
    ) -> Result<(), Error> {
        let unreadable = |source: io::Error| Error::io("read log segment", &segment.path, &source);
        let file_bytes = file.len().map_err(unreadable)?;
        let header = read_header(file.as_ref(), file_bytes).map_err(unreadable)?;
        if header == Err(HeaderError::Version) {
            return Err(Error::version(&segment.path));
        }
        let mut scan = SegmentScan::new(&segment.path, Scanner::new(file, segment.start, segment.start));
        match header {
            Ok(header) if header.start == segment.start => self.note_gap(header.previous_end),
            Ok(_) => scan.drop_bytes(0, HEADER_BYTES, "segment header has another start than the file's name"),
            Err(HeaderError::Damaged(reason)) => scan.drop_bytes(0, file_bytes.min(HEADER_BYTES), reason),
            Err(HeaderError::Version) => {}
        }
        let intact_bytes = scan.run(file_bytes, replay).map_err(unreadable)?;
        segment.end = Position(segment.start.0 + (intact_bytes - HEADER_BYTES));
        self.end = self.end.max(Position(segment.start.0 + file_bytes.saturating_sub(HEADER_BYTES)));
        self.recovery.records += scan.records;
        self.recovery.bytes += scan.bytes;
        self.recovery.dropped.append(&mut scan.dropped);
        if intact_bytes == HEADER_BYTES {
            self.empty.push(segment.path);
            return Ok(());
        }
        if intact_bytes < file_bytes {
            let cut = scan.scanner.file().set_len(intact_bytes);
            cut.map_err(|source| Error::io("cut log segment", &segment.path, &source))?;
        }
        self.segments.push(segment);
        Ok(())
    }

    /// Reports records that a segment's header says were before it and that are not there.
    fn note_gap(&mut self, previous_end: Position) {
        let Some(previous) = self.segments.last() else { return };
        if self.end < previous_end {
            let offset_bytes = previous.file_bytes();
            let bytes = previous_end.0 - previous.end.0;
            let reason = "the next segment says that there was more";
            self.recovery.dropped.push(Dropped { segment: previous.path.to_path_buf(), offset_bytes, bytes, reason });
        }
    }
}

fn read_header(file: &dyn DiskFile, file_bytes: u64) -> io::Result<Result<SegmentHeader, HeaderError>> {
    if file_bytes < HEADER_BYTES {
        return Ok(Err(HeaderError::Damaged("segment header is cut short")));
    }
    let mut bytes = [0; HEADER_BYTES as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(filled as u64, &mut bytes[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    Ok(SegmentHeader::decode(&bytes))
}

/// The reading of one segment from its first record to its end.
struct SegmentScan<'a> {
    path: &'a Path,
    scanner: Scanner,
    records: u64,
    bytes: u64,
    dropped: Vec<Dropped>,
}

impl<'a> SegmentScan<'a> {
    fn new(path: &'a Path, scanner: Scanner) -> Self {
        Self { path, scanner, records: 0, bytes: 0, dropped: Vec::new() }
    }

    /// Walks to the file's end and returns the offset behind the last intact record.
    fn run(&mut self, file_bytes: u64, replay: &mut dyn FnMut(Position, &[u8])) -> io::Result<u64> {
        let mut intact_bytes = HEADER_BYTES;
        loop {
            match self.scanner.step(file_bytes)? {
                Step::Record(position) => {
                    let payload = self.scanner.payload();
                    replay(position, payload);
                    self.records += 1;
                    self.bytes += payload.len() as u64;
                    intact_bytes = self.scanner.offset();
                }
                Step::Damage { offset_bytes, bytes, reason } => self.drop_bytes(offset_bytes, bytes, reason),
                Step::End => return Ok(intact_bytes),
            }
        }
    }

    fn drop_bytes(&mut self, offset_bytes: u64, bytes: u64, reason: &'static str) {
        self.dropped.push(Dropped { segment: self.path.to_owned(), offset_bytes, bytes, reason });
    }
}

/// A file in memory, only for reading.
struct Bytes(Arc<[u8]>);

impl DiskFile for Bytes {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)).unwrap_or_default();
        let bytes = rest.len().min(into.len());
        into[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }

    fn write_at(&self, _offset: u64, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn set_len(&self, _bytes: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
