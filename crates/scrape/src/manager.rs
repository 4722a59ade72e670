//! Runs all jobs.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Clock, Labels, Sink};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::config::Job;
use crate::fetch::Fetch;
use crate::pool::Pool;
use crate::worker::{Stop, Surroundings};

/// How often discovery is looked at; files are only read when they changed.
const DISCOVERY_PERIOD: Duration = Duration::from_secs(5);

/// How the last scrape of a target went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Not scraped yet.
    #[default]
    Unknown,
    /// Well.
    Up,
    /// It failed.
    Down,
}

impl Health {
    /// The word of the targets API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// What the targets page shows of a target that is scraped.
#[derive(Clone, Debug)]
pub struct TargetStatus {
    /// Its job.
    pub job: String,
    /// The labels of its series.
    pub labels: Labels,
    /// The labels before relabelling.
    pub discovered: Labels,
    /// Where it is scraped.
    pub url: String,
    /// Time between scrapes.
    pub interval_ms: i64,
    /// The most time that a scrape may take.
    pub timeout_ms: i64,
    /// How the last scrape went.
    pub health: Health,
    /// When that was.
    pub last_scrape_ms: Option<i64>,
    /// How long it took.
    pub last_duration: Duration,
    /// Why it failed.
    pub last_error: Option<String>,
    /// Samples that it gave, after relabelling.
    pub samples: u64,
}

/// A target that a rule drops.
#[derive(Clone, Debug)]
pub struct DroppedTarget {
    /// Its job.
    pub job: String,
    /// The labels before relabelling.
    pub discovered: Labels,
}

/// All targets.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// Scraped ones, sorted by job and labels.
    pub active: Vec<TargetStatus>,
    /// Dropped ones, as many as the job keeps.
    pub dropped: Vec<DroppedTarget>,
}

/// Runs the loops of all targets of all jobs.
pub struct Manager {
    surroundings: Surroundings,
    /// Jobs that are to run from now on.
    wanted: Mutex<Vec<Arc<Job>>>,
    pools: Mutex<Vec<Pool>>,
    changed: Notify,
}

impl Manager {
    /// A manager that scrapes once [`run`](Self::run) is called.
    #[must_use]
    pub fn new(jobs: Vec<Arc<Job>>, fetcher: Arc<dyn Fetch>, sink: Arc<dyn Sink>, clock: Arc<dyn Clock>) -> Self {
        Self {
            surroundings: Surroundings { fetcher, sink, clock },
            wanted: Mutex::new(jobs),
            pools: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Changes the jobs. Those that stay the same go on undisturbed.
    pub fn apply(&self, jobs: Vec<Arc<Job>>) {
        *self.wanted.lock() = jobs;
        self.changed.notify_one();
    }

    /// All targets as they are now.
    #[must_use]
    pub fn targets(&self) -> Targets {
        let mut targets = Targets::default();
        for pool in self.pools.lock().iter() {
            pool.describe(&mut targets);
        }
        targets.active.sort_by(|a, b| (&a.job, &a.labels, &a.url).cmp(&(&b.job, &b.labels, &b.url)));
        targets
    }

    /// Discovers and scrapes until `shutdown` is done, then waits for scrapes that are being stored. Series are not marked
    /// stale then: a restart goes on with them.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            self.refresh().await;
            tokio::select! {
                () = &mut shutdown => break,
                () = self.changed.notified() => {}
                () = sleep(DISCOVERY_PERIOD) => {}
            }
        }
        let pools = std::mem::take(&mut *self.pools.lock());
        let handles: Vec<_> = pools.into_iter().flat_map(|pool| pool.stop(Stop::Quiet)).collect();
        for handle in handles {
            let _ = handle.await;
        }
    }

    /// One round of discovery for all jobs.
    async fn refresh(&self) {
        self.renew_pools();
        let files: Vec<_> = self.pools.lock().iter().map(Pool::files).collect();
        let now_ms = self.surroundings.clock.now_ms();
        let read = move || files.iter().for_each(|files| files.lock().iter_mut().for_each(|file| file.refresh(now_ms)));
        if let Err(error) = tokio::task::spawn_blocking(read).await {
            tracing::error!(%error, "discovery failed; targets stay as they are");
        }
        for pool in self.pools.lock().iter_mut() {
            pool.sync(&self.surroundings);
        }
    }

    /// Makes pools for jobs that are new or changed, and stops those of jobs that changed or went.
    fn renew_pools(&self) {
        let wanted = self.wanted.lock().clone();
        let mut pools = self.pools.lock();
        let mut former = std::mem::take(&mut *pools);
        *pools = wanted
            .iter()
            .map(|job| match former.iter().position(|pool| pool.job() == job) {
                Some(place) => former.swap_remove(place),
                None => Pool::new(Arc::clone(job)),
            })
            .collect();
        for pool in former {
            // A job that only changed takes its series over; one that went leaves nothing behind.
            let changed = wanted.iter().any(|job| job.name == pool.job().name);
            pool.stop(if changed { Stop::Quiet } else { Stop::Removed }).for_each(drop);
        }
    }
}
