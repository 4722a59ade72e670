//! The last bytes of the file: what it holds and where the sections stand.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::section::{ENTRY_BYTES, KINDS, Kind, SectionEntry, has_checksum};

/// First and last bytes of every block.
pub(crate) const MAGIC: [u8; 8] = *b"BONGSUBK";
/// The newest format that this program reads; written when an older one cannot hold the samples, so that a version of
/// this program that knows the older one only can read what it could have written itself.
pub(crate) const VERSION: u32 = 4;
/// The format without bins.
pub(crate) const VERSION_BUCKETS: u32 = 3;
/// The format without buckets, too.
pub(crate) const VERSION_SAMPLES: u32 = 2;
/// The format without native histograms and starts, too.
pub(crate) const VERSION_FLOATS: u32 = 1;
/// Later versions that are believed to be such: a larger number was made by a damaged disk.
const VERSIONS_AHEAD: u32 = 100;
/// Where the pages start.
pub(crate) const HEADER_BYTES: u64 = MAGIC.len() as u64;
/// Bytes of a block's footer: sections, 6 numbers, checksum, version, magic.
pub const FOOTER_BYTES: usize = KINDS * ENTRY_BYTES + 6 * 8 + 4 + 4 + MAGIC.len();

const NO_BLOCK: &str = "expected a whole block that starts and ends with its magic";

/// What a block holds, from its footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockMeta {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub size_bytes: u64,
    /// Time of the first sample, milliseconds; `i64::MAX` without samples.
    pub min_time_ms: i64,
    /// Time of the last sample, milliseconds; `i64::MIN` without samples.
    pub max_time_ms: i64,
    /// Number of series.
    pub series_count: u32,
    /// Number of samples.
    pub sample_count: u64,
    /// Number of chunks.
    pub chunk_count: u64,
    /// The writer's word for how often the samples were merged; see [`crate::WriteOptions::level`].
    pub level: u32,
    /// How long the stretches of time are of which it has buckets, milliseconds; 0 when it has samples.
    pub resolution_ms: i64,
}

/// The footer, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    pub sections: [SectionEntry; KINDS],
    pub min_time_ms: i64,
    pub max_time_ms: i64,
    pub series_count: u32,
    pub sample_count: u64,
    pub chunk_count: u64,
    pub level: u32,
    pub resolution_secs: u32,
    pub version: u32,
}

impl Footer {
    pub(crate) fn section(&self, kind: Kind) -> &SectionEntry {
        &self.sections[kind as usize]
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FOOTER_BYTES);
        self.sections.iter().for_each(|section| section.encode(&mut out));
        let numbers = [
            self.min_time_ms as u64,
            self.max_time_ms as u64,
            u64::from(self.series_count),
            self.sample_count,
            self.chunk_count,
            u64::from(self.level) | u64::from(self.resolution_secs) << 32,
        ];
        numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&MAGIC);
        out
    }

    /// Reads the footer of a whole file and checks that what it says can be true.
    pub(crate) fn decode(path: &Path, file: &[u8]) -> Result<Self, Error> {
        let start = file.len().saturating_sub(FOOTER_BYTES);
        if !file.starts_with(&MAGIC) {
            let (path, section, reason) = (path.to_owned(), "footer", NO_BLOCK);
            return Err(Error::Corrupt { path, section, offset: start as u64, reason });
        }
        Self::decode_tail(path, &file[start..], file.len() as u64)
    }

    /// The same from the last bytes of a file of `size_bytes`.
    pub(crate) fn decode_tail(path: &Path, footer: &[u8], size_bytes: u64) -> Result<Self, Error> {
        let start = size_bytes.saturating_sub(FOOTER_BYTES as u64);
        let corrupt = |at: usize, reason| Error::Corrupt {
            path: path.to_owned(),
            section: "footer",
            offset: start + at as u64,
            reason,
        };
        if start < HEADER_BYTES || footer.len() != FOOTER_BYTES || !footer.ends_with(&MAGIC) {
            return Err(corrupt(0, NO_BLOCK));
        }
        let word = |at: usize| footer[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
        let numbers = KINDS * ENTRY_BYTES;
        let crc_at = numbers + 6 * 8;
        let (crc, version) = (word(crc_at) as u32, (word(crc_at) >> 32) as u32);
        if version == 0 || version > VERSION + VERSIONS_AHEAD {
            return Err(corrupt(crc_at + 4, "expected a version that there can be"));
        }
        if version > VERSION {
            return Err(Error::Version { path: path.to_owned(), version, supported: VERSION });
        }
        if !has_checksum(&footer[..crc_at], crc) {
            return Err(corrupt(crc_at, "checksum mismatch"));
        }
        let mut sections = [SectionEntry::default(); KINDS];
        for (entry, bytes) in sections.iter_mut().zip(footer.as_chunks::<ENTRY_BYTES>().0) {
            *entry = SectionEntry::decode(bytes);
            if !entry.is_plausible(HEADER_BYTES, start) {
                return Err(corrupt(0, "expected sections within the file"));
            }
        }
        Ok(Self {
            sections,
            min_time_ms: word(numbers) as i64,
            max_time_ms: word(numbers + 8) as i64,
            series_count: u32::try_from(word(numbers + 16))
                .map_err(|_| corrupt(numbers + 16, "expected fewer series"))?,
            sample_count: word(numbers + 24),
            chunk_count: word(numbers + 32),
            level: word(numbers + 40) as u32,
            resolution_secs: if version > VERSION_SAMPLES { (word(numbers + 40) >> 32) as u32 } else { 0 },
            version,
        })
    }

    /// What callers see of it.
    pub(crate) fn meta(&self, path: &Path, size_bytes: u64) -> BlockMeta {
        BlockMeta {
            path: path.to_owned(),
            size_bytes,
            min_time_ms: self.min_time_ms,
            max_time_ms: self.max_time_ms,
            series_count: self.series_count,
            sample_count: self.sample_count,
            chunk_count: self.chunk_count,
            level: self.level,
            resolution_ms: i64::from(self.resolution_secs) * 1000,
        }
    }
}
