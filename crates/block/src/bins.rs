//! Integers by entropy coding: pco finds ranges ("bins") in which many of them lie, and tells each by its bin and its place
//! within. Pco's tables are as wide as its numbers; so what it gets are the narrowest words that hold the column, which
//! makes the tables of a column of 480 samples three times shorter than those of 64-bit integers.
//!
//! ```text
//! shape (1 byte) │ first (signed), of deltas │ base (signed) │ factor (varint), if flagged │
//! page words (varint) │ (bytes (varint) │ step (signed), of deltas)*, if there are more pages than one │ tables │ pages
//! ```
//!
//! A word tells `base + factor × word`. Pages share the tables; each can be decoded alone.

use std::cell::RefCell;
use std::ops::Range;

use pco::data_types::Number;
use pco::wrapped::{ChunkDecompressor, FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DecompressorScratch, DeltaSpec, ModeSpec, PagingSpec};

use crate::bytes::{Cursor, put_signed, put_varint};
use crate::error::Damage;

/// The width of the words: 8 << n bits.
const WIDTH_MASK: u8 = 0b0000_0011;
/// The words are the differences of neighbours.
const DELTAS: u8 = 0b0000_0100;
/// All words are multiples of a factor.
const FACTOR: u8 = 0b0000_1000;
/// There are more pages than one.
const PAGES: u8 = 0b0001_0000;
/// A reader of some samples decodes the pages that have them, from their beginning: of no more words than these.
const PAGE_WORDS_MAX: usize = 2048;
/// Of 12; higher ones gain less than 0.1 % on columns of 480 to 5760 samples.
const LEVEL: usize = 6;
/// The version of pco's format, which a block of this version fixes. Pco calls it the header.
const PCO_FORMAT: [u8; 2] = [4, 1];
/// Words of which the one in the middle stands for that of all.
const SPREAD_WORDS: usize = 64;
/// Words that are decoded at once: a multiple of pco's batch.
const BATCH_WORDS: usize = 512;

const UNREADABLE: &str = "expected a column that pco can read";

/// What pco encodes.
trait Word: Number + Default {
    fn narrow(wide: u64) -> Self;
    fn wide(self) -> u64;
}

macro_rules! word {
    ($($word:ty),*) => {
        $(impl Word for $word {
            fn narrow(wide: u64) -> Self {
                wide as Self
            }

            fn wide(self) -> u64 {
                u64::from(self)
            }
        })*
    };
}

word!(u8, u16, u32, u64);

/// Appends integers, told as they are or as their differences: what promises to be smaller. False, and nothing appended, when
/// all are the same or pco cannot. Pco could find out by itself, in three times the time.
pub(crate) fn encode(integers: &[i64], out: &mut Vec<u8>) -> bool {
    let before = out.len();
    let differences: Vec<i64> = integers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    let is_done = if spread(&differences) < spread(integers) {
        put(integers, &differences, DELTAS, out)
    } else {
        put(integers, integers, 0, out)
    };
    if is_done.is_none() {
        out.truncate(before);
    }
    is_done.is_some()
}

/// About the bits that the words need when each is told by its distance from the one in the middle: outliers, which bins put
/// aside, do not count for more than they are.
fn spread(words: &[i64]) -> u64 {
    let mut some: Vec<i64> = words.iter().step_by(words.len() / SPREAD_WORDS + 1).copied().collect();
    some.sort_unstable();
    let middle = some.get(some.len() / 2).copied().unwrap_or(0);
    // What is common to all in their low bits becomes the factor.
    let shift = words.iter().fold(0, |bits, word| bits | word.abs_diff(middle)).trailing_zeros().min(63);
    words.iter().map(|word| u64::from(64 - (word.abs_diff(middle) >> shift).leading_zeros())).sum()
}

/// Appends `words`, which tell the integers.
fn put(integers: &[i64], words: &[i64], form: u8, out: &mut Vec<u8>) -> Option<()> {
    let base = words.iter().copied().min()?;
    let distances = || words.iter().map(|word| word.wrapping_sub(base) as u64);
    let factor = distances().fold(0, common_factor);
    let largest = distances().max()?.checked_div(factor)?;
    let width = [8, 16, 32, 64].iter().position(|bits| largest.leading_zeros() + bits >= 64)? as u8;
    let start = out.len();
    out.push(form | width);
    if form == DELTAS {
        put_signed(out, *integers.first()?);
    }
    put_signed(out, base);
    if factor > 1 {
        out[start] |= FACTOR;
        put_varint(out, factor);
    }
    let scaled = distances().map(|distance| distance / factor);
    let packed = match width {
        0 => Packed::of::<u8>(scaled)?,
        1 => Packed::of::<u16>(scaled)?,
        2 => Packed::of::<u32>(scaled)?,
        _ => Packed::of::<u64>(scaled)?,
    };
    if packed.page_ends.len() > 1 {
        out[start] |= PAGES;
        packed.put_directory(integers, form == DELTAS, out);
    }
    out.extend_from_slice(&packed.bytes);
    Some(())
}

/// The greatest number that divides both; 0 is a multiple of all.
fn common_factor(mut a: u64, mut b: u64) -> u64 {
    if a == 1 {
        return 1;
    }
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// What pco made of the words of a column.
struct Packed {
    /// Tables and pages.
    bytes: Vec<u8>,
    page_words: usize,
    /// Where the pages end behind the tables.
    page_ends: Vec<usize>,
}

impl Packed {
    fn of<T: Word>(words: impl Iterator<Item = u64>) -> Option<Self> {
        let words: Vec<T> = words.map(T::narrow).collect();
        let page_words = words.len().div_ceil(words.len().div_ceil(PAGE_WORDS_MAX));
        let sizes = words.chunks(page_words).map(<[T]>::len).collect();
        let config = ChunkConfig::default()
            .with_compression_level(LEVEL)
            .with_mode_spec(ModeSpec::Classic)
            .with_delta_spec(DeltaSpec::NoOp)
            .with_paging_spec(PagingSpec::Exact(sizes))
            .with_enable_8_bit(true);
        let mut chunk = FileCompressor::default().chunk_compressor(&words, &config).ok()?;
        let mut bytes = chunk.write_meta(Vec::new()).ok()?;
        let (tables, mut page_ends) = (bytes.len(), Vec::new());
        for page in 0..words.len().div_ceil(page_words) {
            bytes = chunk.write_page(page, bytes).ok()?;
            page_ends.push(bytes.len() - tables);
        }
        Some(Self { bytes, page_words, page_ends })
    }

    /// `page words (varint) │ (bytes (varint) │ step (signed), of deltas)*`, for all pages but the last.
    fn put_directory(&self, integers: &[i64], deltas: bool, out: &mut Vec<u8>) {
        put_varint(out, self.page_words as u64);
        let mut start = 0;
        for (page, end) in self.page_ends[..self.page_ends.len() - 1].iter().enumerate() {
            put_varint(out, (end - start) as u64);
            start = *end;
            if deltas {
                let place = page * self.page_words;
                put_signed(out, integers[place + self.page_words].wrapping_sub(integers[place]));
            }
        }
    }
}

/// Hands the `wanted` ones of `count` integers to `each`, in order; the column is all that the cursor has left.
pub(crate) fn decode(
    cursor: &mut Cursor<'_>,
    count: usize,
    wanted: &Range<usize>,
    each: &mut impl FnMut(i64),
) -> Result<(), Damage> {
    let column = Column::take(cursor, count)?;
    match column.shape & WIDTH_MASK {
        0 => column.decode::<u8>(cursor, wanted, each),
        1 => column.decode::<u16>(cursor, wanted, each),
        2 => column.decode::<u32>(cursor, wanted, each),
        _ => column.decode::<u64>(cursor, wanted, each),
    }
}

/// What stands before the tables.
struct Column {
    shape: u8,
    count: usize,
    /// Of deltas.
    first: i64,
    base: i64,
    factor: u64,
    pages: Vec<Page>,
}

/// A part of the words.
struct Page {
    /// The places of the integers that it tells.
    integers: Range<usize>,
    /// Of deltas: the integer before them.
    before: i64,
    /// `None` for the last one: what is left.
    bytes: Option<usize>,
}

impl Column {
    fn take(cursor: &mut Cursor<'_>, count: usize) -> Result<Self, Damage> {
        let shape = cursor.byte()?;
        if shape & !(WIDTH_MASK | DELTAS | FACTOR | PAGES) != 0 {
            return Err(cursor.damage("expected a known shape of bins"));
        }
        let first = if shape & DELTAS != 0 { cursor.signed()? } else { 0 };
        let base = cursor.signed()?;
        let factor = if shape & FACTOR != 0 { cursor.varint()? } else { 1 };
        let mut column = Self { shape, count, first, base, factor, pages: Vec::new() };
        column.take_pages(cursor)?;
        Ok(column)
    }

    fn take_pages(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Damage> {
        let skipped = usize::from(self.shape & DELTAS != 0);
        if self.count <= skipped {
            return Err(cursor.damage("expected some words"));
        }
        let (mut start, mut before) = (skipped, self.first);
        if self.shape & PAGES != 0 {
            let page_words = cursor.count(self.count, "expected pages within the column")?;
            if page_words == 0 {
                return Err(cursor.damage("expected pages of some words"));
            }
            while self.count - start > page_words {
                let bytes = cursor.count(usize::MAX, "expected a length")?;
                self.pages.push(Page { integers: start..start + page_words, before, bytes: Some(bytes) });
                start += page_words;
                if self.shape & DELTAS != 0 {
                    before = before.wrapping_add(cursor.signed()?);
                }
            }
        }
        self.pages.push(Page { integers: start..self.count, before, bytes: None });
        Ok(())
    }

    fn decode<T: Word>(
        &self,
        cursor: &mut Cursor<'_>,
        wanted: &Range<usize>,
        each: &mut impl FnMut(i64),
    ) -> Result<(), Damage> {
        if self.shape & DELTAS != 0 && wanted.start == 0 && !wanted.is_empty() {
            each(self.first);
        }
        let tables = FileDecompressor::new(&PCO_FORMAT[..])
            .and_then(|(file, _)| file.chunk_decompressor::<T, _>(cursor.rest()))
            .map_err(|_| cursor.damage(UNREADABLE));
        let (tables, pages) = tables?;
        cursor.take(cursor.rest().len() - pages.len())?;
        if tables.meta().per_latent_var.delta.is_some() || tables.meta().per_latent_var.secondary.is_some() {
            return Err(cursor.damage("expected one table"));
        }
        for page in &self.pages {
            let bytes = cursor.take(page.bytes.unwrap_or(cursor.rest().len()))?;
            if page.integers.start < wanted.end && wanted.start < page.integers.end {
                self.decode_page(&tables, page, bytes, wanted, each).map_err(|()| cursor.damage(UNREADABLE))?;
            }
        }
        Ok(())
    }

    fn decode_page<T: Word>(
        &self,
        tables: &ChunkDecompressor<T>,
        page: &Page,
        bytes: &[u8],
        wanted: &Range<usize>,
        each: &mut impl FnMut(i64),
    ) -> Result<(), ()> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut words =
                tables.page_decompressor_with_scratch(bytes, page.integers.len(), scratch).map_err(|_| ())?;
            let end = page.integers.end.min(wanted.end);
            let (mut at, mut integer) = (page.integers.start, page.before);
            let mut batch = [T::default(); BATCH_WORDS];
            while at < end {
                let count = words.read(&mut batch).map_err(|_| ())?.n_processed.min(end - at);
                if count == 0 {
                    return Err(());
                }
                let unwanted = wanted.start.saturating_sub(at).min(count);
                let value = |word: &T| self.base.wrapping_add(word.wide().wrapping_mul(self.factor) as i64);
                if self.shape & DELTAS == 0 {
                    batch[unwanted..count].iter().for_each(|word| each(value(word)));
                } else {
                    let mut next = |word: &T| {
                        integer = integer.wrapping_add(value(word));
                        integer
                    };
                    batch[..unwanted].iter().for_each(|word| _ = next(word));
                    batch[unwanted..count].iter().for_each(|word| each(next(word)));
                }
                at += count;
            }
            // With the end of the page come the bits that fill its last byte, and nothing more.
            if end < page.integers.end || words.into_src().is_empty() { Ok(()) } else { Err(()) }
        })
    }
}

thread_local! {
    /// Memory of pco's that is kept from column to column.
    static SCRATCH: RefCell<DecompressorScratch> = RefCell::default();
}

#[cfg(test)]
mod tests;
