//! What a store may answer, given what it was told and what it acked.

use std::collections::{BTreeMap, BTreeSet};

/// Tenant, series and time. Exemplars and metadata have numbers of series for themselves: see [`crate::content`].
pub type Place = (&'static str, u8, i64);

/// A text that stands for what is there, or nothing. But for stale markers each is written once, so that it tells who wrote
/// it.
pub type Content = Option<String>;

/// All places that were ever written to.
#[derive(Default)]
pub struct Expected {
    cells: BTreeMap<Place, Cell>,
}

struct Cell {
    /// One of these is there: more than one while something was not acked.
    allowed: BTreeSet<Content>,
    /// What was read last. It changes with a write, a deletion or a restart only.
    pinned: Option<Content>,
    /// All values since the last deletion.
    history: BTreeSet<Content>,
}

impl Default for Cell {
    fn default() -> Self {
        Self { allowed: BTreeSet::from([None]), pinned: None, history: BTreeSet::new() }
    }
}

impl Expected {
    pub fn write(&mut self, place: Place, content: String, is_acked: bool) {
        let cell = self.cells.entry(place).or_default();
        if is_acked {
            cell.allowed.clear();
        }
        cell.allowed.insert(Some(content.clone()));
        cell.history.insert(Some(content));
        cell.pinned = None;
    }

    pub fn delete(&mut self, is_hit: impl Fn(&Place) -> bool, is_acked: bool) {
        for (_, cell) in self.cells.iter_mut().filter(|(place, _)| is_hit(place)) {
            if is_acked {
                cell.allowed.clear();
                cell.history.clear();
            }
            cell.allowed.insert(None);
            cell.pinned = None;
        }
    }

    /// What is older may be gone from the disk, and come back in no other way than by a clock that is set back: then maybe
    /// with an earlier value, as files go one by one.
    pub fn expire(&mut self, cutoff_ms: i64) {
        for (_, cell) in self.cells.iter_mut().filter(|(place, _)| place.2 < cutoff_ms) {
            cell.allowed.insert(None);
            cell.allowed.append(&mut cell.history.clone());
            cell.pinned = None;
        }
    }

    /// What was not acked may come and go.
    pub fn restart(&mut self) {
        self.cells.values_mut().for_each(|cell| cell.pinned = None);
    }

    /// Holds what was read against what is allowed.
    #[track_caller]
    pub fn check(&mut self, found: &BTreeMap<Place, String>, cutoff_ms: i64, when: &str) {
        for place in found.keys() {
            assert!(self.cells.contains_key(place), "{place:?} was never written, {when}");
            assert!(place.2 >= cutoff_ms, "{place:?} is past its time, {when}");
        }
        for (place, cell) in self.cells.iter_mut().filter(|(place, _)| place.2 >= cutoff_ms) {
            let content = found.get(place).cloned();
            assert!(cell.allowed.contains(&content), "{place:?} has {content:?}, not {:?}, {when}", cell.allowed);
            let pinned = cell.pinned.get_or_insert_with(|| content.clone());
            assert_eq!(*pinned, content, "{place:?} changed by itself, {when}");
        }
    }
}
