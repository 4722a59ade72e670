//! Sizes of mounted file systems.
//!
//! statfs(2) on a dead network mount blocks for as long as the server is away, and no signal helps. So it is called on
//! a thread of its own; a mount point that does not answer in time is told as an error and left alone until it does.
//! There are never more stuck threads than stuck mount points.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use regex::Regex;
use rustix::fs::StatFs;

use super::options::{OptionsError, pattern};
use super::{CollectError, Collector, Host, Options};
use crate::family::{Description, Family, described, gauge};

const FILE: &str = "mounts";
/// Mount points asked about in one collection; no host with more is known.
const MOUNTS_MAX: usize = 16_384;

const METRICS: [Description; 7] = [
    gauge("node_filesystem_device_error", "Whether the file system could not be asked."),
    gauge("node_filesystem_readonly", "Whether the file system is mounted read-only."),
    gauge("node_filesystem_size_bytes", "Size of the file system."),
    gauge("node_filesystem_free_bytes", "Free space of the file system."),
    gauge("node_filesystem_avail_bytes", "Free space that others than root may use."),
    gauge("node_filesystem_files", "File nodes of the file system."),
    gauge("node_filesystem_files_free", "Free file nodes of the file system."),
];

pub(super) struct Filesystem {
    mount_points_exclude: Regex,
    fs_types_exclude: Regex,
    mount_timeout: Duration,
    /// Mount points whose statfs has not come back.
    stuck: Arc<Mutex<HashSet<PathBuf>>>,
    statfs: Statfs,
}

/// The system call, replaced in tests by one that hangs.
type Statfs = Arc<dyn Fn(&Path) -> rustix::io::Result<StatFs> + Send + Sync>;
type Answer = Result<StatFs, String>;

const TIMEOUT: &str = "mountpoint timeout";

impl Filesystem {
    pub(super) fn new(options: &Options) -> Result<Self, OptionsError> {
        Ok(Self {
            mount_points_exclude: pattern("filesystem_mount_points_exclude", &options.filesystem_mount_points_exclude)?,
            fs_types_exclude: pattern("filesystem_fs_types_exclude", &options.filesystem_fs_types_exclude)?,
            mount_timeout: Duration::from_millis(options.filesystem_mount_timeout_ms),
            stuck: Arc::default(),
            statfs: Arc::new(|path: &Path| rustix::fs::statfs(path)),
        })
    }

    /// The mounts to tell of, each once.
    fn mounts(&self, host: &Host) -> Result<Vec<Mount>, CollectError> {
        // The mounts of process 1 are the host's, also when this process lives in a container.
        let text = host.proc("1/mounts").or_else(|_| host.proc(FILE))?;
        let mut seen = HashSet::new();
        let mut mounts = Vec::new();
        for line in text.lines().take(MOUNTS_MAX) {
            let Some(mount) = Mount::parse(line, host) else {
                return Err(CollectError::format(FILE, "device, mount point, type and options", line));
            };
            if !self.mount_points_exclude.is_match(&mount.mount_point)
                && !self.fs_types_exclude.is_match(&mount.fs_type)
                && seen.insert((mount.device.clone(), mount.mount_point.clone(), mount.fs_type.clone()))
            {
                mounts.push(mount);
            }
        }
        Ok(mounts)
    }

    /// The sizes of each path, in order; `Err` says why there are none.
    fn ask(&self, paths: &[PathBuf]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(paths.len());
        while answers.len() < paths.len() {
            self.ask_until_stuck(paths, &mut answers);
        }
        answers
    }

    /// Goes on from where `answers` ends; comes back early when a path is stuck.
    fn ask_until_stuck(&self, paths: &[PathBuf], answers: &mut Vec<Answer>) {
        let rest = &paths[answers.len()..];
        let (sender, receiver) = mpsc::sync_channel(rest.len());
        let (stuck, statfs, asked) = (Arc::clone(&self.stuck), Arc::clone(&self.statfs), rest.to_vec());
        let ask_all = move || answer_all(&asked, &stuck, &statfs, &sender);
        if let Err(error) = thread::Builder::new().name("statfs".to_owned()).spawn(ask_all) {
            answers.extend(rest.iter().map(|_| Err(error.to_string())));
            return;
        }
        for path in rest {
            let Some(answer) = self.wait_for(path, &receiver) else {
                tracing::warn!(mount_point = %path.display(), "mount point does not answer, left alone until it does");
                answers.push(Err(TIMEOUT.to_owned()));
                return;
            };
            answers.push(answer);
        }
    }

    /// The next answer, or `None` after marking the path as stuck.
    fn wait_for(&self, path: &Path, receiver: &Receiver<Answer>) -> Option<Answer> {
        if let Ok(answer) = receiver.recv_timeout(self.mount_timeout) {
            return Some(answer);
        }
        // The thread takes this lock to send: the answer is here now, or the thread will find the mark.
        let mut stuck = lock(&self.stuck);
        let late = receiver.try_recv().ok();
        if late.is_none() {
            stuck.insert(path.to_owned());
        }
        late
    }
}

/// Runs on its own thread: answers for each path, until nobody listens because one took too long.
fn answer_all(paths: &[PathBuf], stuck: &Mutex<HashSet<PathBuf>>, statfs: &Statfs, sender: &SyncSender<Answer>) {
    for path in paths {
        let is_stuck = lock(stuck).contains(path);
        let answer = if is_stuck { Err(TIMEOUT.to_owned()) } else { statfs(path).map_err(|error| error.to_string()) };
        let mut stuck = lock(stuck);
        let given_up = !is_stuck && stuck.remove(path);
        if given_up || sender.send(answer).is_err() {
            return;
        }
    }
}

impl Collector for Filesystem {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let [error, readonly, sizes @ ..] = described(families, &METRICS);
        let mounts = self.mounts(host)?;
        let paths: Vec<PathBuf> =
            mounts.iter().map(|mount| host.rootfs.join(mount.mount_point.trim_start_matches('/'))).collect();
        for (mount, answer) in mounts.iter().zip(self.ask(&paths)) {
            let device_error = answer.as_ref().err().map_or("", String::as_str);
            let labels = [
                ("device", &*mount.device),
                ("device_error", device_error),
                ("fstype", &mount.fs_type),
                ("mountpoint", &mount.mount_point),
            ];
            error.push(&labels, if answer.is_ok() { 0.0 } else { 1.0 });
            readonly.push(&labels, if mount.readonly { 1.0 } else { 0.0 });
            let Ok(answer) = answer else { continue };
            let block_bytes = answer.f_bsize as f64;
            let values = [
                answer.f_blocks as f64 * block_bytes,
                answer.f_bfree as f64 * block_bytes,
                answer.f_bavail as f64 * block_bytes,
                answer.f_files as f64,
                answer.f_ffree as f64,
            ];
            for (family, value) in sizes.iter_mut().zip(values) {
                family.push(&labels, value);
            }
        }
        Ok(())
    }
}

struct Mount {
    device: String,
    /// As the host sees it: without the prefix of [`Host::rootfs`].
    mount_point: String,
    fs_type: String,
    readonly: bool,
}

impl Mount {
    /// A line of fstab(5)'s form.
    fn parse(line: &str, host: &Host) -> Option<Self> {
        let mut columns = line.split_ascii_whitespace();
        let (device, path, fs_type, options) = (columns.next()?, columns.next()?, columns.next()?, columns.next()?);
        let path = unescape(path);
        let mount_point =
            match host.rootfs.to_str().filter(|root| *root != "/").and_then(|root| path.strip_prefix(root)) {
                Some("") => "/".to_owned(),
                Some(inside) => inside.to_owned(),
                None => path,
            };
        let readonly = options.split(',').any(|option| option == "ro");
        Some(Self { device: unescape(device), mount_point, fs_type: fs_type.to_owned(), readonly })
    }
}

/// Spaces and tabs stand as octal escapes.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t")
}

/// The set stays whole whatever a holder of its lock did: inserting and removing cannot be half done.
fn lock(set: &Mutex<HashSet<PathBuf>>) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mount point that answers when the test says so.
    fn hanging(timeout_ms: u64) -> (Filesystem, SyncSender<()>) {
        let options = Options { filesystem_mount_timeout_ms: timeout_ms, ..Options::default() };
        let (release, gate) = mpsc::sync_channel(1);
        let gate = Mutex::new(gate);
        let mut filesystem = Filesystem::new(&options).expect("the defaults are patterns");
        filesystem.statfs = Arc::new(move |path: &Path| {
            if path.ends_with("dead") {
                gate.lock().expect("not poisoned").recv().expect("released once for each call");
            }
            rustix::fs::statfs("/")
        });
        (filesystem, release)
    }

    #[test]
    fn a_dead_mount_costs_one_timeout_and_is_told_alone() {
        let (filesystem, release) = hanging(300);
        let paths = ["/a", "/dead", "/b"].map(PathBuf::from);
        for _ in 0..3 {
            let answers = filesystem.ask(&paths);
            assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
        }
        // The gate lets one call through: had the dead mount been asked thrice, it would hang on.
        release.send(()).expect("a thread waits");
        while !lock(&filesystem.stuck).is_empty() {
            thread::yield_now();
        }
    }

    #[test]
    fn reads_escaped_names_and_strips_the_root() {
        let host = Host::new(&Options { rootfs: "/host".into(), ..Options::default() });
        let mount = Mount::parse(r"/dev/sda1 /host/with\040space ext4 rw,relatime,ro 0 0", &host).expect("a line");
        assert_eq!((&*mount.mount_point, mount.readonly), ("/with space", true));
        let root = Mount::parse("/dev/sda1 /host ext4 rw 0 0", &host).expect("a line");
        assert_eq!((&*root.mount_point, root.readonly), ("/", false));
        assert!(Mount::parse("nonsense", &host).is_none());
    }
}
