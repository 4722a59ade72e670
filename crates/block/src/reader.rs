//! Reads a block.

mod contents;
mod inspect;
mod remote;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bongsu_model::{LabelsBuffer, SampleBuffer};
use memmap2::Mmap;

use crate::buckets::Coarse;
use crate::bytes::Cursor;
use crate::chunk;
use crate::dictionary::Dictionary;
use crate::error::{Damage, Error};
use crate::footer::{BlockMeta, Footer, HEADER_BYTES};
use crate::section::{KINDS, Kind, has_checksum};
use crate::series::{ENTRY_BYTES, FRAME_SERIES, SeriesView};
use contents::Contents;
use remote::Remote;

pub use remote::RemoteFile;

pub use inspect::{Codec, Inspection, LabelBytes, Part};

/// Bytes of an entry of the page directory: where the page ends, and its checksum.
const PAGE_ENTRY_BYTES: usize = 12;

/// An open block. Opening reads the footer only; each other part is checked and unpacked when it is first asked for.
pub struct Block {
    contents: Contents,
    meta: BlockMeta,
    footer: Footer,
    /// Sections whose checksum was right.
    checked: [OnceLock<()>; KINDS],
    dictionary: OnceLock<Dictionary>,
    postings: OnceLock<Vec<u8>>,
    /// One bit for each page whose checksum was right.
    pages_checked: Vec<AtomicU64>,
}

/// Reads a chunk: its column of times, and what stands in place of values.
type ReadChunk<'r> = dyn FnMut(&[u8], &[u8]) -> Result<(), Damage> + 'r;

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
        let footer = Footer::decode(path, &map)?;
        Self::new(path, footer, map.len() as u64, Contents::Mapped(map))
    }

    /// A block whose bytes are in memory; `path` is what errors and [`BlockMeta`] call it.
    ///
    /// # Errors
    /// As [`Block::open`], but for I/O.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Arc<Self>, Error> {
        let footer = Footer::decode(path, &bytes)?;
        Self::new(path, footer, bytes.len() as u64, Contents::Owned(bytes))
    }

    /// A block whose file, of that many bytes, is elsewhere. Only its last [`FOOTER_BYTES`](crate::FOOTER_BYTES) are here;
    /// all else is read when it is first asked for. `path` is what errors and [`BlockMeta`] call it.
    ///
    /// # Errors
    /// As [`Block::open`], but for I/O: nothing is read yet.
    pub fn open_remote(
        path: &Path,
        size_bytes: u64,
        footer: &[u8],
        file: Box<dyn RemoteFile>,
    ) -> Result<Arc<Self>, Error> {
        let footer = Footer::decode_tail(path, footer, size_bytes)?;
        Self::new(path, footer, size_bytes, Contents::Remote(Remote::new(file, size_bytes)))
    }

    fn new(path: &Path, footer: Footer, size_bytes: u64, contents: Contents) -> Result<Arc<Self>, Error> {
        let meta = footer.meta(path, size_bytes);
        let page_count = footer.section(Kind::Pages).raw_bytes as usize / PAGE_ENTRY_BYTES;
        let frames = (footer.series_count as usize).div_ceil(FRAME_SERIES);
        let in_place = [Kind::Pages, Kind::Columns, Kind::Series, Kind::SeriesDirectory];
        let fits = in_place.iter().all(|kind| footer.section(*kind).is_plain())
            && footer.section(Kind::SeriesDirectory).raw_bytes == (frames * ENTRY_BYTES) as u64;
        if !fits {
            return Err(Damage::at(0, "expected sections that fit the number of series").in_section(path, "footer", 0));
        }
        Ok(Arc::new(Self {
            contents,
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

    /// The last bytes of the file, for [`Block::open_remote`]. Blocks that differ have different ones.
    #[must_use]
    pub fn footer_bytes(&self) -> Vec<u8> {
        self.footer.encode()
    }

    /// Whether the file is elsewhere.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.contents.remote().is_some()
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
        self.read_chunks(series, &mut |column, values| chunk::read(column, values, start_ms, end_ms, out))
    }

    /// Appends what a block of buckets has of a series in a time range, both ends inclusive.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_coarse(&self, series: u32, start_ms: i64, end_ms: i64, out: &mut Coarse) -> Result<(), Error> {
        self.read_chunks(series, &mut |column, values| chunk::read_coarse(column, values, start_ms, end_ms, out))
    }

    fn read_chunks(&self, series: u32, read: &mut ReadChunk<'_>) -> Result<(), Error> {
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
            read(column, values).map_err(in_page)?;
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
            if let Some((first, last)) = self.time_range(series, &samples)? {
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

    /// The times that the samples of a series are about.
    fn time_range(&self, series: u32, samples: &SampleBuffer) -> Result<Option<(i64, i64)>, Error> {
        if self.meta.resolution_ms == 0 {
            return Ok(samples.time_range());
        }
        let mut coarse = Coarse::default();
        self.read_coarse(series, i64::MIN, i64::MAX, &mut coarse)?;
        Ok(coarse.time_range())
    }

    /// The bytes from a place in the file to the end of its page, once the page is checked.
    fn page_from(&self, offset: u64) -> Result<&[u8], Error> {
        let directory = self.in_place(Kind::Pages)?.as_chunks::<PAGE_ENTRY_BYTES>().0;
        let page = directory.partition_point(|entry| page_end(entry) <= offset);
        let start = page.checked_sub(1).map_or(HEADER_BYTES, |before| page_end(&directory[before]));
        let corrupt = |reason| Damage::at(0, reason).in_section(&self.meta.path, "page", start);
        let entry = directory.get(page).ok_or_else(|| corrupt("expected a page at the place of a series"))?;
        if !self.is_page_checked(page) {
            match self.contents.remote() {
                Some(remote) => self.load_page(remote, directory, page)?,
                None => self.check_page(page, start, entry)?,
            }
        }
        let bytes = self.contents.get(start as usize, page_end(entry) as usize);
        let bytes = bytes.ok_or_else(|| corrupt("expected a page within the file"))?;
        bytes
            .get((offset as usize).wrapping_sub(start as usize)..)
            .ok_or_else(|| corrupt("expected a place behind the header"))
    }

    #[inline]
    fn is_page_checked(&self, page: usize) -> bool {
        self.pages_checked[page / 64].load(Ordering::Acquire) & (1 << (page % 64)) != 0
    }

    fn check_page(&self, page: usize, start: u64, entry: &[u8; PAGE_ENTRY_BYTES]) -> Result<(), Error> {
        let [.., a, b, c, d] = *entry;
        let bytes = self.contents.get(start as usize, page_end(entry) as usize);
        let damage = match bytes {
            Some(bytes) if has_checksum(bytes, u32::from_le_bytes([a, b, c, d])) => {
                self.pages_checked[page / 64].fetch_or(1 << (page % 64), Ordering::Release);
                return Ok(());
            }
            Some(_) => Damage::at(0, "checksum mismatch"),
            None => Damage::at(0, "expected a page within the file"),
        };
        Err(damage.in_section(&self.meta.path, "page", start))
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
        if self.checked[kind as usize].get().is_none() {
            self.check_section_once(kind)?;
        }
        self.stored(kind)
    }

    fn check_section_once(&self, kind: Kind) -> Result<(), Error> {
        if let Some(remote) = self.contents.remote() {
            return self.load_section(remote, kind);
        }
        self.footer.section(kind).check(self.stored(kind)?).map_err(self.damaged(kind))?;
        self.checked[kind as usize].get_or_init(|| ());
        Ok(())
    }

    /// The bytes of a section that is stored compressed, or not, checked.
    fn unpack(&self, kind: Kind) -> Result<Vec<u8>, Error> {
        let (entry, stored) = (self.footer.section(kind), self.in_place(kind)?);
        if entry.is_plain() { Ok(stored.to_owned()) } else { entry.unpack(stored).map_err(self.damaged(kind)) }
    }

    fn stored(&self, kind: Kind) -> Result<&[u8], Error> {
        let entry = self.footer.section(kind);
        let (start, len) = (entry.offset as usize, entry.stored_bytes as usize);
        let bytes = start.checked_add(len).and_then(|end| self.contents.get(start, end));
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
