//! The best few of many samples, kept as Prometheus keeps them, so that of equal ones the same ones stay.
//!
//! They are a heap with the worst one at its root. What comes later takes the place of the root when it is strictly better.
//!
//! Source: Prometheus' engine; the moves are those of Go's `container/heap`.

use std::cmp::Ordering;

/// Which samples of a step are worth more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    Greatest,
    Least,
    /// The first ones, whatever they are.
    First,
}

/// A sample of a step with the place of its series.
pub(super) type Candidate = (f64, usize);

impl Rank {
    /// Whether `a` has to leave before `b`; NaN has to leave before everything.
    fn is_worse(self, a: f64, b: f64) -> bool {
        match self {
            Self::Greatest => a.is_nan() || a < b,
            Self::Least => a.is_nan() || a > b,
            Self::First => false,
        }
    }

    /// The better sample first, NaN last.
    pub(super) fn compare(self, a: &Candidate, b: &Candidate) -> Ordering {
        let by_value = match self {
            Self::Greatest => b.0.partial_cmp(&a.0),
            Self::Least => a.0.partial_cmp(&b.0),
            Self::First => Some(Ordering::Equal),
        };
        by_value.unwrap_or_else(|| a.0.is_nan().cmp(&b.0.is_nan()))
    }
}

/// Puts the best `count` candidates into `heap`, in the order of a heap.
pub(super) fn best_of(
    candidates: impl Iterator<Item = Candidate>,
    count: usize,
    rank: Rank,
    heap: &mut Vec<Candidate>,
) {
    heap.clear();
    if count == 0 {
        return;
    }
    for candidate in candidates {
        if heap.len() < count {
            heap.push(candidate);
            lift_last(heap, rank);
        } else if rank.is_worse(heap[0].0, candidate.0) && !candidate.0.is_nan() {
            heap[0] = candidate;
            sink_root(heap, rank);
        }
    }
}

/// Moves the last one up to its place.
fn lift_last(heap: &mut [Candidate], rank: Rank) {
    let mut at = heap.len() - 1;
    while at > 0 {
        let parent = (at - 1) / 2;
        if !rank.is_worse(heap[at].0, heap[parent].0) {
            return;
        }
        heap.swap(at, parent);
        at = parent;
    }
}

/// Moves the root down to its place.
fn sink_root(heap: &mut [Candidate], rank: Rank) {
    let mut at = 0;
    while 2 * at + 1 < heap.len() {
        let (left, right) = (2 * at + 1, 2 * at + 2);
        let right_is_worse = right < heap.len() && rank.is_worse(heap[right].0, heap[left].0);
        let child = if right_is_worse { right } else { left };
        if !rank.is_worse(heap[child].0, heap[at].0) {
            return;
        }
        heap.swap(at, child);
        at = child;
    }
}
