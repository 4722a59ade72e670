//! Which series belong together: keys made of some of a series' labels, for groups and for matching.

use bongsu_model::{Labels, METRIC_NAME};
use hashbrown::HashMap;

/// Says which labels count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LabelChoice<'a> {
    pub(crate) names: &'a [String],
    /// Only these (`by`, `on`), or all but these and the metric's name (`without`, `ignoring`).
    pub(crate) only_these: bool,
}

impl LabelChoice<'_> {
    pub(crate) fn counts(self, name: &str) -> bool {
        let named = self.names.iter().any(|one| one == name);
        if self.only_these { named } else { !named && name != METRIC_NAME }
    }

    /// The labels that count.
    pub(crate) fn labels(self, labels: &Labels) -> Labels {
        Labels::from_sorted(labels.iter().filter(|(name, _)| self.counts(name)))
    }

    /// Bytes that are equal for series whose labels that count are equal. 0xff is in no UTF-8 text, so it ends a name or value.
    fn write_key(self, labels: &Labels, key: &mut Vec<u8>) {
        key.clear();
        if self.only_these && self.names.is_empty() {
            return;
        }
        for (name, value) in labels.iter().filter(|(name, _)| self.counts(name)) {
            key.extend_from_slice(name.as_bytes());
            key.push(0xff);
            key.extend_from_slice(value.as_bytes());
            key.push(0xff);
        }
    }
}

/// Gives equal keys equal numbers, counting from 0.
#[derive(Debug, Default)]
pub(crate) struct KeyNumbers {
    numbers: HashMap<Box<[u8]>, usize>,
    scratch: Vec<u8>,
}

impl KeyNumbers {
    /// The number of a series' key, and whether it is new.
    pub(crate) fn number(&mut self, choice: LabelChoice<'_>, labels: &Labels) -> (usize, bool) {
        choice.write_key(labels, &mut self.scratch);
        if let Some(&number) = self.numbers.get(self.scratch.as_slice()) {
            return (number, false);
        }
        let number = self.numbers.len();
        self.numbers.insert(self.scratch.as_slice().into(), number);
        (number, true)
    }

    /// The number of a series' key, if another series has had it.
    pub(crate) fn find(&mut self, choice: LabelChoice<'_>, labels: &Labels) -> Option<usize> {
        choice.write_key(labels, &mut self.scratch);
        self.numbers.get(self.scratch.as_slice()).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }
}
