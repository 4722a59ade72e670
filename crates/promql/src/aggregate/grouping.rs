//! Groups of series that agree in some labels.

use bongsu_model::{Labels, METRIC_NAME};
use bongsu_syntax::AggregateExpr;

use crate::keys::{KeyNumbers, LabelChoice};
use crate::series::Series;

/// The groups of an aggregation, numbered in the order in which they came.
#[derive(Debug)]
pub(super) struct Groups<'e> {
    choice: LabelChoice<'e>,
    keys: KeyNumbers,
    pub(super) groups: Vec<Group>,
}

/// What stays of a group's labels.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) labels: Labels,
    pub(super) drop_name: bool,
}

impl<'e> Groups<'e> {
    pub(super) fn new(aggregate: &'e AggregateExpr) -> Self {
        let choice = LabelChoice { names: &aggregate.grouping, only_these: !aggregate.without };
        Self { choice, keys: KeyNumbers::default(), groups: Vec::new() }
    }

    /// The number of the group that a series belongs to.
    pub(super) fn number(&mut self, series: &Series) -> usize {
        self.number_of(&series.labels, series.drop_name)
    }

    pub(super) fn number_of(&mut self, labels: &Labels, drop_name: bool) -> usize {
        let (number, is_new) = self.keys.number(self.choice, labels);
        // Only who groups by the name still has one that may have to go; it goes when it has to for any of the series.
        let drop_name = drop_name && self.choice.counts(METRIC_NAME);
        if is_new {
            self.groups.push(Group { labels: self.choice.labels(labels), drop_name });
        }
        self.groups[number].drop_name |= drop_name;
        number
    }

    /// The places of the series of each group.
    pub(super) fn members(mut self, series: &[Series]) -> (Vec<Group>, Vec<Vec<usize>>) {
        let mut members: Vec<Vec<usize>> = Vec::new();
        for (place, one) in series.iter().enumerate() {
            let number = self.number(one);
            members.resize_with(self.groups.len(), Vec::new);
            members[number].push(place);
        }
        (self.groups, members)
    }
}
