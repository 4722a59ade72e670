//! The label index of a head: name -> value -> the series that have it.

use bongsu_model::Matcher;
use hashbrown::HashMap;
use roaring::RoaringBitmap;

/// Postings by label. Series are numbered in order of creation, so that postings only ever grow at their end.
#[derive(Debug, Default)]
pub(crate) struct Index {
    names: HashMap<String, HashMap<String, RoaringBitmap>>,
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

    /// How many series it has.
    pub(crate) fn len(&self) -> u32 {
        self.series_count
    }

    /// A part that [`append`](Self::append) takes, whose first series has this number. It is not for questions.
    pub(crate) fn part(first: u32) -> Self {
        Self { series_count: first, ..Self::default() }
    }

    /// Adds the part that begins where this ends.
    pub(crate) fn append(&mut self, part: Self) {
        for (name, values) in part.names {
            let known = self.names.entry(name).or_default();
            for (value, postings) in values {
                *known.entry(value).or_default() |= postings;
            }
        }
        self.series_count = part.series_count;
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
            let (before, after) = series.split_at(series.len() / 3);
            let (mut first, mut second) = (Index::default(), Index::part(before.len() as u32));
            before.iter().for_each(|labels| first.add(labels.iter()));
            after.iter().for_each(|labels| second.add(labels.iter()));
            first.append(second);
            prop_assert_eq!(first.select(&matchers).into_iter().collect::<Vec<_>>(), expected);
        }
    }
}
