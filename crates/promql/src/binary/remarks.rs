//! Of all that there is to remark at a step of a matched operation, Prometheus' engine says what comes last in the order of its series.

use std::collections::BTreeMap;

use super::Remark;

/// The last remark of each step that has one.
#[derive(Debug, Default)]
pub(super) struct LastRemarks(BTreeMap<usize, (usize, Remark)>);

impl LastRemarks {
    /// `place` is that of the series among those that are gone through.
    pub(super) fn add(&mut self, step: usize, place: usize, remark: Remark) {
        let last = self.0.entry(step).or_insert((place, remark));
        if last.0 <= place {
            *last = (place, remark);
        }
    }

    pub(super) fn each(&self, say: impl Fn(Remark)) {
        self.0.values().for_each(|&(_, remark)| say(remark));
    }
}
