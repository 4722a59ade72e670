//! Chunks of floats with start timestamps, which newer Prometheus writes when it is told to.
//!
//! ```text
//!  samples <2> │ start <1>: bit 7: the first sample has a start, bits 6-0: from which sample on starts change; 0: they do not
//!  t0 (varint) │ v0 <8> │ t0 - start (varint, if there is one)
//!  t1 - t0 (uvarint) │ value │ start
//!  control │ value │ start                              from the third sample on; times have a delta of delta
//!
//!  control  0 nothing changes   10 the value does: 0 old window, 1 new one    110, 1110, 11110 times: 13, 20, 64 bits, and value
//!           11111 the stale marker
//!  value    0 the same          10 old window          110 new window         111 the stale marker
//! ```

use bongsu_model::{STALE_NAN, SampleBuffer, is_stale};

use super::ChunkError;
use super::bits::{Bits, XorValue};

pub(super) fn decode(data: &[u8], out: &mut SampleBuffer) -> Result<(), ChunkError> {
    let mut bits = Bits::new(data);
    let (count, header) = (bits.take(16)?, bits.take(8)?);
    if count == 0 {
        return Ok(());
    }
    let mut time_ms = bits.varint()?;
    let first = bits.double()?;
    let mut value = if is_stale(first) { XorValue::default() } else { XorValue::new(first) };
    let mut start = Start { change_on: header & 0x7f, difference_ms: 0, start_ms: 0 };
    if header & 0x80 != 0 {
        start.start_ms = time_ms.wrapping_sub(bits.varint()?);
    }
    push(out, time_ms, first, start.start_ms);
    let mut delta = 0_i64;
    for index in 1..count {
        let before_ms = time_ms;
        let (difference, next) = match index {
            1 => (bits.uvarint()?.cast_signed(), changed(&mut bits, &mut value)?),
            _ => joint(&mut bits, &mut value)?,
        };
        delta = delta.wrapping_add(difference);
        time_ms = time_ms.wrapping_add(delta);
        start.next(&mut bits, index, before_ms)?;
        push(out, time_ms, next, start.start_ms);
    }
    Ok(())
}

fn push(out: &mut SampleBuffer, time_ms: i64, value: f64, start_ms: i64) {
    out.push(time_ms, value);
    out.set_last_start(start_ms);
}

/// The delta of delta and the value behind a control.
#[inline]
fn joint(bits: &mut Bits<'_>, value: &mut XorValue) -> Result<(i64, f64), ChunkError> {
    let difference = match bits.ones(5)? {
        0 => return Ok((0, value.get())),
        1 => {
            let next = if bits.bit()? { value.with_new_window(bits)? } else { value.with_window(bits)? };
            return Ok((0, next));
        }
        2 => bits.twos_complement(13)?,
        3 => bits.twos_complement(20)?,
        4 => bits.take(64)?.cast_signed(),
        _ => return Ok((0, STALE_NAN)),
    };
    Ok((difference, changed(bits, value)?))
}

/// A value that may be the one before. The stale marker changes nothing for the values behind it.
#[inline]
fn changed(bits: &mut Bits<'_>, value: &mut XorValue) -> Result<f64, ChunkError> {
    match bits.ones(3)? {
        0 => Ok(value.get()),
        1 => value.with_window(bits),
        2 => value.with_new_window(bits),
        _ => Ok(STALE_NAN),
    }
}

/// When the counting of the last sample began.
struct Start {
    /// From which sample on it is written; 0: never.
    change_on: u64,
    difference_ms: i64,
    start_ms: i64,
}

impl Start {
    fn next(&mut self, bits: &mut Bits<'_>, index: u64, before_ms: i64) -> Result<(), ChunkError> {
        if self.change_on == 0 || index < self.change_on {
            return Ok(());
        }
        let written = bits.varbit_int()?;
        self.difference_ms = if index == self.change_on { written } else { self.difference_ms.wrapping_add(written) };
        self.start_ms = before_ms.wrapping_sub(self.difference_ms);
        Ok(())
    }
}
