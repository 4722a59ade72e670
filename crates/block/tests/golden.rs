//! Files of every format version stay readable, and writing stays the same within a version.
//!
//! `UPDATE=1 cargo test -p bongsu-block --test golden` writes the file of the current version anew.
#![expect(clippy::unwrap_used, reason = "a test: a panic is the failure message")]

use std::fmt::Write as _;
use std::path::Path;

use bongsu_block::{Block, BlockWriter, Effort, WriteOptions};
use bongsu_model::{Labels, STALE_NAN, SampleBuffer};

const VERSION_1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/version-1.block");

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

fn write(path: &Path) {
    let options = WriteOptions { effort: Effort::Small, chunk_samples_max: 64, level: 1, start_ms_min: 0 };
    let mut writer = BlockWriter::create(path, options).unwrap();
    series().iter().for_each(|(labels, samples)| writer.push(labels, samples).unwrap());
    writer.finish().unwrap();
}

/// Labels, times and the bits of the values.
fn print(labels: &Labels, samples: &SampleBuffer) -> String {
    let mut text = labels.to_string();
    for (time, value) in samples.timestamps_ms.iter().zip(&samples.values) {
        write!(text, " {:016x}@{time}", value.to_bits()).unwrap();
    }
    text
}

#[test]
fn version_1_is_read() {
    if std::env::var_os("UPDATE").is_some() {
        write(Path::new(VERSION_1));
    }
    let block = Block::open(Path::new(VERSION_1)).unwrap();
    block.verify().unwrap();
    let numbers = block.select(&[]).unwrap();
    assert_eq!(numbers.len(), series().len());
    for (number, (labels, samples)) in numbers.into_iter().zip(series()) {
        let mut back = SampleBuffer::default();
        block.read(number, i64::MIN, i64::MAX, &mut back).unwrap();
        assert_eq!(print(&block.labels(number).unwrap(), &back), print(&labels, &samples));
    }
}

#[test]
fn the_same_bytes_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.block");
    write(&path);
    assert!(
        std::fs::read(&path).unwrap() == std::fs::read(VERSION_1).unwrap(),
        "the writer makes other bytes than those in {VERSION_1}: fine if meant (and readable), then run with UPDATE=1"
    );
}
