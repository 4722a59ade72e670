//! The body of a record that holds samples by ref: one float of each of some series. Drawn in `docs/formats/data-directory.md`.

use bongsu_model::Sample;

use super::{KnownRefs, Refs};
use crate::batch::Batch;

const HEADER_BYTES: usize = 20;

/// Writes what is taken of a batch that [has only floats](Batch::is_one_float_each); false when a series has no ref.
pub(crate) fn encode(refs: &Refs, batch: &Batch, out: &mut Vec<u8>) -> bool {
    out.clear();
    out.resize(HEADER_BYTES, 0);
    let (mut count, mut runs) = (0_u32, 0_u32);
    let (mut first, mut end) = (0, 0);
    for taken in batch.taken() {
        let Some(number) = refs.get(taken.series.id) else { return false };
        if number != end || count == 0 {
            put_run(out, first, end, &mut runs);
            first = number;
        }
        end = number + 1;
        count += 1;
    }
    put_run(out, first, end, &mut runs);
    let times = if batch.min_ms == batch.max_ms { 1 } else { count };
    for taken in batch.taken().take(times as usize) {
        out.extend_from_slice(&taken.data.samples[0].timestamp_ms.to_le_bytes());
    }
    for taken in batch.taken() {
        out.extend_from_slice(&taken.data.samples[0].value.to_le_bytes());
    }
    out[..8].copy_from_slice(&refs.generation.to_le_bytes());
    for (place, number) in [(8, count), (12, runs), (16, times)] {
        out[place..place + 4].copy_from_slice(&number.to_le_bytes());
    }
    true
}

fn put_run(out: &mut Vec<u8>, first: u32, end: u32, runs: &mut u32) {
    if end > first {
        out.extend_from_slice(&first.to_le_bytes());
        out.extend_from_slice(&(end - first).to_le_bytes());
        *runs += 1;
    }
}

/// A body read back: columns of the same length, but for times, of which there may be one for all.
#[derive(Debug)]
pub(crate) struct Samples<'a> {
    generation: u64,
    count: usize,
    runs: &'a [[u8; 8]],
    times: &'a [[u8; 8]],
    values: &'a [[u8; 8]],
}

impl<'a> Samples<'a> {
    /// Reads a body; the text says what is wrong with it.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, String> {
        let (header, rest) = body.split_first_chunk::<HEADER_BYTES>().ok_or("samples are shorter than their header")?;
        let number =
            |place: usize| header[place..place + 4].iter().rev().fold(0, |n, byte| n << 8 | usize::from(*byte));
        let (count, runs, times) = (number(8), number(12), number(16));
        let (columns, tail) = rest.as_chunks::<8>();
        if !tail.is_empty() || columns.len() != runs + times + count || (times != 1 && times != count) {
            return Err(format!(
                "{} bytes of columns do not hold {count} samples in {runs} runs with {times} times",
                rest.len()
            ));
        }
        let (runs, columns) = columns.split_at(runs);
        let (times, values) = columns.split_at(times);
        let generation = header[..8].iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte));
        let samples = Self { generation, count, runs, times, values };
        let in_runs: usize = samples.runs().map(|(_, len)| len as usize).sum();
        if in_runs == count { Ok(samples) } else { Err(format!("runs of {in_runs} refs for {count} samples")) }
    }

    /// The first ref and the length of each run of refs that follow each other.
    fn runs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.runs.iter().map(|run| {
            let [a, b, c, d, e, f, g, h] = *run;
            (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
        })
    }

    /// Puts the samples into a batch, as resolved. Returns how many have a ref that is not known.
    pub(crate) fn fill(&self, refs: &KnownRefs, batch: &mut Batch) -> usize {
        batch.clear();
        let numbers = self.runs().flat_map(|(first, len)| (0..len).map(move |place| first.saturating_add(place)));
        let mut unknown = 0;
        for (place, (number, value)) in numbers.zip(self.values).enumerate() {
            let timestamp_ms = i64::from_le_bytes(self.times[if self.times.len() == self.count { place } else { 0 }]);
            match refs.get(self.generation, number) {
                Some(series) => batch.push_resolved(series, Sample { timestamp_ms, value: f64::from_le_bytes(*value) }),
                None => unknown += 1,
            }
        }
        unknown
    }
}

#[cfg(test)]
mod tests {
    use bongsu_log::Era;
    use proptest::prelude::*;

    use super::*;
    use crate::refs::RefRange;

    fn batch(samples: &[(u32, i64, f64)]) -> Batch {
        let mut batch = Batch::default();
        batch.clear();
        for (series, timestamp_ms, value) in samples {
            batch.push_resolved(*series, Sample { timestamp_ms: *timestamp_ms, value: *value });
        }
        batch
    }

    fn content(batch: &Batch) -> Vec<(u32, i64, u64)> {
        let one = |taken: crate::batch::Taken<'_>| {
            (taken.series.id, taken.data.samples[0].timestamp_ms, taken.data.samples[0].value.to_bits())
        };
        batch.taken().map(one).collect()
    }

    /// The same refs for who writes and for who reads: those of the series in this order.
    fn refs(series: impl IntoIterator<Item = u32>) -> (Refs, KnownRefs) {
        let given = batch(&series.into_iter().map(|series| (series, 0, 0.0)).collect::<Vec<_>>());
        let (mut refs, mut known) = (Refs::default(), KnownRefs::default());
        refs.go_on(Era::default(), bongsu_log::Position(99), 0);
        known.take(refs.next(), &given).unwrap();
        refs.give(&given);
        (refs, known)
    }

    #[test]
    fn samples_in_the_order_of_their_refs_take_eight_bytes_each() {
        let (refs, known) = refs(0..1000);
        let sent = batch(&(0..1000).map(|series| (series, 5, f64::from(series))).collect::<Vec<_>>());
        let mut body = Vec::new();
        assert!(encode(&refs, &sent, &mut body));
        assert_eq!(body.len(), HEADER_BYTES + 8 + 8 + 8 * 1000);
        let mut read = Batch::default();
        assert_eq!(Samples::parse(&body).unwrap().fill(&known, &mut read), 0);
        assert_eq!(content(&read), content(&sent));
        assert_eq!((read.min_ms, read.max_ms), (5, 5));
    }

    #[test]
    fn a_series_without_a_ref_is_for_a_whole_request() {
        let (refs, _) = refs([3, 5]);
        assert!(!encode(&refs, &batch(&[(3, 0, 0.0), (4, 0, 0.0)]), &mut Vec::new()));
    }

    #[test]
    fn samples_of_a_lost_record_are_left_out() {
        let (mut refs, _) = refs([3, 5]);
        let later = batch(&[(7, 0, 0.0)]);
        let mut known = KnownRefs::default();
        known.take(refs.next(), &later).unwrap();
        refs.give(&later);
        let mut body = Vec::new();
        assert!(encode(&refs, &batch(&[(3, 1, 1.0), (7, 2, 2.0), (5, 3, 3.0)]), &mut body));
        let mut read = Batch::default();
        assert_eq!(Samples::parse(&body).unwrap().fill(&known, &mut read), 2);
        assert_eq!(content(&read), [(7, 2, 2.0_f64.to_bits())]);
        known.take(RefRange { generation: 100, first: 0 }, &later).unwrap();
        assert_eq!(Samples::parse(&body).unwrap().fill(&known, &mut read), 3, "of another generation");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            samples in prop::collection::vec((0..50_u32, 0..3_i64, any::<f64>()), 1..80),
            order in Just((0..50_u32).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let (refs, known) = refs(order);
            let sent = batch(&samples);
            let (mut body, mut read) = (Vec::new(), Batch::default());
            prop_assert!(encode(&refs, &sent, &mut body));
            prop_assert_eq!(Samples::parse(&body).unwrap().fill(&known, &mut read), 0);
            prop_assert_eq!(content(&read), content(&sent));
            for len in 0..body.len() {
                prop_assert!(Samples::parse(&body[..len]).is_err());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(samples) = Samples::parse(&bytes) {
                samples.fill(&KnownRefs::default(), &mut Batch::default());
            }
        }
    }
}
