//! The file that says how far the queue has been sent. See `docs/formats/queue.md`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bongsu_log::Position;

use crate::error::Error;

const MAGIC: [u8; 8] = *b"BONGSUCU";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 16;

/// More than any sensible number of shards; bounds what a damaged file can ask for.
const SHARDS_MAX: usize = 1024;

/// The cursor file of a queue.
#[derive(Debug)]
pub(crate) struct CursorFile {
    path: PathBuf,
}

impl CursorFile {
    pub fn new(dir: &Path) -> Self {
        Self { path: dir.join("cursor") }
    }

    /// The next position to send of each shard. Without a file, or with a damaged one, every shard begins with the oldest
    /// record: samples may then be sent again, but none is left out. After a change of the number of shards all begin
    /// with the one that was furthest behind.
    pub fn load(&self, shards: usize) -> Result<Vec<Position>, Error> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(vec![Position(0); shards]),
            Err(source) => return Err(self.error("read", source)),
        };
        let positions = decode(&bytes).unwrap_or_else(|| {
            tracing::warn!(path = %self.path.display(), "cursor file is damaged; the whole queue will be sent again");
            Vec::new()
        });
        if positions.len() == shards {
            return Ok(positions);
        }
        Ok(vec![positions.into_iter().min().unwrap_or_default(); shards])
    }

    /// Replaces the file in one step, durably.
    pub fn save(&self, positions: &[Position]) -> Result<(), Error> {
        let fresh = self.path.with_extension("tmp");
        let write = || -> io::Result<()> {
            let mut file = File::create(&fresh)?;
            file.write_all(&encode(positions))?;
            file.sync_data()?;
            fs::rename(&fresh, &self.path)?;
            self.path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
        };
        write().map_err(|source| self.error("write", source))
    }

    fn error(&self, what: &'static str, source: io::Error) -> Error {
        Error::Cursor { what, path: self.path.clone(), source }
    }
}

fn encode(positions: &[Position]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + 8 * positions.len() + 4);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(positions.len() as u32).to_le_bytes());
    positions.iter().for_each(|position| bytes.extend_from_slice(&position.0.to_le_bytes()));
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Vec<Position>> {
    let (content, crc) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    let (header, positions) = content.split_at_checked(HEADER_BYTES)?;
    let (positions, rest) = positions.as_chunks::<8>();
    let whole = crc == crc32c::crc32c(content).to_le_bytes()
        && header[..8] == MAGIC
        && header[8..12] == VERSION.to_le_bytes()
        && header[12..16] == (positions.len() as u32).to_le_bytes()
        && rest.is_empty()
        && positions.len() <= SHARDS_MAX;
    whole.then(|| positions.iter().map(|number| Position(u64::from_le_bytes(*number))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_positions_and_falls_back_to_the_safe_side() {
        let dir = tempfile::tempdir().unwrap();
        let file = CursorFile::new(dir.path());
        assert_eq!(file.load(2).unwrap(), [Position(0); 2]);
        file.save(&[Position(70), Position(u64::MAX)]).unwrap();
        assert_eq!(file.load(2).unwrap(), [Position(70), Position(u64::MAX)]);
        assert_eq!(file.load(3).unwrap(), [Position(70); 3]);
        let bytes = fs::read(dir.path().join("cursor")).unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert_eq!(decode(&damaged), None, "byte {at}");
            assert_eq!(decode(&bytes[..at]), None, "{at} bytes");
        }
    }
}
