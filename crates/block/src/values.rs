//! Columns of values.
//!
//! ```text
//! codec (1 byte) │ exceptions, if flagged │ payload
//! ```
//!
//! The low bits of the codec tell how integers are laid out, the high ones what the integers are: decimals of a known
//! number of places, or the bits of the floats themselves.

use std::cell::RefCell;
use std::ops::Range;

use bongsu_model::STALE_NAN_BITS;

use crate::bins;
use crate::buckets::BUCKETS;
use crate::bytes::{Cursor, put_signed, put_varint};
use crate::decimal::{self, Form, Scaled};
use crate::error::Damage;
use crate::histograms::HISTOGRAMS;
use crate::pack;

/// How much work goes into making a block small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// Bit packing only, for flushes of the head.
    #[default]
    Fast,
    /// Also tries entropy coding, for merges. Then chunks can be long: a reader decodes the parts that it needs.
    Small,
}

/// All integers are the same one: a zigzag varint.
const CONSTANT: u8 = 0;
/// Packed as they are.
const PACKED: u8 = 1;
/// The first as a zigzag varint, then the packed differences.
const PACKED_DELTAS: u8 = 2;
/// The integers as a pco file: read only, [`BINS`] came in its place.
const PCO: u8 = 3;
/// The integers, or their differences, in bins of like ones: the module of that name.
const BINS: u8 = 7;
/// Marks the kind within the codec byte.
const KIND_MASK: u8 = 0b0000_0111;
/// Set when exceptions follow the codec byte.
const EXCEPTIONS: u8 = 0b0000_1000;

/// Shorter columns gain a few percent at most by bins, whose tables are some 15 bytes, and take 1.4 times as long to read.
const BINS_COUNT_MIN: usize = 64;

/// Encodes columns; keeps its memory from column to column.
#[derive(Debug, Default)]
pub(crate) struct ValueEncoder {
    scaled: Scaled,
    deltas: Vec<i64>,
    binned: Vec<u8>,
    /// Whether there was a column that format versions before 4 do not know.
    pub(crate) is_new: bool,
}

impl ValueEncoder {
    /// Appends a column, which is not empty.
    pub(crate) fn encode(&mut self, values: &[f64], effort: Effort, out: &mut Vec<u8>) {
        self.fill_integers(values);
        let start = out.len();
        out.push(self.scaled.form.code() << 4);
        self.is_new |= matches!(self.scaled.form, Form::Thousandths | Form::ThousandTwice);
        if !self.scaled.exceptions.is_empty() {
            out[start] |= EXCEPTIONS;
            put_exceptions(&self.scaled.exceptions, values, out);
        }
        let payload = out.len();
        out[start] |= self.put_packed(values.len(), out);
        let worth_it = effort == Effort::Small && self.scaled.mantissas.len() >= BINS_COUNT_MIN;
        if worth_it && self.is_smaller_in_bins(out.len() - payload) {
            out[start] = out[start] & !KIND_MASK | BINS;
            out.truncate(payload);
            out.extend_from_slice(&self.binned);
            self.is_new = true;
        }
    }

    /// Fills `scaled` with one integer for each value, or with a single one when all are the same.
    fn fill_integers(&mut self, values: &[f64]) {
        let first = values[0].to_bits();
        let same = values.iter().fold(0, |bits, v| bits | (v.to_bits() ^ first)) == 0;
        let column = if same { &values[..1] } else { values };
        if self.scaled.fill(column) && (!same || self.scaled.exceptions.is_empty()) {
            return;
        }
        if !same && self.scaled.fill_with_rounded(column) {
            return;
        }
        self.scaled.form = Form::Bits;
        self.scaled.exceptions.clear();
        self.scaled.mantissas.clear();
        self.scaled.mantissas.extend(column.iter().map(|v| v.to_bits() as i64));
    }

    /// Appends the integers in the smallest of the plain forms; tells which.
    fn put_packed(&mut self, count: usize, out: &mut Vec<u8>) -> u8 {
        let integers = &self.scaled.mantissas;
        let first = integers[0];
        if integers.len() < count || integers.iter().all(|integer| *integer == first) {
            put_signed(out, first);
            return CONSTANT;
        }
        self.deltas.clear();
        self.deltas.extend(integers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])));
        if pack::payload_bits(&self.deltas) < pack::payload_bits(integers) {
            put_signed(out, first);
            pack::encode(&self.deltas, out);
            PACKED_DELTAS
        } else {
            pack::encode(integers, out);
            PACKED
        }
    }

    /// Puts the integers in bins; tells whether that takes less than `bytes_max`.
    fn is_smaller_in_bins(&mut self, bytes_max: usize) -> bool {
        self.binned.clear();
        bins::encode(&self.scaled.mantissas, &mut self.binned) && self.binned.len() < bytes_max
    }
}

/// `count (varint) │ (gap × 2 + raw (varint) │ bits (8 bytes, if raw))*`: a value that is not raw is the stale marker.
fn put_exceptions(places: &[usize], values: &[f64], out: &mut Vec<u8>) {
    put_varint(out, places.len() as u64);
    let mut next = 0;
    for place in places {
        let bits = values[*place].to_bits();
        let raw = bits != STALE_NAN_BITS;
        put_varint(out, ((place - next) as u64) << 1 | u64::from(raw));
        if raw {
            out.extend_from_slice(&bits.to_le_bytes());
        }
        next = place + 1;
    }
}

/// The kind and the form that the first byte of a column tells, for people.
pub(crate) fn codec_name(codec: u8) -> String {
    let kind = match codec & KIND_MASK {
        CONSTANT => "constant",
        PACKED => "packed",
        PACKED_DELTAS => "packed deltas",
        PCO => "pco",
        BINS => "bins",
        HISTOGRAMS => return "histograms".to_owned(),
        BUCKETS => return "buckets".to_owned(),
        _ => "unknown",
    };
    let form = match Form::of_code(codec >> 4) {
        Form::Whole | Form::Decimals(_) => "decimal",
        Form::Thousandths => "times 0.001",
        Form::ThousandTwice => "by 1000 twice",
        Form::Bits => "float bits",
    };
    let exceptions = if codec & EXCEPTIONS == 0 { "" } else { ", exceptions" };
    format!("{kind}, {form}{exceptions}")
}

/// Appends the `count` values of a column to `out`.
pub(crate) fn decode(bytes: &[u8], count: usize, out: &mut Vec<f64>) -> Result<(), Damage> {
    decode_part(bytes, count, 0..count, out)
}

/// Appends those of the `count` values of a column whose places are `wanted`.
pub(crate) fn decode_part(bytes: &[u8], count: usize, wanted: Range<usize>, out: &mut Vec<f64>) -> Result<(), Damage> {
    let mut cursor = Cursor::new(bytes);
    let codec = cursor.byte()?;
    let mut exceptions = cursor.clone();
    if codec & EXCEPTIONS != 0 {
        each_exception(&mut cursor, count, |_, _| ())?;
    }
    // Only bins can be read in parts.
    let found = if codec & KIND_MASK == BINS { wanted.clone() } else { 0..count };
    let start = out.len();
    out.resize(start + found.len(), 0.0);
    let column = Part { count, found: found.clone(), values: &mut out[start..] };
    match Form::of_code(codec >> 4) {
        Form::Bits => decode_integers(&mut cursor, codec, column, |bits| f64::from_bits(bits as u64)),
        Form::Whole => decode_integers(&mut cursor, codec, column, |integer| integer as f64),
        Form::Decimals(decimals) => {
            let power = decimal::power(decimals);
            decode_integers(&mut cursor, codec, column, |mantissa| decimal::to_float(mantissa, power))
        }
        Form::Thousandths => decode_integers(&mut cursor, codec, column, decimal::of_thousandths),
        Form::ThousandTwice => decode_integers(&mut cursor, codec, column, decimal::by_thousand_twice),
    }?;
    if !cursor.is_at_end() {
        return Err(cursor.damage("expected the column to end here"));
    }
    if codec & EXCEPTIONS != 0 {
        let column = &mut out[start..];
        each_exception(&mut exceptions, count, |place, value| {
            if found.contains(&place) {
                column[place - found.start] = value;
            }
        })?;
    }
    out.truncate(start + (wanted.end - found.start));
    out.drain(start..start + (wanted.start - found.start));
    Ok(())
}

/// Some values of a column.
struct Part<'a> {
    /// Values of the whole column.
    count: usize,
    /// Which ones.
    found: Range<usize>,
    values: &'a mut [f64],
}

fn each_exception(cursor: &mut Cursor<'_>, count: usize, mut each: impl FnMut(usize, f64)) -> Result<(), Damage> {
    let mut place = 0_usize;
    for _ in 0..cursor.count(count, "expected no more exceptions than values")? {
        let head = cursor.varint()?;
        let gap = usize::try_from(head >> 1).ok().filter(|gap| *gap < count - place);
        place += gap.ok_or_else(|| cursor.damage("expected an exception within the column"))?;
        let bits = if head & 1 == 0 { STALE_NAN_BITS } else { cursor.u64_le()? };
        each(place, f64::from_bits(bits));
        place += 1;
    }
    Ok(())
}

/// Fills in the values from the payload.
#[inline]
fn decode_integers(
    cursor: &mut Cursor<'_>,
    codec: u8,
    column: Part<'_>,
    to_float: impl Fn(i64) -> f64,
) -> Result<(), Damage> {
    let Part { count, found, values } = column;
    if codec & KIND_MASK == CONSTANT {
        values.fill(to_float(cursor.signed()?));
        return Ok(());
    }
    let mut slots = values.iter_mut();
    let mut put = |integer| {
        if let Some(slot) = slots.next() {
            *slot = to_float(integer);
        }
    };
    match codec & KIND_MASK {
        PACKED => pack::decode(cursor, count, put),
        PACKED_DELTAS => {
            let mut integer = cursor.signed()?;
            put(integer);
            pack::decode(cursor, count - 1, |delta| {
                integer = integer.wrapping_add(delta);
                put(integer);
            })
        }
        PCO => decode_pco(cursor, count, put),
        BINS => bins::decode(cursor, count, &found, &mut put),
        _ => Err(Damage::at(0, "expected a known kind of column")),
    }
}

thread_local! {
    /// Integers of one column on their way from pco to floats.
    static INTEGERS: RefCell<Vec<i64>> = const { RefCell::new(Vec::new()) };
}

fn decode_pco(cursor: &mut Cursor<'_>, count: usize, put: impl FnMut(i64)) -> Result<(), Damage> {
    let bytes = cursor.take(cursor.rest().len())?;
    INTEGERS.with_borrow_mut(|integers| {
        integers.clear();
        integers.resize(count, 0);
        let progress = pco::standalone::simple_decompress_into(bytes, integers)
            .map_err(|_| cursor.damage("expected a column that pco can read"))?;
        if progress.n_processed != count || !progress.finished {
            return Err(cursor.damage("expected as many values as times"));
        }
        integers.iter().copied().for_each(put);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(values: &[f64], effort: Effort) -> usize {
        let mut bytes = Vec::new();
        ValueEncoder::default().encode(values, effort, &mut bytes);
        let mut back = vec![9.0];
        decode(&bytes, values.len(), &mut back).unwrap();
        let bits = |column: &[f64]| column.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back[1..]), bits(values));
        bytes.len()
    }

    #[test]
    fn sizes_of_typical_columns() {
        let stale = f64::from_bits(STALE_NAN_BITS);
        let counter: Vec<f64> = (0..129).map(|i| f64::from(i * 100 + i % 7)).collect();
        let with_stale: Vec<f64> = (0..100).map(|i| if i == 99 { stale } else { 1.0 }).collect();
        for (what, values, size) in [
            ("constant", vec![0.0; 480], 2),
            ("constant decimal", vec![12.5; 480], 3),
            ("constant NaN", vec![f64::NAN; 480], 11),
            ("counter", counter, 2 + 2 * (2 + 2 + 64 * 4 / 8)),
            ("constant that ends", with_stale, 1 + 3 + 1),
        ] {
            let got = round_trip(&values, Effort::Fast);
            assert!(got <= size, "{what}: {got} bytes, expected at most {size}");
        }
    }

    #[test]
    fn odd_floats_keep_their_bits() {
        let odd = [
            -0.0,
            0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            f64::from_bits(STALE_NAN_BITS),
            f64::MIN_POSITIVE,
            5e-324,
        ];
        for effort in [Effort::Fast, Effort::Small] {
            for value in odd {
                round_trip(&[value], effort);
                round_trip(&[value, 1.0, 2.0], effort);
                round_trip(&(0..200).map(|i| if i == 77 { value } else { f64::from(i) }).collect::<Vec<_>>(), effort);
            }
            round_trip(&odd, effort);
        }
    }

    /// Columns of the shapes that occur, with odd values strewn in.
    fn columns() -> impl proptest::strategy::Strategy<Value = Vec<f64>> {
        use proptest::prelude::*;
        let any = proptest::num::u64::ANY.prop_map(f64::from_bits).boxed();
        let integer = (-1_000_000_i64..1 << 53).prop_map(|i| i as f64).boxed();
        let decimal = (-100_000_i32..100_000, 0..6).prop_map(|(m, e)| f64::from(m) / 10_f64.powi(e)).boxed();
        let mixed = prop_oneof![20 => integer.clone(), 1 => any.clone(), 1 => Just(f64::from_bits(STALE_NAN_BITS)), 1 => Just(-0.0)].boxed();
        prop_oneof![Just(any), Just(integer), Just(decimal), Just(mixed)]
            .prop_flat_map(|value| proptest::collection::vec(value, 1..300))
    }

    proptest::proptest! {
        #[test]
        fn any_column_comes_back(values in columns()) {
            round_trip(&values, Effort::Fast);
            round_trip(&values, Effort::Small);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(0_u8.., 0..100), count in 1_usize..200) {
            let _ = decode(&bytes, count, &mut Vec::new());
        }
    }
}
