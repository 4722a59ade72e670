//! What a chunk holds, for readers.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{FloatHistogram, Sample, SampleBuffer};

use super::bytes::Bytes;
use super::{DELTA_CHANGED, HISTOGRAM, START, histogram, sort_last_wins};

/// Of late samples, by time.
#[derive(Clone, Debug, Default)]
pub(crate) struct LateMaps {
    pub(super) histograms: BTreeMap<i64, Arc<FloatHistogram>>,
    /// When their counting began, where that is known.
    pub(super) starts: BTreeMap<i64, i64>,
}

impl LateMaps {
    pub(super) fn is_empty(&self) -> bool {
        self.histograms.is_empty() && self.starts.is_empty()
    }

    fn start_of(&self, time_ms: i64) -> i64 {
        self.starts.get(&time_ms).copied().unwrap_or(0)
    }
}

/// The stored samples of one chunk, borrowed from the chunk or from a copy of its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) count: u32,
    pub(crate) late: &'a [Sample],
    /// None when there is nothing in them.
    pub(crate) maps: Option<&'a LateMaps>,
}

impl<'a> View<'a> {
    /// Appends the samples of the range (both ends inclusive) to `out`: ascending times, each once.
    pub(crate) fn read(&self, start_ms: i64, end_ms: i64, out: &mut SampleBuffer) {
        let first = out.mark();
        self.read_appended(start_ms, end_ms, out);
        if !self.late.is_empty() {
            let middle = out.mark();
            self.read_late(start_ms, end_ms, out);
            out.overlay(first, middle);
        }
        if let Some(maps) = self.maps.filter(|maps| !maps.histograms.is_empty() && start_ms <= end_ms) {
            let middle = out.mark();
            for (time_ms, histogram) in maps.histograms.range(start_ms..=end_ms) {
                out.histograms.push((*time_ms, Arc::clone(histogram)));
                out.set_last_histogram_start(maps.start_of(*time_ms));
            }
            out.overlay(first, middle);
        }
    }

    /// Appends the late floats.
    fn read_late(&self, start_ms: i64, end_ms: i64, out: &mut SampleBuffer) {
        let in_range = |ms: i64| start_ms <= ms && ms <= end_ms;
        let mut late: Vec<Sample> = self.late.iter().filter(|s| in_range(s.timestamp_ms)).copied().collect();
        sort_last_wins(&mut late);
        for sample in late {
            out.push(sample.timestamp_ms, sample.value);
            if let Some(maps) = self.maps {
                out.set_last_start(maps.start_of(sample.timestamp_ms));
            }
        }
    }

    fn read_appended(&self, start_ms: i64, end_ms: i64, out: &mut SampleBuffer) {
        let mut decoder = Decoder::new(self);
        while let Some(stored) = decoder.next() {
            let time_ms = decoder.last_ms;
            if time_ms > end_ms {
                break;
            }
            if time_ms < start_ms {
                continue;
            }
            match stored {
                Stored::Float(value) => {
                    out.push(time_ms, value);
                    if decoder.start_ms != 0 {
                        out.set_last_start(decoder.start_ms);
                    }
                }
                Stored::Histogram => {
                    out.histograms.push((time_ms, Arc::new(decoder.histogram.clone())));
                    out.set_last_histogram_start(decoder.start_ms);
                }
            }
        }
    }

    /// All times, late ones included, in no particular order.
    pub(crate) fn times(&self) -> impl Iterator<Item = i64> + use<'a> {
        let mut decoder = Decoder::new(self);
        let appended = std::iter::from_fn(move || decoder.next().map(|_| decoder.last_ms));
        let late = self.late.iter().map(|sample| sample.timestamp_ms);
        appended.chain(late).chain(self.maps.into_iter().flat_map(|maps| maps.histograms.keys()).copied())
    }
}

/// A sample at [`Decoder::last_ms`].
enum Stored {
    Float(f64),
    /// It is [`Decoder::histogram`].
    Histogram,
}

/// Walks the appended samples.
struct Decoder<'a> {
    rest: Bytes<'a>,
    left: u32,
    last_ms: i64,
    last_bits: u64,
    delta_ms: i64,
    start_ms: i64,
    histogram: FloatHistogram,
}

impl<'a> Decoder<'a> {
    fn new(view: &View<'a>) -> Self {
        let mut rest = Bytes(view.bytes);
        let last_ms = rest.word(8) as i64;
        let histogram = FloatHistogram::default();
        Self { rest, left: view.count, last_ms, last_bits: 0, delta_ms: 0, start_ms: 0, histogram }
    }

    #[inline]
    fn next(&mut self) -> Option<Stored> {
        self.left = self.left.checked_sub(1)?;
        let mut control = self.rest.byte();
        while u32::from(control) == START {
            self.start_ms = self.rest.zigzag();
            control = self.rest.byte();
        }
        if control & DELTA_CHANGED != 0 {
            self.delta_ms = self.delta_ms.wrapping_add(self.rest.zigzag());
        }
        self.last_ms = self.last_ms.wrapping_add(self.delta_ms);
        match u32::from(control & !DELTA_CHANGED) {
            0 => {}
            HISTOGRAM => {
                histogram::decode(&mut self.histogram, &mut self.rest);
                return Some(Stored::Histogram);
            }
            code => {
                let (leading, len) = ((code - 1) / 8, (code - 1) % 8 + 1);
                let xor = self.rest.word(len as usize);
                // Codes above 66 are never written.
                self.last_bits ^= xor << (8 * 8_u32.saturating_sub(leading + len));
            }
        }
        Some(Stored::Float(f64::from_bits(self.last_bits)))
    }
}
