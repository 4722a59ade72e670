//! The loop of one target.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Batch, Clock, Sink};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::cache::{Counts, ScrapeCache};
use crate::error::ScrapeError;
use crate::fetch::{Fetch, FetchError, Request, Response};
use crate::manager::Health;
use crate::target::Target;

/// A scrape that starts at most this late counts as on time: equal distances compress far better.
const ALIGN_TOLERANCE_MS: i64 = 2;

/// Whether a loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Run,
    /// The target is gone: its series get stale markers.
    Removed,
    /// The process ends or another loop takes over: the series go on.
    Quiet,
}

/// What is known about a target; shared between its loop and the targets page.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) health: Health,
    pub(crate) last_scrape_ms: Option<i64>,
    pub(crate) last_duration: Duration,
    pub(crate) last_error: Option<String>,
    pub(crate) counts: Counts,
    /// Set when scrapes are to fail without being tried: the job has too many targets.
    pub(crate) refused: Option<ScrapeError>,
}

/// What all loops share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) fetcher: Arc<dyn Fetch>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) clock: Arc<dyn Clock>,
}

pub(crate) struct Worker {
    target: Arc<Target>,
    surroundings: Surroundings,
    state: Arc<Mutex<State>>,
    stop: watch::Receiver<Stop>,
    cache: ScrapeCache,
}

impl Worker {
    pub(crate) fn new(
        target: Arc<Target>,
        surroundings: Surroundings,
        state: Arc<Mutex<State>>,
        stop: watch::Receiver<Stop>,
    ) -> Self {
        let cache = ScrapeCache::new(&target);
        Self { target, surroundings, state, stop, cache }
    }

    /// Scrapes until it is stopped.
    pub(crate) async fn run(mut self) {
        let interval_ms = self.target.interval_ms();
        let mut due_ms = first_due_ms(self.now_ms(), interval_ms, self.target.hash64());
        let mut stop = self.stop.clone();
        loop {
            // Never longer than an interval, should the clock be set back meanwhile.
            let wait_ms = (due_ms - self.now_ms()).clamp(0, interval_ms);
            let outcome = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop != Stop::Run) => break,
                outcome = self.fetch_after(wait_ms) => outcome,
            };
            let time_ms = aligned(outcome.started_ms, due_ms);
            // Parsing a large body takes long enough to hold up other loops.
            let worked = tokio::task::spawn_blocking(move || {
                self.take(outcome, time_ms);
                self
            });
            match worked.await {
                Ok(worker) => self = worker,
                Err(error) => {
                    tracing::error!(%error, "scrape loop failed; it will be started again");
                    return;
                }
            }
            due_ms = next_due_ms(due_ms, self.now_ms(), interval_ms);
        }
        if *stop.borrow() == Stop::Removed {
            let batch = self.cache.end(self.now_ms());
            let _ = tokio::task::spawn_blocking(move || self.append(batch)).await;
        }
    }

    fn now_ms(&self) -> i64 {
        self.surroundings.clock.now_ms()
    }

    async fn fetch_after(&self, wait_ms: i64) -> Outcome {
        sleep(millis(wait_ms)).await;
        let (started_ms, started) = (self.now_ms(), Instant::now());
        let result = self.fetch().await;
        Outcome { result, started_ms, duration: started.elapsed() }
    }

    async fn fetch(&self) -> Result<Response, ScrapeError> {
        if let Some(refused) = &self.state.lock().refused {
            return Err(refused.clone());
        }
        let limit = millis(self.target.timeout_ms());
        let answer = timeout(limit, self.surroundings.fetcher.fetch(self.request(limit)?)).await;
        let response = match answer {
            Err(_) => return Err(FetchError::Timeout(limit).into()),
            Ok(Err(FetchError::TooLarge(bytes_max))) => return Err(ScrapeError::BodySize { bytes_max }),
            Ok(answer) => answer?,
        };
        if response.status == 200 { Ok(response) } else { Err(ScrapeError::Status(response.status)) }
    }

    fn request(&self, limit: Duration) -> Result<Request, ScrapeError> {
        let job = self.target.job();
        let secret = job.http.request_headers().map_err(|error| ScrapeError::Credentials(error.to_string()))?;
        let encoding = if job.http.enable_compression { "gzip" } else { "identity" };
        let mut headers = vec![
            ("accept".to_owned(), job.accept.clone()),
            ("accept-encoding".to_owned(), encoding.to_owned()),
            ("x-prometheus-scrape-timeout-seconds".to_owned(), limit.as_secs_f64().to_string()),
        ];
        headers.extend(secret);
        Ok(Request {
            job: job.name.clone(),
            url: self.target.url().to_owned(),
            headers,
            timeout: limit,
            body_bytes_max: job.limits.body_bytes_max,
            http: Arc::clone(&job.http),
        })
    }

    fn take(&mut self, outcome: Outcome, time_ms: i64) {
        let bytes_max = self.target.job().limits.body_bytes_max;
        let answer = outcome.result.and_then(|mut response| {
            let content_type = response.content_type.take();
            Ok((content_type, response.into_body(bytes_max)?))
        });
        let scraped = match answer {
            Ok((content_type, body)) => self.cache.ingest(&body, content_type.as_deref(), time_ms, outcome.duration),
            Err(error) => self.cache.fail(error, time_ms, outcome.duration),
        };
        if scraped.counts.duplicates > 0 {
            let url = self.target.url();
            tracing::warn!(url, count = scraped.counts.duplicates, "target repeats series within one scrape");
        }
        {
            let mut state = self.state.lock();
            state.health = if scraped.result.is_ok() { Health::Up } else { Health::Down };
            state.last_scrape_ms = Some(time_ms);
            state.last_duration = outcome.duration;
            state.last_error = scraped.result.err().map(|error| error.to_string());
            state.counts = scraped.counts;
        }
        self.append(scraped.batch);
    }

    fn append(&self, batch: Batch) {
        if let Err(error) = self.surroundings.sink.append(batch) {
            tracing::error!(url = self.target.url(), %error, "samples of a scrape are lost");
        }
    }
}

/// An answer and when it was asked for.
struct Outcome {
    result: Result<Response, ScrapeError>,
    started_ms: i64,
    duration: Duration,
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// The next time at the target's own place within the interval: targets spread evenly, and keep their place over restarts.
pub(crate) fn first_due_ms(now_ms: i64, interval_ms: i64, hash: u64) -> i64 {
    let offset_ms = (hash % interval_ms.unsigned_abs().max(1)).cast_signed();
    let start_ms = now_ms - now_ms.rem_euclid(interval_ms) + offset_ms;
    if start_ms < now_ms { start_ms + interval_ms } else { start_ms }
}

/// The next place in the grid that is not over yet; what was missed is left out.
pub(crate) fn next_due_ms(due_ms: i64, now_ms: i64, interval_ms: i64) -> i64 {
    let missed = (now_ms - due_ms).max(0) / interval_ms;
    due_ms + (missed + 1) * interval_ms
}

pub(crate) fn aligned(started_ms: i64, due_ms: i64) -> i64 {
    if (started_ms - due_ms).abs() <= ALIGN_TOLERANCE_MS { due_ms } else { started_ms }
}
