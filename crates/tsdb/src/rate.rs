//! The rate of a tenant's samples.

use crate::error::{RejectReason, WriteError};
use crate::options::Limits;

/// Samples that may come, filling up at the limit's rate. A request is taken whole as long as there is one left, and
/// may leave a debt that the ones after it wait for: so none is too large to be ever taken, and the average holds.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// When it was filled last, and what was in it; nothing before the first request.
    filled: Option<(i64, f64)>,
}

impl Bucket {
    /// Takes the samples of a request out.
    pub(crate) fn take(&mut self, samples: u64, limits: &Limits, now_ms: i64) -> Result<(), WriteError> {
        let Some(per_second) = limits.samples_per_second_max else { return Ok(()) };
        // The least burst still takes a sample: a rate of nothing is what 0 per second says.
        let burst = limits.samples_burst_max.max(1.0);
        let left = match self.filled {
            // After the clock was set back nothing is added, until it goes on from there.
            Some((at_ms, left)) => {
                let seconds = now_ms.saturating_sub(at_ms).max(0) as f64 / 1000.0;
                (left + seconds * per_second).min(burst)
            }
            None if per_second > 0.0 => burst,
            None => 0.0,
        };
        let enough = left >= 1.0;
        self.filled = Some((now_ms, if enough { left - samples as f64 } else { left }));
        if enough { Ok(()) } else { Err(used_up(samples, per_second, left)) }
    }
}

fn used_up(samples: u64, per_second: f64, left: f64) -> WriteError {
    let message = format!("{samples} samples are beyond the limit of {per_second} samples per second of this tenant");
    let mut error = WriteError::limit(RejectReason::RateLimit, samples, message);
    // One has to be there, and an hour stands for never.
    error.retry_after_ms = Some(((1.0 - left) * 1000.0 / per_second).clamp(1.0, 3_600_000.0) as i64);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_second: f64, burst: f64) -> Limits {
        Limits { samples_per_second_max: Some(per_second), samples_burst_max: burst, ..Limits::default() }
    }

    #[test]
    fn bursts_are_taken_and_the_average_holds() {
        let (mut bucket, limits) = (Bucket::default(), limits(100.0, 500.0));
        let mut taken = 0;
        for now_ms in (0..100_000).step_by(10) {
            if bucket.take(7, &limits, now_ms).is_ok() {
                taken += 7;
            }
        }
        assert!((10_000 + 500 - 7..=10_000 + 500 + 7).contains(&taken), "{taken}");
        bucket.take(500, &limits, 200_000).unwrap();
        let error = bucket.take(1, &limits, 200_000).unwrap_err();
        assert_eq!(error.refused, Some((RejectReason::RateLimit, 1)));
        assert_eq!(error.retry_after_ms, Some(10));
        assert_eq!(error.to_string(), "1 samples are beyond the limit of 100 samples per second of this tenant");
    }

    #[test]
    fn a_request_larger_than_the_burst_is_taken_and_paid_for_later() {
        let (mut bucket, limits) = (Bucket::default(), limits(10.0, 10.0));
        bucket.take(110, &limits, 0).unwrap();
        assert_eq!(bucket.take(1, &limits, 9_000).unwrap_err().retry_after_ms, Some(1_100));
        bucket.take(1, &limits, 10_100).unwrap();
    }

    #[test]
    fn clocks_set_back_and_odd_limits_do_no_harm() {
        let (mut bucket, fair) = (Bucket::default(), limits(10.0, 10.0));
        bucket.take(10, &fair, 1_000_000).unwrap();
        assert!(bucket.take(1, &fair, 0).is_err());
        bucket.take(1, &fair, 500).unwrap();
        assert!(Bucket::default().take(1, &limits(0.0, 10.0), 0).is_err(), "nothing per second is nothing");
        Bucket::default().take(1_000_000, &Limits::default(), 0).unwrap();
    }
}
