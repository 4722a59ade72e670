//! What a process used: CPU and memory from /proc, disk from the file system.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

const MEMORY_INTERVAL: Duration = Duration::from_millis(50);
const IDLE_INTERVAL: Duration = Duration::from_secs(1);
/// CPU seconds in one interval up to which a process counts as idle.
const IDLE_CPU_SECONDS_MAX: f64 = 0.05;
/// As `st_blocks` counts.
const BLOCK_BYTES: u64 = 512;

/// User and system time of a process, all its threads and its children, in seconds.
///
/// # Errors
/// There is no such process.
pub fn cpu_seconds(pid: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything; after it come state, parent and so on: utime is the 12th from there.
    let columns = stat.rsplit_once(')').map_or("", |(_, columns)| columns);
    let ticks: u64 =
        columns.split_ascii_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    let mut seconds = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
    // utime, stime and those of children already waited for; living children count for themselves.
    for child in children(pid) {
        seconds += cpu_seconds(child).unwrap_or(0.0);
    }
    Ok(seconds)
}

/// CPU time of the thread that asks, to the nanosecond.
#[must_use]
pub fn thread_cpu_seconds() -> f64 {
    clock_seconds(ClockId::ThreadCPUTime)
}

/// CPU time of all threads of this process, to the nanosecond.
#[must_use]
pub fn own_cpu_seconds() -> f64 {
    clock_seconds(ClockId::ProcessCPUTime)
}

fn clock_seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Anonymous memory of a process: without pages of files, which the kernel takes back at will.
///
/// # Errors
/// There is no such process.
pub fn anonymous_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or("");
    let kilobytes: u64 = line.split_ascii_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Ok(kilobytes * 1024)
}

/// Allocated bytes of a folder and all below; files that vanish meanwhile count nothing.
///
/// # Errors
/// The folder cannot be read.
pub fn disk_bytes(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)?.filter_map(Result::ok) {
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += metadata.blocks() * BLOCK_BYTES;
        if metadata.is_dir() {
            bytes += disk_bytes(&entry.path()).unwrap_or(0);
        }
    }
    Ok(bytes)
}

/// Waits until the process used next to no CPU for `quiet_seconds` in a row, but no longer than `timeout`.
///
/// # Errors
/// The process ended.
pub fn wait_idle(pid: u32, quiet_seconds: u32, timeout: Duration) -> io::Result<()> {
    let begun = Instant::now();
    let (mut last, mut quiet) = (cpu_seconds(pid)?, 0);
    while quiet < quiet_seconds && begun.elapsed() < timeout {
        thread::sleep(IDLE_INTERVAL);
        let now = cpu_seconds(pid)?;
        quiet = if now - last <= IDLE_CPU_SECONDS_MAX { quiet + 1 } else { 0 };
        last = now;
    }
    Ok(())
}

/// Watches the anonymous memory of a process on a thread of its own.
pub struct MemoryWatch {
    stop: Arc<AtomicBool>,
    peak_bytes: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl MemoryWatch {
    /// Begins to watch.
    #[must_use]
    pub fn start(pid: u32) -> Self {
        let (stop, peak_bytes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, peak) = (Arc::clone(&stop), Arc::clone(&peak_bytes));
        let watch = move || {
            while !stopped.load(Ordering::Relaxed) {
                peak.fetch_max(anonymous_bytes(pid).unwrap_or(0), Ordering::Relaxed);
                thread::park_timeout(MEMORY_INTERVAL);
            }
        };
        Self { stop, peak_bytes, thread: Some(thread::spawn(watch)) }
    }

    /// The most that was seen.
    #[must_use]
    pub fn peak_bytes(&self) -> u64 {
        self.peak_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread cannot panic; if it did, there is nothing left to watch.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_this_process_and_a_folder() {
        let pid = std::process::id();
        let (thread, own) = (thread_cpu_seconds(), own_cpu_seconds());
        assert!(0.0 < thread && thread <= own && own <= own_cpu_seconds());
        let before = cpu_seconds(pid).expect("this process");
        assert!(anonymous_bytes(pid).expect("this process") > 0);
        assert!(cpu_seconds(pid).expect("this process") >= before);

        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("inner")).expect("made");
        fs::write(folder.path().join("inner/file"), vec![1; 100_000]).expect("written");
        assert!(disk_bytes(folder.path()).expect("readable") >= 100_000);
    }
}
