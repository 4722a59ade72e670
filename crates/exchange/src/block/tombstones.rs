//! The `tombstones` file: stretches of series that were deleted and not yet dropped.

use std::collections::HashMap;
use std::path::Path;

use bongsu_model::SampleBuffer;

use super::bytes::{Numbers, be32, sums_match};
use crate::error::Error;

const MAGIC: u32 = 0x0130_BA30;
const BYTES_MAX: u64 = 1 << 30;

/// Deleted stretches, both ends inclusive, by the number that names a series in the index.
#[derive(Debug, Default)]
pub(super) struct Tombstones(HashMap<u64, Vec<(i64, i64)>>);

impl Tombstones {
    /// No file means that nothing was deleted.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let size = match std::fs::metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Error::io("look at", path)(error)),
        };
        let file = path.display().to_string();
        if size > BYTES_MAX {
            return Err(Error::damaged(&file, 0, format!("{size} bytes, at most {BYTES_MAX} are read")));
        }
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        Self::decode(&bytes).map_err(|(at, message)| Error::damaged(&file, at as u64, message))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, (usize, String)> {
        let Some((content, checksum)) = bytes.get(5..).and_then(|rest| rest.split_last_chunk::<4>()) else {
            return Err((0, format!("expected at least nine bytes of tombstones, found {}", bytes.len())));
        };
        if be32(bytes) != MAGIC || bytes[4] != 1 {
            return Err((0, format!("expected the magic number {MAGIC:08x} and version 1 of tombstones")));
        }
        let (found, expected) = (crc32c::crc32c(content), u32::from_be_bytes(*checksum));
        if !sums_match(found, expected) {
            return Err((5, format!("checksum of the tombstones is {found:08x}, expected {expected:08x}")));
        }
        let (mut numbers, mut all) = (Numbers::new(content), HashMap::<u64, Vec<(i64, i64)>>::new());
        while numbers.left() > 0 {
            let at = 5 + numbers.position();
            let entry = (|| Some((numbers.uvarint()?, numbers.varint()?, numbers.varint()?)))();
            let (series, min_ms, max_ms) = entry.ok_or_else(|| (at, "tombstone ends early".to_owned()))?;
            all.entry(series).or_default().push((min_ms, max_ms));
        }
        Ok(Self(all))
    }

    /// Leaves out what was deleted of a series; returns how many samples that were.
    pub(super) fn apply(&self, series: u64, samples: &mut SampleBuffer) -> u64 {
        let Some(deleted) = self.0.get(&series) else { return 0 };
        let is_deleted = |ms: i64| deleted.iter().any(|(min_ms, max_ms)| (*min_ms..=*max_ms).contains(&ms));
        let mut kept = SampleBuffer::default();
        for (place, (time_ms, value)) in samples.timestamps_ms.iter().zip(&samples.values).enumerate() {
            if !is_deleted(*time_ms) {
                kept.push(*time_ms, *value);
                kept.set_last_start(samples.start_timestamps_ms.get(place).copied().unwrap_or(0));
            }
        }
        kept.histograms = std::mem::take(&mut samples.histograms);
        let before = samples.timestamps_ms.len() + kept.histograms.len();
        kept.histograms.retain(|(time_ms, _)| !is_deleted(*time_ms));
        *samples = kept;
        (before - samples.len()) as u64
    }
}
