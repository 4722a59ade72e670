//! The threads that keep the store in order: one for retention and flushes, which bound memory and disk, one for
//! merges, which may take minutes, one for the bucket, which may be slow or away, and one that looks at old blocks once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bongsu_tsdb::{Error, Store};

/// How long a worker rests.
#[derive(Clone, Copy)]
struct Pace {
    /// Between two looks at whether something is due.
    idle: Duration,
    /// After a failed step.
    failed: Duration,
}

const PACE: Pace = Pace { idle: Duration::from_secs(1), failed: Duration::from_secs(10) };

/// Runs the store's background work until stopped.
pub(crate) struct Maintenance {
    store: Store,
    workers: Vec<Worker>,
}

struct Worker {
    /// Dropped to stop the thread.
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Maintenance {
    pub(crate) fn start(store: Store) -> std::io::Result<Self> {
        let (keeper, merger, tender) = (store.clone(), store.clone(), store.clone());
        let mut workers =
            vec![Worker::start("maintenance", keep(keeper))?, Worker::start("merge", move || merger.merge_once())?];
        workers.push(Worker::start("check", check(store.clone()))?);
        if store.stats().bucket.is_some() {
            workers.push(Worker::start("bucket", move || tender.tend_bucket())?);
        }
        Ok(Self { store, workers })
    }

    /// Stops the threads once their steps under way are done; a merge is given up.
    pub(crate) fn stop(self) {
        self.store.stop_merges();
        let (stops, threads): (Vec<_>, Vec<_>) = self.workers.into_iter().map(|w| (w.stop, w.thread)).unzip();
        drop(stops);
        for thread in threads {
            // A step that panics is caught there.
            let _ = thread.join();
        }
    }
}

/// Once, what a start has not looked at.
fn check(store: Store) -> impl FnMut() -> Result<bool, Error> {
    let mut is_done = false;
    move || {
        if !std::mem::replace(&mut is_done, true) {
            store.check_indexes(&mut |text| {
                tracing::error!("damaged, queries that need it fail, see \"bongsu tsdb repair\": {text}");
            });
        }
        Ok(false)
    }
}

/// Retention and flush; tells once when retention begins to wait.
fn keep(store: Store) -> impl FnMut() -> Result<bool, Error> {
    let mut waited = false;
    move || {
        let waits = store.maintain()?.retention_waits;
        if waits && !waited {
            tracing::warn!(
                "all samples are older than the retention: is the clock right? None is deleted until newer come"
            );
        }
        waited = waits;
        Ok(false)
    }
}

impl Worker {
    /// Runs `step` again and again: at once after it says that there is more to do, else at the pace.
    fn start(name: &'static str, step: impl FnMut() -> Result<bool, Error> + Send + 'static) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || run(name, step, &stopped, PACE))?;
        Ok(Self { stop, thread })
    }
}

fn run(name: &str, mut step: impl FnMut() -> Result<bool, Error>, stopped: &Receiver<()>, pace: Pace) {
    let mut wait = pace.idle;
    while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        // A full disk or a damaged block is reported and tried again: writes and queries go on meanwhile. The store is
        // sound after a panic, too: its files are put in place as a whole, and its locks know no poison.
        wait = match catch_unwind(AssertUnwindSafe(&mut step)) {
            Ok(Ok(true)) => Duration::ZERO,
            Ok(Ok(false)) => pace.idle,
            Ok(Err(error)) => {
                tracing::error!(step = name, %error, "store maintenance failed, trying again");
                pace.failed
            }
            Err(_) => {
                tracing::error!(step = name, "store maintenance panicked, trying again");
                pace.failed
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_steps_and_panics_do_not_end_the_thread() {
        let (stop, stopped) = channel();
        let (mut stop, mut steps) = (Some(stop), 0);
        let step = || {
            steps += 1;
            assert!(steps != 1, "the first step panics");
            if steps == 3 {
                stop.take();
            }
            Ok(steps == 2)
        };
        run("test", step, &stopped, Pace { idle: Duration::ZERO, failed: Duration::ZERO });
        assert_eq!(steps, 3);
    }
}
