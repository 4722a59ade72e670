//! The series table of a head: from the label bytes of a request to the number of a series.
//!
//! ```text
//!            slot 7 ── next ──► slot 8 ── next ──► slot 9      what followed last time: one memcmp
//! span ─┬─►  guess
//!       └─►  keyed hash ─► slot ─► series                      when the guess fails
//! ```
//!
//! A slot is one way to spell a series' labels; nearly every series has one slot. A span with unsorted labels, empty values
//! or long-winded lengths gets a slot that points to the series of the canonical span.

use std::sync::Arc;

use bongsu_wire::remote_write::labels_of_span;
use hashbrown::HashTable;
use parking_lot::RwLock;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::{Refusal, RejectReason};
use crate::index::Index;
use crate::options::Limits;
use crate::span::{self, Pages, Shape, SpanRef, Spans};

/// No slot.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Table {
    /// Keys the hash, so that nobody can choose labels that collide.
    seed: u64,
    pages: Pages,
    slots: Vec<Slot>,
    by_hash: HashTable<u32>,
    /// The canonical spans by series.
    series: Vec<SpanRef>,
    index: Index,
    /// The index waits for [`catch_up`](Table::catch_up).
    puts_off_index: bool,
    order: Arc<Order>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u64,
    span: SpanRef,
    series: u32,
    /// The slot that followed this one in a request.
    next: u32,
}

/// The label order of the series that a table had when it was made.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// Series by place.
    pub(crate) sorted: Vec<u32>,
    /// Places by series.
    pub(crate) rank: Vec<u32>,
}

impl Table {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            pages: Pages::default(),
            slots: Vec::new(),
            by_hash: HashTable::new(),
            series: Vec::new(),
            index: Index::default(),
            puts_off_index: false,
            order: Arc::default(),
        }
    }

    /// The slot of a span that the table has, given the slot before it in the request.
    #[inline]
    pub(crate) fn find(&mut self, previous: u32, span: &[u8]) -> Option<u32> {
        if let Some(before) = self.slots.get(previous as usize) {
            let guess = before.next;
            if let Some(slot) = self.slots.get(guess as usize)
                && self.pages.get(slot.span) == span
            {
                return Some(guess);
            }
        }
        let found = self.look_up(xxh3_64_with_seed(span, self.seed), span)?;
        self.link(previous, found);
        Some(found)
    }

    /// Makes a slot, and if need be a series, for a span that [`find`](Self::find) did not find. Without limits, only what
    /// cannot be stored at all is refused.
    pub(crate) fn create(&mut self, previous: u32, raw: &[u8], limits: Option<&Limits>) -> Result<u32, Refusal> {
        if span::plain_shape(raw).is_some_and(|shape| limits.is_none_or(|limits| are_kept(limits, shape))) {
            let slot = self.add_series(xxh3_64_with_seed(raw, self.seed), raw, limits)?;
            self.link(previous, slot);
            return Ok(slot);
        }
        let mut canonical = Vec::with_capacity(raw.len());
        canonical_span(raw, limits, &mut canonical)?;
        let canonical_hash = xxh3_64_with_seed(&canonical, self.seed);
        let known = if canonical == raw { None } else { self.look_up(canonical_hash, &canonical) };
        let slot = match known {
            Some(slot) => slot,
            None => self.add_series(canonical_hash, &canonical, limits)?,
        };
        let slot = if canonical == raw { slot } else { self.add_alias(raw, slot)? };
        self.link(previous, slot);
        Ok(slot)
    }

    fn add_series(&mut self, hash: u64, canonical: &[u8], limits: Option<&Limits>) -> Result<u32, Refusal> {
        let series_max = limits.map_or(usize::MAX, |limits| limits.series_per_tenant_max).min(NO_SLOT as usize / 2);
        if self.series.len() >= series_max {
            let message = format!("new series is beyond the limit of {series_max} series per tenant");
            return Err(Refusal::new(RejectReason::SeriesLimit, message));
        }
        let span = self.pages.push(canonical);
        let series = self.series.len() as u32;
        self.series.push(span);
        if !self.puts_off_index {
            self.index.add(span::pairs(canonical));
        }
        self.add_slot(Slot { hash, span, series, next: NO_SLOT })
    }

    fn add_alias(&mut self, raw: &[u8], of: u32) -> Result<u32, Refusal> {
        let hash = xxh3_64_with_seed(raw, self.seed);
        let span = self.pages.push(raw);
        self.add_slot(Slot { hash, span, series: self.slots[of as usize].series, next: NO_SLOT })
    }

    fn add_slot(&mut self, slot: Slot) -> Result<u32, Refusal> {
        if self.slots.len() >= NO_SLOT as usize {
            return Err(Refusal::new(RejectReason::SeriesLimit, "too many spellings of series"));
        }
        let number = self.slots.len() as u32;
        self.slots.push(slot);
        let slots = &self.slots;
        self.by_hash.insert_unique(slot.hash, number, |slot| slots[*slot as usize].hash);
        Ok(number)
    }

    fn look_up(&self, hash: u64, span: &[u8]) -> Option<u32> {
        let hit = |number: &u32| {
            let slot = &self.slots[*number as usize];
            slot.hash == hash && self.pages.get(slot.span) == span
        };
        self.by_hash.find(hash, hit).copied()
    }

    fn link(&mut self, previous: u32, next: u32) {
        if let Some(before) = self.slots.get_mut(previous as usize) {
            before.next = next;
        }
    }

    /// The series of a slot.
    #[inline]
    pub(crate) fn series_of(&self, slot: u32) -> u32 {
        self.slots[slot as usize].series
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// Ways to spell them.
    pub(crate) fn slot_count(&self) -> usize {
        self.slots.len()
    }

    /// The canonical span of a series.
    pub(crate) fn span(&self, series: u32) -> &[u8] {
        self.pages.get(self.series[series as usize])
    }

    /// From here on new series are not in the index until it [catches up](Self::catch_up). Nobody may ask it meanwhile.
    pub(crate) fn put_off_index(&mut self) {
        self.puts_off_index = true;
    }

    /// Brings the index up to date, with all cores.
    pub(crate) fn catch_up(&mut self) {
        self.puts_off_index = false;
        let Self { index, series, pages, .. } = self;
        index.extend(series.len() as u32, |number| pages.get(series[number as usize]));
    }

    /// The label index.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The spans of all series so far, to be read without the table.
    pub(crate) fn share_spans(&mut self) -> Spans {
        Spans::new(self.pages.share(), self.series.clone())
    }

    /// The order of the series that were there when it was made last.
    pub(crate) fn order(&self) -> &Arc<Order> {
        &self.order
    }
}

/// Brings the order of a table up to date, and returns it. The table is not held while new series are sorted.
pub(crate) fn refresh_order(table: &RwLock<Table>) -> Arc<Order> {
    let (known, spans, series_count) = {
        let mut table = table.write();
        if table.order.rank.len() == table.len() {
            return Arc::clone(&table.order);
        }
        (Arc::clone(&table.order), table.share_spans(), table.len())
    };
    let order = Arc::new(known.extend(&spans, series_count));
    let mut table = table.write();
    if table.order.rank.len() < series_count {
        table.order = Arc::clone(&order);
    }
    order
}

impl Order {
    /// The place of a series, unless it came later.
    pub(crate) fn place_of(&self, series: u32) -> Option<u32> {
        self.rank.get(series as usize).copied()
    }

    /// The order of all the spans, given that of the first ones.
    pub(crate) fn extend(&self, spans: &Spans, series_count: usize) -> Self {
        let mut added: Vec<u32> = (self.rank.len() as u32..series_count as u32).collect();
        added.sort_by(|a, b| span::compare(spans.get(*a), spans.get(*b)));
        let sorted = merge_sorted(&self.sorted, &added, |series| spans.get(series));
        let mut rank = vec![0; sorted.len()];
        for (place, series) in sorted.iter().enumerate() {
            rank[*series as usize] = place as u32;
        }
        Self { sorted, rank }
    }
}

/// Merges two sorted lists; the second one is the shorter one, mostly.
fn merge_sorted<'a>(mut known: &[u32], added: &[u32], span_of: impl Fn(u32) -> &'a [u8]) -> Vec<u32> {
    let mut merged = Vec::with_capacity(known.len() + added.len());
    for next in added {
        let (before, after) =
            known.split_at(known.partition_point(|series| span::compare(span_of(*series), span_of(*next)).is_lt()));
        merged.extend_from_slice(before);
        merged.push(*next);
        known = after;
    }
    merged.extend_from_slice(known);
    merged
}

/// Checks the labels of a raw span and writes their canonical span.
fn canonical_span(raw: &[u8], limits: Option<&Limits>, canonical: &mut Vec<u8>) -> Result<(), Refusal> {
    let mut pairs = Vec::with_capacity(16);
    for pair in labels_of_span(raw) {
        let (name, value) = pair.map_err(|error| Refusal::new(RejectReason::InvalidLabels, error.to_string()))?;
        if !value.is_empty() {
            pairs.push((name, value));
        }
    }
    if !pairs.is_sorted_by(|a, b| a.0 < b.0) {
        pairs.sort_by(|a, b| a.0.cmp(b.0));
    }
    check_pairs(&pairs)?;
    if let Some(limits) = limits {
        check_limits(&pairs, limits)?;
    }
    span::encode(pairs, canonical);
    Ok(())
}

fn check_pairs(pairs: &[(&str, &str)]) -> Result<(), Refusal> {
    if pairs.is_empty() {
        return Err(Refusal::new(RejectReason::MissingLabels, "series without labels"));
    }
    if pairs[0].0.is_empty() {
        return Err(Refusal::new(RejectReason::InvalidLabels, "label with an empty name"));
    }
    match pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => {
            Err(Refusal::new(RejectReason::DuplicateLabel, format!("label {:?} is given more than once", pair[0].0)))
        }
        None => Ok(()),
    }
}

fn are_kept(limits: &Limits, shape: Shape) -> bool {
    shape.labels <= limits.label_names_per_series_max
        && shape.name_bytes_max <= limits.label_name_bytes_max
        && shape.value_bytes_max <= limits.label_value_bytes_max
}

fn check_limits(pairs: &[(&str, &str)], limits: &Limits) -> Result<(), Refusal> {
    let (count, count_max) = (pairs.len(), limits.label_names_per_series_max);
    if count > count_max {
        let message = format!("series has {count} labels, the limit is {count_max}");
        return Err(Refusal::new(RejectReason::TooManyLabels, message));
    }
    let (name_max, value_max) = (limits.label_name_bytes_max, limits.label_value_bytes_max);
    for (name, value) in pairs {
        if name.len() > name_max {
            let message = format!("label name of {} bytes, the limit is {name_max} bytes", name.len());
            return Err(Refusal::new(RejectReason::LabelNameTooLong, message));
        }
        if value.len() > value_max {
            let message = format!("value of label {name:?} has {} bytes, the limit is {value_max} bytes", value.len());
            return Err(Refusal::new(RejectReason::LabelValueTooLong, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
