//! The body of a record that holds samples by ref: one float of each of some series. Drawn in `docs/formats/data-directory.md`.

use bongsu_model::Sample;

use super::{KnownRefs, Refs};
use crate::batch::Batch;

const HEADER_BYTES: usize = 12;
const RUN_BYTES: usize = 16;

/// Samples of one time whose refs follow each other.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u32,
    len: u32,
    timestamp_ms: i64,
}

impl Run {
    fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.len.to_le_bytes());
        out.extend_from_slice(&self.timestamp_ms.to_le_bytes());
    }

    fn decode(bytes: [u8; RUN_BYTES]) -> Self {
        let bits = u128::from_le_bytes(bytes);
        Self { first: bits as u32, len: (bits >> 32) as u32, timestamp_ms: (bits >> 64) as i64 }
    }

    fn refs(self) -> impl Iterator<Item = u32> {
        (0..self.len).map(move |place| self.first.saturating_add(place))
    }
}

/// Writes what is taken of a batch that [has only floats](Batch::is_one_float_each); false when a series has no ref.
pub(crate) fn encode(refs: &Refs, batch: &Batch, out: &mut Vec<u8>) -> bool {
    out.clear();
    out.reserve(HEADER_BYTES + RUN_BYTES + size_of::<f64>() * batch.series.len());
    out.extend_from_slice(&refs.generation.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let (mut runs, mut last) = (0_u32, None::<Run>);
    for taken in batch.taken() {
        let Some(first) = refs.get(taken.series.id) else { return false };
        let timestamp_ms = taken.data.samples[0].timestamp_ms;
        match &mut last {
            Some(run) if first == run.first + run.len && timestamp_ms == run.timestamp_ms => run.len += 1,
            _ => {
                let done = last.replace(Run { first, len: 1, timestamp_ms });
                done.into_iter().for_each(|run| run.encode(out));
                runs += 1;
            }
        }
    }
    last.into_iter().for_each(|run| run.encode(out));
    for taken in batch.taken() {
        out.extend_from_slice(&taken.data.samples[0].value.to_le_bytes());
    }
    out[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&runs.to_le_bytes());
    true
}

/// A body read back.
#[derive(Debug)]
pub(crate) struct Samples<'a> {
    pub(crate) generation: u64,
    runs: &'a [[u8; RUN_BYTES]],
    values: &'a [[u8; 8]],
}

impl<'a> Samples<'a> {
    /// Reads a body; the text says what is wrong with it.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, String> {
        let (generation, rest) = body.split_first_chunk().ok_or("samples are shorter than their header")?;
        let (runs, rest) = rest.split_first_chunk().ok_or("samples are shorter than their header")?;
        let run_bytes = (u32::from_le_bytes(*runs) as usize).saturating_mul(RUN_BYTES);
        let (runs, values) = rest.split_at_checked(run_bytes).ok_or("samples end within their runs")?;
        let (values, tail) = values.as_chunks();
        let samples = Self { generation: u64::from_le_bytes(*generation), runs: runs.as_chunks().0, values };
        let in_runs: u64 = samples.runs().map(|run| u64::from(run.len)).sum();
        if in_runs == values.len() as u64 && tail.is_empty() {
            Ok(samples)
        } else {
            Err(format!("{} bytes and {} values for {in_runs} samples", tail.len(), values.len()))
        }
    }

    fn runs(&self) -> impl Iterator<Item = Run> {
        self.runs.iter().map(|run| Run::decode(*run))
    }

    /// Puts the samples into a batch, as resolved. Returns how many have a ref that is not known.
    pub(crate) fn fill(&self, refs: &KnownRefs, batch: &mut Batch) -> usize {
        batch.clear();
        let places = self.runs().flat_map(|run| run.refs().map(move |number| (number, run.timestamp_ms)));
        let mut unknown = 0;
        for ((number, timestamp_ms), value) in places.zip(self.values) {
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
        assert_eq!(body.len(), HEADER_BYTES + RUN_BYTES + 8 * 1000);
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
