//! A selection with the last sample of each interval alone.

use std::ops::Range;

use bongsu_model::{Labels, SampleBuffer, SeriesSet, SourceError};

/// See the module's text.
pub(super) struct Thinned<S> {
    pub(super) inner: S,
    pub(super) interval_ms: i64,
}

impl<S: SeriesSet> SeriesSet for Thinned<S> {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn labels(&self, place: usize) -> Result<Labels, SourceError> {
        self.inner.labels(place)
    }

    fn labels_of(&self, places: Range<usize>) -> Result<Vec<Labels>, SourceError> {
        self.inner.labels_of(places)
    }

    fn read(&self, place: usize, buffer: &mut SampleBuffer) -> Result<(), SourceError> {
        let first = buffer.mark();
        self.inner.read(place, buffer)?;
        buffer.keep_last_of_intervals(first, self.interval_ms);
        Ok(())
    }
}
