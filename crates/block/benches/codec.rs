//! Bytes a sample and samples a second on data like a node exporter's.
//!
//! `cargo bench -p bongsu-block` measures CPU time, which other work on the machine shifts less than wall time; the sizes
//! stand in the lines in front of the timings.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bongsu_block::{Block, BlockMeta, BlockWriter, Effort, WriteOptions, merge};
use bongsu_model::{Labels, SampleBuffer};
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// CPU time of this thread, by the kernel's count of nanoseconds.
struct CpuTime;

impl CpuTime {
    fn now() -> Duration {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux with scheduler statistics");
        let nanoseconds = stat.split(' ').next().and_then(|text| text.parse().ok());
        Duration::from_nanos(nanoseconds.expect("nanoseconds as the first number"))
    }
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, start: Duration) -> Duration {
        Self::now() - start
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// A small generator of its own, so that the data never changes.
struct Random(u64);

impl Random {
    /// The next number (splitmix64).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The values of one series: 44 % of the metrics are constant, 24 % integer counters with jitter, 12 % counters of
/// seconds with 2 decimals, 10 % slowly drifting gauges, 5 % gauges of 0 to 3 decimals, 5 % full floats.
fn fill_values(metric: u64, random: &mut Random, values: &mut [f64]) {
    let rate = 1 + random.below(5000);
    let (mut whole, mut sum) = (random.below(1 << 34), random.unit() * 1e6);
    let decimals = 10_f64.powi(random.below(4) as i32);
    for value in values {
        *value = match metric % 100 {
            0..44 => (whole % 1024) as f64,
            44..68 => {
                whole += rate * 9 / 10 + random.below(rate / 5 + 2);
                whole as f64
            }
            68..80 => {
                whole += 1400 + random.below(150);
                whole as f64 / 100.0
            }
            80..90 => {
                if random.below(3) == 0 {
                    whole = whole.wrapping_add(random.below(65)).wrapping_sub(32);
                }
                whole as f64
            }
            90..95 => (random.below(100 * decimals as u64) as f64) / decimals,
            _ => {
                sum += random.unit() * 3.0;
                sum
            }
        };
    }
}

fn labels(metric: u64, host: u64) -> Labels {
    let (name, device) = (format!("node_family_{:03}_bytes_total", metric / 4), format!("dev{}", metric % 4));
    Labels::from_pairs([
        ("__name__", name.as_str()),
        ("customer", &format!("customer-{:02}", host % 10)),
        ("device", &device),
        ("env", if host.is_multiple_of(3) { "staging" } else { "production" }),
        ("instance", &format!("host-{host:04}.example.net:9100")),
        ("job", "node"),
        ("region", ["seoul", "busan", "tokyo"][host as usize % 3]),
    ])
}

/// Every 15 s from an offset of the host's own; 3 % of the scrapes a few milliseconds late.
fn scrape_times(host: u64, samples: usize) -> Vec<i64> {
    let mut random = Random(host);
    let start = 1_700_000_000_000 + (host * 137 % 15_000) as i64;
    let late = |random: &mut Random| if random.below(100) < 3 { random.below(20) as i64 } else { 0 };
    (0..samples as i64).map(|i| start + i * 15_000 + late(&mut random)).collect()
}

/// Hosts of 1000 series each: series with their samples, ready to be pushed; what making them costs is not measured.
fn node_data(hosts: u64, samples: usize) -> Vec<(Labels, SampleBuffer)> {
    let mut series = Vec::new();
    for metric in 0..1000 {
        for host in 0..hosts {
            let mut buffer = SampleBuffer { timestamps_ms: scrape_times(host, samples), ..SampleBuffer::default() };
            buffer.values.resize(samples, 0.0);
            fill_values(metric, &mut Random(metric << 32 | host), &mut buffer.values);
            series.push((labels(metric, host), buffer));
        }
    }
    series.sort_by(|(a, _), (b, _)| a.cmp(b));
    series
}

/// As the store writes them.
fn options(effort: Effort) -> WriteOptions {
    let default = WriteOptions::default();
    let chunk_samples_max = if effort == Effort::Small { 1 << 14 } else { default.chunk_samples_max };
    WriteOptions { effort, chunk_samples_max, ..default }
}

fn write(path: &Path, series: &[(Labels, SampleBuffer)], effort: Effort) -> BlockMeta {
    let mut writer = BlockWriter::create(path, options(effort)).expect("a temporary file");
    for (labels, samples) in series {
        writer.push(labels, samples).expect("series in order");
    }
    writer.finish().expect("a whole block")
}

fn read(block: &Block, (start_ms, end_ms): (i64, i64), buffer: &mut SampleBuffer) {
    for series in 0..block.meta().series_count {
        buffer.clear();
        block.read(series, start_ms, end_ms, buffer).expect("an intact block");
        black_box(&buffer);
    }
}

#[expect(clippy::print_stdout, reason = "sizes are half of the result")]
fn codec(criterion: &mut Criterion<CpuTime>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("bench.block");
    let mut group = criterion.benchmark_group("block");
    for (hosts, samples) in [(50, 20), (50, 60), (10, 480), (1, 5760)] {
        let series = node_data(hosts, samples);
        for effort in [Effort::Fast, Effort::Small] {
            let meta = write(&path, &series, effort);
            let per_sample = meta.size_bytes as f64 / meta.sample_count as f64;
            let per_series = meta.size_bytes as f64 / f64::from(meta.series_count);
            println!("{effort:?}, {samples} samples a series: {per_sample:.3} B/sample, {per_series:.1} B/series");
            let name = format!("{effort:?}/{samples}");
            group.throughput(Throughput::Elements(meta.sample_count));
            group.bench_function(BenchmarkId::new("write", &name), |b| b.iter(|| write(&path, &series, effort)));
            let block = Block::open(&path).expect("an intact block");
            let mut buffer = SampleBuffer::default();
            let all = (i64::MIN, i64::MAX);
            group.bench_function(BenchmarkId::new("read", &name), |b| b.iter(|| read(&block, all, &mut buffer)));
            if samples > 480 {
                let last = (meta.max_time_ms - 3_600_000, i64::MAX);
                group.throughput(Throughput::Elements(u64::from(meta.series_count)));
                let id = BenchmarkId::new("read the last hour, series", &name);
                group.bench_function(id, |b| b.iter(|| read(&block, last, &mut buffer)));
            }
        }
    }
    group.finish();
}

fn merging(criterion: &mut Criterion<CpuTime>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = criterion.benchmark_group("block");
    let series = node_data(10, 480);
    let blocks: Vec<Arc<Block>> = (0..8)
        .map(|part| {
            let path = folder.path().join(part.to_string());
            let part = part * 60..part * 60 + 60;
            let of_part = series.iter().map(|(labels, samples)| {
                let samples = SampleBuffer {
                    timestamps_ms: samples.timestamps_ms[part.clone()].to_vec(),
                    values: samples.values[part.clone()].to_vec(),
                    ..SampleBuffer::default()
                };
                (labels.clone(), samples)
            });
            write(&path, &of_part.collect::<Vec<_>>(), Effort::Fast);
            Block::open(&path).expect("an intact block")
        })
        .collect();
    let path = folder.path().join("merged");
    group.throughput(Throughput::Elements(10_000 * 480));
    group.bench_function("merge/8x60", |b| {
        b.iter(|| merge(&blocks, &path, options(Effort::Small), &|| false).expect("intact blocks"));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(10);
    targets = codec, merging
}
criterion_main!(benches);
