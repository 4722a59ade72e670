//! The file of a block while it is written.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A file that gets its name when it is whole; removed when it does not come to that.
#[derive(Debug)]
pub(crate) struct OutputFile {
    path: PathBuf,
    temporary: PathBuf,
    /// Taken when published.
    file: Option<BufWriter<File>>,
    /// Bytes written.
    pub(crate) offset: u64,
}

impl OutputFile {
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let file = File::create(&temporary).map_err(Error::io("create", &temporary))?;
        Ok(Self { path: path.to_owned(), temporary, file: Some(BufWriter::with_capacity(1 << 18, file)), offset: 0 })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Some(file) = &mut self.file {
            file.write_all(bytes).map_err(Error::io("write", &self.temporary))?;
        }
        self.offset += bytes.len() as u64;
        Ok(())
    }

    pub(crate) fn full(&self, what: &'static str) -> Error {
        Error::Full { path: self.path.clone(), what }
    }

    /// Makes the bytes durable, then the name.
    pub(crate) fn publish(&mut self) -> Result<(PathBuf, u64), Error> {
        if let Some(mut file) = self.file.take() {
            let synced = file.flush().and_then(|()| file.get_ref().sync_all());
            if let Err(source) = synced.and_then(|()| fs::rename(&self.temporary, &self.path)) {
                self.file = Some(file);
                return Err(Error::io("finish", &self.temporary)(source));
            }
        }
        let folder = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync the folder of", &self.path))?;
        Ok((self.path.clone(), self.offset))
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Nobody is left to tell, and a file that stays is swept by whoever owns the folder.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
