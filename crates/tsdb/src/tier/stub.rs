//! Stubs: small files that say what the bucket has of a block.
//!
//! ```text
//! "BGSSTUB1" <8> │ crc32c <4> │ state <1> │ bytes of the block <8> │ footer of the block <256>
//! ```
//!
//! A block that differs has another footer, so a stub never speaks for what was written anew under the same name.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bongsu_block::{Block, FOOTER_BYTES};

use crate::error::Error;
use crate::files::Files;

const MAGIC: &[u8; 8] = b"BGSSTUB1";
const HEAD_BYTES: usize = 12;
const BODY_BYTES: usize = 1 + 8 + FOOTER_BYTES;

/// The ends of the names of files that stand beside, or in place of, `<name>.block`.
pub(crate) const STUB: &str = ".remote";
pub(crate) const GONE: &str = ".gone";

/// How far a block has come on its way to the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Being sent: the bucket may have it, or a part.
    Sending = 0,
    /// The bucket has it. The disk may have it, too.
    Copied = 1,
}

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stub {
    pub(crate) state: State,
    pub(crate) size_bytes: u64,
    pub(crate) footer: Vec<u8>,
}

impl Stub {
    pub(crate) fn of(block: &Block, state: State) -> Self {
        Self { state, size_bytes: block.meta().size_bytes, footer: block.footer_bytes() }
    }

    /// Puts it beside a block, durably.
    pub(crate) fn write(&self, files: &Files, block: &Path) -> Result<(), Error> {
        files.write_file(&path(block), &self.encode())
    }

    /// What stands beside a block. A damaged stub says nothing: the block is sent, or looked for, again.
    pub(crate) fn read(block: &Path) -> Option<Self> {
        Self::decode(&fs::read(path(block)).ok()?)
    }

    /// Whether the bucket has the block as it is.
    pub(crate) fn is_copy_of(&self, block: &Block) -> bool {
        self.state == State::Copied && self.size_bytes == block.meta().size_bytes && self.footer == block.footer_bytes()
    }

    fn encode(&self) -> Vec<u8> {
        let body = [&[self.state as u8], self.size_bytes.to_le_bytes().as_slice(), &self.footer].concat();
        [MAGIC, crc32c::crc32c(&body).to_le_bytes().as_slice(), &body].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (crc, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
        if bytes.len() != HEAD_BYTES + BODY_BYTES || u32::from_le_bytes(*crc) != crc32c::crc32c(body) {
            return None;
        }
        let (state, rest) = body.split_first()?;
        let (size_bytes, footer) = rest.split_first_chunk()?;
        let state = [State::Sending, State::Copied].into_iter().find(|known| *known as u8 == *state)?;
        Some(Self { state, size_bytes: u64::from_le_bytes(*size_bytes), footer: footer.to_vec() })
    }
}

/// The stub of a block.
pub(crate) fn path(block: &Path) -> PathBuf {
    with_end(block, STUB)
}

/// What says that the bucket's object of a block is to be deleted.
pub(crate) fn gone_path(block: &Path) -> PathBuf {
    with_end(block, GONE)
}

fn with_end(block: &Path, end: &str) -> PathBuf {
    let mut path = OsString::from(block);
    path.push(end);
    path.into()
}

/// Notes that a block leaves the store for good: what the bucket has of it is to be deleted, also after a crash. Then lets it
/// leave; when that fails, the block is still there, and so is its stub.
pub(crate) fn leave(files: &Files, block: &Path, leave: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    match files.0.rename(&path(block), &gone_path(block)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => leave(),
        Err(error) => Err(Error::io("rename", &path(block))(error)),
        Ok(()) => {
            let noted = block.parent().map_or(Ok(()), |dir| files.sync_dir(dir));
            noted.and_then(|()| leave()).inspect_err(|_| {
                // If this fails, too, the sweep finds it.
                let _ = files.0.rename(&gone_path(block), &path(block));
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stub_reads_back_and_damage_makes_it_say_nothing() {
        let stub = Stub { state: State::Copied, size_bytes: 12_345, footer: vec![7; FOOTER_BYTES] };
        let bytes = stub.encode();
        assert_eq!(Stub::decode(&bytes), Some(stub));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(Stub::decode(&damaged), None, "byte {at}");
            assert_eq!(Stub::decode(&bytes[..at]), None);
        }
    }
}
