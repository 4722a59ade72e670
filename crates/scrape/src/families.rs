//! Metadata of metric families: what is new since it was handed on last.

use bongsu_model::{MetricMetadata, MetricType};
use hashbrown::HashMap;

/// A family that was not seen for so many rounds is forgotten.
const FORGET_AFTER_ROUNDS: u64 = 10;

#[derive(Debug, Default)]
pub(crate) struct Families {
    known: HashMap<String, Family>,
}

#[derive(Debug)]
struct Family {
    metadata: MetricMetadata,
    seen: u64,
    changed: bool,
}

impl Families {
    pub(crate) fn note_type(&mut self, metric: &str, metric_type: MetricType, round: u64) {
        let family = self.family(metric, round);
        family.changed |= family.metadata.metric_type != metric_type;
        family.metadata.metric_type = metric_type;
    }

    pub(crate) fn note_help(&mut self, metric: &str, help: &str, round: u64) {
        let family = self.family(metric, round);
        if family.metadata.help != help {
            help.clone_into(&mut family.metadata.help);
            family.changed = true;
        }
    }

    pub(crate) fn note_unit(&mut self, metric: &str, unit: &str, round: u64) {
        let family = self.family(metric, round);
        if family.metadata.unit != unit {
            unit.clone_into(&mut family.metadata.unit);
            family.changed = true;
        }
    }

    /// Everything new since the last call, sorted by name.
    pub(crate) fn take_changed(&mut self, round: u64) -> Vec<(String, MetricMetadata)> {
        self.known.retain(|_, family| round - family.seen < FORGET_AFTER_ROUNDS);
        let families = self.known.iter_mut().filter_map(|(metric, family)| {
            std::mem::take(&mut family.changed).then(|| (metric.clone(), family.metadata.clone()))
        });
        let mut changed: Vec<_> = families.collect();
        changed.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        changed
    }

    fn family(&mut self, metric: &str, round: u64) -> &mut Family {
        let family = self.known.entry_ref(metric).or_insert_with(|| Family {
            metadata: MetricMetadata::default(),
            seen: round,
            changed: true,
        });
        family.seen = round;
        family
    }
}
