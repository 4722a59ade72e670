//! A durable queue on disk and the remote_write sender behind it: batches go in, and arrive at the centre in order, also
//! when it was away for days or this process was restarted.
//!
//! ```text
//!  Sink::append ─► records by shard ─► log (queue on disk) ─► sender thread per shard ─► Transport ─► centre
//!                                        ▲                       │ 2xx: the cursor moves
//!                                        └── oldest segments ◄───┘ 5xx, 429, no answer: again, later
//!                                            are dropped when the queue is full
//! ```
//!
//! Every sample is sent at least once; after a clean stop, exactly once. Samples of a series are sent in the order in
//! which they came. HTTP is the caller's: see [`Transport`]. The bytes on disk are drawn in `docs/formats/queue.md`.

mod backoff;
pub mod config;
mod cursor;
mod error;
mod forward;
mod queue;
mod record;
mod sender;
mod stats;
#[cfg(test)]
mod tests;
mod transport;

pub use error::Error;
pub use forward::{Forward, Options};
pub use stats::Stats;
pub use transport::{Request, Response, Transport, TransportError};
