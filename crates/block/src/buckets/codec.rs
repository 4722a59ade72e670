//! Buckets of one chunk: a column for each number.
//!
//! ```text
//! 6 (1 byte) │ column × 10        column: bytes (varint) │ column of values; 0 bytes: the same as the one it is compared to
//! ```
//!
//! In order: count, time from the first sample to the end of the bucket, from the last one, from the stale marker plus 1 (or
//! 0), first, last, min (compared to first), max (compared to last), sum, lost. The chunk's times are the buckets' ends.

use bongsu_model::{STALE_NAN, SampleBuffer};

use super::Bucket;
use crate::bytes::{Cursor, put_varint};
use crate::error::Damage;
use crate::values::{self, Effort, ValueEncoder};

/// In place of the codec of a column of values. Must not be one of those.
pub(crate) const BUCKETS: u8 = 6;

const COLUMNS: usize = 10;
/// Places of columns that may be the same as an earlier one, and the place of that.
const COMPARED: [(usize, usize); 2] = [(6, 4), (7, 5)];

/// Appends the buckets of a chunk, which are not empty, but for their ends.
pub(crate) fn encode(buckets: &[Bucket], encoder: &mut ValueEncoder, effort: Effort, out: &mut Vec<u8>) {
    let number: [fn(&Bucket) -> f64; COLUMNS] = [
        |bucket| bucket.count as f64,
        |bucket| (bucket.end_ms.wrapping_sub(bucket.first_ms)) as f64,
        |bucket| (bucket.end_ms.wrapping_sub(bucket.last_ms)) as f64,
        |bucket| bucket.stale_ms.map_or(0.0, |stale_ms| bucket.end_ms.wrapping_sub(stale_ms) as f64 + 1.0),
        |bucket| bucket.first,
        |bucket| bucket.last,
        |bucket| bucket.min,
        |bucket| bucket.max,
        |bucket| bucket.sum,
        |bucket| bucket.lost,
    ];
    out.push(BUCKETS);
    let (mut numbers, mut column) = (Vec::with_capacity(buckets.len()), Vec::new());
    for (place, number_of) in number.iter().enumerate() {
        numbers.clear();
        numbers.extend(buckets.iter().map(number_of));
        let compared = COMPARED.iter().find(|(compared, _)| *compared == place).map(|(_, to)| number[*to]);
        let same = |other: fn(&Bucket) -> f64| {
            buckets.iter().zip(&numbers).all(|(bucket, value)| other(bucket).to_bits() == value.to_bits())
        };
        column.clear();
        if !compared.is_some_and(same) {
            encoder.encode(&numbers, effort, &mut column);
        }
        put_varint(out, column.len() as u64);
        out.extend_from_slice(&column);
    }
}

/// Appends the buckets of a chunk that have samples in the time range, both ends inclusive; `ends_ms` are all of the chunk.
pub(crate) fn decode(
    bytes: &[u8],
    ends_ms: &[i64],
    start_ms: i64,
    end_ms: i64,
    out: &mut Vec<Bucket>,
) -> Result<(), Damage> {
    let mut cursor = Cursor::new(bytes);
    if cursor.byte()? != BUCKETS {
        return Err(cursor.damage("expected buckets"));
    }
    let mut columns: [Vec<f64>; COLUMNS] = Default::default();
    for place in 0..COLUMNS {
        let len = cursor.count(usize::MAX, "expected a length")?;
        let column = cursor.take(len)?;
        match COMPARED.iter().find(|(compared, _)| *compared == place) {
            Some((_, to)) if len == 0 => columns[place] = columns[*to].clone(),
            _ => values::decode(column, ends_ms.len(), &mut columns[place])?,
        }
    }
    if !cursor.is_at_end() {
        return Err(cursor.damage("expected the chunk to end here"));
    }
    for (place, bucket_end_ms) in ends_ms.iter().enumerate() {
        let number = |column: usize| columns[column][place];
        let bucket = bucket(*bucket_end_ms, &number).ok_or_else(|| cursor.damage("expected times before the end"))?;
        if bucket.first_ms <= end_ms && bucket.until_ms() >= start_ms {
            out.push(bucket);
        }
    }
    Ok(())
}

/// A bucket of its numbers; `None` when its times make no sense.
fn bucket(end_ms: i64, number: &dyn Fn(usize) -> f64) -> Option<Bucket> {
    let whole = |value: f64| (value >= 0.0 && value <= 2_f64.powi(53) && value.fract() == 0.0).then_some(value as i64);
    let before = |value: f64| end_ms.checked_sub(whole(value)?);
    let (first_ms, last_ms) = (before(number(1))?, before(number(2))?);
    let stale_ms = if number(3) == 0.0 { None } else { Some(before(number(3) - 1.0)?) };
    let bucket = Bucket {
        end_ms,
        count: u64::try_from(whole(number(0))?).ok()?,
        first_ms,
        last_ms,
        first: number(4),
        last: number(5),
        min: number(6),
        max: number(7),
        sum: number(8),
        lost: number(9),
        stale_ms,
    };
    let ascend = first_ms <= last_ms && last_ms <= bucket.until_ms() && (bucket.count > 0 || stale_ms == Some(last_ms));
    ascend.then_some(bucket)
}

/// Appends what buckets have of real samples: the last one of each, and the stale marker behind it.
pub(crate) fn samples(buckets: &[Bucket], start_ms: i64, end_ms: i64, out: &mut SampleBuffer) {
    let mut push = |time_ms: i64, value: f64| {
        if (start_ms..=end_ms).contains(&time_ms) {
            out.push(time_ms, value);
        }
    };
    for bucket in buckets {
        if bucket.count > 0 {
            push(bucket.last_ms, bucket.last);
        }
        if let Some(stale_ms) = bucket.stale_ms {
            push(stale_ms, STALE_NAN);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::buckets_of;
    use super::*;

    fn round_trip(buckets: &[Bucket]) -> usize {
        let mut bytes = Vec::new();
        encode(buckets, &mut ValueEncoder::default(), Effort::Small, &mut bytes);
        let ends: Vec<i64> = buckets.iter().map(|bucket| bucket.end_ms).collect();
        let mut back = Vec::new();
        decode(&bytes, &ends, i64::MIN, i64::MAX, &mut back).unwrap();
        assert_eq!(format!("{back:?}"), format!("{buckets:?}"), "NaN equals NaN here");
        bytes.len()
    }

    #[test]
    fn a_counter_without_resets_costs_three_columns() {
        let mut samples = SampleBuffer::default();
        (0..5760_i64).for_each(|i| samples.push(1_700_000_000_000 + i * 15_000, (i * 100 + i % 7) as f64));
        let bytes = round_trip(&buckets_of(&samples, 300_000));
        assert!(bytes < 288 * 3, "{bytes} bytes for a day of five minutes");
    }

    proptest! {
        #[test]
        fn any_buckets_come_back(
            steps in prop::collection::vec((1_i64..100_000, prop_oneof![any::<f64>(), (0_i32..9).prop_map(f64::from), Just(STALE_NAN)]), 1..100),
        ) {
            let (mut time_ms, mut samples) = (0, SampleBuffer::default());
            for (step, value) in steps {
                time_ms += step;
                samples.push(time_ms, value);
            }
            round_trip(&buckets_of(&samples, 300_000));
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(0_u8.., 0..200), count in 1_i64..50) {
            let ends: Vec<i64> = (0..count).collect();
            let mut out = Vec::new();
            let _ = decode(&[&[BUCKETS], &bytes[..]].concat(), &ends, i64::MIN, i64::MAX, &mut out);
            prop_assert!(out.len() <= ends.len());
        }
    }
}
