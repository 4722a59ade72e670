//! A store in this process as the place that series come from.

use bongsu_model::{Matcher, SampleBuffer, Selection, Source};

use crate::error::Error;
use crate::receiver::{Piece, Receiver, Window};

/// Hands on the series of a source that are wanted: once each, sorted by their labels within each set of conditions. Without
/// conditions there are no series. At most `series_max` of one set.
///
/// # Errors
/// The source cannot be read, or the receiver takes no more.
pub fn export(
    source: &dyn Source,
    window: &Window,
    series_max: usize,
    receiver: &mut dyn Receiver,
) -> Result<(), Error> {
    let mut samples = SampleBuffer::default();
    for (index, matchers) in window.matchers.iter().enumerate() {
        let before = Window { matchers: window.matchers[..index].to_vec(), ..Window::default() };
        let set = select(source, matchers, window, series_max)?;
        for place in 0..set.len() {
            let labels = set.labels(place)?;
            if index > 0 && before.wants(&labels) {
                continue;
            }
            samples.clear();
            set.read(place, &mut samples)?;
            if !samples.is_empty() {
                receiver.piece(Piece { labels: &labels, samples: &samples, exemplars: &[] })?;
            }
        }
    }
    Ok(())
}

fn select<'s>(
    source: &'s dyn Source,
    matchers: &[Matcher],
    window: &Window,
    series_max: usize,
) -> Result<Box<dyn bongsu_model::SeriesSet + 's>, Error> {
    let Window { start_ms, end_ms, .. } = *window;
    Ok(source.select(&Selection { matchers: matchers.to_vec(), start_ms, end_ms, series_max })?)
}
