//! Where the bytes of a block are.

use memmap2::Mmap;

use super::remote::Remote;

/// See the module's text.
pub(super) enum Contents {
    Mapped(Mmap),
    Owned(Vec<u8>),
    Remote(Remote),
}

impl Contents {
    /// The bytes of a range of the file. Of a remote block only what was loaded before may be asked for: see [`Remote`].
    #[inline]
    pub(super) fn get(&self, start: usize, end: usize) -> Option<&[u8]> {
        match self {
            Self::Mapped(map) => map.get(start..end),
            Self::Owned(bytes) => bytes.get(start..end),
            Self::Remote(remote) => remote.get(start, end),
        }
    }

    pub(super) fn remote(&self) -> Option<&Remote> {
        if let Self::Remote(remote) = self { Some(remote) } else { None }
    }
}
