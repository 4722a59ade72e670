//! The stages of a write, and of what becomes of the samples, in this process: CPU time of each, without peers.

mod blocks;
mod shuffle;

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, ensure};
use bongsu_model::{SampleBuffer, TenantId};
use bongsu_testkit::generator::{Generator, INTERVAL_MS, Request, SERIES_PER_HOST};
use bongsu_testkit::measure::{own_cpu_seconds, thread_cpu_seconds};
use bongsu_testkit::random::Random;
use bongsu_tsdb::stages::Stages;
use bongsu_tsdb::{Options, Protocol, Store};
use bongsu_wire::remote_write;
use serde::Serialize;

pub(crate) use blocks::{measure as measure_blocks, table as blocks_table};

/// How many series the columns are about, in hosts; and those of a trial.
pub(crate) const WIDTHS: [u32; 2] = [100, 1000];
pub(crate) const TRIAL_WIDTHS: [u32; 2] = [1, 2];
/// Scrapes of which the median counts, of each of the ways that a scrape is measured.
const ROUNDS: usize = 9;
/// Scrapes that are in the store when it is flushed: of five minutes.
const FLUSHED_SCRAPES: usize = 20;
const DECODED_BYTES_MAX: usize = 16 << 20;

/// What one number of series cost.
#[derive(Serialize)]
pub(crate) struct Costs {
    series: usize,
    /// CPU nanoseconds a sample (or a series) of each stage, in the order of the work.
    stages: Vec<(&'static str, f64)>,
}

/// Measures hosts whose samples end about now.
pub(crate) fn measure(hosts: u32, dir: Option<&Path>, now_ms: i64) -> anyhow::Result<Costs> {
    let mut stages = Vec::new();
    let load = Load { dir, hosts, now_ms };
    load.head(&mut stages).context("stage by stage")?;
    load.store(&mut stages).context("the store as a whole")?;
    Ok(Costs { series: load.series(), stages })
}

struct Load<'l> {
    dir: Option<&'l Path>,
    hosts: u32,
    now_ms: i64,
}

impl Load<'_> {
    fn series(&self) -> usize {
        self.hosts as usize * SERIES_PER_HOST
    }

    fn generator(&self, scrapes: usize) -> Generator {
        Generator::new(self.hosts, self.now_ms - scrapes as i64 * INTERVAL_MS)
    }

    /// From the median of seconds that each round took to nanoseconds a sample, or a series: a scrape has one sample of each.
    fn median_ns(&self, mut seconds: Vec<f64>) -> f64 {
        seconds.sort_unstable_by(f64::total_cmp);
        seconds[seconds.len() / 2] * 1e9 / self.series() as f64
    }

    /// Each stage by itself, then those of a known series together, on a head without log and blocks.
    fn head(&self, out: &mut Vec<(&'static str, f64)>) -> anyhow::Result<()> {
        let folder = folder(self.dir)?;
        let mut stages = Stages::new(folder.path())?;
        let mut generator = self.generator(1 + 3 * ROUNDS);
        let created = Spent::of(&mut stages, &generator.next_scrape()?)?;
        let (mut rounds, mut together, mut shuffled) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            rounds.push(Spent::of(&mut stages, &generator.next_scrape()?)?);
            together.push(all_stages(&mut stages, &generator.next_scrape()?)?);
        }
        let held = self.series() * (1 + 2 * ROUNDS);
        let mut buffer = SampleBuffer::default();
        let mut read = Vec::new();
        for _ in 0..ROUNDS {
            let begun = thread_cpu_seconds();
            let samples = stages.read_head(&mut buffer) as usize;
            read.push((thread_cpu_seconds() - begun) / (1 + 2 * ROUNDS) as f64);
            ensure!(samples == held, "{samples} of {held} samples are in the head");
        }
        let mut random = Random::new(1);
        for _ in 0..ROUNDS {
            shuffled.push(look_up(&mut stages, &shuffle::shuffled(&generator.next_scrape()?, &mut random)?)?);
        }
        let median = |stage: fn(&Spent) -> f64| self.median_ns(rounds.iter().map(stage).collect());
        out.extend([
            ("decompress (snappy)", median(|spent| spent.decompress)),
            ("walk the request, check its samples", median(|spent| (spent.decode - spent.decompress).max(0.0))),
            ("look up the series, guessed right", median(|spent| spent.resolve)),
            ("look up the series, order shuffled", self.median_ns(shuffled)),
            ("create the series, index included (per series)", self.median_ns(vec![created.resolve])),
            ("encode the log's record, by refs, with checksum", median(|spent| spent.record)),
            ("append to the head", median(|spent| spent.append)),
            ("**all stages of a sample of a known series**", self.median_ns(together)),
            ("decode the head's samples", self.median_ns(read)),
        ]);
        Ok(())
    }

    /// A store on the disk, all its threads: the log is written and synced before a scrape counts as done. The first flush has
    /// to sort the series, later ones know their order.
    fn store(&self, out: &mut Vec<(&'static str, f64)>) -> anyhow::Result<()> {
        let folder = folder(self.dir)?;
        let (store, _) = Store::open(Options::new(folder.path()))?;
        let mut generator = self.generator(2 * FLUSHED_SCRAPES);
        let created = write(&store, &generator.next_scrape()?)?;
        let (mut steady, mut flushes) = (Vec::new(), Vec::new());
        for scrape in 1..2 * FLUSHED_SCRAPES {
            if scrape == FLUSHED_SCRAPES {
                flushes.push(flush(&store)?);
            }
            steady.push(write(&store, &generator.next_scrape()?)?);
        }
        flushes.push(flush(&store)?);
        let (found, sent) = (store.stats().block_samples, (self.series() * 2 * FLUSHED_SCRAPES) as u64);
        ensure!(found == sent, "{found} of {sent} samples are in blocks");
        let flush_ns = |seconds: f64| seconds * 1e9 / (self.series() * FLUSHED_SCRAPES) as f64;
        out.extend([
            ("`Store::write` to the ack, log synced, all threads", self.median_ns(steady)),
            ("the same for a new series", self.median_ns(vec![created])),
            ("flush of 20 samples a series, the first", flush_ns(flushes[0])),
            ("flush of 20 samples a series, later", flush_ns(flushes[1])),
        ]);
        Ok(())
    }
}

/// CPU seconds of one scrape.
#[derive(Default)]
struct Spent {
    decompress: f64,
    /// Decompressing included.
    decode: f64,
    resolve: f64,
    record: f64,
    append: f64,
}

impl Spent {
    /// Takes a scrape in, request by request and stage by stage.
    fn of(stages: &mut Stages, scrape: &[Request]) -> anyhow::Result<Self> {
        let mut spent = Self::default();
        let mut decompressed = Vec::new();
        for Request { body, samples } in scrape {
            timed(&mut spent.decompress, || {
                remote_write::decompress(body, DECODED_BYTES_MAX, &mut decompressed).map(<[u8]>::len)
            })?;
            timed(&mut spent.decode, || stages.decode(body))?;
            timed(&mut spent.resolve, || stages.resolve())?;
            timed(&mut spent.record, || stages.log_record());
            let taken = timed(&mut spent.append, || stages.append());
            ensure!(taken == *samples, "{taken} of {samples} samples were taken");
        }
        Ok(spent)
    }
}

fn timed<T>(seconds: &mut f64, work: impl FnOnce() -> T) -> T {
    let begun = thread_cpu_seconds();
    let done = work();
    *seconds += thread_cpu_seconds() - begun;
    done
}

/// CPU seconds of a scrape that goes through all stages, with no clock in between.
fn all_stages(stages: &mut Stages, scrape: &[Request]) -> anyhow::Result<f64> {
    let begun = thread_cpu_seconds();
    for request in scrape {
        stages.decode(&request.body)?;
        stages.resolve()?;
        ensure!(stages.log_record().is_some(), "a known series has no ref");
        stages.append();
    }
    Ok(thread_cpu_seconds() - begun)
}

/// CPU seconds of finding the series of a scrape.
fn look_up(stages: &mut Stages, scrape: &[Request]) -> anyhow::Result<f64> {
    let mut seconds = 0.0;
    for request in scrape {
        stages.decode(&request.body)?;
        timed(&mut seconds, || stages.resolve())?;
    }
    Ok(seconds)
}

/// CPU seconds of all threads for a scrape.
fn write(store: &Store, scrape: &[Request]) -> anyhow::Result<f64> {
    let begun = own_cpu_seconds();
    let mut written = Vec::with_capacity(scrape.len());
    for request in scrape {
        written.push(store.write(&TenantId::anonymous(), Protocol::RemoteWrite1, &request.body)?);
    }
    for one in written {
        one.wait()?;
    }
    Ok(own_cpu_seconds() - begun)
}

/// CPU seconds of all threads for bringing the head to a block.
fn flush(store: &Store) -> anyhow::Result<f64> {
    let begun = own_cpu_seconds();
    store.flush()?;
    Ok(own_cpu_seconds() - begun)
}

pub(super) fn folder(dir: Option<&Path>) -> std::io::Result<tempfile::TempDir> {
    dir.map_or_else(tempfile::tempdir, tempfile::tempdir_in)
}

/// A row for each stage, a column for each number of series.
pub(crate) fn table(costs: &[Costs]) -> String {
    let mut text = String::from("| CPU ns a sample (M samples / CPU-s) |");
    text.extend(costs.iter().map(|one| format!(" {} series |", in_words(one.series))));
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(costs.len()));
    let rows = costs.first().map_or(&[][..], |one| &one.stages);
    for (at, (stage, _)) in rows.iter().enumerate() {
        let _ = write!(text, "| {stage} |");
        text.extend(costs.iter().map(|one| format!(" {} |", rate(one.stages[at].1))));
        text.push('\n');
    }
    text
}

/// A round number of series.
pub(super) fn in_words(series: usize) -> String {
    if series.is_multiple_of(1_000_000) { format!("{} M", series / 1_000_000) } else { format!("{} k", series / 1000) }
}

/// Nanoseconds, and millions a second.
pub(super) fn rate(ns: f64) -> String {
    format!("{ns:.1} ({:.1})", 1000.0 / ns.max(0.001))
}
