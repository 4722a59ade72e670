//! What happened to times that somebody has relied on: kept answers are about them, and have to go when their samples change.
//!
//! Who keeps an answer first says up to which time ([`Lateness::rely_until`]), then reads. From there on, every write,
//! deletion or loss of samples of that time or an earlier one is recorded with the first time that it touched. Nothing here asks
//! a clock, so no answer is wrong for a clock that was.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Changes that are told apart; of more, the oldest two count as one.
const CHANGES_MAX: usize = 256;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Lateness(Mutex<Record>);

#[derive(Debug)]
struct Record {
    /// Answers are kept up to this time, inclusive.
    relied_ms: i64,
    /// Number of the last change.
    last: u64,
    /// Number and first time of changes; both ascend: an earlier change of later times says nothing new.
    changes: VecDeque<(u64, i64)>,
}

impl Default for Record {
    fn default() -> Self {
        Self { relied_ms: i64::MIN, last: 0, changes: VecDeque::new() }
    }
}

impl Lateness {
    /// A record in which everything has changed after the change of a number.
    pub(crate) fn after(last: u64) -> Self {
        let changes = VecDeque::from([(last + 1, i64::MIN)]);
        Self(Mutex::new(Record { relied_ms: i64::MIN, last: last + 1, changes }))
    }

    /// Number of the last change.
    pub(crate) fn last(&self) -> u64 {
        self.0.lock().last
    }

    /// Begins to record changes of samples up to a time, inclusive. Returns a mark: what is read after this call is out of date from
    /// [`changed_since`](Self::changed_since) that mark on.
    pub(crate) fn rely_until(&self, until_ms: i64) -> u64 {
        let mut record = self.0.lock();
        record.relied_ms = record.relied_ms.max(until_ms);
        record.last
    }

    /// Samples from `first_ms` on have changed, and readers see them so.
    pub(crate) fn changed(&self, first_ms: i64) {
        let mut record = self.0.lock();
        if first_ms > record.relied_ms {
            return;
        }
        record.last += 1;
        while record.changes.back().is_some_and(|(_, time_ms)| *time_ms >= first_ms) {
            record.changes.pop_back();
        }
        let last = record.last;
        record.changes.push_back((last, first_ms));
        if record.changes.len() > CHANGES_MAX
            && let Some((_, oldest_ms)) = record.changes.pop_front()
            && let Some((_, next_ms)) = record.changes.front_mut()
        {
            *next_ms = oldest_ms;
        }
    }

    /// The first time of which samples have changed since a mark; [`i64::MAX`] when none has.
    pub(crate) fn changed_since(&self, mark: u64) -> i64 {
        let record = self.0.lock();
        let at = record.changes.partition_point(|(number, _)| *number <= mark);
        record.changes.get(at).map_or(i64::MAX, |(_, first_ms)| *first_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_relied_times_are_seen_from_every_mark_before_them() {
        let lateness = Lateness::default();
        lateness.changed(5);
        let first = lateness.rely_until(100);
        assert_eq!(lateness.changed_since(first), i64::MAX, "what was before the mark has been read");
        lateness.changed(101);
        assert_eq!(lateness.changed_since(first), i64::MAX, "nobody relies on that");
        lateness.changed(50);
        let second = lateness.rely_until(10);
        lateness.changed(70);
        let third = lateness.rely_until(200);
        lateness.changed(150);
        let since = |mark| lateness.changed_since(mark);
        assert_eq!((since(first), since(second), since(third)), (50, 70, 150));
        lateness.changed(60);
        assert_eq!((since(first), since(second), since(third)), (50, 60, 60));
        lateness.changed(i64::MIN);
        assert_eq!((since(first), since(second), since(third)), (i64::MIN, i64::MIN, i64::MIN));
    }

    #[test]
    fn a_later_tenant_of_the_same_name_has_changed_for_all_marks_of_the_one_before() {
        let before = Lateness::default();
        before.rely_until(10);
        before.changed(5);
        let mark = before.rely_until(10);
        let later = Lateness::after(before.last());
        assert_eq!(later.changed_since(mark), i64::MIN);
        assert_eq!(later.changed_since(later.rely_until(10)), i64::MAX);
    }

    #[test]
    fn the_record_is_bounded_and_errs_on_the_side_of_change() {
        let lateness = Lateness::default();
        lateness.rely_until(10_000);
        let marks: Vec<u64> = (0..1000)
            .map(|time_ms| {
                lateness.changed(time_ms);
                lateness.rely_until(0)
            })
            .collect();
        assert!(lateness.0.lock().changes.len() <= CHANGES_MAX);
        for (time_ms, mark) in (0..).zip(&marks[..999]) {
            assert!(lateness.changed_since(*mark) <= time_ms + 1, "{time_ms}");
        }
        assert_eq!(lateness.changed_since(marks[999]), i64::MAX);
        assert_eq!(lateness.changed_since(marks[900]), 901, "recent ones are exact");
    }
}
