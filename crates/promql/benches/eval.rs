//! What queries over samples in memory cost: 1,000 series of 6 hours, a sample each 15 s, a step of one minute.
//!
//! `cargo bench -p bongsu-promql` measures CPU time of all threads, which other work on the machine shifts less than wall time.

use std::hint::black_box;
use std::time::Duration;

use bongsu_model::{Labels, SampleBuffer, Selection, SeriesSet, Source, SourceError};
use bongsu_promql::{Engine, EngineOptions, QueryContext};
use bongsu_syntax::ParseOptions;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const SERIES: usize = 1_000;
const HOURS: i64 = 6;
const INTERVAL_MS: i64 = 15_000;
const STEP_MS: i64 = 60_000;

struct Counters {
    labels: Vec<Labels>,
    times_ms: Vec<i64>,
    values: Vec<Vec<f64>>,
}

impl Counters {
    fn new() -> Self {
        let count = HOURS * 3_600_000 / INTERVAL_MS;
        let names = ["__name__", "instance", "job", "mode"];
        let mut labels: Vec<Labels> = (0..SERIES)
            .map(|at| {
                let values = ["cpu_seconds_total", &format!("host-{}", at / 8), "node", &format!("mode-{}", at % 8)];
                Labels::from_pairs(names.into_iter().zip(values))
            })
            .collect();
        labels.sort();
        let column = |slope: usize| (0..count).map(|at| (at * (1 + slope as i64)) as f64 * 0.25).collect();
        Self {
            labels,
            times_ms: (0..count).map(|at| at * INTERVAL_MS).collect(),
            values: (0..SERIES).map(column).collect(),
        }
    }
}

impl Source for Counters {
    fn select(&self, _selection: &Selection) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        Ok(Box::new(All(self)))
    }
}

struct All<'c>(&'c Counters);

impl SeriesSet for All<'_> {
    fn len(&self) -> usize {
        self.0.labels.len()
    }

    fn labels(&self, place: usize) -> Result<Labels, SourceError> {
        Ok(self.0.labels[place].clone())
    }

    fn read(&self, place: usize, buffer: &mut SampleBuffer) -> Result<(), SourceError> {
        buffer.timestamps_ms.extend_from_slice(&self.0.times_ms);
        buffer.values.extend_from_slice(&self.0.values[place]);
        Ok(())
    }
}

/// CPU time of the process' threads so far, by the kernel's count of nanoseconds.
fn cpu_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let nanoseconds = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

fn queries(criterion: &mut Criterion) {
    let source = Counters::new();
    let mut group = criterion.benchmark_group("range_6h");
    group.sample_size(20);
    group.throughput(Throughput::Elements(SERIES as u64 * source.times_ms.len() as u64));
    let queries = [
        "sum by (instance) (rate(cpu_seconds_total[5m]))",
        "sum(cpu_seconds_total)",
        "cpu_seconds_total",
        "cpu_seconds_total / on (instance, mode) cpu_seconds_total",
        "quantile by (mode) (0.9, rate(cpu_seconds_total[5m]))",
        "max_over_time(cpu_seconds_total[5m])",
    ];
    let engine = Engine::new(EngineOptions { threads: 1, ..EngineOptions::default() }).expect("threads");
    for query in queries {
        let expr = bongsu_syntax::parse(query, &ParseOptions::default()).expect("a query");
        let run = || {
            let context = QueryContext::default();
            engine.range(&expr, 0, HOURS * 3_600_000, STEP_MS, &source, &context).expect("a result")
        };
        group.bench_function(query, |bencher| {
            bencher.iter_custom(|iterations| {
                let start = cpu_time();
                for _ in 0..iterations {
                    black_box(run());
                }
                cpu_time() - start
            });
        });
    }
    group.finish();
}

criterion_group!(benches, queries);
criterion_main!(benches);
