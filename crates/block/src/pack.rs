//! Bit packing of integers in frames of up to 64 words.
//!
//! ```text
//! width (1 byte) │ shift (1 byte, if width > 0) │ base (zigzag) │ ⌈count × width / 8⌉ bytes, low bits first
//! ```
//!
//! A word is `base + (packed << shift)`. Frames stand one after another; all but the last hold 64 words.

use crate::bytes::{Cursor, put_signed};
use crate::error::Damage;

/// Words of a full frame.
pub(crate) const FRAME_WORDS: usize = 64;

/// How a frame is laid out.
#[derive(Clone, Copy, Debug)]
struct Shape {
    base: i64,
    width: u32,
    shift: u32,
}

impl Shape {
    fn of(words: &[i64]) -> Self {
        let base = words.iter().copied().min().unwrap_or(0);
        let used = words.iter().fold(0, |bits, word| bits | word.wrapping_sub(base) as u64);
        if used == 0 {
            return Self { base, width: 0, shift: 0 };
        }
        let shift = used.trailing_zeros();
        Self { base, width: 64 - used.leading_zeros() - shift, shift }
    }
}

/// The payload bits of `words` when packed, heads left out: what a choice between two forms of the same column goes by.
pub(crate) fn payload_bits(words: &[i64]) -> usize {
    words.chunks(FRAME_WORDS).map(|frame| Shape::of(frame).width as usize * frame.len()).sum()
}

/// Appends all words.
pub(crate) fn encode(words: &[i64], out: &mut Vec<u8>) {
    for frame in words.chunks(FRAME_WORDS) {
        encode_frame(frame, out);
    }
}

fn encode_frame(frame: &[i64], out: &mut Vec<u8>) {
    let Shape { base, width, shift } = Shape::of(frame);
    out.push(width as u8);
    if width > 0 {
        out.push(shift as u8);
    }
    put_signed(out, base);
    if width == 0 {
        return;
    }
    let end = out.len() + packed_len(frame.len(), width);
    let (mut pending, mut used) = (0_u64, 0);
    for word in frame {
        let packed = word.wrapping_sub(base) as u64 >> shift;
        pending |= packed << used;
        used += width;
        if used >= 64 {
            out.extend_from_slice(&pending.to_le_bytes());
            used -= 64;
            pending = if used == 0 { 0 } else { packed >> (width - used) };
        }
    }
    out.extend_from_slice(&pending.to_le_bytes());
    out.truncate(end);
}

fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Hands `count` words to `each`, in order.
pub(crate) fn decode(cursor: &mut Cursor<'_>, count: usize, mut each: impl FnMut(i64)) -> Result<(), Damage> {
    let mut left = count;
    while left > 0 {
        let frame = left.min(FRAME_WORDS);
        decode_frame(cursor, frame, &mut each)?;
        left -= frame;
    }
    Ok(())
}

fn decode_frame(cursor: &mut Cursor<'_>, count: usize, each: &mut impl FnMut(i64)) -> Result<(), Damage> {
    let width = u32::from(cursor.byte()?);
    if width == 0 {
        let base = cursor.signed()?;
        for _ in 0..count {
            each(base);
        }
        return Ok(());
    }
    let shift = u32::from(cursor.byte()?);
    if width + shift > 64 {
        return Err(cursor.damage("expected words of at most 64 bits"));
    }
    let base = cursor.signed()?;
    let packed = cursor.take(packed_len(count, width))?;
    // A copy with room behind it, so that every word can be cut out of one 16-byte load.
    let mut room = [0_u8; FRAME_WORDS * 8 + 16];
    room[..packed.len()].copy_from_slice(packed);
    let mask = u64::MAX >> (64 - width);
    for place in 0..count {
        let bit = place * width as usize;
        let load: [u8; 16] = room[bit / 8..bit / 8 + 16].try_into().unwrap_or_default();
        let word = (u128::from_le_bytes(load) >> (bit % 8)) as u64 & mask;
        each(base.wrapping_add((word << shift) as i64));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(words: &[i64]) -> usize {
        let mut bytes = Vec::new();
        encode(words, &mut bytes);
        let mut back = Vec::new();
        let mut cursor = Cursor::new(&bytes);
        decode(&mut cursor, words.len(), |word| back.push(word)).unwrap();
        assert_eq!(back, words);
        assert!(cursor.is_at_end());
        bytes.len()
    }

    #[test]
    fn pays_for_the_spread_not_for_the_size() {
        assert_eq!(round_trip(&[1_000_000_007; 64]), 1 + 5);
        let counter: Vec<i64> = (0..64).map(|i| 1_000_000 + i % 16).collect();
        assert_eq!(round_trip(&counter), 2 + 3 + 64 * 4 / 8);
        let pages: Vec<i64> = (0..64).map(|i| (i % 16) * 4096).collect();
        assert_eq!(round_trip(&pages), 2 + 1 + 64 * 4 / 8);
    }

    proptest::proptest! {
        #[test]
        fn any_words_come_back(words in proptest::collection::vec(proptest::num::i64::ANY, 0..150), width in 0_u32..64) {
            round_trip(&words);
            round_trip(&words.iter().map(|w| w >> width).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(0_u8.., 0..100)) {
            let _ = decode(&mut Cursor::new(&bytes), 100, |_| ());
        }
    }
}
