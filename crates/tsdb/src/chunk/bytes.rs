//! Numbers as bytes, and the way back. The bytes never leave memory: a reader that runs out of them gives zeros.

/// Appends a LEB128 varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes a zigzag varint to the start of `out`, at most 10 bytes, and returns its length.
#[inline]
pub(super) fn put_zigzag(out: &mut [u8], value: i64) -> usize {
    let mut raw = zigzag(value);
    let mut len = 0;
    while raw >= 0x80 {
        out[len] = raw as u8 | 0x80;
        raw >>= 7;
        len += 1;
    }
    out[len] = raw as u8;
    len + 1
}

/// Small magnitudes to small numbers.
#[inline]
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
#[inline]
pub(super) fn unzigzag(raw: u64) -> i64 {
    (raw >> 1) as i64 ^ -((raw & 1) as i64)
}

/// Reads from front to back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl Bytes<'_> {
    #[inline]
    pub(super) fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number of `len` bytes, low first; at most 8.
    #[inline]
    pub(super) fn word(&mut self, len: usize) -> u64 {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        let mut word = [0_u8; 8];
        word[..taken.len()].copy_from_slice(taken);
        self.0 = rest;
        u64::from_le_bytes(word)
    }

    pub(super) fn float(&mut self) -> f64 {
        f64::from_bits(self.word(8))
    }

    #[inline]
    pub(super) fn varint(&mut self) -> u64 {
        let (mut raw, mut shift) = (0_u64, 0);
        loop {
            let byte = self.byte();
            raw |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 || shift > 63 {
                return raw;
            }
        }
    }

    #[inline]
    pub(super) fn zigzag(&mut self) -> i64 {
        unzigzag(self.varint())
    }
}
