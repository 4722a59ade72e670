//! `bongsu-load`: sends the load of many hosts to a server and prints what it took.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use bongsu_testkit::generator::{Generator, INTERVAL_MS, SERIES_PER_HOST};
use bongsu_testkit::measure::{self, MemoryWatch};
use bongsu_testkit::replay::{Acked, replay};
use clap::Parser;
use serde::Serialize;

/// Sends node-exporter-like remote write load to a server, as fast as it acks.
#[derive(Parser)]
struct Arguments {
    /// Where to send: http://HOST:PORT/PATH
    #[arg(long)]
    url: String,
    /// Series, in hosts of 1000
    #[arg(long, default_value_t = 100_000)]
    series: usize,
    /// Scrapes of each host, 15 s apart, the last one now
    #[arg(long, default_value_t = 20)]
    scrapes: usize,
    /// Kept-alive connections
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Process whose CPU and memory are measured
    #[arg(long)]
    pid: Option<u32>,
    /// Folder whose size is measured
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    acked: Acked,
    samples_per_second: f64,
    server_cpu_seconds: Option<f64>,
    samples_per_cpu_second: Option<f64>,
    memory_peak_bytes: Option<u64>,
    disk_bytes: Option<u64>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.connections > 0, "--connections must be at least 1");
    let rest = arguments.url.strip_prefix("http://").context("--url must begin with http://")?;
    let (address, path) = rest.split_once('/').context("--url must have a path")?;
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let hosts = u32::try_from(arguments.series.div_ceil(SERIES_PER_HOST)).context("--series is too large")?;
    let mut generator = Generator::new(hosts, now_ms - arguments.scrapes as i64 * INTERVAL_MS);
    let scrapes = (0..arguments.scrapes).map(|_| generator.next_scrape()).collect::<Result<Vec<_>, _>>()?;

    let cpu_before = arguments.pid.map(measure::cpu_seconds).transpose()?;
    let memory = arguments.pid.map(MemoryWatch::start);
    let acked = replay(address, &format!("/{path}"), &scrapes, arguments.connections)?;
    let cpu_after = arguments.pid.map(measure::cpu_seconds).transpose()?;
    let server_cpu_seconds = cpu_after.zip(cpu_before).map(|(after, before)| after - before);
    let report = Report {
        samples_per_second: acked.samples as f64 / acked.wall_seconds,
        samples_per_cpu_second: server_cpu_seconds.map(|seconds| acked.samples as f64 / seconds),
        server_cpu_seconds,
        memory_peak_bytes: memory.map(|memory| memory.peak_bytes()),
        disk_bytes: arguments.dir.as_deref().map(measure::disk_bytes).transpose()?,
        acked,
    };
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&report)?)?;
    Ok(())
}
