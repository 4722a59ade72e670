//! Partitions of time: stretches of two hours or a day, aligned to the epoch. A block lies within one.

use std::fmt;

/// Two hours.
const HOURS_2_MS: i64 = 2 * 3_600_000;
/// A day.
const DAY_MS: i64 = 24 * 3_600_000;

/// How long a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Span {
    Hours2,
    Day,
}

impl Span {
    fn ms(self) -> i64 {
        match self {
            Self::Hours2 => HOURS_2_MS,
            Self::Day => DAY_MS,
        }
    }

    /// The word in file names.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hours2 => "2h",
            Self::Day => "1d",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Hours2, Self::Day].into_iter().find(|span| span.as_str() == word)
    }
}

/// One partition. Counted by index, so that the ends of i64 milliseconds need no care but in [`start_ms`](Self::start_ms).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Partition {
    pub(crate) span: Span,
    /// Spans since the epoch; negative before it.
    pub(crate) index: i64,
}

impl Partition {
    /// The partition of this length that holds a time.
    pub(crate) fn at(span: Span, time_ms: i64) -> Self {
        Self { span, index: time_ms.div_euclid(span.ms()) }
    }

    /// Where the head's samples of a time go: to two hours when its day is not over, else to the whole day, so that a
    /// backfill of months makes blocks by the day.
    pub(crate) fn for_flush(time_ms: i64, now_ms: i64) -> Self {
        let day = Self::at(Span::Day, time_ms);
        if day < Self::at(Span::Day, now_ms) { day } else { Self::at(Span::Hours2, time_ms) }
    }

    /// The first time in it.
    pub(crate) fn start_ms(self) -> i64 {
        self.index.saturating_mul(self.span.ms())
    }

    /// The last time in it.
    pub(crate) fn end_ms(self) -> i64 {
        // Only the last partition has no next one.
        (self.index + 1).checked_mul(self.span.ms()).map_or(i64::MAX, |next_ms| next_ms - 1)
    }

    /// The day that it lies in.
    pub(crate) fn day(self) -> Self {
        match self.span {
            Span::Hours2 => Self { span: Span::Day, index: self.index.div_euclid(DAY_MS / HOURS_2_MS) },
            Span::Day => self,
        }
    }

    /// Whether all of the other one lies in this one.
    pub(crate) fn contains(self, other: Self) -> bool {
        self == other || self == other.day()
    }

    /// Whether it has been over for a while: most of what is late has come.
    pub(crate) fn is_closed(self, now_ms: i64) -> bool {
        const GRACE_MS: i64 = 15 * 60_000;
        self.end_ms().saturating_add(GRACE_MS) < now_ms
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.span.as_str(), self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_time_without_gaps_and_survives_its_ends() {
        for span in [Span::Hours2, Span::Day] {
            for time_ms in [0, -1, 1, HOURS_2_MS, DAY_MS - 1, DAY_MS, -DAY_MS, i64::MIN, i64::MAX] {
                let partition = Partition::at(span, time_ms);
                assert!(partition.start_ms() <= time_ms && time_ms <= partition.end_ms(), "{partition} {time_ms}");
                assert!(partition.day().contains(partition));
                assert_eq!(partition.day(), Partition::at(Span::Day, time_ms));
            }
        }
        assert_eq!(Partition::at(Span::Hours2, -1).end_ms(), -1);
        assert!(!Partition::at(Span::Day, i64::MAX).is_closed(i64::MAX));
    }

    #[test]
    fn the_head_goes_to_days_once_they_are_over() {
        let now_ms = 10 * DAY_MS + 5;
        assert_eq!(Partition::for_flush(now_ms, now_ms).to_string(), "2h_120");
        assert_eq!(Partition::for_flush(now_ms + DAY_MS, now_ms).to_string(), "2h_132");
        assert_eq!(Partition::for_flush(now_ms - 6, now_ms).to_string(), "1d_9");
    }
}
