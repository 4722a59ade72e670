//! What the sources of a selection have, before it is merged.

use bongsu_model::{Labels, SourceError, SourceErrorKind};
use hashbrown::HashSet;

use super::Part;

/// Bytes of labels up to which each source may bring its own copy.
const COPIED_BYTES_MAX: usize = 64 << 20;
/// Bytes of the labels of one selection.
const LABEL_BYTES_MAX: usize = 1 << 30;

/// Parts of series, in the order in which they came. A long time range meets a series in hundreds of blocks: from the allowed
/// number of series on, or from so many bytes, labels are kept once each, and counted.
pub(super) struct Gathered {
    pub(super) parts: Vec<(Labels, Part)>,
    known: HashSet<Labels>,
    label_bytes: usize,
    series_max: usize,
    copied_bytes_max: usize,
    label_bytes_max: usize,
}

impl Gathered {
    pub(super) fn new(series_max: usize) -> Self {
        Self::bounded(series_max, COPIED_BYTES_MAX, LABEL_BYTES_MAX)
    }

    fn bounded(series_max: usize, copied_bytes_max: usize, label_bytes_max: usize) -> Self {
        let (parts, known) = (Vec::new(), HashSet::new());
        Self { parts, known, label_bytes: 0, series_max, copied_bytes_max, label_bytes_max }
    }

    #[inline]
    pub(super) fn push(&mut self, labels: Labels, part: Part) -> Result<(), SourceError> {
        let labels = if self.parts.len() < self.series_max && self.label_bytes < self.copied_bytes_max {
            self.label_bytes += labels.packed().len();
            labels
        } else {
            self.share(labels)?
        };
        self.parts.push((labels, part));
        Ok(())
    }

    #[cold]
    fn share(&mut self, labels: Labels) -> Result<Labels, SourceError> {
        if self.known.is_empty() {
            self.known = self.parts.iter().map(|(labels, _)| labels.clone()).collect();
        }
        if let Some(known) = self.known.get(&labels) {
            return Ok(known.clone());
        }
        check_count(self.known.len() + 1, self.series_max)?;
        self.label_bytes += labels.packed().len();
        if self.label_bytes > self.label_bytes_max {
            let message = format!(
                "the labels of the selected series take more than {} bytes, the most that one selection may hold: \
                 select fewer series",
                self.label_bytes_max
            );
            return Err(SourceError { kind: SourceErrorKind::Limit, message });
        }
        self.known.insert(labels.clone());
        Ok(labels)
    }
}

/// Refuses more series than are allowed.
pub(super) fn check_count(count: usize, series_max: usize) -> Result<(), SourceError> {
    if count <= series_max {
        return Ok(());
    }
    let message = format!(
        "selection has more than {series_max} series, the most that one may have (setting limits.query_series)"
    );
    Err(SourceError { kind: SourceErrorKind::Limit, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(number: usize) -> Labels {
        Labels::from_pairs([("n", format!("{number:0100}"))])
    }

    #[test]
    fn a_series_in_many_sources_counts_once_and_bytes_are_bounded() {
        let mut found = Gathered::bounded(1_000, 1_000, 20_000);
        let part = Part { source: 0, series: 0 };
        for _ in 0..100 {
            for number in 0..50 {
                found.push(labels(number), part).unwrap();
            }
        }
        assert_eq!(found.parts.len(), 5_000);
        let error = (50..).find_map(|number| found.push(labels(number), part).err()).unwrap();
        assert_eq!(error.kind, SourceErrorKind::Limit);
        assert!(error.message.contains("more than 20000 bytes"), "{error}");
        assert!(found.parts.len() < 5_200, "{}", found.parts.len());
    }
}
