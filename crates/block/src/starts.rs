//! When the counting of the samples of a chunk began, where that is known.
//!
//! ```text
//! 5 (1 byte) │ bytes (varint) │ (samples (varint) │ difference (zigzag))* │ values or histograms
//! ```
//!
//! A run of samples has the same start, which differs by so much from that of the run before; that of the first differs
//! from 0. A start of 0 is not known. Stands before the values of a chunk, and only when a start is known.

use crate::bytes::{Cursor, put_signed, put_varint};
use crate::error::Damage;

/// In place of the codec of a column of values. Must not be one of those.
pub(crate) const STARTS: u8 = 5;

/// Appends the starts of a chunk's samples, unless none is known; tells whether it did.
pub(crate) fn encode(starts: &[i64], out: &mut Vec<u8>) -> bool {
    if starts.iter().all(|start_ms| *start_ms == 0) {
        return false;
    }
    let (mut column, mut before) = (Vec::new(), 0_i64);
    for run in starts.chunk_by(|a, b| a == b) {
        put_varint(&mut column, run.len() as u64);
        put_signed(&mut column, run[0].wrapping_sub(before));
        before = run[0];
    }
    out.push(STARTS);
    put_varint(out, column.len() as u64);
    out.extend_from_slice(&column);
    true
}

/// Splits what stands in place of the values of a chunk: the column of starts, which is empty when there is none, and the
/// values.
pub(crate) fn split(values: &[u8]) -> Result<(&[u8], &[u8]), Damage> {
    if values.first() != Some(&STARTS) {
        return Ok((&[], values));
    }
    let mut cursor = Cursor::new(values);
    cursor.byte()?;
    let len = cursor.count(usize::MAX, "expected a length")?;
    Ok((cursor.take(len)?, cursor.rest()))
}

/// Appends the starts of `count` samples to `out`. Without a column they are not known.
pub(crate) fn decode(column: &[u8], count: usize, out: &mut Vec<i64>) -> Result<(), Damage> {
    let mut cursor = Cursor::new(column);
    let (mut left, mut start_ms) = (count, 0_i64);
    while !cursor.is_at_end() {
        let run = cursor.count(left, "expected no more starts than samples")?;
        start_ms = start_ms.wrapping_add(cursor.signed()?);
        out.resize(out.len() + run, start_ms);
        left -= run;
    }
    if left > 0 && !column.is_empty() {
        return Err(cursor.damage("expected as many starts as samples"));
    }
    out.resize(out.len() + left, 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_series_that_began_once_costs_some_bytes_a_chunk() {
        let mut bytes = Vec::new();
        assert!(encode(&[1_700_000_000_000; 480], &mut bytes));
        assert_eq!(bytes.len(), 2 + 2 + 6);
        assert!(!encode(&[0; 480], &mut bytes));
    }

    proptest! {
        #[test]
        fn any_starts_come_back(runs in prop::collection::vec((prop_oneof![Just(0), any::<i64>()], 1_usize..50), 0..10)) {
            let starts: Vec<i64> = runs.into_iter().flat_map(|(start_ms, len)| std::iter::repeat_n(start_ms, len)).collect();
            let mut bytes = Vec::new();
            let is_known = encode(&starts, &mut bytes);
            prop_assert_eq!(is_known, starts.iter().any(|start_ms| *start_ms != 0));
            bytes.extend_from_slice(b"\0values");
            let (column, values) = split(&bytes).unwrap();
            prop_assert_eq!(values, b"\0values");
            let mut back = vec![9];
            decode(column, starts.len(), &mut back).unwrap();
            prop_assert_eq!(&back[1..], starts);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(0_u8.., 0..50), count in 0_usize..200) {
            let mut out = Vec::new();
            if decode(&bytes, count, &mut out).is_ok() {
                prop_assert_eq!(out.len(), count);
            }
            prop_assert!(out.len() <= count);
            let _ = split(&[&[STARTS], &bytes[..]].concat());
        }
    }
}
