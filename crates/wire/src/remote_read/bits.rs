//! Bits, and numbers in as few of them as Prometheus' chunks have. Source: `tsdb/docs/format/chunks.md`.

/// The widths of varbits, the narrow ones first. What none of them holds takes eight ones and 64 bits.
pub(super) const VARBIT_WIDTHS: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];

/// The value before, and the window of bits that the last difference was written with.
#[derive(Clone, Default)]
pub(super) struct XorState {
    last: u64,
    window: Option<(u32, u32)>,
}

impl XorState {
    /// Writes the first value, as it is.
    pub(super) fn first(&mut self, bits: &mut Bits, value: f64) {
        self.last = value.to_bits();
        bits.push(self.last, 64);
    }

    /// Writes a value as its difference from the one before.
    pub(super) fn push(&mut self, bits: &mut Bits, value: f64) {
        let difference = value.to_bits() ^ std::mem::replace(&mut self.last, value.to_bits());
        if difference == 0 {
            return bits.push(0, 1);
        }
        // Five bits hold the count.
        let leading = difference.leading_zeros().min(31);
        let trailing = difference.trailing_zeros();
        bits.push(1, 1);
        match self.window {
            Some((lead, trail)) if leading >= lead && trailing >= trail => {
                bits.push(0, 1);
                bits.push(difference >> trail, 64 - lead - trail);
            }
            _ => {
                let width = 64 - leading - trailing;
                bits.push(1, 1);
                bits.push(u64::from(leading), 5);
                // 64 does not fit six bits and is written as 0.
                bits.push(u64::from(width), 6);
                bits.push(difference >> trailing, width);
                self.window = Some((leading, trailing));
            }
        }
    }
}

/// Bits, the most significant first.
#[derive(Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// Bits of the last byte that are free.
    free: u32,
}

impl Bits {
    /// Appends the lowest `count` bits.
    pub(super) fn push(&mut self, bits: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let taken = left.min(self.free);
            let part = (bits >> (left - taken)) as u8 & (u8::MAX >> (8 - taken));
            if let Some(last) = self.bytes.last_mut() {
                *last |= part << (self.free - taken);
            }
            self.free -= taken;
            left -= taken;
        }
    }

    /// Appends whole bytes of seven bits each, the lowest first.
    pub(super) fn push_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.push(value, 8);
    }

    /// Appends a signed number in as few bits as hold it.
    pub(super) fn push_varbit_signed(&mut self, value: i64) {
        // The range of a width reaches one further up than two's complement does, and one less down.
        let fits = |width: u32| (-(1_i64 << (width - 1)) + 1..=1_i64 << (width - 1)).contains(&value);
        self.push_varbit(value.cast_unsigned(), value == 0, fits);
    }

    /// Appends an unsigned number in as few bits as hold it.
    pub(super) fn push_varbit_unsigned(&mut self, value: u64) {
        self.push_varbit(value, value == 0, |width| value >> width == 0);
    }

    /// One bit for 0; else as many ones as there are narrower widths and one more, a zero, and the number.
    fn push_varbit(&mut self, value: u64, is_zero: bool, fits: impl Fn(u32) -> bool) {
        if is_zero {
            return self.push(0, 1);
        }
        match (1..).zip(VARBIT_WIDTHS).find(|(_, width)| fits(*width)) {
            Some((ones, width)) => {
                self.push((1 << (ones + 1)) - 2, ones + 1);
                self.push(value, width);
            }
            None => {
                self.push(0xff, 8);
                self.push(value, 64);
            }
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}
