//! The open chunk of one series: samples of the current generation, appended as bytes.
//!
//! The time of the first sample stands as 8 bytes. Every sample is a control byte, then, only where needed, the change of
//! the time step and the changed bytes of the value:
//!
//! ```text
//! control: bit 7  the time step differs from the one before: zigzag varint of (step - step before) follows
//!          0      value as before
//!          1..=64 1 + 8 × (leading zero bytes) + (length - 1) of value XOR value before; `length` bytes follow, low first
//!          65     a native histogram follows, see [`histogram`]
//!          66     no sample: zigzag varint of the time when the counting of the samples from here on began, 0 unknown
//! ```
//!
//! A regular, constant series costs one byte a sample. Bytes instead of bits: half as much work, a fifth more memory, for
//! something that lives minutes.
//!
//! Samples that are not newer than the newest go to lists of their own: floats in order of arrival, where a later one
//! overrules an earlier one with the same time, and histograms by time. Both overrule the appended samples, which are
//! newer than all that the lists held before; a late histogram overrules a late float, as one that is overruled itself is
//! taken out. The starts of late samples, if known, stand beside by time.

mod bytes;
mod histogram;
mod view;

use std::sync::Arc;

use bongsu_model::{FloatHistogram, Sample};

use bytes::{Bytes, put_zigzag};
use histogram::is_same;

pub(crate) use view::{LateMaps, View};

const DELTA_CHANGED: u8 = 0x80;
/// Control byte, varint, value.
const ENCODED_BYTES_MAX: usize = 1 + 10 + 8;
const FIRST_BYTES: usize = 32;
/// Control code of a histogram.
const HISTOGRAM: u32 = 65;
/// Control code of a start.
const START: u32 = 66;
/// What an entry of an ordered map costs besides its content, about.
const MAP_ENTRY_BYTES: usize = 24;

/// One cache line, so that an append touches this line and the tail of `bytes`.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    /// What most chunks do not have.
    side: Option<Box<Side>>,
    last_ms: i64,
    last_bits: u64,
    delta_ms: i64,
    count: u32,
    /// Where in `bytes` the start of the newest sample stands; 0 when it is not known.
    start_at: u32,
}

#[derive(Debug)]
struct Side {
    /// Float samples that came out of order, in order of arrival.
    late: Vec<Sample>,
    /// The first of all late samples.
    late_min_ms: i64,
    maps: LateMaps,
    last_histogram: Option<Box<LastHistogram>>,
}

/// The histogram that was appended last.
#[derive(Debug)]
struct LastHistogram {
    time_ms: i64,
    histogram: FloatHistogram,
}

impl Chunk {
    /// Takes a sample. Returns by how many bytes of memory the chunk grew.
    #[inline]
    pub(crate) fn append(&mut self, sample: Sample) -> usize {
        if self.count == 0 || sample.timestamp_ms <= self.last_ms || self.start_at != 0 {
            return self.append_with_start(sample, 0);
        }
        self.put(sample)
    }

    /// Takes a sample whose counting began at `start_ms`; 0 when that is not known.
    pub(crate) fn append_with_start(&mut self, sample: Sample, start_ms: i64) -> usize {
        let mut grown = 0;
        if self.count == 0 {
            grown += self.begin(sample.timestamp_ms);
        } else if sample.timestamp_ms <= self.last_ms {
            return self.append_late(sample, start_ms);
        }
        grown += self.put_start(start_ms);
        grown + self.put(sample)
    }

    /// Takes a native histogram, as [`Self::append_with_start`] does a float.
    pub(crate) fn append_histogram(&mut self, timestamp_ms: i64, histogram: &FloatHistogram, start_ms: i64) -> usize {
        let mut grown = 0;
        if self.count == 0 {
            grown += self.begin(timestamp_ms);
        } else if timestamp_ms <= self.last_ms {
            return self.append_late_histogram(timestamp_ms, histogram, start_ms);
        }
        grown += self.put_start(start_ms);
        let mut code = Vec::with_capacity(256);
        let mut head = [0_u8; ENCODED_BYTES_MAX];
        let head_len = self.put_time(timestamp_ms, &mut head);
        head[0] |= HISTOGRAM as u8;
        code.extend_from_slice(&head[..head_len]);
        let last = self.side(&mut grown).last_histogram(&mut grown);
        let before = histogram::heap_bytes(&last.histogram);
        histogram::encode(&mut last.histogram, histogram, &mut code);
        last.time_ms = timestamp_ms;
        grown += histogram::heap_bytes(&last.histogram).saturating_sub(before);
        self.count += 1;
        grown + self.push(&code)
    }

    /// Makes room and notes the time of the first sample.
    fn begin(&mut self, timestamp_ms: i64) -> usize {
        self.bytes.reserve_exact(FIRST_BYTES);
        self.bytes.extend_from_slice(&timestamp_ms.to_le_bytes());
        (self.last_ms, self.last_bits, self.delta_ms) = (timestamp_ms, 0, 0);
        self.bytes.capacity()
    }

    /// The start of the newest appended sample.
    fn start_ms(&self) -> i64 {
        match self.start_at {
            0 => 0,
            at => Bytes(self.bytes.get(at as usize..).unwrap_or_default()).zigzag(),
        }
    }

    /// Notes the start of what is appended next, if it is another one.
    fn put_start(&mut self, start_ms: i64) -> usize {
        if start_ms == self.start_ms() {
            return 0;
        }
        let mut code = [0_u8; 11];
        code[0] = START as u8;
        let len = put_zigzag(&mut code[1..], start_ms);
        let grown = self.push(&code[..1 + len]);
        self.start_at = if start_ms == 0 { 0 } else { (self.bytes.len() - len) as u32 };
        grown
    }

    /// Appends a sample that is newer than all others.
    #[inline]
    fn put(&mut self, sample: Sample) -> usize {
        let bits = sample.value.to_bits();
        let mut code = [0_u8; ENCODED_BYTES_MAX];
        let mut len = self.put_time(sample.timestamp_ms, &mut code);
        let xor = bits ^ self.last_bits;
        if xor != 0 {
            let leading = xor.leading_zeros() / 8;
            let trailing = xor.trailing_zeros() / 8;
            let value_len = 8 - leading - trailing;
            code[0] |= (leading * 8 + value_len) as u8;
            code[len..len + 8].copy_from_slice(&(xor >> (8 * trailing)).to_le_bytes());
            len += value_len as usize;
        }
        self.last_bits = bits;
        self.count += 1;
        self.push(&code[..len])
    }

    /// Starts the code of a sample; returns its length so far.
    #[inline]
    fn put_time(&mut self, timestamp_ms: i64, code: &mut [u8; ENCODED_BYTES_MAX]) -> usize {
        let mut len = 1;
        let delta_ms = timestamp_ms.wrapping_sub(self.last_ms);
        if delta_ms != self.delta_ms {
            code[0] = DELTA_CHANGED;
            len += put_zigzag(&mut code[1..11], delta_ms.wrapping_sub(self.delta_ms));
            self.delta_ms = delta_ms;
        }
        self.last_ms = timestamp_ms;
        len
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
    fn append_late(&mut self, sample: Sample, start_ms: i64) -> usize {
        let repeats = sample.timestamp_ms == self.last_ms && sample.value.to_bits() == self.last_bits;
        if repeats && self.side.is_none() && start_ms == self.start_ms() {
            return 0;
        }
        let mut grown = 0;
        let side = self.side(&mut grown);
        side.maps.histograms.remove(&sample.timestamp_ms);
        let before = side.late.capacity();
        if side.late.len() == before {
            // A sender that repeats the same samples must not grow the list. Half is left free, so that sorting stays rare.
            sort_last_wins(&mut side.late);
            side.late.reserve(side.late.len().max(4));
        }
        side.late.push(sample);
        grown += (side.late.capacity() - before) * size_of::<Sample>();
        grown + side.cover(sample.timestamp_ms, start_ms)
    }

    #[cold]
    fn append_late_histogram(&mut self, timestamp_ms: i64, histogram: &FloatHistogram, start_ms: i64) -> usize {
        let repeats = timestamp_ms == self.last_ms && start_ms == self.start_ms();
        let mut grown = 0;
        let side = self.side(&mut grown);
        if repeats && side.has_last(timestamp_ms, histogram) {
            return grown;
        }
        let bytes = |of: &FloatHistogram| MAP_ENTRY_BYTES + size_of::<FloatHistogram>() + histogram::heap_bytes(of);
        let kept = Arc::new(histogram.clone());
        let kept_bytes = bytes(&kept);
        let before = side.maps.histograms.insert(timestamp_ms, kept);
        grown += kept_bytes.saturating_sub(before.as_deref().map_or(0, bytes));
        grown + side.cover(timestamp_ms, start_ms)
    }

    /// The side structure; counted when it is new.
    fn side(&mut self, grown: &mut usize) -> &mut Side {
        self.side.get_or_insert_with(|| {
            *grown += size_of::<Side>();
            Box::new(Side { late: Vec::new(), late_min_ms: i64::MAX, maps: LateMaps::default(), last_histogram: None })
        })
    }

    /// Whether no sample came yet.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The samples as they are stored.
    pub(crate) fn view(&self) -> View<'_> {
        let (late, maps) = match &self.side {
            Some(side) => (&side.late[..], Some(&side.maps)),
            None => (&[][..], None),
        };
        View { bytes: &self.bytes, count: self.count, late, maps: maps.filter(|maps| !maps.is_empty()) }
    }

    /// First and last time; meaningless for an empty chunk.
    pub(crate) fn time_range(&self) -> (i64, i64) {
        let first_ms = first_ms(&self.bytes);
        (self.side.as_ref().map_or(first_ms, |side| side.late_min_ms.min(first_ms)), self.last_ms)
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

impl Side {
    /// The state of histograms; counted when it is new.
    fn last_histogram(&mut self, grown: &mut usize) -> &mut LastHistogram {
        self.last_histogram.get_or_insert_with(|| {
            *grown += size_of::<LastHistogram>();
            Box::new(LastHistogram { time_ms: i64::MIN, histogram: FloatHistogram::default() })
        })
    }

    /// Whether just this was appended last and nothing came late at its time.
    fn has_last(&self, timestamp_ms: i64, histogram: &FloatHistogram) -> bool {
        let is_last = |last: &LastHistogram| last.time_ms == timestamp_ms && is_same(&last.histogram, histogram);
        self.late.is_empty()
            && !self.maps.histograms.contains_key(&timestamp_ms)
            && self.last_histogram.as_deref().is_some_and(is_last)
    }

    /// Notes time and start of a late sample.
    fn cover(&mut self, timestamp_ms: i64, start_ms: i64) -> usize {
        self.late_min_ms = self.late_min_ms.min(timestamp_ms);
        let starts = &mut self.maps.starts;
        if start_ms == 0 {
            starts.remove(&timestamp_ms);
            return 0;
        }
        if starts.insert(timestamp_ms, start_ms).is_none() { MAP_ENTRY_BYTES } else { 0 }
    }
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
mod tests;
