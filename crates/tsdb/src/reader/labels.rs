//! Label names, label values and series, without samples.

use std::collections::BTreeSet;
use std::sync::Arc;

use bongsu_model::{Labels, Matcher, Purpose, Selection, SeriesSet, SourceError};

use super::{Reader, source_error};
use crate::blocks::StoredBlock;
use crate::index::Index;
use crate::table::Table;

/// Series whose labels are in memory at one time.
const BATCH_SERIES: usize = 1024;

impl Reader {
    /// The label names of series that fulfil one of the matcher sets (of all series, when there is none) and may have
    /// samples in the time range, both ends inclusive. Sorted, at most `limit`.
    ///
    /// # Errors
    /// When stored bytes are damaged or cannot be read.
    pub fn label_names(
        &self,
        matchers: &[Vec<Matcher>],
        start_ms: i64,
        end_ms: i64,
        limit: usize,
    ) -> Result<Vec<String>, SourceError> {
        if matchers.is_empty() {
            let mut names = Texts::new(limit);
            self.each_index((start_ms, end_ms), |index| names.add(index.names().collect()))?;
            self.each_block((start_ms, end_ms), |block| {
                names.add_sorted(&block.block.label_names().map_err(|error| source_error(&error))?);
                Ok(())
            })?;
            return Ok(names.sorted);
        }
        let mut names = BTreeSet::new();
        self.each_series(matchers, (start_ms, end_ms), |labels| {
            labels.iter().for_each(|(name, _)| insert(&mut names, name, limit));
        })?;
        Ok(names.into_iter().collect())
    }

    /// The values of a label, otherwise as [`label_names`](Self::label_names).
    ///
    /// # Errors
    /// When stored bytes are damaged or cannot be read.
    pub fn label_values(
        &self,
        name: &str,
        matchers: &[Vec<Matcher>],
        start_ms: i64,
        end_ms: i64,
        limit: usize,
    ) -> Result<Vec<String>, SourceError> {
        if matchers.is_empty() {
            let mut values = Texts::new(limit);
            self.each_index((start_ms, end_ms), |index| values.add(index.values(name).collect()))?;
            self.each_block((start_ms, end_ms), |block| {
                values.add_sorted(&block.block.label_values(name).map_err(|error| source_error(&error))?);
                Ok(())
            })?;
            return Ok(values.sorted);
        }
        let mut values = BTreeSet::new();
        self.each_series(matchers, (start_ms, end_ms), |labels| {
            if let Some(value) = labels.get(name) {
                insert(&mut values, value, limit);
            }
        })?;
        Ok(values.into_iter().collect())
    }

    /// The labels of series that fulfil one of the matcher sets and may have samples in the time range, both ends
    /// inclusive. Sorted, at most `limit`.
    ///
    /// # Errors
    /// When stored bytes are damaged or cannot be read.
    pub fn series(
        &self,
        matchers: &[Vec<Matcher>],
        start_ms: i64,
        end_ms: i64,
        limit: usize,
    ) -> Result<Vec<Labels>, SourceError> {
        let mut series = BTreeSet::new();
        self.each_series(matchers, (start_ms, end_ms), |labels| {
            series.insert(labels);
            if series.len() > limit {
                series.pop_last();
            }
        })?;
        Ok(series.into_iter().collect())
    }

    fn each_series(
        &self,
        matchers: &[Vec<Matcher>],
        (start_ms, end_ms): (i64, i64),
        mut take: impl FnMut(Labels),
    ) -> Result<(), SourceError> {
        for set in matchers {
            let selection = Selection { matchers: set.clone(), start_ms, end_ms, series_max: usize::MAX };
            let selected = self.selected(&selection, &Purpose::SAMPLES)?;
            for start in (0..selected.len()).step_by(BATCH_SERIES) {
                selected.labels_of(start..selected.len().min(start + BATCH_SERIES))?.into_iter().for_each(&mut take);
            }
        }
        Ok(())
    }

    /// The indexes in memory. They may know series that have fallen idle lately; those have samples in a block.
    fn each_index(&self, (start_ms, end_ms): (i64, i64), mut take: impl FnMut(&Index)) -> Result<(), SourceError> {
        let Some(tenant) = self.inner.tenants.get(&self.tenant) else { return Ok(()) };
        let tables: Vec<Arc<parking_lot::RwLock<Table>>> = {
            let state = tenant.state.read();
            let head = state.head.overlaps(start_ms, end_ms).then(|| Arc::clone(&state.head.memory.table));
            let frozen = state.frozen.as_ref().filter(|frozen| frozen.overlaps(start_ms, end_ms));
            head.into_iter().chain(frozen.map(|frozen| Arc::clone(&frozen.memory.table))).collect()
        };
        tables.iter().for_each(|table| take(table.read().index()));
        Ok(())
    }

    fn each_block(
        &self,
        (start_ms, end_ms): (i64, i64),
        take: impl FnMut(&Arc<StoredBlock>) -> Result<(), SourceError>,
    ) -> Result<(), SourceError> {
        let Some(tenant) = self.inner.tenants.get(&self.tenant) else { return Ok(()) };
        let blocks = Arc::clone(&tenant.state.read().blocks);
        let start_ms = start_ms.max(self.first_ms());
        blocks.iter().filter(|block| block.overlaps(start_ms, end_ms)).try_for_each(take)
    }
}

/// The first of many texts, in order. Blocks have theirs sorted, and mostly the same as the block before.
struct Texts {
    sorted: Vec<String>,
    limit: usize,
}

impl Texts {
    fn new(limit: usize) -> Self {
        Self { sorted: Vec::new(), limit }
    }

    fn add(&mut self, mut texts: Vec<&str>) {
        texts.sort_unstable();
        self.add_sorted(&texts);
    }

    fn add_sorted(&mut self, texts: &[&str]) {
        let (mut place, mut added) = (0, Vec::new());
        for text in texts {
            let is_before = |known: &String| known.as_str() < *text;
            if self.sorted.get(place).is_some_and(is_before) {
                place += 1 + self.sorted[place + 1..].partition_point(is_before);
            }
            if place + added.len() >= self.limit {
                break;
            }
            if self.sorted.get(place).is_none_or(|known| known != text) {
                added.push((place, *text));
            }
        }
        if !added.is_empty() {
            self.merge(&added);
        }
    }

    /// Puts texts in front of those at their places.
    fn merge(&mut self, added: &[(usize, &str)]) {
        let mut merged = Vec::with_capacity(self.sorted.len() + added.len());
        let mut known = std::mem::take(&mut self.sorted).into_iter().enumerate().peekable();
        for (place, text) in added {
            while let Some((_, before)) = known.next_if(|(at, _)| at < place) {
                merged.push(before);
            }
            merged.push((*text).to_owned());
        }
        merged.extend(known.map(|(_, text)| text));
        merged.truncate(self.limit);
        self.sorted = merged;
    }
}

/// Keeps the first texts in order. Allocates only for one that is new.
fn insert(texts: &mut BTreeSet<String>, text: &str, limit: usize) {
    let is_beyond = texts.len() >= limit && texts.last().is_none_or(|last| text > last.as_str());
    if !is_beyond && !texts.contains(text) {
        texts.insert(text.to_owned());
        if texts.len() > limit {
            texts.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_the_first_of_all_in_order(
            lists in prop::collection::vec(prop::collection::btree_set("[ab]{0,3}", 0..8), 0..5),
            limit in 0..12_usize,
        ) {
            let (mut texts, mut all) = (Texts::new(limit), BTreeSet::new());
            for (place, list) in lists.iter().enumerate() {
                let list: Vec<&str> = list.iter().map(String::as_str).collect();
                all.extend(list.iter().map(|text| (*text).to_owned()));
                if place.is_multiple_of(2) { texts.add(list.into_iter().rev().collect()) } else { texts.add_sorted(&list) }
            }
            prop_assert_eq!(texts.sorted, all.into_iter().take(limit).collect::<Vec<_>>());
        }
    }
}
