//! The table of texts and the references into it.

use super::super::DecodeError;
use super::super::cursor::Cursor;

/// Why references lead nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SymbolError {
    /// A name without a value.
    #[error("labels_refs has {count} entries, which is no even number")]
    Odd {
        /// How many references there are.
        count: usize,
    },
    /// Beyond the table.
    #[error("reference {reference} is beyond the table of {symbols} symbols")]
    OutOfRange {
        /// The highest reference.
        reference: u64,
        /// The size of the table.
        symbols: usize,
    },
}

/// The references of labels, not looked up yet: well-formed numbers in packed or single fields.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refs<'a> {
    /// From the first such field to the end of the last one.
    fields: &'a [u8],
    /// Where that field stands in its message.
    start: usize,
    count: usize,
    max: u64,
}

/// Field 1, the references of labels in series and exemplars, packed.
pub(super) const PACKED: u64 = 1 << 3 | 2;
/// The same as single numbers, as encoders may write them.
pub(super) const SINGLE: u64 = 1 << 3;

impl<'a> Refs<'a> {
    /// Counts the references of one field whose key has been read. `start` is where the key stands.
    pub(super) fn take(&mut self, cursor: &mut Cursor<'a>, tag: u64, start: usize) -> Result<(), DecodeError> {
        if self.count == 0 {
            self.start = start;
        }
        if tag == PACKED {
            let mut packed = cursor.message()?;
            while !packed.at_end() {
                self.note(packed.varint()?);
            }
        } else {
            self.note(cursor.varint()?);
        }
        // Other fields may stand between two of these; they are stepped over again when the references are read.
        self.fields = cursor.slice(self.start, cursor.position());
        Ok(())
    }

    fn note(&mut self, reference: u64) {
        self.count += 1;
        self.max = self.max.max(reference);
    }

    /// The pairs that the references stand for.
    pub(super) fn pairs<'s>(&self, symbols: &'s [&'a str]) -> Result<LabelPairs<'s, 'a>, SymbolError> {
        if !self.count.is_multiple_of(2) {
            return Err(SymbolError::Odd { count: self.count });
        }
        if self.count > 0 && self.max >= symbols.len() as u64 {
            return Err(SymbolError::OutOfRange { reference: self.max, symbols: symbols.len() });
        }
        Ok(LabelPairs { symbols, fields: Cursor::new(self.fields, 0), packed: Cursor::new(&[], 0) })
    }
}

/// Looks up one reference of a number.
pub(super) fn symbol<'a>(symbols: &[&'a str], reference: u64) -> Result<&'a str, SymbolError> {
    let found = usize::try_from(reference).ok().and_then(|place| symbols.get(place)).copied();
    found.ok_or(SymbolError::OutOfRange { reference, symbols: symbols.len() })
}

/// Label names and values in the order in which they were sent, which need not be sorted.
#[derive(Clone, Debug)]
pub struct LabelPairs<'s, 'a> {
    symbols: &'s [&'a str],
    fields: Cursor<'a>,
    packed: Cursor<'a>,
}

impl<'a> LabelPairs<'_, 'a> {
    /// The next text; all that can go wrong was checked before.
    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        while self.packed.at_end() {
            if self.fields.at_end() {
                return None;
            }
            match self.fields.varint().ok()? {
                PACKED => self.packed = self.fields.message().ok()?,
                SINGLE => {
                    let reference = self.fields.varint().ok()?;
                    return symbol(self.symbols, reference).ok();
                }
                other => self.fields.skip(other).ok()?,
            }
        }
        let reference = self.packed.varint().ok()?;
        symbol(self.symbols, reference).ok()
    }
}

impl<'a> Iterator for LabelPairs<'_, 'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some((self.text()?, self.text()?))
    }
}
