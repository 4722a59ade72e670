//! When the counting of samples began, beside the samples of a batch.

use std::ops::Range;

/// Columns beside those of samples and histograms. They may be shorter than those, and mostly are empty: of what is missing
/// nothing is known, as of what has 0.
#[derive(Debug, Default)]
pub(super) struct Starts {
    pub(super) samples: Vec<i64>,
    pub(super) histograms: Vec<i64>,
}

impl Starts {
    pub(super) fn clear(&mut self) {
        self.samples.clear();
        self.histograms.clear();
    }

    /// Whether nothing is known of any sample.
    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.histograms.is_empty()
    }

    /// Memory that they take.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.samples.as_slice()) + size_of_val(self.histograms.as_slice())
    }
}

/// Sets the start of the last of `count` samples, if there is one to tell.
#[inline]
pub(super) fn set_last(column: &mut Vec<i64>, count: usize, start_ms: i64) {
    if start_ms != 0 {
        column.resize(count - 1, 0);
        column.push(start_ms);
    }
}

/// Those of some samples, as far as there are any.
#[inline]
pub(super) fn some(column: &[i64], range: Range<usize>) -> &[i64] {
    if column.is_empty() { &[] } else { &column[range.start.min(column.len())..range.end.min(column.len())] }
}

/// Hands out the samples that follow each other and have the same start.
pub(super) fn each_run<'a, T>(column: &[i64], samples: &'a [T], mut each: impl FnMut(i64, &'a [T])) {
    let start_of = |place: usize| column.get(place).copied().unwrap_or(0);
    let mut first = 0;
    for end in 1..=samples.len() {
        if end == samples.len() || start_of(end) != start_of(first) {
            each(start_of(first), &samples[first..end]);
            first = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_the_same_start_stand_together() {
        let runs = |column: &[i64]| {
            let mut runs = Vec::new();
            each_run(column, &['a', 'b', 'c', 'd'], |start_ms, run| {
                runs.push((start_ms, run.iter().collect::<String>()));
            });
            runs
        };
        let run = |start_ms, text: &str| (start_ms, text.to_owned());
        assert_eq!(runs(&[]), [run(0, "abcd")]);
        assert_eq!(runs(&[5, 5, 7]), [run(5, "ab"), run(7, "c"), run(0, "d")]);
        assert_eq!(runs(&[0, 5, 5, 5]), [run(0, "a"), run(5, "bcd")]);
        let mut none = 0;
        each_run(&[], &[] as &[char], |_, _| none += 1);
        assert_eq!(none, 0);
    }

    #[test]
    fn a_column_begins_with_the_first_start_that_is_known() {
        let mut column = Vec::new();
        set_last(&mut column, 1, 0);
        assert!(column.is_empty() && some(&column, 0..1).is_empty());
        set_last(&mut column, 3, 9);
        set_last(&mut column, 4, 0);
        assert_eq!(column, [0, 0, 9]);
        assert_eq!((some(&column, 1..4), some(&column, 3..4)), (&[0, 9][..], &[][..]));
    }
}
