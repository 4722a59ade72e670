//! Prometheus' XOR chunks. Source: `tsdb/docs/format/chunks.md`.
//!
//! ```text
//! samples <2, big endian> │ t0 (varint) │ v0 <8> │ t1 - t0 (uvarint) │ v1 xor v0 │ (delta of delta │ xor)*
//! ```
//!
//! From the third time on, the difference of differences of times has a prefix of bits that tells its width; values are
//! the exclusive or with the value before, without the zero bits at both ends.

use super::bits::{Bits, XorState};

/// Widths of differences of differences with their prefixes, the narrow ones first.
const WIDTHS: [(u64, u32, u32); 3] = [(0b10, 2, 14), (0b110, 3, 17), (0b1110, 4, 20)];

/// Encodes samples; times ascend. There are as many values as times, and at most 65,535.
pub(crate) fn encode(times: &[i64], values: &[f64]) -> Vec<u8> {
    debug_assert!(times.len() == values.len() && times.len() <= usize::from(u16::MAX), "a chunk's worth of samples");
    let mut bits = Bits::default();
    bits.push(times.len() as u64, 16);
    let mut value = XorState::default();
    let (mut last_ms, mut last_delta) = (0_i64, 0_i64);
    for (index, (time_ms, next)) in times.iter().zip(values).enumerate() {
        let delta = time_ms.wrapping_sub(last_ms);
        match index {
            // Zigzag: small negative numbers are short, too.
            0 => bits.push_varint((time_ms << 1 ^ time_ms >> 63).cast_unsigned()),
            1 => bits.push_varint(delta.cast_unsigned()),
            _ => push_difference(&mut bits, delta.wrapping_sub(last_delta)),
        }
        if index == 0 {
            value.first(&mut bits, *next);
        } else {
            value.push(&mut bits, *next);
        }
        (last_ms, last_delta) = (*time_ms, delta);
    }
    bits.finish()
}

fn push_difference(bits: &mut Bits, difference: i64) {
    if difference == 0 {
        return bits.push(0, 1);
    }
    // The range of a width reaches one further up than two's complement does, and one less down.
    let fits = |width: u32| (-(1_i64 << (width - 1)) + 1..=1_i64 << (width - 1)).contains(&difference);
    match WIDTHS.iter().find(|(_, _, width)| fits(*width)) {
        Some((prefix, prefix_bits, width)) => {
            bits.push(*prefix, *prefix_bits);
            bits.push(difference.cast_unsigned(), *width);
        }
        None => {
            bits.push(0b1111, 4);
            bits.push(difference.cast_unsigned(), 64);
        }
    }
}

/// What a client does with a chunk; the other half of the round trip.
#[cfg(test)]
pub(super) fn decode(chunk: &[u8]) -> (Vec<i64>, Vec<f64>) {
    let mut at = 0;
    let mut read = |count: u32| {
        (0..count).fold(0_u64, |bits, _| {
            let bit = chunk[at / 8] >> (7 - at % 8) & 1;
            at += 1;
            bits << 1 | u64::from(bit)
        })
    };
    let count = read(16);
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let (mut time, mut delta, mut value, mut window) = (0_i64, 0_i64, 0_u64, (0, 0));
    for index in 0..count {
        if index < 2 {
            let (mut raw, mut shift) = (0_u64, 0);
            loop {
                let byte = read(8);
                raw |= (byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            if index == 0 {
                time = (raw >> 1).cast_signed() ^ -(raw & 1).cast_signed();
                value = read(64);
            } else {
                delta = raw.cast_signed();
                time = time.wrapping_add(delta);
            }
        } else {
            let ones = (0..4).take_while(|_| read(1) == 1).count();
            let difference = match ones {
                0 => 0,
                4 => read(64).cast_signed(),
                ones => {
                    let width = WIDTHS[ones - 1].2;
                    let raw = read(width).cast_signed();
                    if raw > 1 << (width - 1) { raw - (1 << width) } else { raw }
                }
            };
            delta = delta.wrapping_add(difference);
            time = time.wrapping_add(delta);
        }
        if index > 0 && read(1) == 1 {
            if read(1) == 1 {
                let leading = read(5) as u32;
                let width = Some(read(6) as u32).filter(|width| *width > 0).unwrap_or(64);
                window = (leading, 64 - leading - width);
            }
            value ^= read(64 - window.0 - window.1) << window.1;
        }
        times.push(time);
        values.push(f64::from_bits(value));
    }
    (times, values)
}
