//! The file of a block while it is written.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_disk::{Disk, DiskFile, write_all_at};

use crate::error::Error;

/// Bytes that are gathered for one write.
const BUFFER_BYTES: usize = 1 << 18;

/// A file that gets its name when it is whole; removed when it does not come to that.
pub(crate) struct OutputFile {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    temporary: PathBuf,
    /// Taken when published.
    file: Option<Box<dyn DiskFile>>,
    /// The last bytes of those written.
    buffer: Vec<u8>,
    /// Bytes before those in the buffer.
    put_bytes: u64,
    /// Bytes written.
    pub(crate) offset: u64,
}

impl fmt::Debug for OutputFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl OutputFile {
    pub(crate) fn create(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, Error> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let file = disk.create(&temporary).map_err(Error::io("create", &temporary))?;
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        Ok(Self { disk, path: path.to_owned(), temporary, file: Some(file), buffer, put_bytes: 0, offset: 0 })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.offset += bytes.len() as u64;
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush().map_err(Error::io("write", &self.temporary))?;
        }
        if bytes.len() > BUFFER_BYTES {
            return self.put(bytes).map_err(Error::io("write", &self.temporary));
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(file) = &self.file {
            write_all_at(file.as_ref(), self.put_bytes, bytes)?;
        }
        self.put_bytes += bytes.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        self.put(&buffer)?;
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }

    pub(crate) fn full(&self, what: &'static str) -> Error {
        Error::Full { path: self.path.clone(), what }
    }

    /// Its final name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the bytes durable.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        let synced = self.flush().and_then(|()| self.file.as_ref().map_or(Ok(()), |file| file.sync()));
        synced.map_err(Error::io("sync", &self.temporary))
    }

    /// Gives it its final name, durably.
    pub(crate) fn publish(&mut self) -> Result<(), Error> {
        self.disk.rename(&self.temporary, &self.path).map_err(Error::io("rename", &self.temporary))?;
        self.file = None;
        let folder = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.disk.sync_dir(folder).map_err(Error::io("sync the folder of", &self.path))
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Nobody is left to tell, and a file that stays is swept by whoever owns the folder.
            let _ = self.disk.remove(&self.temporary);
        }
    }
}
