//! A bucket as engines see it.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::backend::{Backend, Object};
use crate::config::BucketConfig;
use crate::error::{Error, ErrorKind};
use crate::health::Health;
use crate::open;

/// A call is tried so often while the bucket is known to be well.
const ATTEMPTS: u32 = 3;
/// Between two attempts, times the number of those made.
const BACKOFF: Duration = Duration::from_millis(100);
/// Objects that a listing may have.
const OBJECTS_MAX: usize = 1 << 20;
/// The end of a file that was put is read back and compared.
const COMPARED_BYTES: u64 = 256;

/// Objects under one prefix of one bucket. Methods block and may be called from any thread, also one of a runtime.
pub struct Bucket {
    name: String,
    backend: Box<dyn Backend>,
    /// Apart: a bucket that is full, or whose keys may only read, still answers queries.
    reads: Health,
    writes: Health,
    counters: Counters,
    backoff: Duration,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    failures: AtomicU64,
    read_bytes: AtomicU64,
    written_bytes: AtomicU64,
}

/// Counts since the bucket was opened, and how it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests made.
    pub requests: u64,
    /// Those that failed; an object that is absent is no failure.
    pub failures: u64,
    /// Bytes of objects read.
    pub read_bytes: u64,
    /// Bytes of objects written.
    pub written_bytes: u64,
    /// For how long there was no good answer, and why; `None` while all is well.
    pub down: Option<(Duration, String)>,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Bucket {
    /// Opens what the settings say; makes no request.
    ///
    /// # Errors
    /// When the settings cannot work, as with a folder that is not there or a file of a secret that cannot be read.
    pub fn open(config: &BucketConfig) -> Result<Self, Error> {
        let name = config.place.to_string();
        let backend = open::open(config).map_err(|error| error.within(&format!("bucket {name}")))?;
        Ok(Self::with_backend(name, Box::new(backend)))
    }

    /// A bucket over any backend; `name` is what messages call it.
    #[must_use]
    pub fn with_backend(name: impl Into<String>, backend: Box<dyn Backend>) -> Self {
        Self {
            name: name.into(),
            backend,
            reads: Health::default(),
            writes: Health::default(),
            counters: Counters::default(),
            backoff: BACKOFF,
        }
    }

    /// Tries again at once, also what failed a moment ago: for tests in which nothing may hang on the time.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn without_pauses(mut self) -> Self {
        (self.reads, self.writes) = (Health::without_pause(), Health::without_pause());
        self.backoff = Duration::ZERO;
        self
    }

    /// Its URL, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// See [`Stats`].
    #[must_use]
    pub fn stats(&self) -> Stats {
        let now = Instant::now();
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            requests: get(&self.counters.requests),
            failures: get(&self.counters.failures),
            read_bytes: get(&self.counters.read_bytes),
            written_bytes: get(&self.counters.written_bytes),
            down: self.reads.down(now).or_else(|| self.writes.down(now)),
        }
    }

    /// Puts bytes in place as a whole.
    ///
    /// # Errors
    /// See [`Error::kind`]; the object is the old one then, or absent, or, when the answer was lost, the new one.
    pub fn put(&self, key: &str, bytes: &[u8]) -> Result<(), Error> {
        let bytes = Bytes::copy_from_slice(bytes);
        self.ask(&self.writes, "write", key, || self.backend.put(key, bytes.clone()))?;
        self.counters.written_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Puts the content of a file in place as a whole, and looks whether the object has its size and its end. Returns the
    /// size. The file does not change meanwhile.
    ///
    /// # Errors
    /// See [`Error::kind`]; [`ErrorKind::Corrupt`] when what is there is not what was written.
    pub fn put_file(&self, key: &str, path: &Path) -> Result<u64, Error> {
        let local = |error: io::Error| Error::new(ErrorKind::Local, format!("cannot read {}: {error}", path.display()));
        let file = File::open(path).map_err(local)?;
        let size_bytes = file.metadata().map_err(local)?.len();
        self.ask(&self.writes, "write", key, || self.backend.put_file(key, path))?;
        self.counters.written_bytes.fetch_add(size_bytes, Ordering::Relaxed);
        let found = self.size_bytes(key)?;
        let from = size_bytes.saturating_sub(COMPARED_BYTES);
        let mut end = vec![0; (size_bytes - from) as usize];
        file.read_exact_at(&mut end, from).map_err(local)?;
        let is_same = found == size_bytes && self.get_range(key, from..size_bytes)? == end.as_slice();
        if is_same {
            return Ok(size_bytes);
        }
        let text = format!("bucket {}: {key} is not what was written: it has {found} of {size_bytes} bytes", self.name);
        Err(Error::new(ErrorKind::Corrupt, text))
    }

    /// All bytes of a range.
    ///
    /// # Errors
    /// See [`Error::kind`].
    pub fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, Error> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let wanted = range.end - range.start;
        let bytes = self.ask(&self.reads, "read", key, || {
            let bytes = self.backend.get_range(key, range.clone())?;
            if bytes.len() as u64 == wanted {
                return Ok(bytes);
            }
            Err(Error::new(ErrorKind::Corrupt, format!("expected {wanted} bytes, found {}", bytes.len())))
        })?;
        self.counters.read_bytes.fetch_add(wanted, Ordering::Relaxed);
        Ok(bytes)
    }

    /// A whole object of at most `bytes_max`; `None` when there is no such object.
    ///
    /// # Errors
    /// See [`Error::kind`]; [`ErrorKind::Limit`] when it is larger.
    pub fn get(&self, key: &str, bytes_max: u64) -> Result<Option<Bytes>, Error> {
        let size_bytes = match self.size_bytes(key) {
            Err(error) if error.kind == ErrorKind::Absent => return Ok(None),
            size_bytes => size_bytes?,
        };
        if size_bytes > bytes_max {
            let text = format!("bucket {}: {key} has {size_bytes} bytes, expected at most {bytes_max}", self.name);
            return Err(Error::new(ErrorKind::Limit, text));
        }
        self.get_range(key, 0..size_bytes).map(Some)
    }

    /// The size of an object.
    ///
    /// # Errors
    /// See [`Error::kind`].
    pub fn size_bytes(&self, key: &str) -> Result<u64, Error> {
        self.ask(&self.reads, "look at", key, || self.backend.size_bytes(key))
    }

    /// All objects, sorted by key.
    ///
    /// # Errors
    /// See [`Error::kind`].
    pub fn list(&self) -> Result<Vec<Object>, Error> {
        self.ask(&self.reads, "list", "objects", || self.backend.list(OBJECTS_MAX))
    }

    /// Deletes an object; one that is gone already is fine.
    ///
    /// # Errors
    /// See [`Error::kind`].
    pub fn delete(&self, key: &str) -> Result<(), Error> {
        self.ask(&self.writes, "delete", key, || self.backend.delete(key))
    }

    /// Gives up what is being sent, for good: the process ends.
    pub fn stop(&self) {
        self.backend.stop();
    }

    /// One call with its attempts.
    fn ask<T>(
        &self,
        health: &Health,
        action: &str,
        key: &str,
        call: impl Fn() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let named = |error: Error| error.within(&format!("bucket {}: cannot {action} {key}", self.name));
        health.check(Instant::now()).map_err(named)?;
        let mut attempt = 1;
        loop {
            self.counters.requests.fetch_add(1, Ordering::Relaxed);
            let outcome = call();
            if outcome.as_ref().is_err_and(|error| error.kind != ErrorKind::Absent) {
                self.counters.failures.fetch_add(1, Ordering::Relaxed);
            }
            let is_last = attempt == ATTEMPTS || health.down(Instant::now()).is_some();
            match outcome {
                Err(error) if error.is_transient() && !is_last => std::thread::sleep(self.backoff * attempt),
                outcome => return health.learn(outcome, Instant::now()).map_err(named),
            }
            attempt += 1;
        }
    }
}
