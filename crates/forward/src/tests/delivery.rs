//! Everything arrives, in order, whatever happens in between.

use std::sync::Arc;

use bongsu_model::{Batch, Clock, Labels, ManualClock, MetricMetadata, Sample, Sink};

use super::centre::Centre;
use super::{check_rounds, eager, open, open_at, scrape};
use crate::Options;

#[test]
fn a_centre_that_comes_back_gets_everything_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::down();
    let forward = open(dir.path(), eager(), &centre);
    (1..=20).for_each(|round| scrape(&forward, 10, round));
    centre.wait_for_tries(3);
    assert_eq!((forward.stats().samples_pending, forward.stats().samples_sent), (200, 0));
    centre.set_down(false);
    centre.wait_for_samples(200);
    forward.close().unwrap();
    check_rounds(&centre, 10, &(1..=20).collect::<Vec<_>>());
}

#[test]
fn a_restart_after_a_clean_stop_goes_on_exactly_there() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::new();
    let forward = open(dir.path(), eager(), &centre);
    scrape(&forward, 5, 1);
    scrape(&forward, 5, 2);
    centre.wait_for_samples(10);
    centre.set_down(true);
    scrape(&forward, 5, 3);
    forward.close().unwrap();

    let forward = open(dir.path(), eager(), &centre);
    assert_eq!(forward.stats().samples_pending, 5);
    scrape(&forward, 5, 4);
    centre.set_down(false);
    centre.wait_for_samples(20);
    forward.close().unwrap();
    check_rounds(&centre, 5, &[1, 2, 3, 4]);

    let forward = open(dir.path(), eager(), &centre);
    assert_eq!(forward.stats().samples_pending, 0);
    forward.close().unwrap();
    assert_eq!(centre.series().len(), 20);
}

#[test]
fn after_a_kill_everything_is_there_at_least_once() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::new();
    // The clock stands still: the cursor is never due to be kept.
    let clock = Arc::new(ManualClock::new(0));
    let forward = open_at(dir.path(), eager(), &centre, Arc::clone(&clock) as Arc<dyn Clock>);
    scrape(&forward, 5, 1);
    centre.wait_for_samples(5);
    centre.set_down(true);
    scrape(&forward, 5, 2);
    drop(forward);

    let forward = open(dir.path(), eager(), &centre);
    assert_eq!(forward.stats().samples_pending, 10);
    centre.set_down(false);
    centre.wait_for_samples(15);
    forward.close().unwrap();
    check_rounds(&centre, 5, &[1, 1, 2]);
}

#[test]
fn an_idle_sender_keeps_its_cursor_after_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::new();
    let clock = Arc::new(ManualClock::new(0));
    let forward = open_at(dir.path(), eager(), &centre, Arc::clone(&clock) as Arc<dyn Clock>);
    scrape(&forward, 5, 1);
    centre.wait_for_samples(5);
    while !dir.path().join("cursor").exists() {
        clock.advance_ms(100);
        forward.wake();
        std::thread::yield_now();
    }
    drop(forward);
    let forward = open(dir.path(), eager(), &centre);
    assert_eq!(forward.stats().samples_pending, 0);
}

#[test]
fn shards_keep_the_order_of_every_series() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::down();
    let options = Options { shards: 4, samples_per_send_max: 7, ..eager() };
    let forward = open(dir.path(), options.clone(), &centre);
    (1..=10).for_each(|round| scrape(&forward, 20, round));
    forward.close().unwrap();
    let forward = open(dir.path(), options, &centre);
    assert_eq!(forward.stats().samples_pending, 200);
    centre.set_down(false);
    (11..=30).for_each(|round| scrape(&forward, 20, round));
    centre.wait_for_samples(600);
    forward.close().unwrap();
    check_rounds(&centre, 20, &(1..=30).collect::<Vec<_>>());
    assert!(centre.request_samples().iter().all(|samples| *samples <= 7));
}

#[test]
fn small_batches_are_joined_and_large_ones_split() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::new();
    let clock = Arc::new(ManualClock::new(0));
    let options = Options { samples_per_send_max: 100, send_deadline_ms: 5000, ..eager() };
    let forward = open_at(dir.path(), options, &centre, Arc::clone(&clock) as Arc<dyn Clock>);
    (1..=12).for_each(|round| scrape(&forward, 30, round));
    centre.wait_for_samples(270);
    assert_eq!(centre.request_samples(), [90, 90, 90]);
    scrape(&forward, 250, 13);
    // What does not fill a request waits for the deadline.
    while centre.series().len() < 610 {
        clock.advance_ms(1000);
        forward.wake();
        std::thread::yield_now();
    }
    forward.close().unwrap();
    check_rounds(&centre, 30, &(1..=13).collect::<Vec<_>>());
    assert!(centre.request_samples().iter().all(|samples| *samples <= 100), "{:?}", centre.request_samples());
}

#[test]
fn retry_after_is_honoured() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::new();
    centre.then_answer(503, Some(30_000));
    centre.then_answer(429, Some(60_000));
    let clock = Arc::new(ManualClock::new(1_000_000));
    let forward = open_at(dir.path(), eager(), &centre, Arc::clone(&clock) as Arc<dyn Clock>);
    scrape(&forward, 2, 1);
    for (tries, wait_ms) in [(1, 30_000), (2, 60_000)] {
        centre.wait_for_tries(tries);
        let mut waited_ms = 0;
        while centre.tries() == tries {
            clock.advance_ms(1000);
            waited_ms += 1000;
            forward.wake();
            std::thread::yield_now();
        }
        assert!(waited_ms >= wait_ms, "tried again after {waited_ms} ms");
    }
    centre.wait_for_samples(2);
    assert_eq!(forward.stats().samples_retried, 4);
    forward.close().unwrap();
    check_rounds(&centre, 2, &[1]);
}

#[test]
fn a_request_carries_labels_metadata_and_headers() {
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::new();
    let rule = bongsu_model::RelabelConfig {
        source_labels: Some(vec!["__name__".to_owned()]),
        regex: "expensive.*".to_owned(),
        action: bongsu_model::RelabelAction::Drop,
        ..bongsu_model::RelabelConfig::default()
    };
    let options = Options {
        headers: vec![("X-Scope-OrgID".to_owned(), "customer-1".to_owned())],
        external_labels: Labels::from_pairs([("cluster", "seoul")]),
        write_relabel: vec![rule.compile().unwrap()],
        ..eager()
    };
    let forward = open(dir.path(), options, &centre);
    let sample = Sample { timestamp_ms: 5, value: 1.0 };
    let series = ["cheap", "expensive_one"].map(|name| (Labels::from_pairs([("__name__", name), ("z", "1")]), sample));
    let help = MetricMetadata { help: "a help text".to_owned(), ..MetricMetadata::default() };
    forward.append(Batch { series: series.into(), metadata: vec![("cheap".to_owned(), help)] }).unwrap();
    centre.wait_for_samples(1);
    forward.close().unwrap();
    assert_eq!(centre.series(), [r#"cheap{cluster="seoul", z="1"}"#]);
    assert!(centre.metadata()[0].contains("a help text"));
    let headers: Vec<String> = centre.headers().iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(
        headers,
        [
            "X-Scope-OrgID: customer-1",
            "Content-Encoding: snappy",
            "Content-Type: application/x-protobuf",
            "X-Prometheus-Remote-Write-Version: 0.1.0"
        ]
    );
}
