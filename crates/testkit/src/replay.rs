//! Sends requests made beforehand over a few kept-alive connections, as fast as they are acked.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use serde::Serialize;

use crate::generator::Request;
use crate::http::Connection;

/// No connection gets further ahead of the slowest than this, as real senders are bound to the clock.
const SCRAPES_AHEAD_MAX: usize = 8;
const HEADERS: &str = "Content-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n\
                       X-Prometheus-Remote-Write-Version: 0.1.0\r\n";

/// What was acked, and how fast.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Acked {
    /// Samples of requests that were answered 2xx.
    pub samples: u64,
    /// Compressed bytes of those.
    pub body_bytes: u64,
    /// From the first byte sent to the last ack.
    pub wall_seconds: f64,
    /// Median time from sending to ack.
    pub ack_p50_ms: f64,
    /// 99th percentile of the same.
    pub ack_p99_ms: f64,
}

/// Sends all scrapes to `address` and `path`. Request `i` of each scrape goes over connection `i % connections`, so that
/// each host's scrapes arrive in order.
///
/// # Errors
/// A connection failed or a request was not answered 2xx; nothing is sent again.
pub fn replay(address: &str, path: &str, scrapes: &[Vec<Request>], connections: usize) -> anyhow::Result<Acked> {
    let pace = Pace { positions: Mutex::new(vec![0; connections]), moved: Condvar::new() };
    let begun = Instant::now();
    let lanes: Vec<anyhow::Result<Lane>> = thread::scope(|scope| {
        let pace = &pace;
        let spawn = |number| {
            scope.spawn(move || Lane { number, ..Lane::default() }.run(address, path, scrapes, connections, pace))
        };
        let threads: Vec<_> = (0..connections).map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a sender panicked"))?).collect()
    });
    let wall_seconds = begun.elapsed().as_secs_f64();
    let mut acked = Acked { wall_seconds, ..Acked::default() };
    let mut ack_times = Vec::new();
    for lane in lanes {
        let lane = lane?;
        acked.samples += lane.samples;
        acked.body_bytes += lane.body_bytes;
        ack_times.extend(lane.ack_times);
    }
    ack_times.sort_unstable();
    acked.ack_p50_ms = quantile_ms(&ack_times, 0.50);
    acked.ack_p99_ms = quantile_ms(&ack_times, 0.99);
    Ok(acked)
}

/// One connection's part.
#[derive(Default)]
struct Lane {
    number: usize,
    samples: u64,
    body_bytes: u64,
    ack_times: Vec<Duration>,
}

impl Lane {
    fn run(
        mut self,
        address: &str,
        path: &str,
        scrapes: &[Vec<Request>],
        connections: usize,
        pace: &Pace,
    ) -> anyhow::Result<Self> {
        let _out_of_the_way = Finish { pace, lane: self.number };
        let mut connection = Connection::open(address)?;
        for (position, scrape) in scrapes.iter().enumerate() {
            pace.advance(self.number, position);
            for request in scrape.iter().skip(self.number).step_by(connections) {
                let begun = Instant::now();
                let answer = connection.post(path, HEADERS, &request.body)?;
                self.ack_times.push(begun.elapsed());
                answer.ok().with_context(|| format!("a request of scrape {position} was refused"))?;
                self.samples += request.samples;
                self.body_bytes += request.body.len() as u64;
            }
        }
        Ok(self)
    }
}

/// Keeps the connections together.
struct Pace {
    /// The scrape that each connection is at.
    positions: Mutex<Vec<usize>>,
    moved: Condvar,
}

impl Pace {
    /// Tells that `lane` is at `position`, and waits until the others are near.
    fn advance(&self, lane: usize, position: usize) {
        let mut positions = self.lock();
        positions[lane] = position;
        self.moved.notify_all();
        while positions.iter().any(|other| other + SCRAPES_AHEAD_MAX < position) {
            positions = self.moved.wait(positions).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a lane ends, well or not, nobody shall wait for it.
struct Finish<'p> {
    pace: &'p Pace,
    lane: usize,
}

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.pace.lock()[self.lane] = usize::MAX - SCRAPES_AHEAD_MAX;
        self.pace.moved.notify_all();
    }
}

/// The value at `quantile` of sorted times, in milliseconds; 0 without times.
fn quantile_ms(sorted: &[Duration], quantile: f64) -> f64 {
    let at = (sorted.len() as f64 * quantile) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}
