//! Values into blocks and out of them.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use bongsu_block::{Block, BlockWriter, Effort, WriteOptions};
use bongsu_model::{Labels, SampleBuffer};
use bongsu_testkit::generator::{Generator, INTERVAL_MS};
use bongsu_testkit::measure::thread_cpu_seconds;
use bongsu_tsdb::stages::LONG_CHUNK_SAMPLES;
use bongsu_wire::remote_write::{Item, WriteRequest, decompress};
use serde::Serialize;

use super::{DECODED_BYTES_MAX, folder, in_words, rate};

/// Hosts and scrapes of the blocks: five minutes, two hours, a day.
const SHAPES: [(u32, usize); 3] = [(10, 20), (10, 480), (1, 5760)];
const ROUNDS: usize = 5;

type Series = (Labels, SampleBuffer);

/// What blocks of one shape cost.
#[derive(Serialize)]
pub(crate) struct Blocks {
    series: usize,
    samples_per_series: usize,
    effort: &'static str,
    /// CPU nanoseconds a sample, labels and index included.
    write_ns: f64,
    read_ns: f64,
    sample_bytes: f64,
}

/// Writes and reads blocks of each shape with either effort.
pub(crate) fn measure(dir: Option<&Path>, now_ms: i64) -> anyhow::Result<Vec<Blocks>> {
    let folder = folder(dir)?;
    let mut all = Vec::new();
    for (hosts, scrapes) in SHAPES {
        let series = collect(hosts, scrapes, now_ms).context("cannot make the samples")?;
        for (name, effort) in [("fast", Effort::Fast), ("small", Effort::Small)] {
            all.push(measure_one(&folder.path().join("block"), &series, (name, effort))?);
        }
    }
    Ok(all)
}

fn measure_one(path: &Path, series: &[Series], (name, effort): (&'static str, Effort)) -> anyhow::Result<Blocks> {
    let samples: usize = series.iter().map(|(_, samples)| samples.len()).sum();
    // As flushes and merges of closed days write them.
    let fast = WriteOptions { effort, ..WriteOptions::default() };
    let options = match effort {
        Effort::Fast => fast,
        Effort::Small => WriteOptions { chunk_samples_max: LONG_CHUNK_SAMPLES, ..fast },
    };
    let (mut writing, mut reading, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let begun = thread_cpu_seconds();
        let mut writer = BlockWriter::create(path, options.clone())?;
        for (labels, samples) in series {
            writer.push(labels, samples)?;
        }
        bytes = writer.finish()?.size_bytes;
        writing.push(thread_cpu_seconds() - begun);

        let block = Block::open(path)?;
        let mut buffer = SampleBuffer::default();
        let (begun, mut found) = (thread_cpu_seconds(), 0);
        for number in 0..block.meta().series_count {
            buffer.clear();
            block.read(number, i64::MIN, i64::MAX, &mut buffer)?;
            found += buffer.len();
        }
        reading.push(thread_cpu_seconds() - begun);
        ensure!(found == samples, "{found} of {samples} samples were read");
        drop(block);
        std::fs::remove_file(path)?;
    }
    let median_ns = |mut seconds: Vec<f64>| {
        seconds.sort_unstable_by(f64::total_cmp);
        seconds[ROUNDS / 2] * 1e9 / samples as f64
    };
    Ok(Blocks {
        series: series.len(),
        samples_per_series: samples / series.len(),
        effort: name,
        write_ns: median_ns(writing),
        read_ns: median_ns(reading),
        sample_bytes: bytes as f64 / samples as f64,
    })
}

/// The series of some hosts, sorted, with the samples of some scrapes.
fn collect(hosts: u32, scrapes: usize, now_ms: i64) -> anyhow::Result<Vec<Series>> {
    let mut generator = Generator::new(hosts, now_ms - scrapes as i64 * INTERVAL_MS);
    let (mut series, mut raw) = (Vec::<Series>::new(), Vec::new());
    for _ in 0..scrapes {
        let mut place = 0;
        for request in generator.next_scrape()? {
            let bytes = decompress(&request.body, DECODED_BYTES_MAX, &mut raw)?;
            for item in WriteRequest::new(bytes) {
                let Item::Series(one) = item? else { bail!("the generator sends series alone") };
                if place == series.len() {
                    let pairs = one.labels().collect::<Result<Vec<_>, _>>()?;
                    series.push((Labels::from_sorted(pairs.into_iter()), SampleBuffer::default()));
                }
                for sample in one.samples() {
                    let sample = sample?;
                    series[place].1.push(sample.timestamp_ms, sample.value);
                }
                place += 1;
            }
        }
    }
    series.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(series)
}

/// A row for each block.
pub(crate) fn table(blocks: &[Blocks]) -> String {
    let mut text = String::from(
        "| CPU ns a sample (M samples / CPU-s) | write, everything included | read | bytes a sample |\n|---|---|---|---|\n",
    );
    for block in blocks {
        let Blocks { series, samples_per_series, effort, write_ns, read_ns, sample_bytes } = block;
        let (series, write, read) = (in_words(*series), rate(*write_ns), rate(*read_ns));
        let _ = writeln!(
            text,
            "| {effort}, {series} series of {samples_per_series} samples | {write} | {read} | {sample_bytes:.3} |"
        );
    }
    text
}
