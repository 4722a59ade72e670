//! How long to wait before another try.

/// The longest wait that the other side can ask for: one hour.
const ASKED_MS_MAX: i64 = 3_600_000;

/// Doubles from try to try, with jitter, so that many agents do not come back in the same moment.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    min_ms: i64,
    max_ms: i64,
    next_ms: i64,
    random: u64,
}

impl Backoff {
    pub fn new(min_ms: i64, max_ms: i64, seed: u64) -> Self {
        let min_ms = min_ms.max(1);
        Self { min_ms, max_ms: max_ms.max(min_ms), next_ms: min_ms, random: seed }
    }

    /// Begins again with the shortest wait.
    pub fn reset(&mut self) {
        self.next_ms = self.min_ms;
    }

    /// The next wait: between half and all of its step, but not less than the other side asked for, up to an hour.
    pub fn wait_ms(&mut self, asked_ms: Option<i64>) -> i64 {
        let step_ms = self.next_ms;
        self.next_ms = step_ms.saturating_mul(2).min(self.max_ms);
        let jitter_ms = (self.random() % (step_ms.unsigned_abs() / 2 + 1)).cast_signed();
        (step_ms - jitter_ms).max(asked_ms.unwrap_or(0).min(ASKED_MS_MAX))
    }

    /// The splitmix64 sequence: spreading is all that is asked of it.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_again() {
        let mut backoff = Backoff::new(30, 5_000, 7);
        for step_ms in [30, 60, 120, 240, 480, 960, 1920, 3840, 5000, 5000] {
            let wait_ms = backoff.wait_ms(None);
            assert!((step_ms / 2..=step_ms).contains(&wait_ms), "{wait_ms} of {step_ms}");
        }
        assert_eq!(backoff.wait_ms(Some(60_000)), 60_000);
        assert_eq!(backoff.wait_ms(Some(i64::MAX)), ASKED_MS_MAX);
        backoff.reset();
        assert!(backoff.wait_ms(Some(0)) <= 30);
    }
}
