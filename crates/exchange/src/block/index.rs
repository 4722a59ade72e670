//! The `index` file: series in the order of their labels.

use super::bytes::{Numbers, Windowed, be32, be64, sums_match};
use super::series::Series;
use super::symbols::Symbols;
use crate::error::Error;

const MAGIC: u32 = 0xBAAA_D700;
const HEADER_BYTES: u64 = 5;
/// Six places and a checksum.
const TOC_BYTES: usize = 6 * 8 + 4;
/// A series entry of a million chunks.
const ENTRY_BYTES_MAX: usize = 64 << 20;
/// Series of one block: their places are read by a window, only the count is bound.
const POSTINGS_MAX: u64 = 1 << 30;

pub(super) struct Index {
    file: Windowed,
    /// The same file: series and postings lie far from each other, each has its window.
    postings: Windowed,
    version: u8,
    symbols: Symbols,
    /// Where the list of all series begins, and how many there are.
    all_start: u64,
    pub(super) series_count: u64,
}

impl Index {
    pub(super) fn open(mut file: Windowed, mut postings: Windowed) -> Result<Self, Error> {
        let header = file.take(0, HEADER_BYTES as usize)?;
        let (magic, version) = (be32(header), header[4]);
        if magic != MAGIC {
            return Err(
                file.damaged(0, format!("expected the magic number {MAGIC:08x} of an index, found {magic:08x}"))
            );
        }
        if !(1..=2).contains(&version) {
            return Err(file.damaged(4, format!("index version {version} is not known; expected 1 or 2")));
        }
        let toc_start = file.size().saturating_sub(TOC_BYTES as u64);
        let toc = file.take(toc_start, TOC_BYTES)?.to_vec();
        file.check(toc_start, &toc[..48], be32(&toc[48..]), "the table of contents")?;
        let (symbols_start, table_start) = (be64(&toc), be64(&toc[40..]));
        let symbols = Symbols::read(&mut file, symbols_start, version)?;
        let (all_start, series_count) = match table_start {
            0 => (0, 0),
            start => all_series(&mut postings, start)?,
        };
        Ok(Self { file, postings, version, symbols, all_start, series_count })
    }

    /// Reads the series at a place `0..series_count`, and tells what names it in tombstones.
    pub(super) fn series<'e>(
        &mut self,
        place: u64,
        series: &mut Series,
        external: impl Iterator<Item = (&'e str, &'e str)>,
    ) -> Result<u64, Error> {
        let reference = u64::from(be32(self.postings.take(self.all_start + place * 4, 4)?));
        // Entries begin at multiples of 16 bytes since version 2.
        let start = if self.version == 1 { reference } else { reference * 16 };
        let head = self.file.up_to(start, 10)?;
        let mut numbers = Numbers::new(head);
        let len = numbers.uvarint().and_then(|len| usize::try_from(len).ok()).filter(|len| *len <= ENTRY_BYTES_MAX);
        let head_len = numbers.position();
        let Some(len) = len else {
            return Err(self.file.damaged(start, "expected the length of a series entry"));
        };
        let entry_start = start + head_len as u64;
        let whole = self.file.take(entry_start, len + 4)?;
        let (entry, checksum) = whole.split_at(len);
        let found = crc32c::crc32c(entry);
        let expected = be32(checksum);
        if !sums_match(found, expected) {
            let message = format!("checksum of a series entry is {found:08x}, expected {expected:08x}");
            return Err(self.file.damaged(start, message));
        }
        match series.decode(entry, &self.symbols, external) {
            Ok(()) => Ok(reference),
            Err(at) => {
                Err(self.file.damaged(entry_start + at as u64, "series entry ends early or refers to no symbol"))
            }
        }
    }
}

/// Where the postings of the pair of two empty texts are, which name every series; and how many they are.
fn all_series(file: &mut Windowed, table_start: u64) -> Result<(u64, u64), Error> {
    let len = u64::from(be32(file.take(table_start, 4)?));
    let count = be32(file.take(table_start + 4, 4)?);
    let (mut at, end) = (table_start + 8, table_start + 4 + len);
    for _ in 0..count {
        // Names and values are short; the pair that is looked for is the first one, as the table is sorted.
        let bytes = file.up_to(at, (end.saturating_sub(at)).min(1 << 20) as usize)?;
        let mut numbers = Numbers::new(bytes);
        let entry = (|| {
            let texts = numbers.byte()?;
            let (name, value) = (numbers.bytes()?, numbers.bytes()?);
            Some((texts == 2, name.is_empty() && value.is_empty(), numbers.uvarint()?))
        })();
        let next = at + numbers.position() as u64;
        match entry {
            Some((true, true, offset)) => return postings(file, offset),
            Some((true, false, _)) => at = next,
            _ => return Err(file.damaged(at, "expected an entry of the table of postings")),
        }
    }
    // A block without series has no such entry.
    Ok((0, 0))
}

fn postings(file: &mut Windowed, start: u64) -> Result<(u64, u64), Error> {
    let (len, count) = (u64::from(be32(file.take(start, 4)?)), u64::from(be32(file.take(start + 4, 4)?)));
    if count > POSTINGS_MAX || len != 4 + count * 4 {
        return Err(file.damaged(start, format!("list of {count} series has {len} bytes, expected {}", 4 + count * 4)));
    }
    // The whole list goes by once for its checksum: its numbers are used as they are.
    let mut checksum = crc32c::crc32c(file.take(start + 4, 4)?);
    let (mut at, end) = (start + 8, start + 4 + len);
    while at < end {
        let piece = file.take(at, (end - at).min(1 << 20) as usize)?;
        checksum = crc32c::crc32c_append(checksum, piece);
        at += piece.len() as u64;
    }
    let expected = be32(file.take(end, 4)?);
    if !sums_match(checksum, expected) {
        let message = format!("checksum of the list of all series is {checksum:08x}, expected {expected:08x}");
        return Err(file.damaged(start, message));
    }
    Ok((start + 8, count))
}
