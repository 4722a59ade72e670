//! One chunk of a series: its column of times and what stands in place of its values.

use std::ops::Range;

use bongsu_model::SampleBuffer;

use crate::buckets::{self, BUCKETS, Bucket, Coarse};
use crate::bytes::Cursor;
use crate::error::Damage;
use crate::histograms::{self, HISTOGRAMS};
use crate::times::TimesHead;
use crate::{starts, times, values};

/// Appends the samples that lie in the time range.
pub(crate) fn read(
    column: &[u8],
    values: &[u8],
    start_ms: i64,
    end_ms: i64,
    out: &mut SampleBuffer,
) -> Result<(), Damage> {
    let mut cursor = Cursor::new(column);
    let head = times::decode_head(&mut cursor)?;
    let TimesHead { count, first_ms, last_ms } = head;
    if values.first() == Some(&BUCKETS) {
        let mut buckets = Vec::new();
        read_buckets(head, cursor, values, start_ms, end_ms, &mut buckets)?;
        buckets::samples(&buckets, start_ms, end_ms, out);
        return Ok(());
    }
    if last_ms < start_ms || first_ms > end_ms {
        return Ok(());
    }
    let (starts, values) = starts::split(values)?;
    if values.first() == Some(&HISTOGRAMS) {
        let mut times = Vec::new();
        times::decode_body(head, &mut cursor, &mut times)?;
        let place = out.histograms.len();
        histograms::decode(values, &times, start_ms, end_ms, &mut out.histograms)?;
        let first = times.partition_point(|time| *time < start_ms);
        let wanted = first..first + (out.histograms.len() - place);
        return read_starts(starts, count, wanted, place, &mut out.histogram_start_timestamps_ms);
    }
    let old = out.timestamps_ms.len();
    let wanted = times::decode_part(head, &mut cursor, (start_ms, end_ms), &mut out.timestamps_ms)?;
    values::decode_part(values, count, wanted.clone(), &mut out.values)?;
    read_starts(starts, count, wanted, old, &mut out.start_timestamps_ms)
}

/// Appends what a chunk of a block of buckets has in the time range.
pub(crate) fn read_coarse(
    column: &[u8],
    values: &[u8],
    start_ms: i64,
    end_ms: i64,
    out: &mut Coarse,
) -> Result<(), Damage> {
    if values.first() != Some(&BUCKETS) {
        return read(column, values, start_ms, end_ms, &mut out.histograms);
    }
    let mut cursor = Cursor::new(column);
    let head = times::decode_head(&mut cursor)?;
    read_buckets(head, cursor, values, start_ms, end_ms, &mut out.buckets)
}

/// The times of a chunk of buckets are those at which they end.
fn read_buckets(
    head: TimesHead,
    mut cursor: Cursor<'_>,
    values: &[u8],
    start_ms: i64,
    end_ms: i64,
    out: &mut Vec<Bucket>,
) -> Result<(), Damage> {
    if head.last_ms < start_ms {
        return Ok(());
    }
    let mut ends = Vec::new();
    times::decode_body(head, &mut cursor, &mut ends)?;
    buckets::decode(values, &ends, start_ms, end_ms, out)
}

/// Appends the wanted ones of a chunk's starts behind those of `place` samples.
fn read_starts(
    column: &[u8],
    count: usize,
    wanted: Range<usize>,
    place: usize,
    out: &mut Vec<i64>,
) -> Result<(), Damage> {
    if column.is_empty() && out.is_empty() {
        return Ok(());
    }
    out.resize(place, 0);
    starts::decode(column, count, out)?;
    out.truncate(place + wanted.end);
    out.drain(place..place + wanted.start);
    Ok(())
}
