//! The newest exemplars of a tenant, in memory: a ring that forgets the oldest ones first.
//!
//! The exemplars of one series ascend by time, then by value, in the order in which they came. Source of what is a duplicate
//! and what is out of order: Prometheus' `tsdb/exemplar.go`.

pub(crate) mod file;

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};

use bongsu_model::{Exemplar, Labels, Matcher};

/// All labels and entries of a tenant.
const BYTES_MAX: usize = 64 << 20;
/// What an exemplar costs besides its labels, and what a series with exemplars does.
const EXEMPLAR_BYTES: usize = size_of::<Entry>() + 8 + 32;
const SERIES_BYTES: usize = 160;
/// A sender that repeats itself is found out among so many exemplars of the same time and value.
const REPEATED_MAX: usize = 64;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Exemplars {
    /// In order of arrival.
    ring: VecDeque<Entry>,
    /// The number of the ring's first entry.
    first: u64,
    /// The numbers of each series' entries, ascending.
    by_series: HashMap<Labels, VecDeque<u64>>,
    bytes: usize,
    /// Grows with every change.
    version: u64,
    /// The version that the file has.
    saved_version: u64,
}

#[derive(Debug)]
struct Entry {
    series: Labels,
    exemplar: Exemplar,
}

/// What became of an exemplar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    Taken,
    /// It was there already.
    Known,
    /// Older than the newest one of its series.
    OutOfOrder,
    /// None are kept.
    Off,
}

impl Exemplars {
    /// Takes an exemplar; at most `count_max` are kept.
    pub(crate) fn add(&mut self, series: &Labels, exemplar: Exemplar, count_max: usize) -> Added {
        if count_max == 0 {
            return Added::Off;
        }
        if let Some(refused) = self.by_series.get(series).and_then(|numbers| self.refuse(numbers, &exemplar)) {
            return refused;
        }
        self.version += 1;
        self.bytes += entry_bytes(&exemplar);
        let number = self.first + self.ring.len() as u64;
        match self.by_series.get_mut(series) {
            Some(numbers) => numbers.push_back(number),
            None => {
                self.bytes += series_bytes(series);
                self.by_series.insert(series.clone(), VecDeque::from([number]));
            }
        }
        self.ring.push_back(Entry { series: series.clone(), exemplar });
        while self.ring.len() > count_max || self.bytes > BYTES_MAX {
            self.forget_oldest();
        }
        Added::Taken
    }

    /// Why an exemplar of a series that has some is not taken.
    fn refuse(&self, numbers: &VecDeque<u64>, exemplar: &Exemplar) -> Option<Added> {
        let end = numbers.partition_point(|number| compare(self.get(*number), exemplar).is_le());
        let same = numbers.range(..end).rev().take(REPEATED_MAX).map(|number| self.get(*number));
        let mut same = same.take_while(|other| compare(other, exemplar).is_eq());
        if same.any(|other| other.labels == exemplar.labels) {
            return Some(Added::Known);
        }
        (end < numbers.len()).then_some(Added::OutOfOrder)
    }

    fn get(&self, number: u64) -> &Exemplar {
        &self.ring[(number - self.first) as usize].exemplar
    }

    fn forget_oldest(&mut self) {
        let Some(Entry { series, exemplar }) = self.ring.pop_front() else { return };
        self.first += 1;
        self.bytes -= entry_bytes(&exemplar);
        if let Some(numbers) = self.by_series.get_mut(&series) {
            numbers.pop_front();
            if numbers.is_empty() {
                self.by_series.remove(&series);
                self.bytes -= series_bytes(&series);
            }
        }
    }

    /// What has to be written to the file, and its version.
    pub(crate) fn unsaved(&self) -> Option<(file::BySeries, u64)> {
        let all = |series: &Labels| (series.clone(), self.of_series(series, i64::MIN, i64::MAX));
        (self.version != self.saved_version).then(|| (self.by_series.keys().map(all).collect(), self.version))
    }

    /// The file has this version now.
    pub(crate) fn mark_saved(&mut self, version: u64) {
        self.saved_version = version;
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    /// The series that have some, in no particular order.
    pub(crate) fn series(&self) -> Vec<Labels> {
        self.by_series.keys().cloned().collect()
    }

    /// The exemplars of a series in a range of time, both ends inclusive.
    pub(crate) fn of_series(&self, series: &Labels, start_ms: i64, end_ms: i64) -> Vec<Exemplar> {
        let numbers = self.by_series.get(series).into_iter().flatten();
        let all = numbers.map(|number| self.get(*number));
        all.filter(|exemplar| start_ms <= exemplar.timestamp_ms && exemplar.timestamp_ms <= end_ms).cloned().collect()
    }
}

/// Whether a series fulfils one of the sets of matchers. The empty set is fulfilled by all.
pub(crate) fn matches_any(series: &Labels, matcher_sets: &[Vec<Matcher>]) -> bool {
    let fulfils = |matcher: &Matcher| matcher.matches(series.get(matcher.name()).unwrap_or(""));
    matcher_sets.iter().any(|matchers| matchers.iter().all(fulfils))
}

fn compare(a: &Exemplar, b: &Exemplar) -> Ordering {
    a.timestamp_ms.cmp(&b.timestamp_ms).then_with(|| a.value.total_cmp(&b.value))
}

fn entry_bytes(exemplar: &Exemplar) -> usize {
    EXEMPLAR_BYTES + exemplar.labels.packed().len()
}

fn series_bytes(series: &Labels) -> usize {
    SERIES_BYTES + series.packed().len()
}

#[cfg(test)]
mod tests {
    use bongsu_model::MatchOp;

    use super::*;

    fn series(name: &str) -> Labels {
        Labels::from_pairs([("__name__", name)])
    }

    fn exemplar(timestamp_ms: i64, value: f64, id: &str) -> Exemplar {
        Exemplar { labels: Labels::from_pairs([("trace_id", id)]), value, timestamp_ms }
    }

    fn ids(exemplars: &Exemplars, name: &str) -> String {
        let all = exemplars.of_series(&series(name), i64::MIN, i64::MAX);
        all.iter().map(|exemplar| exemplar.labels.get("trace_id").unwrap_or("-")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_oldest_go_first_and_their_series_with_them() {
        let mut exemplars = Exemplars::default();
        for (name, time, id) in [("a", 1, "1"), ("b", 1, "2"), ("a", 2, "3"), ("c", 1, "4")] {
            assert_eq!(exemplars.add(&series(name), exemplar(time, 0.0, id), 3), Added::Taken);
        }
        assert_eq!(
            (ids(&exemplars, "a"), ids(&exemplars, "b"), ids(&exemplars, "c")),
            ("3".into(), "2".into(), "4".into())
        );
        exemplars.add(&series("c"), exemplar(2, 0.0, "5"), 3);
        assert_eq!((exemplars.len(), exemplars.series().len()), (3, 2), "b has none any more");
        while exemplars.len() > 0 {
            exemplars.forget_oldest();
        }
        assert_eq!((exemplars.bytes, exemplars.by_series.len()), (0, 0), "what was added up is taken away again");
        assert_eq!(exemplars.add(&series("a"), exemplar(1, 0.0, "1"), 0), Added::Off);
    }

    #[test]
    fn repeated_ones_are_known_and_older_ones_refused() {
        let mut exemplars = Exemplars::default();
        let a = series("a");
        for (new, expected) in [
            (exemplar(5, 1.0, "x"), Added::Taken),
            (exemplar(5, 1.0, "x"), Added::Known),
            (exemplar(5, 1.0, "y"), Added::Taken),
            (exemplar(5, 2.0, "z"), Added::Taken),
            (exemplar(5, 1.0, "y"), Added::Known),
            (exemplar(5, 1.5, "w"), Added::OutOfOrder),
            (exemplar(4, 9.0, "x"), Added::OutOfOrder),
            (exemplar(6, 0.0, "x"), Added::Taken),
            (exemplar(5, 1.0, "x"), Added::Known),
            (exemplar(5, 1.0, "new"), Added::OutOfOrder),
        ] {
            assert_eq!(exemplars.add(&a, new.clone(), 100), expected, "{new:?}");
        }
        assert_eq!(
            exemplars.add(&series("b"), exemplar(1, 0.0, "x"), 100),
            Added::Taken,
            "other series have their own order"
        );
        assert_eq!(ids(&exemplars, "a"), "x y z x");
        assert_eq!(exemplars.of_series(&a, 6, 6).len(), 1);
    }

    #[test]
    fn bytes_have_a_bound_too() {
        let mut exemplars = Exemplars::default();
        let long = "x".repeat(1 << 20);
        for place in 0..100 {
            let series = Labels::from_pairs([("__name__", long.as_str()), ("place", &place.to_string())]);
            exemplars.add(&series, exemplar(1, 0.0, "id"), usize::MAX);
        }
        assert!(exemplars.bytes <= BYTES_MAX && (60..64).contains(&exemplars.len()), "{}", exemplars.len());
    }

    #[test]
    fn the_file_has_them_all_and_tells_of_damage() {
        let mut exemplars = Exemplars::default();
        for (name, time, id) in [("a", 5, "1"), ("b", 1, "2"), ("a", 7, "3"), ("a", 7, "4")] {
            exemplars.add(&series(name), exemplar(time, 0.0, id), 100);
        }
        let (all, version) = exemplars.unsaved().unwrap();
        let bytes = file::encode(&all).unwrap();
        exemplars.mark_saved(version);
        assert!(exemplars.unsaved().is_none());
        let read = file::decode(&bytes, 100).unwrap();
        assert_eq!((ids(&read, "a"), ids(&read, "b")), ("1 3 4".into(), "2".into()));
        assert!(read.unsaved().is_none());
        let fewer = file::decode(&bytes, 2).unwrap();
        assert_eq!((ids(&fewer, "a"), fewer.len()), ("3 4".into(), 2));
        assert_eq!(file::decode(&bytes, 0).unwrap().len(), 0);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(file::decode(&damaged, 100).is_err(), "byte {at}");
        }
    }

    #[test]
    fn one_set_of_matchers_is_enough() {
        let equal = |name: &str, value: &str| Matcher::new(name, MatchOp::Equal, value).unwrap();
        let sets = [vec![equal("__name__", "a"), equal("job", "")], vec![equal("job", "b")]];
        assert!(matches_any(&series("a"), &sets) && !matches_any(&series("b"), &sets));
        assert!(matches_any(&Labels::from_pairs([("job", "b")]), &sets));
        assert!(!matches_any(&series("a"), &[]));
    }
}
