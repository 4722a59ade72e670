//! The asynchronous shell, on Tokio's paused clock: time only moves when every loop waits.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Batch, Clock, Sink, SinkError};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::{job, lines};
use crate::fetch::{Fetch, FetchError, FetchFuture, Request, Response};
use crate::worker::{aligned, first_due_ms, next_due_ms};
use crate::{Health, Manager};

struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now_ms(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

/// Answers by host: `good` with a sample, `slow` never, everything else not at all.
struct Hosts;

impl Fetch for Hosts {
    fn fetch(&self, request: Request) -> FetchFuture<'_> {
        Box::pin(async move {
            match request.url.as_str() {
                "http://good:1/metrics" => Ok(Response {
                    status: 200,
                    content_type: Some("text/plain".to_owned()),
                    gzipped: false,
                    body: "a 1\n".into(),
                }),
                "http://slow:1/metrics" => std::future::pending().await,
                url => Err(FetchError::Connection(format!("cannot reach {url}"))),
            }
        })
    }
}

#[derive(Default)]
struct List(Mutex<Vec<Batch>>);

impl Sink for List {
    fn append(&self, batch: Batch) -> Result<(), SinkError> {
        self.0.lock().push(batch);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn targets_are_scraped_shown_and_ended() {
    let sink = Arc::new(List::default());
    let clock = Arc::new(PausedClock(Instant::now()));
    let hosts = job(
        "{job_name: j, scrape_interval: 10s, scrape_timeout: 1s, static_configs: [{targets: ['good:1', 'slow:1', 'gone:1']}]}",
    );
    let manager = Arc::new(Manager::new(vec![hosts], Arc::new(Hosts), Arc::clone(&sink) as _, clock));
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn({
        let manager = Arc::clone(&manager);
        async move { manager.run(async { drop(stopped.await) }).await }
    });
    sleep(Duration::from_secs(35)).await;

    let targets = manager.targets().active;
    let shown: Vec<_> =
        targets.iter().map(|t| (t.url.as_str(), t.health, t.last_error.as_deref().unwrap_or(""))).collect();
    assert_eq!(
        shown,
        [
            ("http://gone:1/metrics", Health::Down, "cannot reach http://gone:1/metrics"),
            ("http://good:1/metrics", Health::Up, ""),
            ("http://slow:1/metrics", Health::Down, "no answer within 1 s"),
        ]
    );
    let times: Vec<i64> = sink
        .0
        .lock()
        .iter()
        .flat_map(|batch| &batch.series)
        .filter(|(labels, _)| labels.metric_name() == "a")
        .map(|(_, s)| s.timestamp_ms)
        .collect();
    assert!(times.len() >= 3 && times.windows(2).all(|pair| pair[1] - pair[0] == 10_000), "{times:?}");

    // The job goes: its series end.
    manager.apply(Vec::new());
    sleep(Duration::from_secs(1)).await;
    assert!(manager.targets().active.is_empty());
    let ended = sink
        .0
        .lock()
        .iter()
        .map(lines)
        .filter(|lines| lines.contains("a{instance=\"good:1\", job=\"j\"} stale"))
        .count();
    assert_eq!(ended, 1);
    drop(stop);
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn too_many_targets_fail_all_and_a_shutdown_ends_nothing() {
    let sink = Arc::new(List::default());
    let clock = Arc::new(PausedClock(Instant::now()));
    let hosts =
        job("{job_name: j, scrape_interval: 1s, target_limit: 1, static_configs: [{targets: ['good:1', 'good:2']}]}");
    let manager = Manager::new(vec![hosts], Arc::new(Hosts), Arc::clone(&sink) as _, clock);
    manager.run(sleep(Duration::from_secs(4))).await;
    let batches = sink.0.lock();
    assert!(!batches.is_empty());
    assert!(batches.iter().all(|batch| lines(batch).is_empty()));
    let up: Vec<f64> = batches
        .iter()
        .flat_map(|batch| &batch.series)
        .filter(|(labels, _)| labels.metric_name() == "up")
        .map(|(_, sample)| sample.value)
        .collect();
    assert!(up.iter().all(|value| *value == 0.0), "{up:?}");
}

#[test]
fn a_target_keeps_its_place_in_the_interval() {
    assert_eq!(first_due_ms(100_000, 10_000, 3_007), 103_007);
    assert_eq!(first_due_ms(105_000, 10_000, 3_007), 113_007);
    assert_eq!(next_due_ms(103_007, 103_500, 10_000), 113_007);
    assert_eq!(next_due_ms(103_007, 140_000, 10_000), 143_007, "what was missed is left out");
    assert_eq!((aligned(103_009, 103_007), aligned(103_010, 103_007)), (103_007, 103_010));
}

#[test]
fn gzipped_bodies_are_bounded() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&[b'a'; 1000]).unwrap();
    let response = Response { gzipped: true, body: encoder.finish().unwrap().into(), ..Response::default() };
    assert_eq!(response.clone().into_body(1000).unwrap().len(), 1000);
    assert!(response.clone().into_body(999).is_err());
    let torn = Response { body: response.body.slice(..10), ..response };
    assert!(torn.into_body(1000).is_err());
}
