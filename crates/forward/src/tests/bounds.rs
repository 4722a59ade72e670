//! What is dropped, when, and that it is counted.

use std::sync::Arc;

use bongsu_model::{Batch, Clock, Labels, ManualClock, Sample, Sink};

use super::centre::Centre;
use super::{check_rounds, eager, open, open_at, scrape};
use crate::{Forward, Options};

/// A batch of 100 series whose names do not compress well.
fn scrape_noise(forward: &Forward, round: u32) {
    let noise = |n: u32| {
        let mixed = u64::from(round * 100 + n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (0..8)
            .map(|turn| format!("{:016x}", mixed.rotate_left(turn * 7).wrapping_mul(u64::MAX / 59)))
            .collect::<String>()
    };
    let sample = Sample { timestamp_ms: i64::from(round) * 1000, value: f64::from(round) };
    let series = (0..100).map(|n| (Labels::from_pairs([("__name__", noise(n))]), sample)).collect();
    forward.append(Batch { series, metadata: Vec::new() }).unwrap();
}

#[test]
fn a_full_queue_drops_its_oldest_samples() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::down();
    let options = Options { queue_bytes_max: 256 << 10, samples_per_send_max: 200, ..eager() };
    let forward = open(dir.path(), options, &centre);
    (1..=60).for_each(|round| scrape_noise(&forward, round));
    centre.wait_for_tries(1);
    let stats = forward.stats();
    assert_eq!(stats.samples_appended, 6000);
    assert_eq!(stats.samples_pending + stats.samples_dropped_full, 6000);
    assert!(stats.samples_dropped_full >= 2000, "{stats:?}");
    assert!(stats.queue_bytes <= 256 << 10, "{stats:?}");

    centre.set_down(false);
    centre.wait_for_samples(stats.samples_pending as usize);
    scrape_noise(&forward, 61);
    centre.wait_for_samples(stats.samples_pending as usize + 100);
    forward.close().unwrap();
    assert_eq!(centre.series().len() as u64, stats.samples_pending + 100, "what was dropped is not sent");
}

#[test]
fn what_the_centre_refuses_is_dropped_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::new();
    centre.then_answer(400, None);
    let forward = open(dir.path(), eager(), &centre);
    scrape(&forward, 3, 1);
    centre.wait_for_tries(1);
    scrape(&forward, 3, 2);
    centre.wait_for_samples(3);
    forward.close().unwrap();
    check_rounds(&centre, 3, &[2]);
    let forward = open(dir.path(), eager(), &centre);
    assert_eq!(forward.stats().samples_pending, 0);
}

#[test]
fn refusals_are_in_the_counters() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::new();
    for status in [400, 413, 302, 429] {
        centre.then_answer(status, None);
    }
    let forward = open(dir.path(), Options { retry_on_429: false, ..eager() }, &centre);
    for tries in 1..=4 {
        scrape(&forward, 3, tries);
        centre.wait_for_tries(tries as usize);
    }
    scrape(&forward, 3, 5);
    centre.wait_for_samples(3);
    // The answer to the last request may still be on its way through the sender.
    while forward.stats().samples_pending > 0 {
        std::thread::yield_now();
    }
    let stats = forward.stats();
    assert_eq!((stats.samples_failed, stats.samples_sent, stats.samples_retried), (12, 3, 0));
    assert_eq!((stats.requests_sent, stats.newest_appended_ms, stats.newest_sent_ms), (1, 5000, 5000));
}

#[test]
fn old_samples_are_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::down();
    let clock = Arc::new(ManualClock::new(10_000));
    let options = Options { age_max_ms: Some(3_600_000), samples_per_send_max: 2, ..eager() };
    let forward = open_at(dir.path(), options, &centre, Arc::clone(&clock) as Arc<dyn Clock>);
    scrape(&forward, 2, 10);
    scrape(&forward, 2, 20);
    centre.wait_for_tries(1);
    scrape(&forward, 2, 3_990);
    clock.set_ms(4_000_000);
    centre.set_down(false);
    while centre.series().is_empty() {
        clock.advance_ms(5);
        forward.wake();
        std::thread::yield_now();
    }
    assert_eq!(forward.stats().samples_dropped_old, 4);
    forward.close().unwrap();
    check_rounds(&centre, 2, &[3_990]);
}

#[test]
fn a_closed_queue_takes_nothing_and_keeps_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::down();
    let forward = open(dir.path(), eager(), &centre);
    scrape(&forward, 2, 1);
    let error = crate::Forward::open(dir.path(), eager(), Arc::new(ManualClock::new(0)), Arc::clone(&centre) as _);
    assert!(error.unwrap_err().to_string().starts_with("queue: directory is in use by another process"));
    forward.close().unwrap();
    let forward = open(dir.path(), eager(), &centre);
    assert_eq!(forward.stats().samples_pending, 2);
}
