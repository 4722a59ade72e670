//! The bytes of blocks that are only in the bucket: read by ranges, kept in files without a name.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bongsu_block::RemoteFile;
use bongsu_bucket::Bucket;

/// Queries may keep so many times the bytes of the cache, until those of others are let go.
const OVERFULL_FACTOR: u64 = 2;

/// What is kept of far blocks, together.
#[derive(Debug)]
pub(crate) struct Cache {
    /// Where its files are made; they are unlinked at once, so that nothing is left after a crash.
    dir: PathBuf,
    pub(crate) bytes_max: u64,
    bytes: AtomicU64,
    /// Counts uses.
    clock: AtomicU64,
    number: AtomicU64,
}

impl Cache {
    pub(crate) fn new(dir: PathBuf, bytes_max: u64) -> Self {
        Self { dir, bytes_max, bytes: AtomicU64::new(0), clock: AtomicU64::new(0), number: AtomicU64::new(0) }
    }

    /// Bytes kept now.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn create_file(&self) -> io::Result<File> {
        std::fs::create_dir_all(&self.dir)?;
        let path = self.dir.join(format!("{}.part", self.number.fetch_add(1, Ordering::Relaxed)));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    }
}

/// What is kept of one far block.
#[derive(Debug)]
pub(crate) struct Kept {
    cache: Arc<Cache>,
    bytes: AtomicU64,
    used_at: AtomicU64,
}

impl Kept {
    pub(crate) fn new(cache: &Arc<Cache>) -> Arc<Self> {
        let (bytes, used_at) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { cache: Arc::clone(cache), bytes, used_at })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Notes that the block is about to be read.
    pub(crate) fn touch(&self) {
        self.used_at.store(self.cache.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Larger for blocks that were read later.
    pub(crate) fn used_at(&self) -> u64 {
        self.used_at.load(Ordering::Relaxed)
    }
}

/// The file of a block that is in the bucket.
pub(crate) struct FarFile {
    /// `None`: no bucket is configured.
    pub(crate) bucket: Option<Arc<Bucket>>,
    pub(crate) key: String,
    pub(crate) kept: Arc<Kept>,
}

impl RemoteFile for FarFile {
    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let Some(bucket) = &self.bucket else {
            return Err(io::Error::other("it is in a bucket only, and no store.bucket is configured"));
        };
        let cache = &self.kept.cache;
        if cache.bytes().saturating_add(range.end - range.start) > cache.bytes_max.saturating_mul(OVERFULL_FACTOR) {
            let text = format!(
                "the cache is full with what is being read of bucket {}: try again later, or raise store.cache_size ({} bytes)",
                bucket.name(),
                cache.bytes_max
            );
            return Err(io::Error::other(text));
        }
        Ok(bucket.get_range(&self.key, range).map_err(io::Error::other)?.to_vec())
    }

    fn create_cache(&self) -> io::Result<File> {
        self.kept.cache.create_file()
    }

    fn kept(&self, bytes: u64) {
        self.kept.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.kept.cache.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn used(&self) {
        self.kept.touch();
    }
}

impl Drop for FarFile {
    fn drop(&mut self) {
        // With the last reader of the block its file goes.
        self.kept.cache.bytes.fetch_sub(self.kept.bytes(), Ordering::Relaxed);
    }
}
