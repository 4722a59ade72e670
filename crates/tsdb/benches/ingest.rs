//! Samples per CPU second through [`Store::write`], flushes included: node-like series, the same order in every scrape.
//!
//! `cargo bench -p bongsu-tsdb --bench ingest -- [series] [scrapes]`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints, and stops at the first surprise")]

use std::fs;
use std::sync::Arc;

use bongsu_model::{Labels, ManualClock, Sample, TenantId};
use bongsu_tsdb::{Options, Protocol, Store};
use bongsu_wire::remote_write::{WriteRequestBuilder, compress};

const SERIES_PER_HOST: usize = 1000;
const SERIES_PER_REQUEST: usize = 2000;
const INTERVAL_MS: i64 = 15_000;
const START_MS: i64 = 1_795_219_200_000;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let (series, scrapes) = (numbers.first().copied().unwrap_or(100_000), numbers.get(1).copied().unwrap_or(60));
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(START_MS));
    let mut options = Options::new(dir.path());
    options.clock = clock.clone();
    let (store, _) = Store::open(options).unwrap();
    let labels: Vec<Labels> = (0..series).map(node_labels).collect();
    let mut writing = Phase::default();
    let (mut first, mut flushing, mut merging) = (Phase::default(), Phase::default(), Phase::default());
    for scrape in 0..scrapes {
        let now_ms = START_MS + scrape as i64 * INTERVAL_MS;
        clock.set_ms(now_ms);
        let requests = labels.chunks(SERIES_PER_REQUEST).enumerate();
        let bodies: Vec<_> = requests
            .map(|(number, labels)| request_body(labels, number * SERIES_PER_REQUEST, now_ms, scrape as u64))
            .collect();
        let phase = if scrape == 0 { &mut first } else { &mut writing };
        phase.run(series, || {
            let commits: Vec<_> = bodies
                .iter()
                .map(|body| store.write(&TenantId::anonymous(), Protocol::RemoteWrite1, body).unwrap())
                .collect();
            commits.into_iter().for_each(|written| written.wait().unwrap());
        });
        if scrape % 20 == 19 {
            flushing.run(20 * series, || store.flush().unwrap());
            merging.run(20 * series, || _ = store.merge().unwrap());
        }
    }
    let stats = store.stats();
    drop(store);
    let mut starting = Phase::default();
    let replayed = scrapes % 20 * series;
    starting.run(replayed, || {
        let (_, report) = Store::open(Options { clock: clock.clone(), ..Options::new(dir.path()) }).unwrap();
        assert_eq!(report.replayed_samples, replayed as u64);
    });
    first.print("first scrape");
    writing.print("steady writes");
    flushing.print("flush");
    merging.print("merge");
    starting.print("start after kill");
    let total_s = writing.cpu_s + flushing.cpu_s + merging.cpu_s;
    println!("steady with flush and merge: {:.2} M samples/CPU-s", writing.samples as f64 / total_s / 1e6);
    let per_sample = stats.block_bytes as f64 / stats.block_samples as f64;
    println!("blocks {}, {per_sample:.2} B/sample; peak memory {} MiB", stats.blocks, peak_bytes() >> 20);
}

#[derive(Default)]
struct Phase {
    samples: usize,
    cpu_s: f64,
}

impl Phase {
    fn run(&mut self, samples: usize, work: impl FnOnce()) {
        let before = cpu_seconds();
        work();
        self.cpu_s += cpu_seconds() - before;
        self.samples += samples;
    }

    fn print(&self, name: &str) {
        let rate = self.samples as f64 / self.cpu_s / 1e6;
        println!("{name}: {} samples, {:.2} CPU-s, {rate:.2} M samples/CPU-s", self.samples, self.cpu_s);
    }
}

/// About 190 bytes of labels, as a node exporter with five target labels gives.
fn node_labels(number: usize) -> Labels {
    let (host, place) = (number / SERIES_PER_HOST, number % SERIES_PER_HOST);
    Labels::from_pairs([
        ("__name__", format!("node_subsystem_{:03}_some_counter_total", place / 8)),
        ("cpu", (place % 8).to_string()),
        ("customer", "customer-0001".to_owned()),
        ("device", format!("device-{}", place % 8)),
        ("env", "production".to_owned()),
        ("instance", format!("host-{host:05}.example.com:9100")),
        ("job", "node".to_owned()),
        ("region", "ap-northeast-2".to_owned()),
    ])
}

fn request_body(labels: &[Labels], from: usize, timestamp_ms: i64, scrape: u64) -> Vec<u8> {
    let mut request = WriteRequestBuilder::new();
    for (number, labels) in labels.iter().enumerate() {
        let value = node_value((from + number) as u64, scrape);
        request.push_series(labels, &[Sample { timestamp_ms, value }]);
    }
    let mut body = Vec::new();
    compress(request.as_bytes(), &mut body).unwrap();
    body
}

/// The mix of a node exporter: see the shares.
fn node_value(series: u64, scrape: u64) -> f64 {
    let noise = |salt: u64| (series * 1_000_003 + scrape * 7919 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let n = noise(1) % 1000;
    match series % 100 {
        0..44 => (series % 1000) as f64,
        44..68 => (series * 1000 + scrape * 500 + n % 100) as f64,
        68..80 => (series * 1000 + scrape * 1475 + n % 50) as f64 / 100.0,
        80..90 => ((series * 4096 + (scrape / 4) * 8 + n % 3) * 4096) as f64,
        90..95 => n as f64 / 10.0,
        _ => (series as f64 + scrape as f64 * 0.123_456_789).sin() * 1e6,
    }
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}
