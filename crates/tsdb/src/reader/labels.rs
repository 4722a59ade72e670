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
        let mut names = BTreeSet::new();
        if matchers.is_empty() {
            self.each_index((start_ms, end_ms), |index| {
                index.names().for_each(|name| insert(&mut names, name, limit));
            })?;
            self.each_block((start_ms, end_ms), |block| {
                let of_block = block.block.label_names().map_err(|error| source_error(&error))?;
                of_block.into_iter().for_each(|name| insert(&mut names, name, limit));
                Ok(())
            })?;
        } else {
            self.each_series(matchers, (start_ms, end_ms), |labels| {
                labels.iter().for_each(|(name, _)| insert(&mut names, name, limit));
            })?;
        }
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
        let mut values = BTreeSet::new();
        if matchers.is_empty() {
            self.each_index((start_ms, end_ms), |index| {
                index.values(name).for_each(|value| insert(&mut values, value, limit));
            })?;
            self.each_block((start_ms, end_ms), |block| {
                let of_block = block.block.label_values(name).map_err(|error| source_error(&error))?;
                of_block.into_iter().for_each(|value| insert(&mut values, value, limit));
                Ok(())
            })?;
        } else {
            self.each_series(matchers, (start_ms, end_ms), |labels| {
                if let Some(value) = labels.get(name) {
                    insert(&mut values, value, limit);
                }
            })?;
        }
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
