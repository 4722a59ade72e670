//! The open chunk of one series: samples of the current generation, appended as bytes.
//!
//! The first sample stands as 16 bytes. Every later one is a control byte, then, only where needed, the change of the time
//! step and the changed bytes of the value:
//!
//! ```text
//! control: bit 7  the time step differs from the one before: zigzag varint of (step - step before) follows
//!          0      value as before
//!          1..=64 1 + 8 × (leading zero bytes) + (length - 1) of value XOR value before; `length` bytes follow, low first
//! ```
//!
//! A regular, constant series costs one byte a sample. Bytes instead of bits: half as much work, a fifth more memory, for
//! something that lives minutes.
//!
//! Samples that are not newer than the newest go to a list of their own, in order of arrival. A later sample of the list
//! overrules an earlier one with the same time, and every one of the list overrules the appended ones: an appended sample
//! is newer than all that the list held before.

use bongsu_model::{Sample, SampleBuffer};

const DELTA_CHANGED: u8 = 0x80;
/// Control byte, varint, value.
const ENCODED_BYTES_MAX: usize = 1 + 10 + 8;
const FIRST_BYTES: usize = 16;

/// One cache line, so that an append touches this line and the tail of `bytes`.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    late: Option<Box<Late>>,
    last_ms: i64,
    last_bits: u64,
    delta_ms: i64,
    count: u32,
}

/// Samples that came out of order, in order of arrival.
#[derive(Debug, Default)]
struct Late {
    samples: Vec<Sample>,
    min_ms: i64,
}

impl Chunk {
    /// Takes a sample. Returns by how many bytes of memory the chunk grew.
    #[inline]
    pub(crate) fn append(&mut self, sample: Sample) -> usize {
        let bits = sample.value.to_bits();
        if self.count == 0 {
            self.bytes.reserve_exact(2 * FIRST_BYTES);
            self.bytes.extend_from_slice(&sample.timestamp_ms.to_le_bytes());
            self.bytes.extend_from_slice(&bits.to_le_bytes());
            (self.last_ms, self.last_bits, self.delta_ms, self.count) = (sample.timestamp_ms, bits, 0, 1);
            return self.bytes.capacity();
        }
        if sample.timestamp_ms <= self.last_ms {
            return self.append_late(sample);
        }
        let mut code = [0_u8; ENCODED_BYTES_MAX];
        let mut len = 1;
        let delta_ms = sample.timestamp_ms.wrapping_sub(self.last_ms);
        if delta_ms != self.delta_ms {
            code[0] = DELTA_CHANGED;
            len += put_zigzag(&mut code[1..11], delta_ms.wrapping_sub(self.delta_ms));
            self.delta_ms = delta_ms;
        }
        let xor = bits ^ self.last_bits;
        if xor != 0 {
            let leading = xor.leading_zeros() / 8;
            let trailing = xor.trailing_zeros() / 8;
            let value_len = 8 - leading - trailing;
            code[0] |= (leading * 8 + value_len) as u8;
            code[len..len + 8].copy_from_slice(&(xor >> (8 * trailing)).to_le_bytes());
            len += value_len as usize;
        }
        (self.last_ms, self.last_bits) = (sample.timestamp_ms, bits);
        self.count += 1;
        self.push(&code[..len])
    }

    /// Grows by half and not by doubling: a million chunks make the slack count.
    #[inline]
    fn push(&mut self, code: &[u8]) -> usize {
        let before = self.bytes.capacity();
        if before - self.bytes.len() < code.len() {
            self.bytes.reserve_exact(code.len().max(32).max(before / 2));
        }
        self.bytes.extend_from_slice(code);
        self.bytes.capacity() - before
    }

    #[cold]
    fn append_late(&mut self, sample: Sample) -> usize {
        if sample.timestamp_ms == self.last_ms && sample.value.to_bits() == self.last_bits && self.late.is_none() {
            return 0;
        }
        let late = self.late.get_or_insert_with(|| Box::new(Late { samples: Vec::new(), min_ms: i64::MAX }));
        let before = late.samples.capacity();
        if late.samples.len() == before {
            // A sender that repeats the same samples must not grow the list. Half is left free, so that sorting stays rare.
            sort_last_wins(&mut late.samples);
            late.samples.reserve(late.samples.len().max(4));
        }
        late.min_ms = late.min_ms.min(sample.timestamp_ms);
        late.samples.push(sample);
        (late.samples.capacity() - before) * size_of::<Sample>()
    }

    /// Whether no sample came yet.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The samples as they are stored.
    pub(crate) fn view(&self) -> View<'_> {
        let late = self.late.as_ref().map_or(&[][..], |late| &late.samples);
        View { bytes: &self.bytes, count: self.count, late }
    }

    /// First and last time; meaningless for an empty chunk.
    pub(crate) fn time_range(&self) -> (i64, i64) {
        let first_ms = first_ms(&self.bytes);
        (self.late.as_ref().map_or(first_ms, |late| late.min_ms.min(first_ms)), self.last_ms)
    }

    /// Whether a sample may lie in the range, both ends inclusive.
    pub(crate) fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        if self.is_empty() {
            return false;
        }
        let (first_ms, last_ms) = self.time_range();
        first_ms <= end_ms && last_ms >= start_ms
    }
}

/// The stored samples of one chunk, borrowed from the chunk or from a copy of its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) count: u32,
    pub(crate) late: &'a [Sample],
}

impl View<'_> {
    /// Appends the samples of the range (both ends inclusive) to `out`: ascending times, each once.
    pub(crate) fn read(&self, start_ms: i64, end_ms: i64, out: &mut SampleBuffer) {
        let in_range = |ms: i64| start_ms <= ms && ms <= end_ms;
        let mut late: Vec<Sample> = self.late.iter().filter(|s| in_range(s.timestamp_ms)).copied().collect();
        sort_last_wins(&mut late);
        let mut late = late.into_iter().peekable();
        for sample in self.appended() {
            if sample.timestamp_ms > end_ms {
                break;
            }
            while let Some(earlier) = late.next_if(|l| l.timestamp_ms < sample.timestamp_ms) {
                out.push(earlier.timestamp_ms, earlier.value);
            }
            let winner = late.next_if(|l| l.timestamp_ms == sample.timestamp_ms).unwrap_or(sample);
            if in_range(winner.timestamp_ms) {
                out.push(winner.timestamp_ms, winner.value);
            }
        }
        late.for_each(|rest| out.push(rest.timestamp_ms, rest.value));
    }

    /// All times, late ones included, in no particular order.
    pub(crate) fn times(&self) -> impl Iterator<Item = i64> {
        self.appended().chain(self.late.iter().copied()).map(|sample| sample.timestamp_ms)
    }

    fn appended(&self) -> Decoder<'_> {
        Decoder { rest: self.bytes, left: self.count, started: false, last_ms: 0, last_bits: 0, delta_ms: 0 }
    }
}

/// Walks the appended samples.
struct Decoder<'a> {
    rest: &'a [u8],
    left: u32,
    started: bool,
    last_ms: i64,
    last_bits: u64,
    delta_ms: i64,
}

impl Iterator for Decoder<'_> {
    type Item = Sample;

    #[inline]
    fn next(&mut self) -> Option<Sample> {
        self.left = self.left.checked_sub(1)?;
        if self.started {
            let control = self.take_byte();
            if control & DELTA_CHANGED != 0 {
                self.delta_ms = self.delta_ms.wrapping_add(self.take_zigzag());
            }
            self.last_ms = self.last_ms.wrapping_add(self.delta_ms);
            let code = u32::from(control & !DELTA_CHANGED);
            if code != 0 {
                let (leading, len) = ((code - 1) / 8, (code - 1) % 8 + 1);
                let xor = self.take_word(len as usize);
                self.last_bits ^= xor << (8 * (8 - leading - len));
            }
        } else {
            self.started = true;
            self.last_ms = self.take_word(8) as i64;
            self.last_bits = self.take_word(8);
        }
        Some(Sample { timestamp_ms: self.last_ms, value: f64::from_bits(self.last_bits) })
    }
}

impl Decoder<'_> {
    #[inline]
    fn take_byte(&mut self) -> u8 {
        let (first, rest) = self.rest.split_first().unwrap_or((&0, &[]));
        self.rest = rest;
        *first
    }

    #[inline]
    fn take_word(&mut self, len: usize) -> u64 {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        let mut word = [0_u8; 8];
        word[..taken.len()].copy_from_slice(taken);
        self.rest = rest;
        u64::from_le_bytes(word)
    }

    #[inline]
    fn take_zigzag(&mut self) -> i64 {
        let (mut raw, mut shift) = (0_u64, 0);
        loop {
            let byte = self.take_byte();
            raw |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 || shift > 63 {
                return (raw >> 1) as i64 ^ -((raw & 1) as i64);
            }
        }
    }
}

/// Writes a zigzag varint to the start of `out`, at most 10 bytes, and returns its length.
#[inline]
fn put_zigzag(out: &mut [u8], value: i64) -> usize {
    let mut raw = ((value << 1) ^ (value >> 63)) as u64;
    let mut len = 0;
    while raw >= 0x80 {
        out[len] = raw as u8 | 0x80;
        raw >>= 7;
        len += 1;
    }
    out[len] = raw as u8;
    len + 1
}

/// The time of the first appended sample.
fn first_ms(bytes: &[u8]) -> i64 {
    bytes.first_chunk().map_or(0, |word| i64::from_le_bytes(*word))
}

/// Sorts by time; of equal times only the one that came last stays.
fn sort_last_wins(samples: &mut Vec<Sample>) {
    samples.sort_by_key(|sample| sample.timestamp_ms);
    samples.dedup_by(|next, kept| {
        let same = next.timestamp_ms == kept.timestamp_ms;
        if same {
            kept.value = next.value;
        }
        same
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn read(chunk: &Chunk, start_ms: i64, end_ms: i64) -> Vec<(i64, u64)> {
        let mut out = SampleBuffer::default();
        chunk.view().read(start_ms, end_ms, &mut out);
        out.timestamps_ms.into_iter().zip(out.values.into_iter().map(f64::to_bits)).collect()
    }

    #[test]
    fn a_regular_constant_series_costs_a_byte_a_sample() {
        let mut chunk = Chunk::default();
        for i in 0..100 {
            chunk.append(Sample { timestamp_ms: 1_000_000 + i * 15_000, value: 42.0 });
        }
        assert_eq!(chunk.bytes.len(), 16 + 4 + 98);
        assert_eq!(size_of::<Chunk>(), 64);
        assert_eq!(read(&chunk, i64::MIN, i64::MAX).len(), 100);
    }

    #[test]
    fn repeated_samples_do_not_grow_the_chunk() {
        let mut chunk = Chunk::default();
        let mut grown = 0;
        for _ in 0..10_000 {
            for t in 0..10 {
                grown += chunk.append(Sample { timestamp_ms: t, value: t as f64 });
            }
        }
        assert!(grown < 4096, "{grown}");
        assert_eq!(read(&chunk, 0, 9).len(), 10);
    }

    proptest! {
        #[test]
        fn keeps_the_last_of_every_time(
            samples in prop::collection::vec((prop_oneof![0..50_i64, any::<i64>()], any::<u64>()), 0..200),
            range in (any::<i64>(), any::<i64>()),
        ) {
            let mut chunk = Chunk::default();
            let mut model = BTreeMap::new();
            for (timestamp_ms, bits) in samples {
                chunk.append(Sample { timestamp_ms, value: f64::from_bits(bits) });
                model.insert(timestamp_ms, bits);
            }
            let all: Vec<_> = model.iter().map(|(t, v)| (*t, *v)).collect();
            prop_assert_eq!(read(&chunk, i64::MIN, i64::MAX), all.clone());
            let (start, end) = (range.0.min(range.1), range.0.max(range.1));
            let some: Vec<_> = all.into_iter().filter(|(t, _)| start <= *t && *t <= end).collect();
            prop_assert_eq!(read(&chunk, start, end), some);
        }
    }
}
