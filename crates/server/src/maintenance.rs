//! The thread that keeps the store in order.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bongsu_tsdb::Store;

/// Between two looks at whether something is due.
const INTERVAL: Duration = Duration::from_secs(1);

/// Runs [`Store::maintain`] every second until stopped.
pub(crate) struct Maintenance {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Maintenance {
    pub(crate) fn start(store: Store) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("maintenance".into()).spawn(move || run(&store, &stopped))?;
        Ok(Self { stop, thread })
    }

    /// Stops the thread once its step under way is done.
    pub(crate) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the maintenance thread panicked");
        }
    }
}

fn run(store: &Store, stopped: &Receiver<()>) {
    while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        // A full disk or a damaged block is reported and tried again: writes and queries go on meanwhile.
        if let Err(error) = store.maintain() {
            tracing::error!(%error, "store maintenance failed, trying again");
            if stopped.recv_timeout(10 * INTERVAL) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }
}
