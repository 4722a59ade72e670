//! What holds objects, once: no retries, no memory of failures.

use std::ops::Range;
use std::path::Path;

use bytes::Bytes;

use crate::error::Error;

/// An object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its key, without the bucket's prefix; parts are separated by `/`.
    pub key: String,
    /// Its size.
    pub size_bytes: u64,
}

/// Where objects are. Every call blocks, for as long as the backend's own timeouts let it.
pub trait Backend: Send + Sync {
    /// Puts bytes in place as a whole: readers see the old object or the new one.
    ///
    /// # Errors
    /// See [`Error::kind`].
    fn put(&self, key: &str, bytes: Bytes) -> Result<(), Error>;

    /// The same with the content of a file, in parts when it is large.
    ///
    /// # Errors
    /// See [`Error::kind`].
    fn put_file(&self, key: &str, file: &Path) -> Result<(), Error>;

    /// The bytes of a range, all of them.
    ///
    /// # Errors
    /// See [`Error::kind`]; [`crate::ErrorKind::Absent`] when there is no such object.
    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, Error>;

    /// The size of an object.
    ///
    /// # Errors
    /// As [`Backend::get_range`].
    fn size_bytes(&self, key: &str) -> Result<u64, Error>;

    /// All objects, sorted by key.
    ///
    /// # Errors
    /// When there are more than `count_max`, and as above.
    fn list(&self, count_max: usize) -> Result<Vec<Object>, Error>;

    /// Deletes an object; one that is gone already is fine.
    ///
    /// # Errors
    /// See [`Error::kind`].
    fn delete(&self, key: &str) -> Result<(), Error>;

    /// Gives up what is being sent, for good: the process ends.
    fn stop(&self) {}
}
