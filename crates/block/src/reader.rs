//! Reads a block.

mod inspect;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bongsu_model::{LabelsBuffer, SampleBuffer};
use memmap2::Mmap;

use crate::bytes::Cursor;
use crate::chunk;
use crate::dictionary::Dictionary;
use crate::error::{Damage, Error};
use crate::footer::{BlockMeta, Footer, HEADER_BYTES};
use crate::section::{KINDS, Kind, has_checksum};
use crate::series::{ENTRY_BYTES, FRAME_SERIES, SeriesView};

pub use inspect::{Codec, Inspection, LabelBytes, Part};

/// Bytes of an entry of the page directory: where the page ends, and its checksum.
const PAGE_ENTRY_BYTES: usize = 12;

/// An open block. Opening reads the footer only; each other part is checked and unpacked when it is first asked for.
pub struct Block {
    bytes: Bytes,
    meta: BlockMeta,
    footer: Footer,
    /// Sections that are read in place: set once their checksum was right.
    checked: [OnceLock<()>; KINDS],
    dictionary: OnceLock<Dictionary>,
    postings: OnceLock<Vec<u8>>,
    /// One bit for each page whose checksum was right.
    pages_checked: Vec<AtomicU64>,
}

/// Where the bytes of a block are.
enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block").field("meta", &self.meta).finish_non_exhaustive()
    }
}

impl Block {
    /// Opens the block at `path`.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Corrupt`] when the footer is damaged; [`Error::Version`].
    pub fn open(path: &Path) -> Result<Arc<Self>, Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        // SAFETY: a finished block is never written to or truncated, only unlinked, which leaves the mapping whole. The
        // folder belongs to the store; who changes files in it from outside can crash it, as with any mapped file.
        #[expect(unsafe_code, reason = "thousands of small reads per query; a system call for each would dominate")]
        let map = unsafe { Mmap::map(&file) };
        let map = map.map_err(|error| Error::io("map", path)(explain(error)))?;
        Self::new(path, Bytes::Mapped(map))
    }

    /// A block whose bytes are in memory; `path` is what errors and [`BlockMeta`] call it.
    ///
    /// # Errors
    /// As [`Block::open`], but for I/O.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Arc<Self>, Error> {
        Self::new(path, Bytes::Owned(bytes))
    }

    fn new(path: &Path, bytes: Bytes) -> Result<Arc<Self>, Error> {
        let footer = Footer::decode(path, &bytes)?;
        let meta = footer.meta(path, bytes.len() as u64);
        let page_count = footer.section(Kind::Pages).raw_bytes as usize / PAGE_ENTRY_BYTES;
        let frames = (footer.series_count as usize).div_ceil(FRAME_SERIES);
        let in_place = [Kind::Pages, Kind::Columns, Kind::Series, Kind::SeriesDirectory];
        let fits = in_place.iter().all(|kind| footer.section(*kind).is_plain())
            && footer.section(Kind::SeriesDirectory).raw_bytes == (frames * ENTRY_BYTES) as u64;
        if !fits {
            return Err(Damage::at(0, "expected sections that fit the number of series").in_section(path, "footer", 0));
        }
        Ok(Arc::new(Self {
            bytes,
            meta,
            footer,
            checked: Default::default(),
            dictionary: OnceLock::new(),
            postings: OnceLock::new(),
            pages_checked: (0..page_count.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
        }))
    }

    /// What the footer says.
    #[must_use]
    pub fn meta(&self) -> &BlockMeta {
        &self.meta
    }

    /// All label names, sorted.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn label_names(&self) -> Result<Vec<&str>, Error> {
        Ok(self.dictionary()?.names().collect())
    }

    /// All values of a label, sorted; none when no series has it.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn label_values(&self, name: &str) -> Result<Vec<&str>, Error> {
        let dictionary = self.dictionary()?;
        Ok(dictionary.pairs_of(name).map(|pair| dictionary.value(pair)).collect())
    }

    /// Appends the samples of a series from `start_ms` to `end_ms`, both inclusive, to `out`.
    ///
    /// # Errors
    /// [`Error::Corrupt`], also when there is no such series. Then `out` may have got some samples.
    pub fn read(&self, series: u32, start_ms: i64, end_ms: i64, out: &mut SampleBuffer) -> Result<(), Error> {
        let span = self.series()?.chunks(series).map_err(self.damaged(Kind::Series))?;
        let page = self.page_from(span.offset)?;
        let in_page = |damage: Damage| damage.in_section(&self.meta.path, "page", span.offset);
        let chunks = usize::try_from(span.bytes).ok().and_then(|bytes| page.get(..bytes));
        let mut cursor = Cursor::new(chunks.ok_or_else(|| in_page(Damage::at(0, "expected chunks within the page")))?);
        while !cursor.is_at_end() {
            let column = match cursor.varint().map_err(in_page)? {
                0 => take_block(&mut cursor).map_err(in_page)?,
                number => self.column(number - 1)?,
            };
            let values = take_block(&mut cursor).map_err(in_page)?;
            chunk::read(column, values, start_ms, end_ms, out).map_err(in_page)?;
        }
        Ok(())
    }

    /// Checks everything: all checksums, that every chunk can be decoded, that series and times ascend and that the
    /// footer's numbers are right.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for the first damage found.
    pub fn verify(&self) -> Result<(), Error> {
        self.verify_with(&mut |_| ())
    }

    /// The same; calls `each` after every series with its number.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_with(&self, each: &mut dyn FnMut(u32)) -> Result<(), Error> {
        let mut samples = SampleBuffer::default();
        let (mut walk, mut last, mut labels) = (self.label_walk()?, LabelsBuffer::default(), LabelsBuffer::default());
        let (mut min_time_ms, mut max_time_ms, mut sample_count) = (i64::MAX, i64::MIN, 0);
        let wrong = |reason| Err(Damage::at(0, reason).in_section(&self.meta.path, "series", 0));
        self.select(&[])?;
        for series in 0..self.meta.series_count {
            walk.read(series, &mut labels)?;
            if series > 0 && last >= labels {
                return wrong("expected series in the order of their labels");
            }
            std::mem::swap(&mut last, &mut labels);
            samples.clear();
            self.read(series, i64::MIN, i64::MAX, &mut samples)?;
            if !samples.is_in_order() {
                return wrong("expected ascending times, each in one kind of samples");
            }
            if let Some((first, last)) = samples.time_range() {
                (min_time_ms, max_time_ms) = (min_time_ms.min(first), max_time_ms.max(last));
            }
            sample_count += samples.len() as u64;
            each(series);
        }
        self.verify_postings()?;
        let meta = &self.meta;
        if (min_time_ms, max_time_ms, sample_count) != (meta.min_time_ms, meta.max_time_ms, meta.sample_count) {
            return wrong("expected the times and samples that the footer tells");
        }
        Ok(())
    }

    /// The bytes from a place in the file to the end of its page, once the page is checked.
    fn page_from(&self, offset: u64) -> Result<&[u8], Error> {
        let directory = self.in_place(Kind::Pages)?.as_chunks::<PAGE_ENTRY_BYTES>().0;
        let page = directory.partition_point(|entry| page_end(entry) <= offset);
        let start = page.checked_sub(1).map_or(HEADER_BYTES, |before| page_end(&directory[before]));
        let corrupt = |reason| Damage::at(0, reason).in_section(&self.meta.path, "page", start);
        let entry = directory.get(page).ok_or_else(|| corrupt("expected a page at the place of a series"))?;
        let (start, end) = (start as usize, page_end(entry) as usize);
        let bytes = self.bytes.get(start..end).ok_or_else(|| corrupt("expected a page within the file"))?;
        let (word, bit) = (&self.pages_checked[page / 64], 1 << (page % 64));
        if word.load(Ordering::Relaxed) & bit == 0 {
            let [.., a, b, c, d] = *entry;
            if !has_checksum(bytes, u32::from_le_bytes([a, b, c, d])) {
                return Err(corrupt("checksum mismatch"));
            }
            word.fetch_or(bit, Ordering::Relaxed);
        }
        bytes.get((offset as usize).wrapping_sub(start)..).ok_or_else(|| corrupt("expected a place behind the header"))
    }

    /// A time column that stands with the series that had it first.
    fn column(&self, number: u64) -> Result<&[u8], Error> {
        let directory = self.in_place(Kind::Columns)?.as_chunks::<8>().0;
        let missing = Damage::at(0, "expected a time column of this number");
        let entry = usize::try_from(number).ok().and_then(|number| directory.get(number));
        let offset = u64::from_le_bytes(*entry.ok_or_else(|| self.damaged(Kind::Columns)(missing))?);
        let mut cursor = Cursor::new(self.page_from(offset)?);
        take_block(&mut cursor).map_err(|damage| damage.in_section(&self.meta.path, "page", offset))
    }

    /// The series table.
    pub(crate) fn series(&self) -> Result<SeriesView<'_>, Error> {
        Ok(SeriesView {
            section: self.in_place(Kind::Series)?,
            directory: self.in_place(Kind::SeriesDirectory)?,
            series_count: self.meta.series_count,
        })
    }

    /// The label pairs.
    pub(crate) fn dictionary(&self) -> Result<&Dictionary, Error> {
        if let Some(dictionary) = self.dictionary.get() {
            return Ok(dictionary);
        }
        let dictionary = Dictionary::decode(&self.unpack(Kind::Dictionary)?).map_err(self.damaged(Kind::Dictionary))?;
        Ok(self.dictionary.get_or_init(|| dictionary))
    }

    /// The encoded postings of a pair that is in the dictionary.
    pub(crate) fn postings(&self, pair: u32) -> Result<&[u8], Error> {
        let span = self.dictionary()?.postings(pair);
        let missing = Damage::at(span.start, "expected postings within the section");
        let section = match self.postings.get() {
            Some(section) => section,
            None => {
                let section = self.unpack(Kind::Postings)?;
                self.postings.get_or_init(|| section)
            }
        };
        section.get(span).ok_or_else(|| self.damaged(Kind::Postings)(missing))
    }

    /// The bytes of an uncompressed section, once checked.
    fn in_place(&self, kind: Kind) -> Result<&[u8], Error> {
        let bytes = self.stored(kind)?;
        let checked = &self.checked[kind as usize];
        if checked.get().is_none() {
            self.footer.section(kind).check(bytes).map_err(self.damaged(kind))?;
            checked.get_or_init(|| ());
        }
        Ok(bytes)
    }

    /// The bytes of a section that is stored compressed, or not, checked.
    fn unpack(&self, kind: Kind) -> Result<Vec<u8>, Error> {
        let (entry, stored) = (self.footer.section(kind), self.stored(kind)?);
        entry.check(stored).map_err(self.damaged(kind))?;
        if entry.is_plain() { Ok(stored.to_owned()) } else { entry.unpack(stored).map_err(self.damaged(kind)) }
    }

    fn stored(&self, kind: Kind) -> Result<&[u8], Error> {
        let entry = self.footer.section(kind);
        let (start, len) = (entry.offset as usize, entry.stored_bytes as usize);
        let bytes = start.checked_add(len).and_then(|end| self.bytes.get(start..end));
        bytes.ok_or_else(|| self.damaged(kind)(Damage::at(0, "expected a section within the file")))
    }

    /// For `map_err` on what was decoded of a section.
    pub(crate) fn damaged(&self, kind: Kind) -> impl Fn(Damage) -> Error {
        move |damage| damage.in_section(&self.meta.path, kind.name(), 0)
    }
}

/// Every open block takes one of the mappings that the system grants to a process.
fn explain(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::OutOfMemory {
        return error;
    }
    let text = format!("{error}; every block takes a mapping: raise the sysctl vm.max_map_count");
    io::Error::new(io::ErrorKind::OutOfMemory, text)
}

fn page_end(entry: &[u8; PAGE_ENTRY_BYTES]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *entry;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// A varint and as many bytes.
fn take_block<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Damage> {
    let len = cursor.count(usize::MAX, "expected a length")?;
    cursor.take(len)
}
