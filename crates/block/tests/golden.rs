//! Files of every format version stay readable, and writing stays the same within the last version. Older files have columns
//! that are not written any more.
//!
//! `UPDATE=1 cargo test -p bongsu-block --test golden` writes the last one anew.
#![expect(clippy::unwrap_used, reason = "a test: a panic is the failure message")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use bongsu_block::{Block, BlockWriter, Coarse, Effort, WriteOptions};
use bongsu_model::{BucketSpan, FloatHistogram, Labels, ResetHint, STALE_NAN, SampleBuffer};

const VERSION_1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/version-1.block");
const VERSION_2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/version-2.block");
const VERSION_4: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/version-4.block");
const VERSION_3: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/version-3.block");

/// A value by the number of its sample.
type Value = fn(i64) -> f64;

/// One series for each codec, form and kind of exception; two of each so that postings have neighbours and gaps.
fn series() -> Vec<(Labels, SampleBuffer)> {
    let columns: [(&str, Value); 8] = [
        ("constant", |_| 1.0),
        ("counter", |i| (1_000_000 + i * 100 + i * i % 7) as f64),
        ("decimals", |i| (i * 37 % 1000) as f64 / 1000.0),
        ("ends", |i| if i == 99 { STALE_NAN } else { 2.5 }),
        ("floats", |i| 1.0 / (i + 3) as f64),
        ("nothing", |_| f64::NAN),
        ("odd", |i| {
            [7.0, f64::INFINITY, -0.0, f64::from_bits(0x7ff8_dead_beef_0001)]
                [(i / 33) as usize % 4 * usize::from(i % 33 == 5)]
        }),
        ("pages", |i| (i % 16 * 4096) as f64),
    ];
    let mut all = Vec::new();
    for (name, value) in columns {
        for host in ["a", "b"] {
            let labels = Labels::from_pairs([("__name__", name), ("instance", host), ("job", "golden")]);
            let mut samples = SampleBuffer::default();
            for i in 0..100 {
                let late_ms = if host == "b" && i == 50 { 7 } else { 0 };
                samples.push(1_700_000_000_000 + i * 15_000 + late_ms, value(i));
            }
            all.push((labels, samples));
        }
    }
    all
}

/// What needs version 2: native histograms of all layouts, in a series of their own and among floats, and samples that are
/// known to have begun at some time.
fn histogram_series() -> Vec<(Labels, SampleBuffer)> {
    let mut all = Vec::new();
    for name in ["bounds", "latency"] {
        let mut samples = SampleBuffer::default();
        for i in 0..100 {
            let time_ms = 1_700_000_000_000 + i * 15_000;
            match (name, i) {
                ("latency", 40..60) => samples.push(time_ms, i as f64),
                ("latency", 99) => samples.histograms.push((time_ms, Arc::new(FloatHistogram::stale()))),
                ("latency", _) => samples.histograms.push((time_ms, Arc::new(latency(i)))),
                _ => samples.histograms.push((time_ms, Arc::new(with_bounds(i)))),
            }
        }
        samples.start_timestamps_ms = samples.timestamps_ms.iter().map(|time_ms| time_ms - 15_000).collect();
        samples.histogram_start_timestamps_ms = (0..70).map(|i| 1_699_999_999_000 * i64::from(i > 10)).collect();
        all.push((Labels::from_pairs([("__name__", name), ("job", "golden")]), samples));
    }
    all
}

fn latency(i: i64) -> FloatHistogram {
    FloatHistogram {
        reset_hint: [ResetHint::Reset, ResetHint::NotReset, ResetHint::Unknown][i.min(2) as usize],
        schema: 3,
        zero_threshold: 2.938_735_877_055_719e-39,
        zero_count: (i / 3) as f64,
        count: (i * 7) as f64,
        sum: i as f64 / 7.0,
        positive_spans: vec![BucketSpan { offset: -4, length: 2 }, BucketSpan { offset: 3, length: 2 }],
        positive_buckets: vec![i as f64, 5.0, (i * i % 11) as f64, 0.5],
        negative_spans: vec![BucketSpan { offset: 1, length: 1 }],
        negative_buckets: vec![if i == 7 { -0.0 } else { i as f64 }],
        custom_bounds: Vec::new(),
    }
}

fn with_bounds(i: i64) -> FloatHistogram {
    FloatHistogram {
        reset_hint: ResetHint::Gauge,
        schema: FloatHistogram::CUSTOM_BUCKETS,
        count: i as f64,
        sum: 12.5,
        positive_spans: vec![BucketSpan { offset: 0, length: 3 }],
        positive_buckets: vec![1.0, i as f64, 2.0],
        custom_bounds: vec![0.1, if i < 70 { 0.5 } else { 0.6 }],
        ..FloatHistogram::default()
    }
}

/// What needs version 4: bins of words of all widths, with and without differences, a factor and pages, and seconds that
/// were rounded in other ways than decimals are.
fn binned_series() -> Vec<(Labels, SampleBuffer)> {
    let columns: [(&str, Value); 7] = [
        ("a_flags", |i| (i * i / 7 % 2) as f64),
        ("b_pages", |i| ((i * i * i % 1009) * 4096) as f64),
        ("c_gauge", |i| (i * i * i % 600_011) as f64),
        ("d_counter", |i| (1_i64 << 40) as f64 + (i * 1000 + i * i % 251) as f64),
        ("e_floats", |i| 1.0 / (i * i % 5_003 + 3) as f64),
        ("f_disk", |i| (29_137 + i * 211 + i * i % 97) as f64 * 0.001),
        ("g_pressure", |i| (465_962 + i * 4_001 + i * i % 997) as f64 / 1000.0 / 1000.0),
    ];
    let of_column = |(name, value): (&str, Value)| {
        let mut samples = SampleBuffer::default();
        let count = if name == "e_floats" { 200 } else { 2100 };
        (0..count).for_each(|i| samples.push(1_700_000_000_000 + i * 15_000, value(i)));
        samples.values[170] = STALE_NAN;
        (Labels::from_pairs([("__name__", name), ("job", "golden")]), samples)
    };
    columns.map(of_column).into()
}

fn write(path: &Path, series: &[(Labels, SampleBuffer)], effort: Effort) {
    let options = WriteOptions { effort, level: 1, start_ms_min: 0, ..WriteOptions::default() };
    let mut writer = BlockWriter::create(path, options).unwrap();
    series.iter().for_each(|(labels, samples)| writer.push(labels, samples).unwrap());
    writer.finish().unwrap();
}

/// Labels, times and the bits of the values.
fn print(labels: &Labels, samples: &SampleBuffer) -> String {
    let mut text = labels.to_string();
    for (time, value) in samples.timestamps_ms.iter().zip(&samples.values) {
        write!(text, " {:016x}@{time}", value.to_bits()).unwrap();
    }
    for (time, histogram) in &samples.histograms {
        write!(text, " {histogram:?}@{time}").unwrap();
    }
    let of_floats = samples.start_timestamps_ms.iter().chain(std::iter::repeat(&0)).take(samples.values.len());
    let starts = &samples.histogram_start_timestamps_ms;
    let of_histograms = starts.iter().chain(std::iter::repeat(&0)).take(samples.histograms.len());
    write!(text, " since {:?}", of_floats.chain(of_histograms).collect::<Vec<_>>()).unwrap();
    text
}

#[track_caller]
fn check_golden(golden: &str, series: &[(Labels, SampleBuffer)]) {
    let block = Block::open(Path::new(golden)).unwrap();
    block.verify().unwrap();
    let numbers = block.select(&[]).unwrap();
    assert_eq!(numbers.len(), series.len());
    for (number, (labels, samples)) in numbers.into_iter().zip(series) {
        let mut back = SampleBuffer::default();
        block.read(number, i64::MIN, i64::MAX, &mut back).unwrap();
        assert_eq!(print(&block.labels(number).unwrap(), &back), print(labels, samples));
    }
}

/// What version a flush of the series needs.
fn version_of_flush(series: &[(Labels, SampleBuffer)]) -> u32 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.block");
    write(&path, series, Effort::Fast);
    Block::open(&path).unwrap().inspect().unwrap().version
}

#[test]
fn version_1_is_read_and_written_for_flushes_of_floats() {
    check_golden(VERSION_1, &series());
    assert_eq!(version_of_flush(&series()), 1);
}

#[test]
fn version_2_is_read_and_written_for_flushes_of_histograms() {
    check_golden(VERSION_2, &histogram_series());
    assert_eq!(version_of_flush(&histogram_series()), 2);
}

#[test]
fn version_4_is_read_and_written_the_same() {
    let series = binned_series();
    if std::env::var_os("UPDATE").is_some() {
        write(Path::new(VERSION_4), &series, Effort::Small);
    }
    check_golden(VERSION_4, &series);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.block");
    write(&path, &series, Effort::Small);
    assert!(
        std::fs::read(&path).unwrap() == std::fs::read(VERSION_4).unwrap(),
        "the writer makes other bytes than those in {VERSION_4}: fine if meant (and readable), then run with UPDATE=1"
    );
    let codecs: Vec<String> =
        Block::open(&path).unwrap().inspect().unwrap().codecs.into_iter().map(|codec| codec.name).collect();
    for form in ["decimal", "float bits", "times 0.001", "by 1000 twice"] {
        assert!(codecs.iter().any(|name| name.starts_with(&format!("bins, {form}"))), "{codecs:?}");
    }
}

/// The buckets of the series of both other files, at a resolution of five minutes.
fn write_buckets(path: &Path) {
    let options = WriteOptions { effort: Effort::Fast, level: 2, resolution_secs: 300, ..WriteOptions::default() };
    let inputs = [Block::open(Path::new(VERSION_1)).unwrap(), Block::open(Path::new(VERSION_2)).unwrap()];
    let sealed = bongsu_block::downsample(&inputs, path, options, &|_, _| Vec::new(), &|| false).unwrap();
    sealed.publish().unwrap();
}

#[test]
fn version_3_is_read_and_written_for_buckets() {
    let block = Block::open(Path::new(VERSION_3)).unwrap();
    block.verify().unwrap();
    assert_eq!(block.meta().resolution_ms, 300_000);
    let mut all = series();
    all.extend(histogram_series());
    all.sort_by(|a, b| a.0.cmp(&b.0));
    for (number, (labels, samples)) in (0..block.meta().series_count).zip(&all) {
        assert_eq!(block.labels(number).unwrap(), *labels);
        let mut coarse = Coarse::default();
        block.read_coarse(number, i64::MIN, i64::MAX, &mut coarse).unwrap();
        assert_eq!(format!("{coarse:?}"), format!("{:?}", Coarse::of(samples, 300_000)), "{labels}");
        let mut lasts = SampleBuffer::default();
        block.read(number, i64::MIN, i64::MAX, &mut lasts).unwrap();
        let is_sample = |time_ms: &i64| samples.timestamps_ms.contains(time_ms);
        assert!(lasts.timestamps_ms.iter().all(is_sample), "who does not know buckets gets real samples: {labels}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.block");
    write_buckets(&path);
    assert_eq!(Block::open(&path).unwrap().inspect().unwrap().version, 3);
}
