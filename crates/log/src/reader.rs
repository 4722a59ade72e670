//! Reading records in order, also those that are still to come.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::Position;
use crate::error::Error;
use crate::log::Shared;
use crate::record::{Scanner, Step};
use crate::recovery::Dropped;
use crate::segment::Segment;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where it starts.
    pub position: Position,
    /// Where the next one starts, or may start: the cursor to keep once this one is dealt with.
    pub next: Position,
    /// What was appended.
    pub payload: &'a [u8],
}

/// Reads committed records in order. It may outlive the [`crate::Log`]; it then sees what was committed.
pub struct Reader {
    shared: Arc<Shared>,
    /// Where to go on.
    position: Position,
    /// The scanner of the segment that starts there.
    open: Option<(Position, Scanner)>,
    dropped: Vec<Dropped>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("position", &self.position).finish_non_exhaustive()
    }
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, position: Position) -> Self {
        Self { shared, position, open: None, dropped: Vec::new() }
    }

    /// The next record, or `None` when all committed records have been read; ask again after later commits. Damaged
    /// stretches are skipped, see [`Reader::take_dropped`].
    ///
    /// # Errors
    /// When a file cannot be read; the next call tries the same place again.
    pub fn read(&mut self) -> Result<Option<Entry<'_>>, Error> {
        let Some(position) = self.advance()? else { return Ok(None) };
        Ok(self.open.as_ref().map(|(_, scanner)| Entry { position, next: self.position, payload: scanner.payload() }))
    }

    /// Steps to the next record and returns its start.
    fn advance(&mut self) -> Result<Option<Position>, Error> {
        while let Some((segment, mut scanner)) = self.open_segment()? {
            let step = scanner.step(segment.file_bytes());
            let step = step.map_err(|source| Error::io("read log segment", &segment.path, &source))?;
            self.position = scanner.position();
            self.open = Some((segment.start, scanner));
            match step {
                Step::Record(position) => return Ok(Some(position)),
                Step::Damage { offset_bytes, bytes, reason } => {
                    self.dropped.push(Dropped { segment: segment.path.to_path_buf(), offset_bytes, bytes, reason });
                }
                Step::End => {}
            }
        }
        Ok(None)
    }

    /// The segment in which the next record is, with its scanner; `None` when there is none yet.
    fn open_segment(&mut self) -> Result<Option<(Segment, Scanner)>, Error> {
        loop {
            let Some(segment) = self.find_segment() else { return Ok(None) };
            self.position = self.position.max(segment.start);
            match self.open.take() {
                Some((start, scanner)) if start == segment.start => return Ok(Some((segment, scanner))),
                _ => {}
            }
            match self.shared.options.disk.open(&segment.path) {
                Ok(file) => {
                    let scanner = Scanner::new(file, segment.start, self.position);
                    return Ok(Some((segment, scanner)));
                }
                // Truncated away in this moment: the list has changed.
                Err(source) if source.kind() == io::ErrorKind::NotFound && !self.is_listed(segment.start) => {}
                Err(source) => return Err(Error::io("open log segment", &segment.path, &source)),
            }
        }
    }

    /// The first segment that ends behind the position.
    fn find_segment(&self) -> Option<Segment> {
        let state = self.shared.state.lock();
        let place = state.segments.partition_point(|segment| segment.end <= self.position);
        state.segments.get(place).cloned()
    }

    fn is_listed(&self, start: Position) -> bool {
        self.shared.state.lock().segments.iter().any(|segment| segment.start == start)
    }

    /// Where the next record is looked for.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The damaged stretches that were skipped since the last call.
    pub fn take_dropped(&mut self) -> Vec<Dropped> {
        std::mem::take(&mut self.dropped)
    }
}
