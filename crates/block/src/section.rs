//! Parts of the file that are read as a whole: where they stand, and how they are checked and unpacked.

use crate::error::Damage;

/// Bytes of a section's entry in the footer.
pub(crate) const ENTRY_BYTES: usize = 32;

/// A compressed section is at most this many times its stored size: bounds what a damaged footer can make a reader allocate.
const RATIO_MAX: u64 = 1024;

/// Whether bytes have the checksum. A fuzzer could never guess one, so there each is right.
pub(crate) fn has_checksum(bytes: &[u8], crc: u32) -> bool {
    cfg!(fuzzing) || crc32c::crc32c(bytes) == crc
}

const PLAIN: u32 = 0;
const ZSTD: u32 = 1;

/// The sections, in the order of their entries in the footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Pages,
    Columns,
    Series,
    SeriesDirectory,
    Dictionary,
    Postings,
}

/// How many kinds there are.
pub(crate) const KINDS: usize = 6;

impl Kind {
    /// The word of `docs/formats/block.md`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pages => "pages",
            Self::Columns => "columns",
            Self::Series => "series",
            Self::SeriesDirectory => "series directory",
            Self::Dictionary => "dictionary",
            Self::Postings => "postings",
        }
    }
}

/// An entry of the footer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SectionEntry {
    /// From the start of the file.
    pub offset: u64,
    /// In the file.
    pub stored_bytes: u64,
    /// Once unpacked.
    pub raw_bytes: u64,
    /// Of the stored bytes.
    crc: u32,
    packing: u32,
}

impl SectionEntry {
    /// Packs a section that will stand at `offset`; gives the entry and the bytes to store, `None` for `raw` itself.
    pub(crate) fn pack(offset: u64, raw: &[u8], zstd_level: Option<i32>) -> (Self, Option<Vec<u8>>) {
        let packed = zstd_level
            .and_then(|level| zstd::bulk::compress(raw, level).ok())
            .filter(|packed| packed.len() < raw.len() && (raw.len() / packed.len().max(1)) < RATIO_MAX as usize);
        let stored = packed.as_deref().unwrap_or(raw);
        let entry = Self {
            offset,
            stored_bytes: stored.len() as u64,
            raw_bytes: raw.len() as u64,
            crc: crc32c::crc32c(stored),
            packing: if packed.is_some() { ZSTD } else { PLAIN },
        };
        (entry, packed)
    }

    /// Takes the checksum of other stored bytes of the same length.
    #[cfg(test)]
    pub(crate) fn seal(&mut self, stored: &[u8]) {
        self.crc = crc32c::crc32c(stored);
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.stored_bytes.to_le_bytes());
        out.extend_from_slice(&self.raw_bytes.to_le_bytes());
        out.extend_from_slice(&self.crc.to_le_bytes());
        out.extend_from_slice(&self.packing.to_le_bytes());
    }

    pub(crate) fn decode(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let word = |at: usize| bytes[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
        let tail = word(24);
        Self {
            offset: word(0),
            stored_bytes: word(8),
            raw_bytes: word(16),
            crc: tail as u32,
            packing: (tail >> 32) as u32,
        }
    }

    /// Whether the section lies between `start` and `end` and its sizes can be true.
    pub(crate) fn is_plausible(&self, start: u64, end: u64) -> bool {
        let inside = self.offset >= start && self.offset.checked_add(self.stored_bytes).is_some_and(|last| last <= end);
        let sizes = match self.packing {
            PLAIN => self.raw_bytes == self.stored_bytes,
            ZSTD => self.raw_bytes / RATIO_MAX <= self.stored_bytes,
            _ => false,
        };
        inside && sizes
    }

    /// Whether the stored bytes are the raw ones.
    pub(crate) fn is_plain(&self) -> bool {
        self.packing == PLAIN
    }

    /// Checks the stored bytes against the checksum.
    pub(crate) fn check(&self, stored: &[u8]) -> Result<(), Damage> {
        if has_checksum(stored, self.crc) { Ok(()) } else { Err(Damage::at(0, "checksum mismatch")) }
    }

    /// Unpacks checked bytes.
    pub(crate) fn unpack(&self, stored: &[u8]) -> Result<Vec<u8>, Damage> {
        let size = usize::try_from(self.raw_bytes).map_err(|_| Damage::at(0, "expected a smaller section"))?;
        let raw = zstd::bulk::decompress(stored, size).map_err(|_| Damage::at(0, "expected a zstd frame"))?;
        if raw.len() == size { Ok(raw) } else { Err(Damage::at(raw.len(), "expected more bytes in the zstd frame")) }
    }
}
