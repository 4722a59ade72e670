//! What tells contents apart.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use xxhash_rust::xxh3::Xxh3;

/// XXH3 of 128 bits of a content. It finds damage and tells files of one owner apart; it is no proof against forgery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(u128);

/// A reader that digests what goes through it.
pub(crate) struct Digesting<R> {
    inner: R,
    hash: Box<Xxh3>,
    pub(crate) bytes: u64,
}

impl<R> Digesting<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, hash: Box::new(Xxh3::new()), bytes: 0 }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest(self.hash.digest128())
    }
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.hash.update(&into[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = if is_hex { u128::from_str_radix(text, 16).ok() } else { None };
        number.map(Self).ok_or("expected 32 hexadecimal digits")
    }
}
