//! What a query may use, what it has used, and whether it should still go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::error::{QueryError, QueryErrorKind};

/// What a query has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryStats {
    /// Stored samples that were decoded.
    pub samples_read: u64,
    /// Series that were decoded.
    pub series_read: u64,
    /// The most points that were held at one time, absent ones included.
    pub points_peak: u64,
}

/// What a query has used so far. It may be read while the query runs, and after it has failed.
#[derive(Debug, Default)]
pub struct QueryProgress {
    points: AtomicU64,
    points_peak: AtomicU64,
    samples_read: AtomicU64,
    series_read: AtomicU64,
}

impl QueryProgress {
    /// The numbers of this moment.
    #[must_use]
    pub fn stats(&self) -> QueryStats {
        QueryStats {
            samples_read: self.samples_read.load(Ordering::Relaxed),
            series_read: self.series_read.load(Ordering::Relaxed),
            points_peak: self.points_peak.load(Ordering::Relaxed),
        }
    }
}

/// How many points a loop looks at between two checks: about a millisecond's work.
pub(crate) const POINTS_PER_CHECK: usize = 1 << 20;

/// The accounts of one running query, shared by its threads.
#[derive(Debug)]
pub(crate) struct Budget {
    cancel: Arc<AtomicBool>,
    deadline: Option<Instant>,
    points_max: u64,
    used: Arc<QueryProgress>,
}

impl Budget {
    pub(crate) fn new(cancel: Arc<AtomicBool>, deadline: Option<Instant>, points_max: u64) -> Self {
        Self { cancel, deadline, points_max, used: Arc::default() }
    }

    /// The same, counted where others look.
    pub(crate) fn counted_by(self, used: &Arc<QueryProgress>) -> Self {
        Self { used: Arc::clone(used), ..self }
    }

    /// An error when the caller went away or the time is over. Called once for each part of the work, and by a [`Pace`] within
    /// the long ones.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(QueryError::new(QueryErrorKind::Canceled, "query was canceled in expression evaluation"));
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(QueryError::new(QueryErrorKind::Timeout, "query timed out in expression evaluation"));
        }
        Ok(())
    }

    /// A count for one loop.
    pub(crate) fn pace(&self) -> Pace<'_> {
        Pace { budget: self, points: 0 }
    }

    pub(crate) fn count_read(&self, samples: usize) -> Result<(), QueryError> {
        self.used.series_read.fetch_add(1, Ordering::Relaxed);
        self.used.samples_read.fetch_add(samples as u64, Ordering::Relaxed);
        if samples as u64 > self.points_max {
            return Err(QueryError::too_many_samples());
        }
        Ok(())
    }

    /// Takes memory for points out of the budget, before it is allocated.
    pub(crate) fn charge(self: &Arc<Self>, points: usize) -> Result<Charge, QueryError> {
        let mut charge = Charge { budget: Arc::clone(self), points: 0 };
        charge.grow(points)?;
        Ok(charge)
    }

    pub(crate) fn stats(&self) -> QueryStats {
        self.used.stats()
    }
}

/// Counts what one loop looks at and checks the budget from time to time, so that no loop outlives its query.
pub(crate) struct Pace<'b> {
    budget: &'b Budget,
    points: usize,
}

impl Pace<'_> {
    /// Called before `points` are looked at.
    #[inline]
    pub(crate) fn advance(&mut self, points: usize) -> Result<(), QueryError> {
        self.points = self.points.saturating_add(points);
        if self.points < POINTS_PER_CHECK {
            return Ok(());
        }
        self.points = 0;
        self.budget.check()
    }
}

/// Points taken out of a budget; they go back when it is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Arc<Budget>,
    points: u64,
}

impl Charge {
    /// Takes more.
    pub(crate) fn grow(&mut self, points: usize) -> Result<(), QueryError> {
        let points = points as u64;
        let total = self.budget.used.points.fetch_add(points, Ordering::Relaxed) + points;
        self.points += points;
        self.budget.used.points_peak.fetch_max(total, Ordering::Relaxed);
        if total > self.budget.points_max {
            return Err(QueryError::too_many_samples());
        }
        Ok(())
    }

    /// Gives some back.
    pub(crate) fn shrink(&mut self, points: usize) {
        let points = (points as u64).min(self.points);
        self.points -= points;
        self.budget.used.points.fetch_sub(points, Ordering::Relaxed);
    }

    /// Joins two charges.
    pub(crate) fn absorb(&mut self, mut other: Self) {
        self.points += std::mem::take(&mut other.points);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.points.fetch_sub(self.points, Ordering::Relaxed);
    }
}
