//! What the store needs where it hurts: a million series, a kill at full speed, and the bytes that samples take in the end.

use std::fmt::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use bongsu_testkit::generator::{Generator, INTERVAL_MS, SERIES_PER_HOST};
use bongsu_testkit::http::Connection;
use bongsu_testkit::measure::{self, MemoryWatch};
use bongsu_testkit::replay::{Acked, replay};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::contender::{Contender, Running};
use crate::goal::Goal::{self, AtLeast, AtMost};
use crate::queries::percent_encode;

const WIDE_SCRAPES: usize = 8;
/// Scrapes between two flushes, and how many of them are made at once.
const FLUSHED_SCRAPES: usize = 20;
const WIDE_SCRAPES_AT_ONCE: usize = 5;
/// Made and sent at once.
const SCRAPES_AT_ONCE: usize = 240;
const POLL: Duration = Duration::from_millis(10);
/// A server that is ready and finds nothing for so long has lost everything.
const EMPTY_TIMEOUT: Duration = Duration::from_secs(10);

/// How much is written.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    wide_hosts: u32,
    /// Hosts and scrapes of the short and of the long history.
    hours: (u32, usize),
    day: (u32, usize),
}

pub(crate) const WHOLE: Sizes = Sizes { wide_hosts: 1000, hours: (20, 480), day: (5, 5760) };
pub(crate) const TRIAL: Sizes = Sizes { wide_hosts: 8, hours: (1, 480), day: (1, 5760) };

/// How a contender is measured.
pub(crate) struct Bench<'b> {
    pub(crate) contender: &'b Contender,
    pub(crate) dir: Option<&'b Path>,
    pub(crate) now_ms: i64,
    pub(crate) connections: usize,
    pub(crate) sizes: Sizes,
}

/// What one program needed.
#[derive(Serialize)]
pub(crate) struct Held {
    name: &'static str,
    version: String,
    wide: Wide,
    /// Of a million series with five minutes of scrapes, all work included until they are in files.
    settled_samples_per_cpu_second: f64,
    killed: Killed,
    /// Bytes a sample of two hours, flushed and then merged, and of a day, merged.
    hours_flushed_bytes: f64,
    hours_sample_bytes: f64,
    day_sample_bytes: f64,
}

/// Of a million series.
#[derive(Serialize)]
struct Wide {
    new_series_cpu_us: f64,
    steady_samples_per_cpu_second: f64,
    series_memory_bytes: f64,
    ack_p99_ms: f64,
}

/// Of a kill -9 right after the last ack.
#[derive(Serialize)]
struct Killed {
    /// Until it answers with what it has, or is ready and has nothing.
    ready_seconds: f64,
    acked: u64,
    lost: i64,
}

impl Bench<'_> {
    pub(crate) fn run(&self, version: String) -> anyhow::Result<Held> {
        let (wide, killed) = self.wide().context("a million series")?;
        let settled_samples_per_cpu_second = self.wide_settled().context("a million series, flushed")?;
        let (hours_flushed_bytes, hours_sample_bytes) = self.history(self.sizes.hours).context("two hours")?;
        let (_, day_sample_bytes) = self.history(self.sizes.day).context("a day")?;
        let name = self.contender.name;
        Ok(Held {
            name,
            version,
            wide,
            settled_samples_per_cpu_second,
            killed,
            hours_flushed_bytes,
            hours_sample_bytes,
            day_sample_bytes,
        })
    }

    fn wide(&self) -> anyhow::Result<(Wide, Killed)> {
        let folder = self.folder()?;
        let running = self.contender.start(folder.path())?;
        let pid = running.server.pid();
        let memory = MemoryWatch::start(pid);
        let mut generator = Generator::new(self.sizes.wide_hosts, self.now_ms - WIDE_SCRAPES as i64 * INTERVAL_MS);
        let start = measure::cpu_seconds(pid)?;
        let first = self.send(&mut generator, 1, &running)?;
        let created = measure::cpu_seconds(pid)?;
        let steady = self.send(&mut generator, WIDE_SCRAPES - 1, &running)?;
        let acked = measure::cpu_seconds(pid)?;
        let wide = Wide {
            new_series_cpu_us: (created - start) * 1e6 / first.samples as f64,
            steady_samples_per_cpu_second: steady.samples as f64 / (acked - created),
            series_memory_bytes: memory.peak_bytes() as f64 / first.samples as f64,
            ack_p99_ms: steady.ack_p99_ms,
        };
        drop(memory);
        Ok((wide, self.killed(running, folder.path(), first.samples + steady.samples)?))
    }

    /// Samples of known series a CPU second, with everything that it takes until they lie flushed and merged.
    fn wide_settled(&self) -> anyhow::Result<f64> {
        let folder = self.folder()?;
        let running = self.contender.start(folder.path())?;
        let pid = running.server.pid();
        let mut generator =
            Generator::new(self.sizes.wide_hosts, self.now_ms - (1 + FLUSHED_SCRAPES) as i64 * INTERVAL_MS);
        self.send(&mut generator, 1, &running)?;
        // The first flush has to sort the series: that is part of creating them.
        self.contender.settled_bytes(&running)?;
        let (created, mut samples) = (measure::cpu_seconds(pid)?, 0);
        for _ in 0..FLUSHED_SCRAPES / WIDE_SCRAPES_AT_ONCE {
            samples += self.send(&mut generator, WIDE_SCRAPES_AT_ONCE, &running)?.samples;
        }
        self.contender.settled_bytes(&running)?;
        self.contender.compacted_bytes(&running)?;
        Ok(samples as f64 / (measure::cpu_seconds(pid)? - created))
    }

    /// Kills the server, starts it again, and counts.
    fn killed(&self, mut running: Running, folder: &Path, acked: u64) -> anyhow::Result<Killed> {
        running.server.kill();
        drop(running);
        let begun = Instant::now();
        let running = self.contender.start(folder)?;
        let mut connection = Connection::open(&running.address)?;
        let mut ready_seconds = begun.elapsed().as_secs_f64();
        let ready = Instant::now();
        while ready.elapsed() < EMPTY_TIMEOUT {
            if number(&mut connection, "count(node_load1) or vector(0)", self.now_ms)? > 0.0 {
                ready_seconds = begun.elapsed().as_secs_f64();
                break;
            }
            thread::sleep(POLL);
        }
        let mut stored = 0.0;
        for name in metric_names(&mut connection)? {
            // A host may be scraped within the interval after the last.
            let query = format!("sum(count_over_time({name}[1h])) or vector(0)");
            stored += number(&mut connection, &query, self.now_ms + INTERVAL_MS)?;
        }
        Ok(Killed { ready_seconds, acked, lost: acked as i64 - stored as i64 })
    }

    /// Bytes a sample once flushed, and once merged as well.
    fn history(&self, (hosts, scrapes): (u32, usize)) -> anyhow::Result<(f64, f64)> {
        let folder = self.folder()?;
        let running = self.contender.start(folder.path())?;
        let mut generator = Generator::new(hosts, self.now_ms - scrapes as i64 * INTERVAL_MS);
        for begin in (0..scrapes).step_by(SCRAPES_AT_ONCE) {
            self.send(&mut generator, SCRAPES_AT_ONCE.min(scrapes - begin), &running)?;
        }
        let samples = (hosts as usize * SERIES_PER_HOST * scrapes) as f64;
        let flushed = self.contender.settled_bytes(&running)? as f64 / samples;
        Ok((flushed, self.contender.compacted_bytes(&running)? as f64 / samples))
    }

    fn send(&self, generator: &mut Generator, scrapes: usize, running: &Running) -> anyhow::Result<Acked> {
        let scrapes: Vec<_> = (0..scrapes).map(|_| generator.next_scrape()).collect::<Result<_, _>>()?;
        replay(&running.address, self.contender.push_path, &scrapes, self.connections)
    }

    fn folder(&self) -> anyhow::Result<TempDir> {
        Ok(self.dir.map_or_else(tempfile::tempdir, tempfile::tempdir_in)?)
    }
}

/// All metrics: samples are counted name by name, as without their names series of other metrics may be the same.
fn metric_names(connection: &mut Connection) -> anyhow::Result<Vec<String>> {
    let answer: Value = serde_json::from_slice(&connection.get("/api/v1/label/__name__/values")?.ok()?)?;
    let names = answer["data"].as_array().context("no names of metrics")?;
    Ok(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
}

/// The one number that a query answers.
fn number(connection: &mut Connection, query: &str, time_ms: i64) -> anyhow::Result<f64> {
    let path = format!("/api/v1/query?query={}&time={}&nocache=1", percent_encode(query), time_ms / 1000);
    let answer: Value = serde_json::from_slice(&connection.get(&path)?.ok()?)?;
    let value = answer["data"]["result"][0]["value"][1].as_str();
    Ok(value.with_context(|| format!("{query} has no answer: {answer}"))?.parse()?)
}

/// A figure of each program.
struct Row {
    name: &'static str,
    decimals: usize,
    value: fn(&Held) -> f64,
    goal: Option<Goal>,
}

const fn row(name: &'static str, decimals: usize, value: fn(&Held) -> f64, goal: Option<Goal>) -> Row {
    Row { name, decimals, value, goal }
}

#[rustfmt::skip]
const ROWS: [Row; 10] = [
    row("CPU µs a new series, 1 M series", 1, |held| held.wide.new_series_cpu_us, Some(AtMost(3.0))),
    row("steady k samples / CPU-s, to the ack, 1 M series", 0, |held| held.wide.steady_samples_per_cpu_second / 1e3, Some(AtLeast(2000.0))),
    row("the same, flush and merges of 20 scrapes included", 0, |held| held.settled_samples_per_cpu_second / 1e3, Some(AtLeast(2000.0))),
    row("peak anonymous memory a series, 1 M series, bytes", 0, |held| held.wide.series_memory_bytes, Some(AtMost(450.0))),
    row("ack p99 at full load, 1 M series, ms", 1, |held| held.wide.ack_p99_ms, Some(AtMost(40.0))),
    row("answers after kill -9 within, 1 M series, s", 2, |held| held.killed.ready_seconds, Some(AtMost(0.5))),
    row("acked samples lost by the kill, of 8 M", 0, |held| held.killed.lost as f64, Some(AtMost(0.0))),
    row("bytes a sample, 2 h (20 k series), flushed", 3, |held| held.hours_flushed_bytes, None),
    row("bytes a sample, 2 h (20 k series), merged", 3, |held| held.hours_sample_bytes, Some(AtMost(0.85))),
    row("bytes a sample, 24 h (5 k series), merged", 3, |held| held.day_sample_bytes, Some(AtMost(0.68))),
];

/// A row for each figure, a column for each program, and what Bongsu shall reach.
pub(crate) fn table(results: &[Held]) -> String {
    let mut text = String::from("| |");
    text.extend(results.iter().map(|held| format!(" {} {} |", held.name, held.version)));
    let _ = writeln!(text, " goal for Bongsu |\n|---|---|{}", "---|".repeat(results.len()));
    let ours = results.iter().find(|held| held.name == "bongsu");
    for Row { name, decimals, value, goal } in ROWS {
        let _ = write!(text, "| {name} |");
        text.extend(results.iter().map(|held| format!(" {:.decimals$} |", value(held))));
        let _ = writeln!(text, " {} |", goal.map_or_else(String::new, |goal| goal.verdict(ours.map(value))));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_stand_beside_the_figures() {
        let wide = Wide {
            new_series_cpu_us: 1.25,
            steady_samples_per_cpu_second: 3.5e6,
            series_memory_bytes: 460.4,
            ack_p99_ms: 12.0,
        };
        let held = Held {
            name: "bongsu",
            version: "1".to_owned(),
            wide,
            settled_samples_per_cpu_second: 1.9e6,
            killed: Killed { ready_seconds: 0.4, acked: 8_000_000, lost: 0 },
            hours_flushed_bytes: 0.9,
            hours_sample_bytes: 0.8,
            day_sample_bytes: 0.7,
        };
        let expected = "\
| | bongsu 1 | goal for Bongsu |
|---|---|---|
| CPU µs a new series, 1 M series | 1.2 | ≤ 3: met |
| steady k samples / CPU-s, to the ack, 1 M series | 3500 | ≥ 2000: met |
| the same, flush and merges of 20 scrapes included | 1900 | ≥ 2000: **missed** |
| peak anonymous memory a series, 1 M series, bytes | 460 | ≤ 450: **missed** |
| ack p99 at full load, 1 M series, ms | 12.0 | ≤ 40: met |
| answers after kill -9 within, 1 M series, s | 0.40 | ≤ 0.5: met |
| acked samples lost by the kill, of 8 M | 0 | ≤ 0: met |
| bytes a sample, 2 h (20 k series), flushed | 0.900 |  |
| bytes a sample, 2 h (20 k series), merged | 0.800 | ≤ 0.85: met |
| bytes a sample, 24 h (5 k series), merged | 0.700 | ≤ 0.68: **missed** |
";
        assert_eq!(table(&[held]), expected);
    }
}
