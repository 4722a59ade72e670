//! Objects in memory that outlive the stores that use them: for tests.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::backend::{Backend, Object};
use crate::error::{Error, ErrorKind};

/// Objects that all clones share. Nothing goes wrong with them.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl Memory {
    fn object(&self, key: &str) -> Result<Bytes, Error> {
        self.0.lock().get(key).cloned().ok_or_else(|| Error::new(ErrorKind::Absent, "no such object"))
    }
}

impl Backend for Memory {
    fn put(&self, key: &str, bytes: Bytes) -> Result<(), Error> {
        self.0.lock().insert(key.to_owned(), bytes);
        Ok(())
    }

    fn put_file(&self, key: &str, file: &Path) -> Result<(), Error> {
        let bytes = std::fs::read(file).map_err(|error| Error::new(ErrorKind::Local, error.to_string()))?;
        self.put(key, bytes.into())
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let object = self.object(key)?;
        let (start, end) = (range.start as usize, range.end as usize);
        if end > object.len() {
            let text = format!("expected {end} bytes or more, found {}", object.len());
            return Err(Error::new(ErrorKind::Corrupt, text));
        }
        Ok(object.slice(start..end))
    }

    fn size_bytes(&self, key: &str) -> Result<u64, Error> {
        Ok(self.object(key)?.len() as u64)
    }

    fn list(&self, count_max: usize) -> Result<Vec<Object>, Error> {
        let objects = self.0.lock();
        if objects.len() > count_max {
            return Err(Error::new(ErrorKind::Limit, format!("more than {count_max} objects")));
        }
        Ok(objects.iter().map(|(key, bytes)| Object { key: key.clone(), size_bytes: bytes.len() as u64 }).collect())
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        self.0.lock().remove(key);
        Ok(())
    }
}
