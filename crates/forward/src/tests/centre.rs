//! The other side.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Labels;
use bongsu_wire::remote_write::{self, Item, WriteRequest};
use parking_lot::{Condvar, Mutex};

use crate::{Request, Response, Transport, TransportError};

/// A wait that takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(60);

type Answer = Result<Response, TransportError>;

/// Takes requests, or answers by its script.
#[derive(Default)]
pub struct Centre {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Answers to the next requests; after them everything is taken.
    script: VecDeque<Answer>,
    is_down: bool,
    /// Requests of any outcome.
    tries: usize,
    /// Series, time and value of every sample of the requests that were taken.
    samples: Vec<(String, i64, f64)>,
    metadata: Vec<String>,
    /// Samples in each request that was taken.
    request_samples: Vec<usize>,
    headers: Vec<(String, String)>,
}

impl Centre {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn down() -> Arc<Self> {
        let centre = Self::new();
        centre.set_down(true);
        centre
    }

    pub fn set_down(&self, is_down: bool) {
        self.state.lock().is_down = is_down;
    }

    pub fn then_answer(&self, status: u16, retry_after_ms: Option<i64>) {
        let response = Response { status, retry_after_ms, body_excerpt: "because of a reason".to_owned() };
        self.state.lock().script.push_back(Ok(response));
    }

    #[track_caller]
    pub fn wait_for_samples(&self, count: usize) {
        self.wait_until(&format!("{count} samples"), |state| state.samples.len() >= count);
    }

    #[track_caller]
    pub fn wait_for_tries(&self, count: usize) {
        self.wait_until(&format!("{count} tries"), |state| state.tries >= count);
    }

    #[track_caller]
    fn wait_until(&self, what: &str, is_done: impl Fn(&State) -> bool) {
        let mut state = self.state.lock();
        while !is_done(&state) {
            let timed_out = self.changed.wait_for(&mut state, PATIENCE).timed_out();
            assert!(!timed_out, "{what} did not come; {} samples, {} tries", state.samples.len(), state.tries);
        }
    }

    pub fn tries(&self) -> usize {
        self.state.lock().tries
    }

    /// The values of a series as they came.
    pub fn rounds(&self, series: &str) -> Vec<i64> {
        self.state.lock().samples.iter().filter(|(name, ..)| name == series).map(|(_, _, v)| *v as i64).collect()
    }

    pub fn series(&self) -> Vec<String> {
        self.state.lock().samples.iter().map(|(series, ..)| series.clone()).collect()
    }

    pub fn metadata(&self) -> Vec<String> {
        self.state.lock().metadata.clone()
    }

    pub fn request_samples(&self) -> Vec<usize> {
        self.state.lock().request_samples.clone()
    }

    pub fn headers(&self) -> Vec<(String, String)> {
        self.state.lock().headers.clone()
    }
}

impl Transport for Centre {
    fn send(&self, request: Request<'_>) -> Answer {
        let mut state = self.state.lock();
        state.tries += 1;
        state.headers = request.headers.to_vec();
        self.changed.notify_all();
        if state.is_down {
            return Err(TransportError("connection refused".to_owned()));
        }
        if let Some(answer) = state.script.pop_front() {
            return answer;
        }
        state.take(&request.body);
        Ok(Response { status: 204, ..Response::default() })
    }
}

impl State {
    fn take(&mut self, body: &[u8]) {
        let mut raw = Vec::new();
        let before = self.samples.len();
        for item in WriteRequest::new(remote_write::decompress(body, 1 << 30, &mut raw).unwrap()) {
            match item.unwrap() {
                Item::Series(series) => {
                    let labels = Labels::from_pairs(series.labels().map(Result::unwrap)).to_string();
                    for sample in series.samples().map(Result::unwrap) {
                        self.samples.push((labels.clone(), sample.timestamp_ms, sample.value));
                    }
                }
                Item::Metadata(metadata) => self.metadata.push(format!("{metadata:?}")),
            }
        }
        self.request_samples.push(self.samples.len() - before);
    }
}
