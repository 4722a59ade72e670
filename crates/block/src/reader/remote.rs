//! A block whose file is elsewhere: its bytes come by ranges, when they are first asked for, and stay in a sparse local file.
//!
//! What is loaded are whole sections and whole pages, since those have checksums: bytes are checked before they are put into
//! the file, and a mark that says "checked" says "there" too. So all else of a reader is the same for every block, and slices
//! live as long as the block.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use memmap2::{MmapOptions, MmapRaw};

use super::{Block, PAGE_ENTRY_BYTES, page_end};
use crate::error::{Damage, Error};
use crate::footer::HEADER_BYTES;
use crate::section::{KINDS, Kind, has_checksum};

/// The longest range that is asked for at once.
const READ_BYTES_MAX: u64 = 8 << 20;
/// Sections that together are no longer than this come with one read.
const SECTIONS_AT_ONCE_BYTES: u64 = 1 << 20;
/// Pages that come with the one that is asked for: so much, ...
const PAGES_BYTES: u64 = 128 << 10;
/// ... or so much when the page before is there, as with one who reads the block from end to end.
const PAGES_IN_ROW_BYTES: u64 = 1 << 20;
/// Bytes that are not what they were may have been damaged on their way: they are asked for again, once.
const ATTEMPTS: u32 = 2;
/// Threads that load different places of one block do not wait for each other, mostly.
const LOADERS: usize = 16;

/// Reads the bytes of a block's file that is elsewhere.
pub trait RemoteFile: Send + Sync {
    /// All bytes of a range of the file.
    ///
    /// # Errors
    /// When they cannot be had; the text says why, and names the place.
    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>>;

    /// An empty file, readable and writable, for what was read. Asked for once, before the first read.
    ///
    /// # Errors
    /// As the system says.
    fn create_cache(&self) -> io::Result<File>;

    /// Told how many bytes more are kept in the file.
    fn kept(&self, bytes: u64);

    /// Told that the block is being read.
    fn used(&self);
}

/// See the module's text.
pub(super) struct Remote {
    file: Box<dyn RemoteFile>,
    size_bytes: u64,
    cache: OnceLock<Cache>,
    loading: [Mutex<()>; LOADERS],
    opening: Mutex<()>,
}

struct Cache {
    file: File,
    map: MmapRaw,
}

impl Remote {
    pub(super) fn new(file: Box<dyn RemoteFile>, size_bytes: u64) -> Self {
        let (cache, loading, opening) = (OnceLock::new(), Default::default(), Mutex::default());
        Self { file, size_bytes, cache, loading, opening }
    }

    /// The bytes of a range that was put before.
    pub(super) fn get(&self, start: usize, end: usize) -> Option<&[u8]> {
        let map = &self.cache.get()?.map;
        if start > end || end > map.len() {
            return None;
        }
        // SAFETY: the range lies within the mapping, which lives as long as `self`. Only ranges are asked for whose mark
        // says that they were put; they are not written to again but with the same checked bytes, and the file is in
        // nobody else's hands: it is unlinked or in a folder that belongs to the store.
        #[expect(unsafe_code, reason = "other bytes of the file change while these are read")]
        let bytes = unsafe { std::slice::from_raw_parts(map.as_ptr().add(start), end - start) };
        Some(bytes)
    }

    /// Reads a range from afar.
    fn fetch(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity((range.end - range.start).min(READ_BYTES_MAX) as usize);
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + READ_BYTES_MAX);
            let part = self.file.read(start..end)?;
            if part.len() as u64 != end - start {
                return Err(io::Error::other(format!("expected {} bytes, found {}", end - start, part.len())));
            }
            bytes.extend_from_slice(&part);
            start = end;
        }
        Ok(bytes)
    }

    /// Keeps checked bytes.
    fn put(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.cache()?.file.write_all_at(bytes, offset)?;
        self.file.kept(bytes.len() as u64);
        Ok(())
    }

    fn cache(&self) -> io::Result<&Cache> {
        if let Some(cache) = self.cache.get() {
            return Ok(cache);
        }
        let _opening = lock(&self.opening);
        if let Some(cache) = self.cache.get() {
            return Ok(cache);
        }
        let file = self.file.create_cache()?;
        file.set_len(self.size_bytes)?;
        let map = MmapOptions::new().map_raw_read_only(&file)?;
        Ok(self.cache.get_or_init(|| Cache { file, map }))
    }
}

fn lock(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    // It guards nothing that a panic could leave half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Block {
    /// Loads a section, and others with it when they are short. Afterwards it is checked.
    pub(super) fn load_section(&self, remote: &Remote, kind: Kind) -> Result<(), Error> {
        remote.file.used();
        let _loading = lock(&remote.loading[0]);
        if self.checked[kind as usize].get().is_some() {
            return Ok(());
        }
        let unreadable = |error| Error::io("read", &self.meta.path)(error);
        let span = self.span_with(kind);
        let mut outcome = Ok(());
        for _ in 0..ATTEMPTS {
            let bytes = remote.fetch(span.clone()).map_err(unreadable)?;
            outcome = self.check_section(kind, &bytes, span.start);
            if outcome.is_ok() {
                remote.put(span.start, &bytes).map_err(unreadable)?;
                for place in (0..KINDS).filter(|place| self.is_whole_in(*place, &bytes, span.start)) {
                    self.checked[place].get_or_init(|| ());
                }
                return Ok(());
            }
        }
        outcome
    }

    /// What is read for a section: all of them, if they are short.
    fn span_with(&self, kind: Kind) -> Range<u64> {
        let spans = || self.footer.sections.iter().map(|entry| entry.offset..entry.offset + entry.stored_bytes);
        let start = spans().map(|span| span.start).min().unwrap_or(0);
        let end = spans().map(|span| span.end).max().unwrap_or(0);
        let is_touched = self.checked.iter().any(|checked| checked.get().is_some());
        if end - start <= SECTIONS_AT_ONCE_BYTES && !is_touched {
            return start..end;
        }
        let entry = self.footer.section(kind);
        entry.offset..entry.offset + entry.stored_bytes
    }

    fn check_section(&self, kind: Kind, bytes: &[u8], start: u64) -> Result<(), Error> {
        let entry = self.footer.section(kind);
        let place = (entry.offset - start) as usize;
        let section = place.checked_add(entry.stored_bytes as usize).and_then(|end| bytes.get(place..end));
        let section = section.ok_or(Damage::at(0, "expected a section within the file"));
        section.and_then(|section| entry.check(section)).map_err(self.damaged(kind))
    }

    /// Whether all of a section is among the bytes, and sound.
    fn is_whole_in(&self, place: usize, bytes: &[u8], start: u64) -> bool {
        let entry = &self.footer.sections[place];
        let section = entry.offset.checked_sub(start).and_then(|from| {
            let from = usize::try_from(from).ok()?;
            bytes.get(from..from.checked_add(entry.stored_bytes as usize)?)
        });
        section.is_some_and(|section| entry.check(section).is_ok())
    }

    /// Loads a page, and some that follow it. Afterwards it is checked.
    pub(super) fn load_page(
        &self,
        remote: &Remote,
        directory: &[[u8; PAGE_ENTRY_BYTES]],
        page: usize,
    ) -> Result<(), Error> {
        remote.file.used();
        let _loading = lock(&remote.loading[page / 64 % LOADERS]);
        if self.is_page_checked(page) {
            return Ok(());
        }
        let run = self.run_from(directory, page);
        let start = page_start(directory, page);
        let span = start..page_end(&directory[run.end - 1]);
        let corrupt = |reason| Damage::at(0, reason).in_section(&self.meta.path, "page", start);
        if span.start < HEADER_BYTES || span.end < span.start || span.end > self.meta.size_bytes {
            return Err(corrupt("expected a page within the file"));
        }
        let unreadable = |error| Error::io("read", &self.meta.path)(error);
        for _ in 0..ATTEMPTS {
            let bytes = remote.fetch(span.clone()).map_err(unreadable)?;
            // Up to the first that is not what it was: the others are loaded when they are asked for.
            let sound = run.clone().take_while(|page| is_sound(directory, *page, &bytes, start)).count();
            if sound > 0 {
                let kept = (page_end(&directory[page + sound - 1]) - start) as usize;
                remote.put(start, &bytes[..kept]).map_err(unreadable)?;
                for page in page..page + sound {
                    self.pages_checked[page / 64].fetch_or(1 << (page % 64), Ordering::Release);
                }
                return Ok(());
            }
        }
        Err(corrupt("checksum mismatch"))
    }

    /// Which pages are read along with one.
    fn run_from(&self, directory: &[[u8; PAGE_ENTRY_BYTES]], page: usize) -> Range<usize> {
        let is_in_row = page.checked_sub(1).is_some_and(|before| self.is_page_checked(before));
        let bytes_max = if is_in_row { PAGES_IN_ROW_BYTES } else { PAGES_BYTES };
        let start = page_start(directory, page);
        let is_with = |other: &usize| {
            let end = page_end(&directory[*other]);
            !self.is_page_checked(*other) && end.checked_sub(start).is_some_and(|bytes| bytes <= bytes_max)
        };
        let more = (page + 1..directory.len()).take_while(is_with).count();
        page..page + 1 + more
    }
}

fn page_start(directory: &[[u8; PAGE_ENTRY_BYTES]], page: usize) -> u64 {
    page.checked_sub(1).map_or(HEADER_BYTES, |before| page_end(&directory[before]))
}

/// Whether the bytes, which begin at `start` of the file, have the page as it was written.
fn is_sound(directory: &[[u8; PAGE_ENTRY_BYTES]], page: usize, bytes: &[u8], start: u64) -> bool {
    let [.., a, b, c, d] = directory[page];
    let from = page_start(directory, page).checked_sub(start);
    let end = page_end(&directory[page]).checked_sub(start);
    let bytes = from.zip(end).and_then(|(from, end)| bytes.get(from as usize..end as usize));
    bytes.is_some_and(|bytes| has_checksum(bytes, u32::from_le_bytes([a, b, c, d])))
}
