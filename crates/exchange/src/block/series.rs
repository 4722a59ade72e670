//! One series of an index: its labels and where its chunks are.

use bongsu_model::{Labels, LabelsBuilder};

use super::bytes::Numbers;
use super::symbols::Symbols;

/// A label takes at least two bytes of an entry, a chunk three: counts are bound by the entry's length.
const LABEL_BYTES_MIN: usize = 2;
const CHUNK_BYTES_MIN: usize = 3;

/// Where a chunk is, and from when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkPlace {
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
    /// Segment in the upper half, byte in the lower one.
    pub(super) reference: u64,
}

/// A series; the memory is reused.
#[derive(Debug, Default)]
pub(super) struct Series {
    pub(super) labels: Labels,
    pub(super) chunks: Vec<ChunkPlace>,
}

impl Series {
    /// Reads the content of an entry. `None`, and where: something is cut, or refers to nowhere.
    pub(super) fn decode<'e>(
        &mut self,
        entry: &[u8],
        symbols: &Symbols,
        external: impl Iterator<Item = (&'e str, &'e str)>,
    ) -> Result<(), usize> {
        let mut numbers = Numbers::new(entry);
        self.chunks.clear();
        self.read(&mut numbers, symbols, external).ok_or(numbers.position())
    }

    fn read<'e>(
        &mut self,
        numbers: &mut Numbers<'_>,
        symbols: &Symbols,
        external: impl Iterator<Item = (&'e str, &'e str)>,
    ) -> Option<()> {
        let count = bounded(numbers, LABEL_BYTES_MIN)?;
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            let name = symbols.get(numbers.uvarint()?)?;
            pairs.push((name, symbols.get(numbers.uvarint()?)?));
        }
        self.labels = labels(&pairs, external);
        let count = bounded(numbers, CHUNK_BYTES_MIN)?;
        let mut last = ChunkPlace { min_ms: 0, max_ms: 0, reference: 0 };
        for index in 0..count {
            let first = match index {
                0 => numbers.varint()?,
                _ => last.max_ms.wrapping_add(numbers.uvarint()?.cast_signed()),
            };
            let max_ms = first.wrapping_add(numbers.uvarint()?.cast_signed());
            let reference = match index {
                0 => numbers.uvarint()?,
                _ => last.reference.wrapping_add_signed(numbers.varint()?),
            };
            last = ChunkPlace { min_ms: first, max_ms, reference };
            self.chunks.push(last);
        }
        Some(())
    }
}

fn bounded(numbers: &mut Numbers<'_>, bytes_min: usize) -> Option<usize> {
    let count = usize::try_from(numbers.uvarint()?).ok()?;
    (count <= numbers.left() / bytes_min).then_some(count)
}

/// Pairs are sorted in every index that Prometheus wrote; others are sorted here. External labels win, as in Thanos.
fn labels<'e>(pairs: &[(&str, &str)], external: impl Iterator<Item = (&'e str, &'e str)>) -> Labels {
    let mut external = external.peekable();
    let is_sorted = pairs.is_sorted_by(|a, b| a.0 < b.0) && pairs.iter().all(|pair| !pair.1.is_empty());
    if external.peek().is_none() && is_sorted {
        return Labels::from_sorted(pairs.iter().copied());
    }
    let mut builder = LabelsBuilder::default();
    for (name, value) in pairs {
        builder.set(name, value);
    }
    for (name, value) in external {
        builder.set(name, value);
    }
    builder.build()
}
