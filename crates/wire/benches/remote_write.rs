//! How fast a request is walked: one sample per series of about 215 raw bytes, as a scrape of a host sends it.

use std::hint::black_box;

use bongsu_model::Sample;
use bongsu_wire::remote_write::{Item, WriteRequest, WriteRequestBuilder, compress, decompress};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const SERIES: usize = 10_000;

fn request() -> Vec<u8> {
    let mut builder = WriteRequestBuilder::new();
    for index in 0..SERIES {
        let cpu = (index % 64).to_string();
        let instance = format!("host-{:04}.example.internal:9100", index / 64);
        let labels = [
            ("__name__", "node_network_receive_packets_total"),
            ("cluster", "production-eu-west-1"),
            ("cpu", cpu.as_str()),
            ("device", "enp65s0f0np0"),
            ("instance", instance.as_str()),
            ("job", "integrations/node_exporter"),
            ("mode", "system"),
        ];
        builder.push_series(labels, &[Sample { timestamp_ms: 1_795_000_000_000, value: index as f64 }]);
    }
    builder.finish()
}

fn walk(bytes: &[u8]) -> (usize, f64) {
    let (mut span_bytes, mut sum) = (0, 0.0);
    for item in WriteRequest::new(bytes) {
        if let Ok(Item::Series(series)) = item {
            span_bytes += series.label_span().len();
            sum += series.samples().flatten().map(|sample| sample.value).sum::<f64>();
        }
    }
    (span_bytes, sum)
}

fn benches(criterion: &mut Criterion) {
    let raw = request();
    let mut compressed = Vec::new();
    compress(&raw, &mut compressed).expect("a few megabytes fit a snappy block");
    let mut group = criterion.benchmark_group("remote_write");
    group.throughput(Throughput::Elements(SERIES as u64));
    group.bench_function("walk", |bencher| bencher.iter(|| walk(black_box(&raw))));
    group.bench_function("labels", |bencher| {
        bencher.iter(|| {
            let series = WriteRequest::new(black_box(&raw)).flatten();
            series
                .map(|item| if let Item::Series(series) = item { series.labels().flatten().count() } else { 0 })
                .sum::<usize>()
        });
    });
    let mut out = Vec::new();
    group.bench_function("decompress", |bencher| {
        bencher.iter(|| decompress(black_box(&compressed), usize::MAX, &mut out).map(<[u8]>::len));
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
