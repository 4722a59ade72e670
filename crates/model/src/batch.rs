//! What a collector hands on, and to whom.

use crate::{Labels, MetricMetadata, Sample};

/// The outcome of one scrape or of one round of an exporter: taken in as a whole or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Samples with the labels of their series; a series may stand more than once, with ascending times.
    pub series: Vec<(Labels, Sample)>,
    /// What metric families are, by family name; only what is new or has changed since the batch before.
    pub metadata: Vec<(String, MetricMetadata)>,
}

impl Batch {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty() && self.metadata.is_empty()
    }

    /// Forgets the content and keeps the memory.
    pub fn clear(&mut self) {
        self.series.clear();
        self.metadata.clear();
    }
}

/// Takes batches: the durable queue of the agent, the store of a centre that scrapes itself, a list in a test.
pub trait Sink: Send + Sync {
    /// Takes a batch; when this returns, it is as safe as the sink makes it.
    ///
    /// # Errors
    /// When the batch was not taken: none of its samples are in the sink then.
    fn append(&self, batch: Batch) -> Result<(), SinkError>;
}

/// Why a batch was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// No room: a queue or a limit is full. Later batches may fit.
    #[error("no room for the batch: {0}")]
    Full(String),
    /// Cannot be written now.
    #[error("the batch cannot be written: {0}")]
    Unavailable(String),
    /// Shut down; nothing will be taken any more.
    #[error("the sink is closed")]
    Closed,
}
