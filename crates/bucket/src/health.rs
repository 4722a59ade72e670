//! Whether the bucket answers, so that a query need not wait for a timeout to learn what the one before has learnt.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::error::{Error, ErrorKind};

/// After a failure, calls fail at once for this long; then one is let through to look.
const PAUSE: Duration = Duration::from_secs(2);

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Health {
    pause: Duration,
    down: Mutex<Option<Down>>,
}

impl Default for Health {
    fn default() -> Self {
        Self { pause: PAUSE, down: Mutex::default() }
    }
}

#[derive(Debug)]
struct Down {
    since: Instant,
    ask_again: Instant,
    error: Error,
}

impl Health {
    /// One that asks again at once.
    #[cfg(feature = "faults")]
    pub(crate) fn without_pause() -> Self {
        Self { pause: Duration::ZERO, ..Self::default() }
    }

    /// Fails when the bucket was not there a moment ago.
    pub(crate) fn check(&self, now: Instant) -> Result<(), Error> {
        let mut down = self.down.lock();
        match &mut *down {
            Some(state) if now < state.ask_again => Err(state.told(now)),
            Some(state) => {
                state.ask_again = now + self.pause;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Takes what came of a call; an error gets the time since when there was no good answer.
    pub(crate) fn learn<T>(&self, outcome: Result<T, Error>, now: Instant) -> Result<T, Error> {
        let mut down = self.down.lock();
        match outcome {
            Err(error) if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Denied) => {
                let since = down.as_ref().map_or(now, |state| state.since);
                let state = down.insert(Down { since, ask_again: now + self.pause, error });
                Err(state.told(now))
            }
            outcome => {
                *down = None;
                outcome
            }
        }
    }

    /// Since when there was no good answer, and why.
    pub(crate) fn down(&self, now: Instant) -> Option<(Duration, String)> {
        self.down.lock().as_ref().map(|state| (now.saturating_duration_since(state.since), state.error.to_string()))
    }
}

impl Down {
    fn told(&self, now: Instant) -> Error {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        Error::new(self.error.kind, format!("no good answer for {seconds}s: {}", self.error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_with_their_age_and_asked_again_after_a_pause() {
        let (health, start) = (Health::default(), Instant::now());
        let refused = || Err::<(), _>(Error::new(ErrorKind::Unavailable, "connection refused"));
        assert!(health.check(start).is_ok());
        assert!(health.learn(refused(), start).is_err());
        let soon = start + Duration::from_secs(1);
        assert_eq!(health.check(soon).unwrap_err().to_string(), "no good answer for 1s: connection refused");
        let later = start + Duration::from_secs(9);
        assert!(health.check(later).is_ok(), "one is let through");
        assert!(health.check(later).is_err(), "and only one");
        assert_eq!(
            health.learn(refused(), later).unwrap_err().to_string(),
            "no good answer for 9s: connection refused"
        );
        let absent = Err::<(), _>(Error::new(ErrorKind::Absent, "no such object"));
        assert!(health.learn(absent, later).is_err());
        assert!(health.check(later).is_ok() && health.down(later).is_none(), "an answer is an answer");
    }
}
