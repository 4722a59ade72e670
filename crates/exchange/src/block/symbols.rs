//! The table of all texts of an index, held in memory.

use super::bytes::{Numbers, Windowed, be32};
use crate::error::Error;

/// Texts of a block of some ten million series; more are not held.
const SYMBOLS_BYTES_MAX: usize = 2 << 30;

pub(super) struct Symbols {
    /// The section's content.
    bytes: Vec<u8>,
    places: Places,
}

/// Where the texts stand in the content.
enum Places {
    /// Index version 2: texts have numbers.
    ByNumber(Vec<u32>),
    /// Index version 1: texts are named by their place in the file.
    ByOffset { content_start: u64 },
}

impl Symbols {
    pub(super) fn read(index: &mut Windowed, offset: u64, version: u8) -> Result<Self, Error> {
        let bytes = index.section(offset, SYMBOLS_BYTES_MAX, "the symbols")?;
        let bad = |at: usize| index.damaged(offset + 4 + at as u64, "expected a symbol, which is a length and UTF-8");
        let count = be32(&bytes);
        let mut numbers = Numbers::new(&bytes);
        for _ in 0..4 {
            numbers.byte().ok_or_else(|| bad(0))?;
        }
        let mut places = Vec::new();
        for _ in 0..count {
            let at = numbers.position();
            let text = numbers.bytes().ok_or_else(|| bad(at))?;
            std::str::from_utf8(text).map_err(|_| bad(at))?;
            places.push(at as u32);
        }
        let places = match version {
            1 => Places::ByOffset { content_start: offset + 4 },
            _ => Places::ByNumber(places),
        };
        Ok(Self { bytes, places })
    }

    /// The text of a reference.
    pub(super) fn get(&self, reference: u64) -> Option<&str> {
        let at = match &self.places {
            Places::ByNumber(places) => *places.get(usize::try_from(reference).ok()?)? as usize,
            Places::ByOffset { content_start } => usize::try_from(reference.checked_sub(*content_start)?).ok()?,
        };
        let text = Numbers::new(self.bytes.get(at..)?).bytes()?;
        std::str::from_utf8(text).ok()
    }
}
