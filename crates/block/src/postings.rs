//! Which series have a label pair: ascending series numbers.
//!
//! ```text
//! kind (1 byte) │ DELTAS: gap (varint)* │ RUNS: (gap (varint) │ length − 1 (varint))* │ BITMAP: first byte (varint) │ bits
//! ```
//!
//! A gap counts the series between this one and the one before.

use crate::bytes::{Cursor, put_varint, varint_len};
use crate::error::Damage;

const DELTAS: u8 = 0;
const RUNS: u8 = 1;
const BITMAP: u8 = 2;

/// Appends a list, ascending and not empty, in the smallest of the three forms.
pub(crate) fn encode(list: &[u32], out: &mut Vec<u8>) {
    let (mut deltas, mut runs) = (0, 0);
    each_run(list, |gap, length| {
        let gap_len = varint_len(u64::from(gap));
        deltas += gap_len + length as usize - 1;
        runs += gap_len + varint_len(u64::from(length - 1));
    });
    let first_byte = list[0] / 8;
    let bitmap = varint_len(u64::from(first_byte)) + (list[list.len() - 1] / 8 - first_byte) as usize + 1;
    if bitmap < deltas && bitmap < runs {
        out.push(BITMAP);
        put_varint(out, u64::from(first_byte));
        let start = out.len();
        out.resize(start + (list[list.len() - 1] / 8 - first_byte) as usize + 1, 0);
        for series in list {
            out[start + (series / 8 - first_byte) as usize] |= 1 << (series % 8);
        }
    } else if runs < deltas {
        out.push(RUNS);
        each_run(list, |gap, length| {
            put_varint(out, u64::from(gap));
            put_varint(out, u64::from(length - 1));
        });
    } else {
        out.push(DELTAS);
        let mut next = 0;
        for series in list {
            put_varint(out, u64::from(series - next));
            next = series + 1;
        }
    }
}

/// Calls `each` with the gap before and the length of every run of neighbours.
fn each_run(list: &[u32], mut each: impl FnMut(u32, u32)) {
    let mut next = 0;
    for run in list.chunk_by(|a, b| a + 1 == *b) {
        each(run[0] - next, run.len() as u32);
        next = run[run.len() - 1] + 1;
    }
}

/// A set of series of one block, as one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeriesBits {
    words: Vec<u64>,
    /// Series of the block.
    series_count: u32,
}

impl SeriesBits {
    /// Of `series_count` series none.
    pub(crate) fn none(series_count: u32) -> Self {
        Self { words: vec![0; series_count.div_ceil(64) as usize], series_count }
    }

    /// Of `series_count` series all.
    pub(crate) fn all(series_count: u32) -> Self {
        let mut bits = Self::none(series_count);
        bits.add_range(0, series_count);
        bits
    }

    pub(crate) fn keep_only(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= b);
    }

    pub(crate) fn remove(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= !b);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }

    /// How many are in the set.
    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The numbers in the set, ascending.
    pub(crate) fn to_numbers(&self) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(self.count());
        for (place, word) in self.words.iter().enumerate() {
            let mut left = *word;
            while left != 0 {
                numbers.push(place as u32 * 64 + left.trailing_zeros());
                left &= left - 1;
            }
        }
        numbers
    }

    /// Adds an encoded list.
    pub(crate) fn add_encoded(&mut self, bytes: &[u8]) -> Result<(), Damage> {
        let mut cursor = Cursor::new(bytes);
        match cursor.byte()? {
            DELTAS => self.add_deltas(&mut cursor),
            RUNS => self.add_runs(&mut cursor),
            BITMAP => self.add_bitmap(&mut cursor),
            _ => Err(cursor.damage("expected a known kind of postings")),
        }
    }

    fn add_deltas(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Damage> {
        let mut next = 0;
        while !cursor.is_at_end() {
            let series = next + self.gap(cursor, next)?;
            self.words[series as usize / 64] |= 1 << (series % 64);
            next = series + 1;
        }
        Ok(())
    }

    fn add_runs(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Damage> {
        let mut next = 0;
        while !cursor.is_at_end() {
            let start = next + self.gap(cursor, next)?;
            next = start + self.gap(cursor, start)? + 1;
            self.add_range(start, next);
        }
        Ok(())
    }

    /// A varint that, added to `next`, still names a series.
    #[inline]
    fn gap(&self, cursor: &mut Cursor<'_>, next: u32) -> Result<u32, Damage> {
        let gap = cursor.varint()?;
        if gap < u64::from(self.series_count - next) {
            Ok(gap as u32)
        } else {
            Err(cursor.damage("expected a series of this block"))
        }
    }

    fn add_bitmap(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Damage> {
        let first_byte = cursor.count(self.series_count as usize / 8, "expected a series of this block")?;
        let bits = cursor.rest();
        if first_byte + bits.len() > (self.series_count as usize).div_ceil(8) {
            return Err(cursor.damage("expected a bitmap of no more than all series"));
        }
        for (byte, place) in bits.iter().zip(first_byte..) {
            self.words[place / 8] |= u64::from(*byte) << (place % 8 * 8);
        }
        self.clear_tail();
        Ok(())
    }

    /// Adds `start..end`.
    fn add_range(&mut self, start: u32, end: u32) {
        if start >= end {
            return;
        }
        let (first, last) = (start as usize / 64, (end - 1) as usize / 64);
        let (head, tail) = (u64::MAX << (start % 64), u64::MAX >> (63 - (end - 1) % 64));
        if first == last {
            self.words[first] |= head & tail;
        } else {
            self.words[first] |= head;
            self.words[first + 1..last].fill(u64::MAX);
            self.words[last] |= tail;
        }
    }

    /// Keeps bits behind the last series clear.
    fn clear_tail(&mut self) {
        if let (Some(last), tail @ 1..) = (self.words.last_mut(), self.series_count % 64) {
            *last &= u64::MAX >> (64 - tail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(list: &[u32], count: u32) -> (u8, usize) {
        let mut bytes = Vec::new();
        encode(list, &mut bytes);
        let mut bits = SeriesBits::none(count);
        bits.add_encoded(&bytes).unwrap();
        assert_eq!(bits.to_numbers(), list);
        (bytes[0], bytes.len())
    }

    #[test]
    fn takes_the_smallest_form() {
        assert_eq!(round_trip(&(100..5000).collect::<Vec<_>>(), 5000), (RUNS, 4));
        assert_eq!(round_trip(&(0..1000).map(|i| i * 100).collect::<Vec<_>>(), 100_000), (DELTAS, 1001));
        assert_eq!(round_trip(&(0..1000).map(|i| i * 3).collect::<Vec<_>>(), 3000).0, BITMAP);
        assert_eq!(round_trip(&[0], 1), (DELTAS, 2));
    }

    #[test]
    fn series_beyond_the_block_are_refused() {
        for bytes in [&[DELTAS, 5][..], &[RUNS, 0, 5], &[BITMAP, 0, 1, 1], &[BITMAP, 1, 1], &[3], &[]] {
            assert!(SeriesBits::none(5).add_encoded(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(SeriesBits::all(70).to_numbers(), (0..70).collect::<Vec<_>>());
    }

    proptest::proptest! {
        #[test]
        fn any_list_comes_back(list in proptest::collection::btree_set(0_u32..700, 1..300)) {
            round_trip(&list.into_iter().collect::<Vec<_>>(), 700);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(0_u8.., 0..40), count in 0_u32..200) {
            let mut bits = SeriesBits::none(count);
            let _ = bits.add_encoded(&bytes);
            proptest::prop_assert!(bits.to_numbers().iter().all(|series| *series < count));
        }
    }
}
