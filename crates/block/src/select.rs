//! From matchers to series.

use std::collections::BTreeSet;
use std::ops::Range;

use bongsu_model::Matcher;

use crate::error::{Damage, Error};
use crate::postings::SeriesBits;
use crate::reader::Block;
use crate::section::Kind;

impl Block {
    /// The numbers of the series that fulfil all matchers, ascending, which is the order of their labels. Without
    /// matchers, all.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn select(&self, matchers: &[Matcher]) -> Result<Vec<u32>, Error> {
        Ok(self.select_bits(matchers)?.to_numbers())
    }

    /// The values that a label has on the series that fulfil all matchers, sorted.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn label_values_where(&self, name: &str, matchers: &[Matcher]) -> Result<Vec<&str>, Error> {
        let selected = self.select_bits(matchers)?;
        let dictionary = self.dictionary()?;
        let pairs = dictionary.pairs_of(name);
        let found = if selected.count() < pairs.len() {
            self.pairs_of_series(&selected, pairs)?
        } else {
            self.pairs_that_meet(&selected, pairs)?
        };
        Ok(found.into_iter().map(|pair| dictionary.value(pair)).collect())
    }

    /// Those of `pairs` that the series have, by asking each series: right for few series and many pairs.
    fn pairs_of_series(&self, series: &SeriesBits, pairs: Range<u32>) -> Result<BTreeSet<u32>, Error> {
        let (mut walk, mut found) = (self.series()?.walk(), BTreeSet::new());
        for number in series.to_numbers() {
            let list = walk.pairs(number).map_err(self.damaged(Kind::Series))?;
            found.extend(list.iter().copied().filter(|pair| pairs.contains(pair)));
        }
        Ok(found)
    }

    /// The same by asking each pair: right for few pairs and many series.
    fn pairs_that_meet(&self, series: &SeriesBits, pairs: Range<u32>) -> Result<BTreeSet<u32>, Error> {
        let mut found = BTreeSet::new();
        for pair in pairs {
            if self.union(std::iter::once(pair))?.meets(series) {
                found.insert(pair);
            }
        }
        Ok(found)
    }

    /// A matcher that an absent label fulfils cannot be answered by adding series up: it takes away the series whose
    /// value breaks it. The others keep the series whose value fulfils them.
    fn select_bits(&self, matchers: &[Matcher]) -> Result<SeriesBits, Error> {
        let mut selected = SeriesBits::all(self.meta().series_count);
        let (subtracting, keeping): (Vec<_>, Vec<_>) = matchers.iter().partition(|matcher| matcher.matches_empty());
        for matcher in keeping {
            selected.keep_only(&self.union(self.pairs_matching(matcher)?.into_iter())?);
            if selected.is_empty() {
                return Ok(selected);
            }
        }
        for matcher in subtracting {
            selected.remove(&self.union(self.pairs_matching(&matcher.inverse())?.into_iter())?);
        }
        Ok(selected)
    }

    /// The pairs whose value fulfils the matcher.
    fn pairs_matching(&self, matcher: &Matcher) -> Result<Vec<u32>, Error> {
        let dictionary = self.dictionary()?;
        let pairs = dictionary.pairs_of(matcher.name());
        Ok(match matcher.literal_set() {
            Some(values) => values.into_iter().filter_map(|value| dictionary.find(pairs.clone(), value)).collect(),
            None => dictionary
                .with_prefix(pairs, matcher.prefix())
                .filter(|pair| matcher.matches(dictionary.value(*pair)))
                .collect(),
        })
    }

    /// The series that have one of the pairs.
    fn union(&self, pairs: impl Iterator<Item = u32>) -> Result<SeriesBits, Error> {
        let mut bits = SeriesBits::none(self.meta().series_count);
        for pair in pairs {
            bits.add_encoded(self.postings(pair)?).map_err(self.damaged(Kind::Postings))?;
        }
        Ok(bits)
    }

    /// Checks that the postings say the same as the series table.
    pub(crate) fn verify_postings(&self) -> Result<(), Error> {
        let mut lists: Vec<Vec<u32>> = Vec::new();
        let mut walk = self.series()?.walk();
        for series in 0..self.meta().series_count {
            for pair in walk.pairs(series).map_err(self.damaged(Kind::Series))? {
                if lists.len() <= *pair as usize {
                    lists.resize(*pair as usize + 1, Vec::new());
                }
                lists[*pair as usize].push(series);
            }
        }
        for (pair, list) in (0..).zip(&lists) {
            if self.union(std::iter::once(pair))?.to_numbers() != *list {
                let damage = Damage::at(self.dictionary()?.postings(pair).start, "expected the series of the table");
                return Err(self.damaged(Kind::Postings)(damage));
            }
        }
        Ok(())
    }
}
