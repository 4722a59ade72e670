//! The steps at which an expression is evaluated.

/// Times `start_ms`, `start_ms + step_ms`, … : one cell of every column each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) start_ms: i64,
    /// At least 1.
    pub(crate) step_ms: i64,
    /// Number of steps; at least 1, but for a subquery whose range holds no step.
    pub(crate) count: usize,
}

impl Grid {
    /// One step only.
    pub(crate) fn at(time_ms: i64) -> Self {
        Self { start_ms: time_ms, step_ms: 1, count: 1 }
    }

    /// All steps from `start_ms` to `end_ms`, both included.
    pub(crate) fn new(start_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        let count = match end_ms.checked_sub(start_ms) {
            _ if end_ms < start_ms => 0,
            Some(range) => usize::try_from(range / step_ms.max(1)).unwrap_or(usize::MAX).saturating_add(1),
            // More than 64 bits of milliseconds: more steps than anyone allows.
            None => usize::MAX,
        };
        Self { start_ms, step_ms: step_ms.max(1), count }
    }

    #[inline]
    pub(crate) fn time_ms(&self, step: usize) -> i64 {
        self.start_ms + self.step_ms * step as i64
    }

    pub(crate) fn times_ms(&self) -> impl Iterator<Item = i64> + use<> {
        let grid = *self;
        (0..grid.count).map(move |step| grid.time_ms(step))
    }
}
