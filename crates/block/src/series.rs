//! The series table: where the chunks of a series stand and which label pairs it has.
//!
//! Series come in frames of 16. The directory has one entry of fixed size for each frame, so a number leads to its frame
//! at once; within a frame a reader passes over what stands before.
//!
//! ```text
//! directory entry   file offset of the first series' chunks (8 bytes) │ offset of the frame in the section (4 bytes)
//! frame             bytes of chunks (varint) × 16 │ label list × 16
//! label list        pairs (varint) │ changed (1 bit each) │ difference (zigzag varint), for each changed one
//! ```
//!
//! A label list is told as what differs from the list of the series before, place by place, in the same frame; places
//! that that one does not have, and all of the first list, differ from 0.

use crate::bytes::{Cursor, put_signed, put_varint};
use crate::error::Damage;

/// Series of a frame.
pub(crate) const FRAME_SERIES: usize = 16;
/// Bytes of a directory entry.
pub(crate) const ENTRY_BYTES: usize = 12;
/// A series may have at most this many labels.
pub const LABELS_MAX: usize = 1 << 12;

/// Collects the table while series are written.
#[derive(Debug, Default)]
pub(crate) struct SeriesTable {
    chunk_bytes: Vec<u64>,
    label_ends: Vec<usize>,
    pairs: Vec<u32>,
}

impl SeriesTable {
    /// The pair at `place` of the series before.
    pub(crate) fn pair_before(&self, place: usize) -> Option<u32> {
        let start = self.label_ends.len().checked_sub(2).map_or(0, |before| self.label_ends[before]);
        let end = self.label_ends.last().copied().unwrap_or(0);
        self.pairs[start..end].get(place).copied()
    }

    /// Adds one label to the series that [`Self::finish_series`] ends.
    pub(crate) fn push_pair(&mut self, pair: u32) {
        self.pairs.push(pair);
    }

    /// Ends a series whose chunks take `chunk_bytes`.
    pub(crate) fn finish_series(&mut self, chunk_bytes: u64) {
        self.chunk_bytes.push(chunk_bytes);
        self.label_ends.push(self.pairs.len());
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.chunk_bytes.len()
    }

    /// The pairs of a series.
    fn pairs_of(&self, series: usize) -> &[u32] {
        let start = series.checked_sub(1).map_or(0, |before| self.label_ends[before]);
        &self.pairs[start..self.label_ends[series]]
    }

    /// Gives every pair the number that `ranks` says.
    pub(crate) fn renumber(&mut self, ranks: &[u32]) {
        self.pairs.iter_mut().for_each(|pair| *pair = ranks[*pair as usize]);
    }

    /// For each of `pair_count` pairs, which series have it: where each list ends, and all lists.
    pub(crate) fn invert(&self, pair_count: usize) -> (Vec<usize>, Vec<u32>) {
        let mut ends = vec![0_usize; pair_count];
        self.pairs.iter().for_each(|pair| ends[*pair as usize] += 1);
        let mut end = 0;
        for count in &mut ends {
            // First where the list starts; filling it moves this to where it ends.
            (*count, end) = (end, end + *count);
        }
        let mut lists = vec![0_u32; self.pairs.len()];
        for series in 0..self.len() {
            for pair in self.pairs_of(series) {
                lists[ends[*pair as usize]] = series as u32;
                ends[*pair as usize] += 1;
            }
        }
        (ends, lists)
    }

    /// The section and its directory; the chunks of the first series start at `file_offset`. `None` when the section
    /// is larger than 4 GiB.
    pub(crate) fn encode(&self, file_offset: u64) -> Option<(Vec<u8>, Vec<u8>)> {
        let (mut section, mut directory) = (Vec::with_capacity(self.len() * 12), Vec::new());
        let mut chunk_offset = file_offset;
        for start in (0..self.len()).step_by(FRAME_SERIES) {
            let frame = start..self.len().min(start + FRAME_SERIES);
            directory.extend_from_slice(&chunk_offset.to_le_bytes());
            directory.extend_from_slice(&u32::try_from(section.len()).ok()?.to_le_bytes());
            for bytes in &self.chunk_bytes[frame.clone()] {
                put_varint(&mut section, *bytes);
                chunk_offset += bytes;
            }
            let mut before: &[u32] = &[];
            for series in frame {
                let list = self.pairs_of(series);
                put_list(before, list, &mut section);
                before = list;
            }
        }
        Some((section, directory))
    }
}

fn put_list(before: &[u32], list: &[u32], out: &mut Vec<u8>) {
    put_varint(out, list.len() as u64);
    let changed = out.len();
    out.resize(changed + list.len().div_ceil(8), 0);
    for (place, pair) in list.iter().enumerate() {
        let reference = before.get(place).copied().unwrap_or(0);
        if *pair != reference {
            out[changed + place / 8] |= 1 << (place % 8);
            put_signed(out, i64::from(*pair) - i64::from(reference));
        }
    }
}

fn read_list(cursor: &mut Cursor<'_>, list: &mut Vec<u32>) -> Result<(), Damage> {
    let count = cursor.count(LABELS_MAX, "expected a series with fewer labels")?;
    list.resize(count, 0);
    let changed = cursor.take(count.div_ceil(8))?;
    for (byte, eight) in changed.iter().zip(list.chunks_mut(8)) {
        let mut left = *byte;
        while left != 0 {
            let pair = eight.get_mut(left.trailing_zeros() as usize);
            let pair = pair.ok_or_else(|| cursor.damage("expected no change behind the last label"))?;
            let number = u32::try_from(i64::from(*pair).wrapping_add(cursor.signed()?));
            *pair = number.map_err(|_| cursor.damage("expected the number of a label pair"))?;
            left &= left - 1;
        }
    }
    Ok(())
}

/// Where the chunks of a series stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkSpan {
    pub offset: u64,
    pub bytes: u64,
}

/// The table of a block, read in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeriesView<'a> {
    pub section: &'a [u8],
    pub directory: &'a [u8],
    pub series_count: u32,
}

impl<'a> SeriesView<'a> {
    /// The chunks of a series.
    pub(crate) fn chunks(&self, series: u32) -> Result<ChunkSpan, Damage> {
        let (mut offset, mut cursor) = self.frame(series)?;
        for _ in 0..series as usize % FRAME_SERIES {
            offset = offset.wrapping_add(cursor.varint()?);
        }
        Ok(ChunkSpan { offset, bytes: cursor.varint()? })
    }

    /// Goes over the label pairs of series.
    pub(crate) fn walk(self) -> PairWalk<'a> {
        PairWalk { table: self, lists: None, next: 0, pairs: Vec::with_capacity(32) }
    }

    /// The label lists of the frame that a series is in.
    fn lists(&self, series: u32) -> Result<Cursor<'a>, Damage> {
        let (_, mut cursor) = self.frame(series)?;
        let place = series as usize % FRAME_SERIES;
        for _ in 0..FRAME_SERIES.min(self.series_count as usize - (series as usize - place)) {
            cursor.varint()?;
        }
        Ok(cursor)
    }

    /// Where the first chunks of the frame of a series stand, and the frame.
    fn frame(&self, series: u32) -> Result<(u64, Cursor<'a>), Damage> {
        let out_of_table = Damage::at(0, "expected a series of this block");
        if series >= self.series_count {
            return Err(out_of_table);
        }
        let entry = self.directory.get(series as usize / FRAME_SERIES * ENTRY_BYTES..).ok_or(out_of_table)?;
        let (chunk_offset, entry) = entry.split_first_chunk().ok_or(out_of_table)?;
        let (frame_offset, _) = entry.split_first_chunk().ok_or(out_of_table)?;
        let frame_offset = u32::from_le_bytes(*frame_offset) as usize;
        let mut cursor = Cursor::new(self.section);
        cursor.take(frame_offset)?;
        Ok((u64::from_le_bytes(*chunk_offset), cursor))
    }
}

/// Reads the label pairs of one series after the other. Neighbours are told as differences: in ascending order, each list
/// is decoded once.
#[derive(Debug)]
pub(crate) struct PairWalk<'a> {
    table: SeriesView<'a>,
    /// Stands before the list of the series `next`.
    lists: Option<Cursor<'a>>,
    next: u32,
    /// Of the series before `next`.
    pairs: Vec<u32>,
}

impl PairWalk<'_> {
    /// The label pairs of a series, ascending.
    pub(crate) fn pairs(&mut self, series: u32) -> Result<&[u32], Damage> {
        let frame = |series: u32| series as usize / FRAME_SERIES;
        let is_ahead = self.next > 0 && frame(self.next - 1) == frame(series) && self.next - 1 <= series;
        let mut cursor = match self.lists.take() {
            Some(cursor) if is_ahead => cursor,
            _ => {
                self.pairs.clear();
                self.next = (frame(series) * FRAME_SERIES) as u32;
                self.table.lists(series)?
            }
        };
        while self.next <= series {
            read_list(&mut cursor, &mut self.pairs)?;
            self.next += 1;
        }
        if !self.pairs.is_sorted_by(|a, b| a < b) {
            return Err(cursor.damage("expected ascending label pairs"));
        }
        self.lists = Some(cursor);
        Ok(&self.pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_table_comes_back(
            series in proptest::collection::vec((0_u64..1 << 40, proptest::collection::btree_set(0_u32..500, 0..20)), 0..60),
        ) {
            let mut table = SeriesTable::default();
            for (chunk_bytes, pairs) in &series {
                pairs.iter().for_each(|pair| table.push_pair(*pair));
                table.finish_series(*chunk_bytes);
            }
            let (section, directory) = table.encode(8).unwrap();
            let view = SeriesView { section: &section, directory: &directory, series_count: series.len() as u32 };
            let (mut offset, mut walk) = (8, view.walk());
            for (number, (bytes, wanted)) in series.iter().enumerate() {
                proptest::prop_assert_eq!(view.chunks(number as u32), Ok(ChunkSpan { offset, bytes: *bytes }));
                proptest::prop_assert!(walk.pairs(number as u32).unwrap().iter().eq(wanted));
                offset += bytes;
            }
            // In any order, and the same one again.
            for number in (0..series.len() as u32).filter(|number| number % 3 != 1).chain((0..series.len() as u32).rev()) {
                let wanted = &series[number as usize].1;
                proptest::prop_assert!(walk.pairs(number).unwrap().iter().eq(wanted));
                proptest::prop_assert!(walk.pairs(number).unwrap().iter().eq(wanted));
            }
            proptest::prop_assert!(view.chunks(series.len() as u32).is_err());
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(
            section in proptest::collection::vec(0_u8.., 0..60),
            directory in proptest::collection::vec(0_u8..30, 0..60),
        ) {
            let view = SeriesView { section: &section, directory: &directory, series_count: 60 };
            for number in 0..61 {
                let _ = (view.chunks(number), view.walk().pairs(number).map(<[u32]>::len));
            }
        }
    }
}
