//! The targets of one job: what discovery finds becomes running loops.

use std::collections::HashMap;
use std::sync::Arc;

use bongsu_model::Labels;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Job;
use crate::discovery::TargetGroup;
use crate::discovery::file::FileDiscovery;
use crate::error::ScrapeError;
use crate::manager::{DroppedTarget, TargetStatus, Targets};
use crate::target::Target;
use crate::worker::{State, Stop, Surroundings, Worker};

/// Dropped targets that are kept for the targets page when the job does not say how many.
const DROPPED_TARGETS_MAX: usize = 1000;

pub(crate) struct Pool {
    job: Arc<Job>,
    /// Locked for long only while files are read.
    files: Arc<Mutex<Vec<FileDiscovery>>>,
    running: HashMap<u64, Running>,
    dropped: Vec<Labels>,
}

struct Running {
    target: Arc<Target>,
    state: Arc<Mutex<State>>,
    stop: watch::Sender<Stop>,
    handle: JoinHandle<()>,
}

impl Pool {
    pub(crate) fn new(job: Arc<Job>) -> Self {
        let files = job.files.iter().cloned().map(FileDiscovery::new).collect();
        Self { job, files: Arc::new(Mutex::new(files)), running: HashMap::new(), dropped: Vec::new() }
    }

    pub(crate) fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// The discoveries that have to be refreshed on a thread that may wait for files.
    pub(crate) fn files(&self) -> Arc<Mutex<Vec<FileDiscovery>>> {
        Arc::clone(&self.files)
    }

    /// Starts loops for new targets and stops those of targets that are gone.
    pub(crate) fn sync(&mut self, surroundings: &Surroundings) {
        let wanted = self.wanted();
        self.running.retain(|key, running| {
            let stays = wanted.contains_key(key) && !running.handle.is_finished();
            if !stays {
                running.stop.send_replace(Stop::Removed);
            }
            stays
        });
        let targets = wanted.len() as u64;
        for (key, target) in wanted {
            self.running.entry(key).or_insert_with(|| Running::start(target, surroundings));
        }
        let refused = match self.job.limits.targets_max {
            Some(targets_max) if targets > targets_max => Some(ScrapeError::Targets { targets, targets_max }),
            _ => None,
        };
        for running in self.running.values() {
            running.state.lock().refused.clone_from(&refused);
        }
    }

    /// What should run, each target once.
    fn wanted(&mut self) -> HashMap<u64, Target> {
        let mut wanted = HashMap::new();
        self.dropped.clear();
        let dropped_max = self.job.limits.dropped_targets_max.map_or(DROPPED_TARGETS_MAX, |max| max as usize);
        let files = self.files.lock();
        let groups = self.job.static_groups.iter().chain(files.iter().flat_map(FileDiscovery::groups));
        for found in groups.flat_map(TargetGroup::discovered) {
            let discovered = Target::discovered_labels(&self.job, &found);
            match Target::resolve(&self.job, &discovered) {
                Ok(Some(target)) => drop(wanted.insert(target.hash64(), target)),
                Ok(None) if self.dropped.len() < dropped_max => self.dropped.push(discovered),
                Ok(None) => {}
                Err(error) => tracing::warn!(job = self.job.name, %discovered, %error, "target cannot be used"),
            }
        }
        wanted
    }

    /// Stops all loops and gives their handles to wait for.
    pub(crate) fn stop(self, stop: Stop) -> impl Iterator<Item = JoinHandle<()>> {
        self.running.into_values().map(move |running| {
            running.stop.send_replace(stop);
            running.handle
        })
    }

    pub(crate) fn describe(&self, targets: &mut Targets) {
        let active = self.running.values().map(Running::status);
        targets.active.extend(active);
        let job = &self.job.name;
        let dropped = self.dropped.iter().cloned();
        targets.dropped.extend(dropped.map(|discovered| DroppedTarget { job: job.clone(), discovered }));
    }
}

impl Running {
    fn start(target: Target, surroundings: &Surroundings) -> Self {
        let target = Arc::new(target);
        let state = Arc::new(Mutex::new(State::default()));
        let (stop, stopped) = watch::channel(Stop::Run);
        let worker = Worker::new(Arc::clone(&target), surroundings.clone(), Arc::clone(&state), stopped);
        let handle = tokio::spawn(worker.run());
        Self { target, state, stop, handle }
    }

    fn status(&self) -> TargetStatus {
        let state = self.state.lock();
        TargetStatus {
            job: self.target.job().name.clone(),
            labels: self.target.labels().clone(),
            discovered: self.target.discovered().clone(),
            url: self.target.url().to_owned(),
            interval_ms: self.target.interval_ms(),
            timeout_ms: self.target.timeout_ms(),
            health: state.health,
            last_scrape_ms: state.last_scrape_ms,
            last_duration: state.last_duration,
            last_error: state.last_error.clone(),
            samples: state.counts.kept,
        }
    }
}
