//! All destinations as one sink: each has its own queue, so that one that is away holds up no other.

use bongsu_forward::Forward;
use bongsu_model::{Batch, Sink, SinkError};

pub(crate) struct Outlets(pub(crate) Vec<Forward>);

impl Sink for Outlets {
    /// Taken when one destination has taken it. A destination that did not has said so in the log and counts it.
    fn append(&self, batch: Batch) -> Result<(), SinkError> {
        let Some((last, others)) = self.0.split_last() else { return Ok(()) };
        let mut outcomes: Vec<_> = others.iter().map(|forward| forward.append(batch.clone())).collect();
        outcomes.push(last.append(batch));
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            tracing::warn!(%error, "a destination did not take a batch");
        }
        outcomes.into_iter().reduce(Result::or).unwrap_or(Ok(()))
    }
}
