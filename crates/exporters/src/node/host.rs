//! The files of a host: /proc, /sys and the root, wherever they are mounted, read with a cap.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Options;

/// No file of /proc that is read here comes near this, even with thousands of CPUs or interrupts.
const PROC_FILE_BYTES_MAX: u64 = 8 << 20;
/// A page: sysfs attributes are never longer.
const SYS_FILE_BYTES_MAX: usize = 4096;
/// Entries read of one directory; a host with more network devices or CPUs loses those past it.
const DIRECTORY_ENTRIES_MAX: usize = 65_536;

/// Why a collector has nothing, or not everything, to tell.
#[derive(Debug, thiserror::Error)]
pub(super) enum CollectError {
    /// This host does not have what the collector measures.
    #[error("not present on this host: {what}")]
    NoData { what: String },
    /// A file or a system call failed.
    #[error("cannot read {what}: {source}")]
    Io { what: String, source: io::Error },
    /// A file is longer than any sane one.
    #[error("{path} is longer than {bytes_max} bytes")]
    TooLong { path: String, bytes_max: u64 },
    /// A file does not read as it should.
    #[error("{file}: expected {expected}, found {found:?}")]
    Format { file: &'static str, expected: &'static str, found: String },
}

impl CollectError {
    /// The error of an operation on `what`; absence is [`CollectError::NoData`].
    pub(super) fn io(what: impl Into<String>, source: io::Error) -> Self {
        let what = what.into();
        if source.kind() == io::ErrorKind::NotFound { Self::NoData { what } } else { Self::Io { what, source } }
    }

    /// A part of `file` that is not what it should be; long findings are cut.
    pub(super) fn format(file: &'static str, expected: &'static str, found: &str) -> Self {
        Self::Format { file, expected, found: found.chars().take(60).collect() }
    }
}

/// Where the host's trees are.
pub(super) struct Host {
    pub(super) rootfs: PathBuf,
    procfs: PathBuf,
    sysfs: PathBuf,
    udev_data: PathBuf,
}

impl Host {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            rootfs: options.rootfs.clone(),
            procfs: options.procfs.clone(),
            sysfs: options.sysfs.clone(),
            udev_data: options.udev_data.clone(),
        }
    }

    /// The text of a file below /proc.
    pub(super) fn proc(&self, file: &str) -> Result<String, CollectError> {
        read_text(&self.procfs.join(file))
    }

    /// The text of a file below /proc, `None` when there is no such file.
    pub(super) fn proc_if_present(&self, file: &str) -> Result<Option<String>, CollectError> {
        match self.proc(file) {
            Ok(text) => Ok(Some(text)),
            Err(CollectError::NoData { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The text of a file below the host's root.
    pub(super) fn root(&self, file: &str) -> Result<String, CollectError> {
        read_text(&self.rootfs.join(file))
    }

    /// What udev knows of a block device, as `E:NAME=value` lines among others.
    pub(super) fn udev_block_device(&self, major: &str, minor: &str) -> Result<String, CollectError> {
        read_text(&self.udev_data.join(format!("b{major}:{minor}")))
    }

    /// The trimmed value of an attribute below /sys. Many attributes are absent or unreadable (EINVAL of a device that
    /// is down) on many hosts: that is `None`.
    pub(super) fn sys(&self, file: &str) -> Option<String> {
        let mut page = [0; SYS_FILE_BYTES_MAX];
        let len = File::open(self.sysfs.join(file)).and_then(|mut file| file.read(&mut page)).ok()?;
        Some(String::from_utf8_lossy(&page[..len]).trim().to_owned())
    }

    /// A whole number below /sys; see [`Host::sys`].
    pub(super) fn sys_number(&self, file: &str) -> Option<f64> {
        parse_integer(&self.sys(file)?)
    }

    /// The names of the directories (or links to such) in a directory below /sys, sorted.
    pub(super) fn sys_directories(&self, directory: &str) -> Result<Vec<String>, CollectError> {
        let path = self.sysfs.join(directory);
        let entries =
            std::fs::read_dir(&path).map_err(|source| CollectError::io(path.display().to_string(), source))?;
        let mut names: Vec<String> = entries
            .take(DIRECTORY_ENTRIES_MAX)
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_file()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The numbers of the CPUs below /sys, in order.
    pub(super) fn cpus(&self) -> Result<Vec<u32>, CollectError> {
        let names = self.sys_directories("devices/system/cpu")?;
        let mut cpus: Vec<u32> = names.iter().filter_map(|name| name.strip_prefix("cpu")?.parse().ok()).collect();
        cpus.sort_unstable();
        Ok(cpus)
    }
}

/// A decimal number, as everywhere in /proc.
pub(super) fn number(file: &'static str, text: &str) -> Result<f64, CollectError> {
    // Most are whole, and integers parse faster; beyond 2^53 both ways round alike.
    match text.parse::<u64>() {
        Ok(whole) => Ok(whole as f64),
        Err(_) => text.parse().map_err(|_| CollectError::format(file, "a number", text)),
    }
}

/// A number of the given column of a line already split.
pub(super) fn column(file: &'static str, columns: &[&str], at: usize) -> Result<f64, CollectError> {
    match columns.get(at) {
        Some(text) => number(file, text),
        None => Err(CollectError::format(file, "more columns", &columns.join(" "))),
    }
}

/// A hexadecimal column without a prefix.
pub(super) fn hex_column(file: &'static str, columns: &[&str], at: usize) -> Result<f64, CollectError> {
    let text = columns.get(at).copied().unwrap_or("");
    u64::from_str_radix(text, 16)
        .map(|n| n as f64)
        .map_err(|_| CollectError::format(file, "a hexadecimal number", text))
}

/// A whole number as sysfs prints it: decimal, or hexadecimal after `0x`.
pub(super) fn parse_integer(text: &str) -> Option<f64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok().map(|n| n as f64),
        None => text.parse::<i64>().ok().map(|n| n as f64),
    }
}

/// The text of a file, up to a cap.
pub(super) fn read_text(path: &Path) -> Result<String, CollectError> {
    let mut bytes = Vec::with_capacity(4096);
    let read = File::open(path).and_then(|file| file.take(PROC_FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Err(source) => Err(CollectError::io(path.display().to_string(), source)),
        Ok(len) if len as u64 > PROC_FILE_BYTES_MAX => {
            Err(CollectError::TooLong { path: path.display().to_string(), bytes_max: PROC_FILE_BYTES_MAX })
        }
        // Names of mount points and devices may hold any byte; one odd name must not cost the rest.
        Ok(_) => Ok(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())),
    }
}
