//! The backend over `object_store`, on a small runtime of its own.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};
use tokio::runtime::{Builder, Runtime};

use crate::backend::{Backend, Object};
use crate::error::{Error, ErrorKind};

/// A file is read, and sent if it has more than that, in parts of this size.
const PART_BYTES: usize = 8 << 20;
/// Parts of one file on their way at a time.
const PARTS_AT_ONCE: usize = 2;
/// Threads of the runtime: they wait for sockets, and sign.
const THREADS: usize = 2;

/// See the module's text.
pub(crate) struct Cloud {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    /// A folder that goes away takes its objects with it: that is no answer about them.
    folder: Option<PathBuf>,
    /// No further part is sent.
    stopped: Arc<AtomicBool>,
    /// Taken when dropped.
    runtime: Option<Runtime>,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The other way to end a runtime must not be used on a thread of another one.
            runtime.shutdown_background();
        }
    }
}

impl Cloud {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, prefix: &str, folder: Option<PathBuf>) -> Result<Self, Error> {
        let runtime = Builder::new_multi_thread().worker_threads(THREADS).thread_name("bucket").enable_all().build();
        let runtime =
            runtime.map_err(|error| Error::new(ErrorKind::Local, format!("cannot start threads: {error}")))?;
        Ok(Self { store, prefix: prefix.to_owned(), folder, stopped: Arc::default(), runtime: Some(runtime) })
    }

    fn key(&self, key: &str) -> Result<Key, Error> {
        Key::parse(format!("{}{key}", self.prefix)).map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))
    }

    /// Runs a future to its end: not with `block_on`, which a thread that is itself in a runtime must not use.
    fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, object_store::Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let closed = || Error::new(ErrorKind::Unavailable, "the program ends");
        let (tell, told) = sync_channel(1);
        self.runtime.as_ref().ok_or_else(closed)?.spawn(async move {
            // Nobody listens only when the caller's thread has ended.
            let _ = tell.send(work.await);
        });
        told.recv().map_err(|_| closed())?.map_err(|error| self.explain(&error))
    }

    fn explain(&self, error: &object_store::Error) -> Error {
        let is_gone = self.folder.as_ref().is_some_and(|folder| !folder.is_dir());
        let kind = match error {
            _ if is_gone => ErrorKind::Unavailable,
            object_store::Error::NotFound { .. } => ErrorKind::Absent,
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                ErrorKind::Denied
            }
            object_store::Error::InvalidPath { .. } | object_store::Error::NotSupported { .. } => ErrorKind::Invalid,
            _ => ErrorKind::Unavailable,
        };
        let text = if is_gone { "the folder is not there".to_owned() } else { innermost(error) };
        Error::new(kind, text)
    }

    /// What is missing of a folder that is not there must not look like an empty bucket.
    fn check_folder(&self) -> Result<(), Error> {
        match &self.folder {
            Some(folder) if !folder.is_dir() => Err(Error::new(ErrorKind::Unavailable, "the folder is not there")),
            _ => Ok(()),
        }
    }
}

impl Backend for Cloud {
    fn put(&self, key: &str, bytes: Bytes) -> Result<(), Error> {
        self.check_folder()?;
        let (store, key) = (Arc::clone(&self.store), self.key(key)?);
        self.run(async move { store.put(&key, PutPayload::from_bytes(bytes)).await.map(|_| ()) })
    }

    fn put_file(&self, key: &str, path: &Path) -> Result<(), Error> {
        let local = |error: io::Error| Error::new(ErrorKind::Local, format!("cannot read {}: {error}", path.display()));
        let file = File::open(path).map_err(local)?;
        let size_bytes = file.metadata().map_err(local)?.len();
        if size_bytes <= PART_BYTES as u64 {
            return self.put(key, read_part(&file, 0, size_bytes).map_err(local)?);
        }
        self.check_folder()?;
        let (store, key, stopped) = (Arc::clone(&self.store), self.key(key)?, Arc::clone(&self.stopped));
        self.run(async move {
            let mut upload = WriteMultipart::new_with_chunk_size(store.put_multipart(&key).await?, PART_BYTES);
            match send_parts(file, size_bytes, &mut upload, &stopped).await {
                Ok(()) => upload.finish().await.map(|_| ()),
                Err(error) => {
                    // What cannot be aborted is left to the bucket's own rules for old uploads.
                    let _ = upload.abort().await;
                    Err(error)
                }
            }
        })
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let (store, key) = (Arc::clone(&self.store), self.key(key)?);
        self.run(async move { store.get_range(&key, range).await })
    }

    fn size_bytes(&self, key: &str) -> Result<u64, Error> {
        let (store, key) = (Arc::clone(&self.store), self.key(key)?);
        self.run(async move { store.head(&key).await.map(|meta| meta.size) })
    }

    fn list(&self, count_max: usize) -> Result<Vec<Object>, Error> {
        self.check_folder()?;
        let (store, prefix) = (Arc::clone(&self.store), self.prefix.clone());
        let mut objects = self.run(async move {
            let under = (!prefix.is_empty()).then(|| Key::parse(&prefix)).transpose()?;
            let (mut stream, mut objects) = (store.list(under.as_ref()), Vec::new());
            while let Some(meta) = stream.try_next().await? {
                if let Some(key) = meta.location.as_ref().strip_prefix(&prefix) {
                    objects.push(Object { key: key.to_owned(), size_bytes: meta.size });
                }
                if objects.len() > count_max {
                    break;
                }
            }
            Ok(objects)
        })?;
        if objects.len() > count_max {
            return Err(Error::new(ErrorKind::Limit, format!("there are more than {count_max} objects")));
        }
        objects.sort();
        Ok(objects)
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        self.check_folder()?;
        let (store, key) = (Arc::clone(&self.store), self.key(key)?);
        match self.run(async move { store.delete(&key).await }) {
            Err(error) if error.kind == ErrorKind::Absent => Ok(()),
            outcome => outcome,
        }
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

async fn send_parts(
    file: File,
    size_bytes: u64,
    upload: &mut WriteMultipart,
    stopped: &AtomicBool,
) -> Result<(), object_store::Error> {
    let file = Arc::new(file);
    for start in (0..size_bytes).step_by(PART_BYTES) {
        upload.wait_for_capacity(PARTS_AT_ONCE).await?;
        if stopped.load(Ordering::Relaxed) {
            return Err(object_store::Error::Generic { store: "file", source: "the program ends".into() });
        }
        let (file, end) = (Arc::clone(&file), size_bytes.min(start + PART_BYTES as u64));
        let part = tokio::task::spawn_blocking(move || read_part(&file, start, end)).await?;
        upload.put(part.map_err(|error| object_store::Error::Generic { store: "file", source: error.into() })?);
    }
    Ok(())
}

fn read_part(file: &File, start: u64, end: u64) -> io::Result<Bytes> {
    let mut part = vec![0; (end - start) as usize];
    file.read_exact_at(&mut part, start)?;
    Ok(part.into())
}

/// The innermost cause, which says what happened; those around it repeat it.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    let mut end = text.len().min(500);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].trim().to_owned()
}
