//! A stream of bits, the most significant first, and the numbers that chunks have in it.

use super::ChunkError;

/// Widths behind prefixes of one 1, two 1s and so on, each ended by a 0; eight 1s stand for 64 bits.
const VARBIT_WIDTHS: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];

#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next unread bit.
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn error(&self, what: &'static str) -> ChunkError {
        ChunkError { what, offset_bytes: self.at / 8 }
    }

    /// The next `count` bits, at most 64, as a number.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> Result<u64, ChunkError> {
        let end = self.at + count as usize;
        if end > self.bytes.len() * 8 {
            return Err(self.error("chunk ends early"));
        }
        if count == 0 {
            return Ok(0);
        }
        // 64 bits that begin inside a byte touch nine bytes.
        let rest = &self.bytes[self.at / 8..];
        let len = rest.len().min(9);
        let mut window = [0; 16];
        window[..len].copy_from_slice(&rest[..len]);
        let aligned = u128::from_be_bytes(window) << (self.at % 8);
        self.at = end;
        Ok((aligned >> (128 - count)) as u64)
    }

    #[inline]
    pub(super) fn bit(&mut self) -> Result<bool, ChunkError> {
        Ok(self.take(1)? == 1)
    }

    pub(super) fn double(&mut self) -> Result<f64, ChunkError> {
        self.take(64).map(f64::from_bits)
    }

    /// How many 1s come before a 0, which is read, too; at most `max`, behind which there is no 0.
    #[inline]
    pub(super) fn ones(&mut self, max: u32) -> Result<u32, ChunkError> {
        let mut count = 0;
        while count < max && self.bit()? {
            count += 1;
        }
        Ok(count)
    }

    /// A number of `width` bits below 64, of which the upper half of the range, but for its first number, is negative.
    #[inline]
    pub(super) fn signed(&mut self, width: u32) -> Result<i64, ChunkError> {
        let raw = self.take(width)?.cast_signed();
        Ok(if raw > 1 << (width - 1) { raw - (1 << width) } else { raw })
    }

    /// A number of `width` bits below 64, negative when its first bit is 1.
    pub(super) fn twos_complement(&mut self, width: u32) -> Result<i64, ChunkError> {
        let raw = self.take(width)?.cast_signed();
        Ok(if raw >= 1 << (width - 1) { raw - (1 << width) } else { raw })
    }

    /// A varint of whole bytes, as in protobuf, but at any bit.
    pub(super) fn uvarint(&mut self) -> Result<u64, ChunkError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(8)?;
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.error("varint of more than 64 bits"))
    }

    /// A varint in which small negative numbers are short, too.
    pub(super) fn varint(&mut self) -> Result<i64, ChunkError> {
        let raw = self.uvarint()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// A signed number behind a prefix that tells its width.
    pub(super) fn varbit_int(&mut self) -> Result<i64, ChunkError> {
        match self.ones(8)? {
            0 => Ok(0),
            8 => self.take(64).map(u64::cast_signed),
            ones => self.signed(VARBIT_WIDTHS[ones as usize - 1]),
        }
    }

    /// An unsigned number behind a prefix that tells its width.
    pub(super) fn varbit_uint(&mut self) -> Result<u64, ChunkError> {
        match self.ones(8)? {
            0 => Ok(0),
            8 => self.take(64),
            ones => self.take(VARBIT_WIDTHS[ones as usize - 1]),
        }
    }
}

/// A float that is written as the difference to the one before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct XorValue {
    bits: u64,
    /// Zero bits in front of the last difference, and its width; 0: there was none yet.
    leading: u32,
    width: u32,
}

impl XorValue {
    pub(super) fn new(value: f64) -> Self {
        Self { bits: value.to_bits(), leading: 0, width: 0 }
    }

    /// The value before.
    pub(super) fn get(&self) -> f64 {
        f64::from_bits(self.bits)
    }

    /// The next value.
    #[inline]
    pub(super) fn next(&mut self, bits: &mut Bits<'_>) -> Result<f64, ChunkError> {
        if !bits.bit()? {
            return Ok(self.get());
        }
        if bits.bit()? { self.with_new_window(bits) } else { self.with_window(bits) }
    }

    /// The next value behind a window of its own.
    pub(super) fn with_new_window(&mut self, bits: &mut Bits<'_>) -> Result<f64, ChunkError> {
        self.leading = bits.take(5)? as u32;
        // 64 does not fit six bits and is written as 0.
        self.width = match bits.take(6)? as u32 {
            0 => 64,
            width => width,
        };
        self.with_window(bits)
    }

    /// The next value in the window of the last difference.
    #[inline]
    pub(super) fn with_window(&mut self, bits: &mut Bits<'_>) -> Result<f64, ChunkError> {
        if self.width == 0 || self.leading + self.width > 64 {
            return Err(bits.error("a difference of floats without a width, or wider than 64 bits"));
        }
        self.bits ^= bits.take(self.width)? << (64 - self.leading - self.width);
        Ok(self.get())
    }
}
