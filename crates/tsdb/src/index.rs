//! The label index of a head: name -> value -> the series that have it.

use std::{panic, thread};

use bongsu_model::Matcher;
use hashbrown::HashMap;
use parking_lot::Mutex;
use roaring::RoaringBitmap;

use crate::span;

/// Series that are indexed at once by a thread: those of a container of a bitmap, so that containers are put in place whole.
const PART_SERIES: u32 = 1 << 16;

type Names = HashMap<String, HashMap<String, RoaringBitmap>>;

/// Postings by label. Series are numbered in order of creation, so that postings only ever grow at their end.
#[derive(Debug, Default)]
pub(crate) struct Index {
    names: Names,
    series_count: u32,
}

impl Index {
    /// Adds the next series.
    pub(crate) fn add<'a>(&mut self, labels: impl Iterator<Item = (&'a str, &'a str)>) {
        for (name, value) in labels {
            let values = self.names.entry_ref(name).or_default();
            values.entry_ref(value).or_default().insert(self.series_count);
        }
        self.series_count += 1;
    }

    /// Adds the series up to a number, of which the spans say the labels: with all cores, and much faster than one by one.
    pub(crate) fn extend<'s>(&mut self, end: u32, span_of: impl Fn(u32) -> &'s [u8] + Sync) {
        let parts = (self.series_count / PART_SERIES..end.div_ceil(PART_SERIES))
            .map(|part| (part * PART_SERIES).max(self.series_count)..(part * PART_SERIES + PART_SERIES).min(end));
        let threads = thread::available_parallelism().map_or(1, usize::from).min(parts.len());
        let (parts, names) = (Mutex::new(parts), Mutex::new(&mut self.names));
        let work = || {
            loop {
                let Some(series) = parts.lock().next() else { return };
                let mut part = Part::default();
                series.for_each(|number| part.add(number, span_of(number)));
                part.append_to(*names.lock());
            }
        };
        thread::scope(|scope| {
            // A thread that cannot be had leaves its part to this one.
            let others = (1..threads).filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok());
            let others: Vec<_> = others.collect();
            work();
            others.into_iter().for_each(|other| other.join().unwrap_or_else(|cause| panic::resume_unwind(cause)));
        });
        self.series_count = end;
    }

    /// The series that fulfil all matchers.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> RoaringBitmap {
        // What has to be there narrows first, what must not be there is then taken away.
        let (subtracting, narrowing): (Vec<_>, Vec<_>) = matchers.iter().partition(|m| m.matches_empty());
        let mut found: Option<RoaringBitmap> = None;
        for matcher in narrowing {
            let postings = self.matching(matcher);
            let left = found.map_or_else(|| postings.clone(), |found| found & &postings);
            if left.is_empty() {
                return left;
            }
            found = Some(left);
        }
        let mut found = found.unwrap_or_else(|| (0..self.series_count).collect());
        for matcher in subtracting {
            if let Some(values) = self.names.get(matcher.name()) {
                values.iter().filter(|(value, _)| !matcher.matches(value)).for_each(|(_, postings)| found -= postings);
            }
        }
        found
    }

    /// The series whose (present) label fulfils the matcher.
    fn matching(&self, matcher: &Matcher) -> RoaringBitmap {
        let mut union = RoaringBitmap::new();
        let Some(values) = self.names.get(matcher.name()) else { return union };
        match matcher.literal_set() {
            Some(set) => set.iter().filter_map(|value| values.get(*value)).for_each(|p| union |= p),
            None => values
                .iter()
                .filter(|(value, _)| value.starts_with(matcher.prefix()) && matcher.matches(value))
                .for_each(|(_, postings)| union |= postings),
        }
        union
    }

    /// All label names, in no particular order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// All labels, each with its values and their series, in no particular order.
    pub(crate) fn labels(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = (&str, &RoaringBitmap)>)> {
        self.names
            .iter()
            .map(|(name, values)| (name.as_str(), values.iter().map(|(value, series)| (value.as_str(), series))))
    }

    /// The values of a label with their series, in no particular order.
    pub(crate) fn label(&self, name: &str) -> impl Iterator<Item = (&str, &RoaringBitmap)> {
        self.names.get(name).into_iter().flatten().map(|(value, series)| (value.as_str(), series))
    }

    /// All values of a label, in no particular order.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.names.get(name).into_iter().flat_map(|values| values.keys().map(String::as_str))
    }
}

/// The postings of some series that follow each other, as plain lists.
#[derive(Default)]
struct Part<'s> {
    lists: Vec<(&'s [u8], &'s [u8], Vec<u32>)>,
    by_label: HashMap<(&'s [u8], &'s [u8]), usize>,
    /// The lists of the series before, label by label: most labels of the next one are the same.
    last: Vec<usize>,
}

impl<'s> Part<'s> {
    fn add(&mut self, series: u32, span: &'s [u8]) {
        for (place, (name, value)) in span::byte_pairs(span).enumerate() {
            let guess = self.last.get(place).copied().filter(|list| {
                let (known_name, known_value, _) = &self.lists[*list];
                (*known_name, *known_value) == (name, value)
            });
            let list = guess.unwrap_or_else(|| {
                let next = self.lists.len();
                let list = *self.by_label.entry((name, value)).or_insert(next);
                if list == next {
                    self.lists.push((name, value, Vec::new()));
                }
                list
            });
            self.lists[list].2.push(series);
            match self.last.get_mut(place) {
                Some(last) => *last = list,
                None => self.last.push(list),
            }
        }
    }

    fn append_to(self, names: &mut Names) {
        // Labels in the table are texts: they were looked at when they came.
        let text = |bytes| str::from_utf8(bytes).unwrap_or_default();
        for (name, value, series) in self.lists {
            let (name, value) = (text(name), text(value));
            let postings = names.entry_ref(name).or_default().entry_ref(value).or_default();
            // They ascend.
            *postings |= RoaringBitmap::from_sorted_iter(series).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::{Labels, MatchOp};
    use proptest::prelude::*;

    use super::*;

    fn matcher() -> impl Strategy<Value = Matcher> {
        let op =
            prop_oneof![Just(MatchOp::Equal), Just(MatchOp::NotEqual), Just(MatchOp::Regex), Just(MatchOp::NotRegex)];
        let value = prop_oneof![Just(""), Just("x"), Just("x|y"), Just("x.*"), Just(".*"), Just(".+"), Just("|x")];
        ("[abc]", op, value).prop_map(|(name, op, value)| Matcher::new(name, op, value).unwrap())
    }

    proptest! {
        #[test]
        fn selects_as_a_scan_does(
            series in prop::collection::vec(prop::collection::btree_map("[ab]", "[xy]{0,2}", 0..3), 0..20),
            matchers in prop::collection::vec(matcher(), 0..4),
        ) {
            let series: Vec<_> = series.into_iter().map(Labels::from_pairs).collect();
            let mut index = Index::default();
            series.iter().for_each(|labels| index.add(labels.iter()));
            let hit = |labels: &Labels| matchers.iter().all(|m| m.matches(labels.get(m.name()).unwrap_or("")));
            let expected: Vec<u32> = (0..series.len() as u32).filter(|id| hit(&series[*id as usize])).collect();
            prop_assert_eq!(index.select(&matchers).into_iter().collect::<Vec<_>>(), expected.clone());
            let spans: Vec<_> = series.iter().map(|labels| {
                let mut span = Vec::new();
                span::encode(labels.iter(), &mut span);
                span
            }).collect();
            let mut extended = Index::default();
            series[..series.len() / 3].iter().for_each(|labels| extended.add(labels.iter()));
            extended.extend(series.len() as u32, |series| &spans[series as usize]);
            prop_assert_eq!(extended.select(&matchers).into_iter().collect::<Vec<_>>(), expected);
        }
    }
}
