//! Varints, and a cursor that never reads past its slice.

use crate::error::Damage;

/// Appends a LEB128 varint.
#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed number as a zigzag varint.
#[inline]
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, zigzag(value));
}

/// The bytes that [`put_varint`] appends.
#[inline]
pub(crate) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Small magnitudes to small numbers.
#[inline]
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
#[inline]
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Reads a slice from front to back.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// What is left.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    #[inline]
    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// A [`Damage`] at the current place.
    #[cold]
    pub(crate) fn damage(&self, reason: &'static str) -> Damage {
        Damage::at(self.at, reason)
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, Damage> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| self.damage("expected one more byte"))?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Damage> {
        let taken = self.rest().get(..len).ok_or_else(|| self.damage("expected more bytes"))?;
        self.at += len;
        Ok(taken)
    }

    #[inline]
    pub(crate) fn u64_le(&mut self) -> Result<u64, Damage> {
        let (bytes, _) = self.rest().split_first_chunk().ok_or_else(|| self.damage("expected 8 bytes"))?;
        self.at += 8;
        Ok(u64::from_le_bytes(*bytes))
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Damage> {
        let first = self.byte()?;
        if first < 0x80 { Ok(u64::from(first)) } else { self.long_varint(u64::from(first & 0x7f)) }
    }

    fn long_varint(&mut self, mut value: u64) -> Result<u64, Damage> {
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.damage("expected a varint of at most 64 bits"))
    }

    #[inline]
    pub(crate) fn signed(&mut self) -> Result<i64, Damage> {
        self.varint().map(unzigzag)
    }

    /// A varint that must not be above `max`.
    #[inline]
    pub(crate) fn count(&mut self, max: usize, reason: &'static str) -> Result<usize, Damage> {
        let value = self.varint()?;
        if value > max as u64 { Err(self.damage(reason)) } else { Ok(value as usize) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn varints_come_back(value: u64, signed: i64) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            proptest::prop_assert_eq!(out.len(), varint_len(value));
            put_signed(&mut out, signed);
            let mut cursor = Cursor::new(&out);
            proptest::prop_assert_eq!(cursor.varint(), Ok(value));
            proptest::prop_assert_eq!(cursor.signed(), Ok(signed));
            proptest::prop_assert!(cursor.is_at_end());
        }
    }

    #[test]
    fn varints_of_more_than_64_bits_are_refused() {
        assert!(Cursor::new(&[0xff; 11]).varint().is_err());
        assert_eq!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).varint(), Ok(u64::MAX));
        assert_eq!(Cursor::new(&[0x80]).varint(), Err(Damage::at(1, "expected one more byte")));
    }
}
