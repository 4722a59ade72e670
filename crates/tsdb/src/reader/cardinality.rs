//! What the series in memory are made of: how many values labels have, how many series values have.
//!
//! Counted is the series table of the head: the series with samples since the last flush and some that fell idle lately.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use bongsu_model::{METRIC_NAME, Matcher};
use parking_lot::RwLock;
use roaring::RoaringBitmap;

use super::Reader;
use crate::table::Table;

/// A name with its count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What is counted.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// What the series in memory are made of. Lists are sorted by count, the largest first, and then by name.
#[derive(Clone, Debug)]
pub struct HeadStats {
    /// Series.
    pub series: u64,
    /// Different pairs of label name and value.
    pub label_pairs: u64,
    /// Series with samples since the last flush.
    pub chunks: u64,
    /// First time since the last flush, milliseconds; `i64::MAX` without samples.
    pub min_ms: i64,
    /// Last time since the last flush, milliseconds; `i64::MIN` without samples.
    pub max_ms: i64,
    /// Series by metric name.
    pub series_by_metric: Vec<Counted>,
    /// Values by label name.
    pub values_by_label: Vec<Counted>,
    /// Bytes of all values by label name.
    pub bytes_by_label: Vec<Counted>,
    /// Series by `name=value`.
    pub series_by_pair: Vec<Counted>,
}

impl Default for HeadStats {
    fn default() -> Self {
        Self {
            series: 0,
            label_pairs: 0,
            chunks: 0,
            min_ms: i64::MAX,
            max_ms: i64::MIN,
            series_by_metric: Vec::new(),
            values_by_label: Vec::new(),
            bytes_by_label: Vec::new(),
            series_by_pair: Vec::new(),
        }
    }
}

impl Reader {
    /// What the series in memory are made of; each list has at most `limit` entries.
    #[must_use]
    pub fn head_stats(&self, limit: usize) -> HeadStats {
        let mut stats = HeadStats::default();
        let Some(tenant) = self.inner.tenants.get(&self.tenant) else { return stats };
        let table = {
            let state = tenant.state.read();
            (stats.min_ms, stats.max_ms) = (state.head.min_ms, state.head.max_ms);
            stats.chunks = state.head.active_count as u64;
            Arc::clone(&state.head.memory.table)
        };
        let table = table.read();
        stats.series = table.len() as u64;
        let [mut metrics, mut values, mut bytes, mut pairs] = std::array::from_fn(|_| Top::new(limit));
        for (name, of_name) in table.index().labels() {
            let (mut count, mut value_bytes) = (0, 0);
            for (value, postings) in of_name {
                count += 1;
                value_bytes += value.len() as u64;
                pairs.push(postings.len(), || format!("{name}={value}"));
                if name == METRIC_NAME {
                    metrics.push(postings.len(), || value.to_owned());
                }
            }
            stats.label_pairs += count;
            values.push(count, || name.to_owned());
            bytes.push(value_bytes, || name.to_owned());
        }
        [stats.series_by_metric, stats.values_by_label, stats.bytes_by_label, stats.series_by_pair] =
            [metrics, values, bytes, pairs].map(Top::finish);
        stats
    }

    /// How many series in memory fulfil all matchers.
    #[must_use]
    pub fn head_series_count(&self, matchers: &[Matcher]) -> u64 {
        self.head_table().map_or(0, |table| table.read().index().select(matchers).len())
    }

    /// How many values each label has on the series in memory that fulfil all matchers: the largest first, then by name.
    #[must_use]
    pub fn head_label_names(&self, matchers: &[Matcher]) -> Vec<Counted> {
        let Some(table) = self.head_table() else { return Vec::new() };
        let table = table.read();
        let selected = selected(&table, matchers);
        let mut names: Vec<Counted> = table
            .index()
            .labels()
            .map(|(name, values)| {
                let count = values.filter(|(_, postings)| series_in(&selected, postings) > 0).count() as u64;
                Counted { name: name.to_owned(), count }
            })
            .filter(|name| name.count > 0)
            .collect();
        sort(&mut names);
        names
    }

    /// How many of the series in memory that fulfil all matchers have a label, and how many have each of its values: the
    /// largest first, then by value.
    #[must_use]
    pub fn head_label_values(&self, name: &str, matchers: &[Matcher]) -> (u64, Vec<Counted>) {
        let Some(table) = self.head_table() else { return (0, Vec::new()) };
        let table = table.read();
        let selected = selected(&table, matchers);
        let mut values: Vec<Counted> = table
            .index()
            .label(name)
            .map(|(value, postings)| Counted { name: value.to_owned(), count: series_in(&selected, postings) })
            .filter(|value| value.count > 0)
            .collect();
        sort(&mut values);
        (values.iter().map(|value| value.count).sum(), values)
    }

    fn head_table(&self) -> Option<Arc<RwLock<Table>>> {
        Some(Arc::clone(&self.inner.tenants.get(&self.tenant)?.state.read().head.memory.table))
    }
}

/// The series that count; all of them without matchers.
fn selected(table: &Table, matchers: &[Matcher]) -> Option<RoaringBitmap> {
    (!matchers.is_empty()).then(|| table.index().select(matchers))
}

fn series_in(selected: &Option<RoaringBitmap>, postings: &RoaringBitmap) -> u64 {
    selected.as_ref().map_or(postings.len(), |selected| selected.intersection_len(postings))
}

fn sort(counted: &mut [Counted]) {
    counted.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
}

/// Keeps the largest counts; of equal ones those whose name comes first.
struct Top {
    limit: usize,
    /// The least one on top.
    kept: BinaryHeap<Reverse<(u64, Reverse<String>)>>,
}

impl Top {
    fn new(limit: usize) -> Self {
        Self { limit, kept: BinaryHeap::new() }
    }

    /// Makes the name only for a count that may be kept.
    fn push(&mut self, count: u64, name: impl FnOnce() -> String) {
        let is_full = self.kept.len() >= self.limit;
        if is_full && self.kept.peek().is_none_or(|Reverse((least, _))| count < *least) {
            return;
        }
        self.kept.push(Reverse((count, Reverse(name()))));
        if is_full {
            self.kept.pop();
        }
    }

    fn finish(self) -> Vec<Counted> {
        let sorted = self.kept.into_sorted_vec().into_iter();
        sorted.map(|Reverse((count, Reverse(name)))| Counted { name, count }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_kept_in_order() {
        let mut top = Top::new(2);
        for (name, count) in [("d", 1), ("c", 3), ("b", 3), ("a", 3), ("e", 2)] {
            top.push(count, || name.to_owned());
        }
        let kept = top.finish();
        assert_eq!(kept.iter().map(|one| (one.name.as_str(), one.count)).collect::<Vec<_>>(), [("a", 3), ("b", 3)]);
        let mut none = Top::new(0);
        none.push(1, || "a".to_owned());
        assert!(none.finish().is_empty());
    }
}
