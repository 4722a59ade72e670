//! The handle: opening, appending, closing.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use bongsu_log::ErrorKind;
use bongsu_model::{Batch, Clock, Labels, RelabelRule, Sink, SinkError};

use crate::error::Error;
use crate::queue::Queue;
use crate::record;
use crate::sender::Sender;
use crate::stats::Stats;
use crate::transport::Transport;

/// Where to send and within which bounds. From a configuration: [`crate::config::RemoteWrite::options`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The queue's name in logs.
    pub name: String,
    /// Where to.
    pub url: String,
    /// Header lines beside those of the protocol, such as `X-Scope-OrgID`.
    pub headers: Vec<(String, String)>,
    /// Labels for every series that does not have them itself.
    pub external_labels: Labels,
    /// What to change or leave out; runs after the external labels were added.
    pub write_relabel: Vec<RelabelRule>,
    /// Whether types and help texts are sent.
    pub send_metadata: bool,
    /// Requests at the same time; each series always takes the same way.
    pub shards: u16,
    /// The most samples in one request.
    pub samples_per_send_max: u32,
    /// The longest time that samples wait for a request to fill up.
    pub send_deadline_ms: i64,
    /// The first wait after a failed request.
    pub backoff_min_ms: i64,
    /// The longest wait, unless the other side asks for a longer one.
    pub backoff_max_ms: i64,
    /// Whether a request that was too much for the other side is sent again, rather than dropped.
    pub retry_on_429: bool,
    /// The most bytes of the queue on disk; beyond, the oldest samples are dropped.
    pub queue_bytes_max: u64,
    /// Samples older than this are not sent any more.
    pub age_max_ms: Option<i64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            url: String::new(),
            headers: Vec::new(),
            external_labels: Labels::empty(),
            write_relabel: Vec::new(),
            send_metadata: true,
            shards: 1,
            samples_per_send_max: 2000,
            send_deadline_ms: 5000,
            backoff_min_ms: 30,
            backoff_max_ms: 5000,
            retry_on_429: true,
            queue_bytes_max: 4 << 30,
            age_max_ms: None,
        }
    }
}

/// The header lines of remote write 1.0.
const PROTOCOL_HEADERS: [(&str, &str); 3] = [
    ("Content-Encoding", "snappy"),
    ("Content-Type", "application/x-protobuf"),
    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
];

/// A running queue with its sender. Dropped without [`Forward::close`] it stops as if the process had been killed: what
/// was sent in the last second is sent again next time.
pub struct Forward {
    queue: Arc<Queue>,
    options: Arc<Options>,
    senders: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward").field("name", &self.options.name).finish_non_exhaustive()
    }
}

impl Forward {
    /// Opens the queue in a directory of its own, or creates it, and goes on sending where it had stopped.
    ///
    /// # Errors
    /// When another process has the directory, or when its files cannot be read or created. Damage is no error: it is
    /// logged and skipped.
    pub fn open(
        dir: &Path,
        mut options: Options,
        clock: Arc<dyn Clock>,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, Error> {
        options.shards = options.shards.max(1);
        options.samples_per_send_max = options.samples_per_send_max.max(1);
        options.headers.extend(PROTOCOL_HEADERS.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let queue = Arc::new(Queue::open(dir, options.shards, options.queue_bytes_max, clock)?);
        let mut forward = Self { queue, options: Arc::new(options), senders: Vec::new() };
        for shard in 0..forward.options.shards {
            let (queue, transport) = (Arc::clone(&forward.queue), Arc::clone(&transport));
            let sender = Sender::new(queue, transport, Arc::clone(&forward.options), usize::from(shard));
            let thread = std::thread::Builder::new().name(format!("forward-{shard}"));
            forward.senders.push(thread.spawn(move || sender.run()).map_err(Error::Thread)?);
        }
        Ok(forward)
    }

    /// The queue's name, as in its [`Options`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.queue.counters.snapshot(self.queue.log.size_bytes())
    }

    /// Makes the senders look at the clock again: for after a sleep of the machine, and for clocks that are set by hand.
    pub fn wake(&self) {
        self.queue.wake_up();
    }

    /// Stops the senders, after the answer to a request on its way, and keeps exactly how far they have come. What is
    /// left stays in the queue.
    ///
    /// # Errors
    /// When the cursor cannot be written: samples will be sent again next time.
    pub fn close(mut self) -> Result<(), Error> {
        self.stop();
        self.queue.save_cursor()
    }

    fn stop(&mut self) {
        self.queue.stop();
        for sender in self.senders.drain(..) {
            // A panic there has been printed already.
            let _ = sender.join();
        }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Appended means written to the queue's file: it survives the end of the process, and after a second a power cut.
impl Sink for Forward {
    fn append(&self, batch: Batch) -> Result<(), SinkError> {
        if self.queue.is_stopping() {
            return Err(SinkError::Closed);
        }
        let records = record::encode(&batch, &self.options);
        let records = records.map_err(|error| SinkError::Unavailable(error.to_string()))?;
        self.queue.append(&records).map_err(|error| match error.kind {
            ErrorKind::DiskFull | ErrorKind::TooLarge => SinkError::Full(error.to_string()),
            ErrorKind::Closed => SinkError::Closed,
            _ => SinkError::Unavailable(error.to_string()),
        })
    }
}
