//! Waiting for something to become true, with a bound; never a bare sleep.

use std::time::{Duration, Instant};

/// Asks until `probe` gives a value, at most for `timeout`; panics with `what` after that.
#[track_caller]
pub fn wait_for<T>(what: &str, timeout: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(start.elapsed() < timeout, "waited {timeout:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
