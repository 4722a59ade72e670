//! Columns of timestamps.
//!
//! ```text
//! count (varint) │ first (zigzag) │ last − first (varint) │ interval (varint) │ (run (varint) │ difference (zigzag))*
//! ```
//!
//! A time follows the one before after `interval`, but for those listed: after `run` regular steps comes one that is
//! `interval + difference` long. What is left after the last listed one is regular.

use std::ops::Range;

use crate::CHUNK_SAMPLES_MAX;
use crate::bytes::{Cursor, put_signed, put_varint};
use crate::error::Damage;

/// What stands at the head of a column: enough to pass over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimesHead {
    pub count: usize,
    pub first_ms: i64,
    pub last_ms: i64,
}

/// Appends a column; `times` is strictly ascending and not empty.
pub(crate) fn encode(times: &[i64], out: &mut Vec<u8>) {
    let (first, last) = (times[0], times[times.len() - 1]);
    put_varint(out, times.len() as u64);
    put_signed(out, first);
    put_varint(out, last.wrapping_sub(first) as u64);
    if times.len() < 2 {
        return;
    }
    let interval = common_interval(times);
    put_varint(out, interval as u64);
    let mut run = 0_u64;
    for pair in times.windows(2) {
        let difference = pair[1].wrapping_sub(pair[0]).wrapping_sub(interval);
        if difference == 0 {
            run += 1;
        } else {
            put_varint(out, run);
            put_signed(out, difference);
            run = 0;
        }
    }
}

/// The step that most of the times follow, by a majority vote (Boyer and Moore's).
fn common_interval(times: &[i64]) -> i64 {
    let (mut candidate, mut votes) = (0, 0_u32);
    for pair in times.windows(2) {
        let step = pair[1].wrapping_sub(pair[0]);
        if votes == 0 {
            (candidate, votes) = (step, 1);
        } else if step == candidate {
            votes += 1;
        } else {
            votes -= 1;
        }
    }
    candidate
}

/// Reads the head and leaves the cursor behind it.
pub(crate) fn decode_head(cursor: &mut Cursor<'_>) -> Result<TimesHead, Damage> {
    let count = cursor.count(CHUNK_SAMPLES_MAX, "expected no more samples than a chunk may hold")?;
    if count == 0 {
        return Err(cursor.damage("expected at least one sample"));
    }
    let first_ms = cursor.signed()?;
    let last_ms = first_ms.wrapping_add(cursor.varint()? as i64);
    Ok(TimesHead { count, first_ms, last_ms })
}

/// Appends the times of the column behind `head` to `out`.
pub(crate) fn decode_body(head: TimesHead, cursor: &mut Cursor<'_>, out: &mut Vec<i64>) -> Result<(), Damage> {
    out.reserve(head.count);
    let mut time = head.first_ms;
    out.push(time);
    let mut left = head.count - 1;
    if left > 0 {
        let interval = cursor.varint()? as i64;
        while !cursor.is_at_end() {
            let run = cursor.count(left - 1, "expected the column to end here")?;
            time = push_run(time, interval, run, out);
            time = time.wrapping_add(interval).wrapping_add(cursor.signed()?);
            out.push(time);
            left -= run + 1;
            if left == 0 {
                break;
            }
        }
        time = push_run(time, interval, left, out);
    }
    if time != head.last_ms || !cursor.is_at_end() {
        return Err(cursor.damage("expected the column to end at its last time"));
    }
    Ok(())
}

/// Appends those times of the column behind `head` that lie in the range, both ends inclusive; tells their places. What is
/// not wanted is passed over, stretch by stretch.
pub(crate) fn decode_part(
    head: TimesHead,
    cursor: &mut Cursor<'_>,
    (start_ms, end_ms): (i64, i64),
    out: &mut Vec<i64>,
) -> Result<Range<usize>, Damage> {
    if start_ms <= head.first_ms && head.last_ms <= end_ms {
        decode_body(head, cursor, out)?;
        return Ok(0..head.count);
    }
    let old = out.len();
    let mut part = Part { start_ms, end_ms, passed: 0, out };
    let (mut time, mut left) = (head.first_ms, head.count - 1);
    part.push_run(time, 1, 1);
    if left > 0 {
        let interval = cursor.varint()? as i64;
        while !cursor.is_at_end() && time <= end_ms && left > 0 {
            let run = cursor.count(left - 1, "expected the column to end here")?;
            part.push_run(time.wrapping_add(interval), interval, run);
            let steps = interval.wrapping_mul(run as i64 + 1);
            time = time.wrapping_add(steps).wrapping_add(cursor.signed()?);
            part.push_run(time, 1, 1);
            left -= run + 1;
        }
        if time <= end_ms {
            part.push_run(time.wrapping_add(interval), interval, left);
        }
    }
    let passed = part.passed;
    Ok(passed..passed + (out.len() - old))
}

/// What is wanted of a column.
struct Part<'a> {
    start_ms: i64,
    end_ms: i64,
    /// Times before the range.
    passed: usize,
    out: &'a mut Vec<i64>,
}

impl Part<'_> {
    fn push_run(&mut self, first: i64, interval: i64, count: usize) {
        let interval = interval.max(1);
        let steps_to = |time: i64| time.wrapping_sub(first) as u64;
        let before = if first < self.start_ms { steps_to(self.start_ms).div_ceil(interval as u64) } else { 0 };
        let until = if first <= self.end_ms { (steps_to(self.end_ms) / interval as u64).saturating_add(1) } else { 0 };
        let (before, until) = (before.min(count as u64), until.min(count as u64));
        self.passed += before as usize;
        self.out.extend((before..until).map(|step| first.wrapping_add(interval.wrapping_mul(step as i64))));
    }
}

/// Appends `run` regular times after `time` and gives the last.
fn push_run(time: i64, interval: i64, run: usize, out: &mut Vec<i64>) -> i64 {
    out.extend((1..=run as i64).map(|step| time.wrapping_add(interval.wrapping_mul(step))));
    time.wrapping_add(interval.wrapping_mul(run as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(times: &[i64]) -> usize {
        let mut bytes = Vec::new();
        encode(times, &mut bytes);
        let mut cursor = Cursor::new(&bytes);
        let head = decode_head(&mut cursor).unwrap();
        assert_eq!((head.first_ms, head.last_ms, head.count), (times[0], times[times.len() - 1], times.len()));
        let mut back = Vec::new();
        decode_body(head, &mut cursor, &mut back).unwrap();
        assert_eq!(back, times);
        let (some, last) = (times[times.len() / 3], times[times.len() - 1]);
        for (start_ms, end_ms) in
            [(some, last), (some.saturating_add(1), some.saturating_add(1 << 40)), (i64::MIN, some), (last, last)]
        {
            let (mut cursor, mut back) = (Cursor::new(&bytes), Vec::new());
            let head = decode_head(&mut cursor).unwrap();
            let places = decode_part(head, &mut cursor, (start_ms, end_ms), &mut back).unwrap();
            let wanted: Vec<i64> = times.iter().copied().filter(|time| (start_ms..=end_ms).contains(time)).collect();
            assert_eq!(back, wanted);
            assert_eq!(times[places], wanted);
        }
        bytes.len()
    }

    #[test]
    fn regular_times_cost_nothing_but_the_head() {
        let regular: Vec<i64> = (0..5760).map(|i| 1_700_000_000_000 + i * 15_000).collect();
        assert!(round_trip(&regular) <= 18);
        let mut late = regular.clone();
        late[100] += 3;
        assert!(round_trip(&late) <= 24);
        late.remove(7);
        assert!(round_trip(&late) <= 28);
    }

    #[test]
    fn extremes_come_back() {
        for times in [&[0][..], &[i64::MIN, i64::MAX], &[i64::MIN, 0, i64::MAX], &[-5, -4, 100], &[i64::MAX]] {
            round_trip(times);
        }
    }

    proptest::proptest! {
        #[test]
        fn times_with_a_rhythm_come_back(
            first in proptest::num::i64::ANY,
            steps in proptest::collection::vec((0_i64..3, 0_usize..20), 0..20),
        ) {
            let mut times = vec![first];
            for (late, run) in steps {
                let steps = std::iter::repeat_n(15_000, run).chain([15_000 + late * 7_000]);
                steps.for_each(|step| times.push(times[times.len() - 1].saturating_add(step)));
            }
            times.dedup();
            round_trip(&times);
        }

        #[test]
        fn any_ascending_times_come_back(times in proptest::collection::btree_set(proptest::num::i64::ANY, 1..200)) {
            round_trip(&times.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(0_u8.., 0..100)) {
            let mut cursor = Cursor::new(&bytes);
            if let Ok(head) = decode_head(&mut cursor) {
                let _ = decode_part(head, &mut cursor.clone(), (1000, 1 << 40), &mut Vec::new());
                let _ = decode_body(head, &mut cursor, &mut Vec::new());
            }
        }
    }
}
