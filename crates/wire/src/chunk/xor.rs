//! Chunks of floats.

use bongsu_model::SampleBuffer;

use super::ChunkError;
use super::bits::{Bits, XorValue};

/// Widths of differences of differences of times behind one, two and three 1s; four stand for 64 bits.
const WIDTHS: [u32; 3] = [14, 17, 20];

pub(super) fn decode(data: &[u8], out: &mut SampleBuffer) -> Result<(), ChunkError> {
    let mut bits = Bits::new(data);
    let count = bits.take(16)?;
    if count == 0 {
        return Ok(());
    }
    let mut time_ms = bits.varint()?;
    let first = bits.double()?;
    let mut value = XorValue::new(first);
    out.push(time_ms, first);
    let mut delta = 0_i64;
    for index in 1..count {
        delta = match index {
            1 => bits.uvarint()?.cast_signed(),
            _ => delta.wrapping_add(difference(&mut bits)?),
        };
        time_ms = time_ms.wrapping_add(delta);
        out.push(time_ms, value.next(&mut bits)?);
    }
    Ok(())
}

#[inline]
fn difference(bits: &mut Bits<'_>) -> Result<i64, ChunkError> {
    match bits.ones(4)? {
        0 => Ok(0),
        4 => bits.take(64).map(u64::cast_signed),
        ones => bits.signed(WIDTHS[ones as usize - 1]),
    }
}
