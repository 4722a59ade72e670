//! A disk in memory that can be filled, can fail, and can lose power.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use bongsu_disk::{Disk, DiskFile};

/// A disk that all of its clones share.
#[derive(Clone, Debug, Default)]
pub struct SimDisk(Arc<Mutex<SimState>>);

#[derive(Debug, Default)]
struct SimState {
    files: BTreeMap<PathBuf, Arc<Mutex<SimFile>>>,
    /// The names that survive a power cut.
    synced_names: BTreeMap<PathBuf, Arc<Mutex<SimFile>>>,
    faults: Faults,
}

/// What goes wrong next.
#[derive(Debug, Default)]
pub struct Faults {
    /// Bytes that still fit; `None` for no end.
    pub space_bytes: Option<u64>,
    /// Every sync fails while this is set.
    pub sync_fails: bool,
    /// No write takes more bytes than this at once; 0 for no bound.
    pub write_bytes_max: usize,
}

#[derive(Debug, Default)]
struct SimFile {
    bytes: Vec<u8>,
    synced: Vec<u8>,
}

struct SimHandle {
    disk: SimDisk,
    file: Arc<Mutex<SimFile>>,
}

impl SimDisk {
    pub fn set_faults(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }

    /// The disk as it may be after the power went: synced bytes are there; of what was only written there is, file by
    /// file, everything, nothing, a part, or zeros in its place.
    pub fn after_power_cut(&self, seed: u64) -> SimDisk {
        let mut random = StdRng::seed_from_u64(seed);
        let state = self.0.lock();
        let mut files = BTreeMap::new();
        for (path, file) in &state.files {
            if !state.synced_names.contains_key(path) && random.random() {
                continue;
            }
            let file = file.lock();
            let mut bytes = file.synced.clone();
            if file.bytes.len() > bytes.len() {
                let end = random.random_range(bytes.len()..=file.bytes.len());
                let unsynced = &file.bytes[bytes.len()..end];
                let zeros = random.random_ratio(1, 4);
                bytes.extend(unsynced.iter().map(|byte| if zeros { 0 } else { *byte }));
            }
            let file = SimFile { synced: bytes.clone(), bytes };
            files.insert(path.clone(), Arc::new(Mutex::new(file)));
        }
        SimDisk(Arc::new(Mutex::new(SimState { synced_names: files.clone(), files, faults: Faults::default() })))
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn create_dir_all(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn link(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn list(&self, _dir: &Path) -> io::Result<Vec<String>> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        Ok(self.0.lock().files.keys().map(name).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = Arc::new(Mutex::new(SimFile::default()));
        self.0.lock().files.insert(path.to_owned(), Arc::clone(&file));
        Ok(Box::new(SimHandle { disk: self.clone(), file }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.0.lock().files.get(path).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(SimHandle { disk: self.clone(), file }))
    }

    fn remove_dir(&self, _dir: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().files.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.synced_names = state.files.clone();
        Ok(())
    }

    fn lock(&self, _path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        Ok(Some(Box::new(())))
    }
}

impl DiskFile for SimHandle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.lock().bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let file = self.file.lock();
        let rest = file.bytes.get(offset as usize..).unwrap_or_default();
        let bytes = rest.len().min(into.len());
        into[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let faults = &mut self.disk.0.lock().faults;
        let mut taken = bytes.len();
        if faults.write_bytes_max > 0 {
            taken = taken.min(faults.write_bytes_max);
        }
        if let Some(space) = &mut faults.space_bytes {
            taken = taken.min(*space as usize);
            *space -= taken as u64;
        }
        if taken == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut file = self.file.lock();
        let end = offset as usize + taken;
        if file.bytes.len() < end {
            file.bytes.resize(end, 0);
        }
        file.bytes[offset as usize..end].copy_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.lock().bytes.resize(bytes as usize, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        if self.disk.0.lock().faults.sync_fails {
            return Err(io::Error::other("the disk is gone"));
        }
        let mut file = self.file.lock();
        file.synced = file.bytes.clone();
        Ok(())
    }
}
