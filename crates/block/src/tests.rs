//! Whole blocks: written, asked, merged, damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bongsu_model::{BucketSpan, FloatHistogram, Labels, MatchOp, Matcher, STALE_NAN, SampleBuffer};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::footer::{FOOTER_BYTES, Footer, HEADER_BYTES};
use crate::section::Kind;
use crate::{Block, BlockMeta, BlockWriter, Effort, Error, WriteOptions, histograms, merge};

/// Series with their samples.
type Table = BTreeMap<Labels, BTreeMap<i64, Value>>;

/// A float by its bits, so that NaN compares, or a histogram.
#[derive(Clone)]
enum Value {
    Float(u64),
    Histogram(Arc<FloatHistogram>),
    /// One of the others, with the time its counting began.
    Since(i64, Box<Value>),
}

impl Value {
    fn text(&self) -> String {
        match self {
            Self::Float(bits) => f64::from_bits(*bits).to_string() + &format!("={bits:x}"),
            Self::Histogram(histogram) => histograms::tests::text(histogram),
            Self::Since(start_ms, value) => format!("{} since {start_ms}", value.text()),
        }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text())
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

fn write(path: &Path, table: &Table, options: WriteOptions) -> BlockMeta {
    let mut writer = BlockWriter::create(path, options).unwrap();
    for (labels, samples) in table {
        writer.push(labels, &buffer(samples)).unwrap();
    }
    writer.finish().unwrap()
}

fn buffer(samples: &BTreeMap<i64, Value>) -> SampleBuffer {
    let mut buffer = SampleBuffer::default();
    for (time, value) in samples {
        let (start_ms, value) = match value {
            Value::Since(start_ms, value) => (*start_ms, &**value),
            value => (0, value),
        };
        if let Value::Histogram(histogram) = value {
            buffer.histograms.push((*time, Arc::clone(histogram)));
            buffer.set_last_histogram_start(start_ms);
        } else if let Value::Float(bits) = value {
            buffer.push(*time, f64::from_bits(*bits));
            buffer.set_last_start(start_ms);
        }
    }
    buffer
}

fn read_between(block: &Block, start_ms: i64, end_ms: i64) -> Result<Table, Error> {
    let mut table = Table::new();
    for series in block.select(&[])? {
        let mut samples = SampleBuffer::default();
        block.read(series, start_ms, end_ms, &mut samples)?;
        let since = |starts: &[i64], place: usize, value| match starts.get(place) {
            None | Some(0) => value,
            Some(start_ms) => Value::Since(*start_ms, Box::new(value)),
        };
        let floats = samples.values.iter().enumerate().map(|(place, value)| {
            let value = Value::Float(value.to_bits());
            (samples.timestamps_ms[place], since(&samples.start_timestamps_ms, place, value))
        });
        let histograms = samples.histograms.iter().enumerate().map(|(place, (time, histogram))| {
            let value = Value::Histogram(Arc::clone(histogram));
            (*time, since(&samples.histogram_start_timestamps_ms, place, value))
        });
        table.insert(block.labels(series)?, floats.chain(histograms).collect());
    }
    Ok(table)
}

fn read_all(block: &Block) -> Table {
    read_between(block, i64::MIN, i64::MAX).unwrap()
}

/// A histogram that gets more buckets after a while and ends, with floats in its midst.
fn latency(i: i64) -> Value {
    let buckets = if i < 30 { 3 } else { 5 };
    match i {
        20..25 => Value::Float((i as f64).to_bits()),
        39 => Value::Histogram(Arc::new(FloatHistogram::stale())),
        _ => Value::Histogram(Arc::new(FloatHistogram {
            schema: 3,
            count: (i * 7) as f64,
            sum: i as f64 / 3.0,
            positive_spans: vec![BucketSpan { offset: -3, length: 1 }, BucketSpan { offset: 2, length: buckets - 1 }],
            positive_buckets: (0..buckets).map(|bucket| (i * i64::from(bucket)) as f64).collect(),
            ..FloatHistogram::default()
        })),
    }
}

/// Two hosts, scraped together, with a series that ends and one of histograms.
fn small_table() -> Table {
    let mut table = Table::new();
    for host in ["a", "b"] {
        let start = if host == "a" { 1_700_000_000_000_i64 } else { 1_700_000_003_217 };
        for (metric, value) in [
            ("up", (|_| 1.0) as fn(i64) -> f64),
            ("requests_total", |i| (i * 37 + i % 5) as f64),
            ("cpu_seconds_total", |i| (i * 1234 + i * i % 17) as f64 / 100.0),
            ("temperature_celsius", |i| 20.0 + (i as f64 / 7.0).sin()),
            ("gone", |i| if i == 39 { STALE_NAN } else { 3.0 }),
        ] {
            let labels = Labels::from_pairs([("__name__", metric), ("instance", host), ("job", "node")]);
            let samples =
                (0..40).map(|i| (start + i * 15_000 + i64::from(i == 11) * 3, Value::Float(value(i).to_bits())));
            table.insert(labels, samples.collect());
        }
        let labels = Labels::from_pairs([("__name__", "latency_seconds"), ("instance", host), ("job", "node")]);
        let since = |i, value| if i < 35 { Value::Since(start - 1000, Box::new(value)) } else { value };
        table.insert(labels, (0..40).map(|i| (start + i * 15_000, since(i, latency(i)))).collect());
    }
    table
}

fn small() -> WriteOptions {
    WriteOptions { effort: Effort::Small, ..WriteOptions::default() }
}

#[test]
fn what_is_written_is_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("one.block");
    let table = small_table();
    let written = write(&path, &table, WriteOptions { level: 3, chunk_samples_max: 16, ..WriteOptions::default() });
    let block = Block::open(&path).unwrap();
    block.verify().unwrap();
    assert_eq!(block.meta(), &written);
    assert_eq!((written.series_count, written.sample_count, written.chunk_count, written.level), (12, 480, 38, 3));
    assert_eq!((written.min_time_ms, written.max_time_ms), (1_700_000_000_000, 1_700_000_588_217));
    assert_eq!(read_all(&block), table);
    assert_eq!(block.label_names().unwrap(), ["__name__", "instance", "job"]);
    assert_eq!(block.label_values("instance").unwrap(), ["a", "b"]);
    assert!(block.label_values("nope").unwrap().is_empty());
    let on_b = [Matcher::equal("instance", "b"), Matcher::new("__name__", MatchOp::Regex, "u.*|gone").unwrap()];
    assert_eq!(block.label_values_where("__name__", &on_b).unwrap(), ["gone", "up"]);
    assert!(!folder.path().join("one.block.tmp").exists());
}

#[test]
fn ranges_include_both_ends() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("one.block");
    let table = small_table();
    write(&path, &table, WriteOptions { chunk_samples_max: 7, ..WriteOptions::default() });
    let block = Block::open(&path).unwrap();
    let start = 1_700_000_000_000;
    for (from, to) in [(start, start), (start + 1, start + 14_999), (start + 30_000, start + 250_000), (0, start - 1)] {
        let mut wanted = table.clone();
        wanted.values_mut().for_each(|samples| samples.retain(|time, _| (from..=to).contains(time)));
        assert_eq!(read_between(&block, from, to).unwrap(), wanted);
    }
}

#[test]
fn a_block_without_series_is_valid() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("empty.block");
    let meta = write(&path, &Table::new(), WriteOptions::default());
    let block = Block::open(&path).unwrap();
    block.verify().unwrap();
    assert_eq!((meta.series_count, meta.min_time_ms, meta.max_time_ms), (0, i64::MAX, i64::MIN));
    assert!(block.select(&[Matcher::equal("a", "b")]).unwrap().is_empty());
    assert!(block.labels(0).is_err() && block.read(0, 0, 1, &mut SampleBuffer::default()).is_err());
}

#[test]
fn input_that_breaks_the_rules_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("one.block");
    let mut writer = BlockWriter::create(&path, WriteOptions::default()).unwrap();
    let labels = |name: &str| Labels::from_pairs([("__name__", name)]);
    let samples = buffer(&BTreeMap::from([(1, Value::Float(0)), (2, Value::Float(0))]));
    let mut backwards = samples.clone();
    backwards.timestamps_ms.reverse();
    let mut histogram = samples.clone();
    let mut both = samples.clone();
    both.histograms.push((2, Arc::default()));
    let one_bucket = FloatHistogram { positive_buckets: vec![1.0], ..FloatHistogram::default() };
    histogram.histograms.push((3, Arc::new(one_bucket)));
    writer.push(&labels("b"), &samples).unwrap();
    for (name, samples, reason) in [
        ("b", &samples, "cannot store series b in a block: series must come in the order of their labels, each once"),
        ("a", &samples, "cannot store series a in a block: series must come in the order of their labels, each once"),
        ("c", &backwards, "cannot store series c in a block: times must ascend, each in one kind of samples"),
        ("c", &both, "cannot store series c in a block: times must ascend, each in one kind of samples"),
        ("c", &histogram, "cannot store series c in a block: a histogram needs as many buckets as its spans tell"),
    ] {
        assert_eq!(writer.push(&labels(name), samples).unwrap_err().to_string(), reason);
    }
    drop(writer);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a dropped writer leaves nothing behind");
}

#[test]
fn later_blocks_win_and_old_samples_go() {
    let folder = TempDir::new().unwrap();
    let block = |name: &str, table: &[(&str, &[(i64, f64)])]| {
        let path = folder.path().join(name);
        let series = table.iter().map(|(metric, samples)| {
            let bits = samples.iter().map(|(time, value)| (*time, Value::Float(value.to_bits()))).collect();
            (Labels::from_pairs([("__name__", metric)]), bits)
        });
        write(&path, &series.collect(), WriteOptions::default());
        Block::open(&path).unwrap()
    };
    let blocks = [
        block("1", &[("a", &[(10, 1.0), (20, 2.0), (40, 4.0)]), ("old", &[(1, 1.0)])]),
        block("2", &[("a", &[(20, 22.0), (30, 33.0)]), ("b", &[(15, 5.0)])]),
        block("3", &[("a", &[(50, 5.0)]), ("b", &[(5, 1.0), (15, 55.0)])]),
    ];
    let path = folder.path().join("merged");
    let cancelled = merge(&blocks, &path, small(), &|| true);
    assert!(matches!(cancelled, Err(Error::Cancelled { .. })));
    assert!(std::fs::read_dir(folder.path()).unwrap().all(|file| !file.unwrap().path().ends_with("merged.tmp")));
    merge(&blocks, &path, WriteOptions { start_ms_min: 10, ..small() }, &|| false).unwrap();
    let merged = Block::open(&path).unwrap();
    merged.verify().unwrap();
    let text: Vec<String> = read_all(&merged)
        .iter()
        .map(|(labels, samples)| {
            let samples = buffer(samples);
            let samples =
                samples.timestamps_ms.iter().zip(&samples.values).map(|(time, value)| format!(" {value}@{time}"));
            format!("{labels}{}", samples.collect::<String>())
        })
        .collect();
    assert_eq!(text, ["a 1@10 22@20 33@30 4@40 5@50", "b 55@15"]);
}

#[test]
fn no_flipped_or_missing_byte_is_missed_or_panics() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("one.block");
    let table = small_table();
    write(&path, &table, WriteOptions::default());
    let bytes = std::fs::read(&path).unwrap();
    let bad = folder.path().join("bad.block");
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&bad, &damaged).unwrap();
        let found = Block::open(&bad).and_then(|block| block.verify());
        assert!(found.is_err(), "flipped byte {at} was not noticed");
        std::fs::remove_file(&bad).unwrap();
    }
    for len in (0..bytes.len()).step_by(7) {
        std::fs::write(&bad, &bytes[..len]).unwrap();
        assert!(Block::open(&bad).is_err(), "the first {len} bytes were taken for a block");
        std::fs::remove_file(&bad).unwrap();
    }
}

/// A block with right checksums around whatever stands in its pages and sections.
fn reseal(bytes: &mut Vec<u8>) {
    let path = Path::new("resealed");
    let Ok(mut footer) = Footer::decode(path, bytes) else { return };
    let pages = footer.section(Kind::Pages).offset as usize;
    let mut start = HEADER_BYTES as usize;
    for entry in (pages..pages + footer.section(Kind::Pages).raw_bytes as usize).step_by(12) {
        let end = u64::from_le_bytes(bytes[entry..entry + 8].try_into().unwrap()) as usize;
        let crc = bytes.get(start..end).map_or(0, crc32c::crc32c);
        bytes[entry + 8..entry + 12].copy_from_slice(&crc.to_le_bytes());
        start = end;
    }
    for section in &mut footer.sections {
        section.seal(&bytes[section.offset as usize..][..section.stored_bytes as usize]);
    }
    bytes.truncate(bytes.len() - FOOTER_BYTES);
    bytes.extend_from_slice(&footer.encode());
}

#[test]
fn damage_under_right_checksums_never_panics() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("one.block");
    for effort in [Effort::Fast, Effort::Small] {
        write(&path, &small_table(), WriteOptions { effort, ..WriteOptions::default() });
        let bytes = std::fs::read(&path).unwrap();
        for at in HEADER_BYTES as usize..bytes.len() - FOOTER_BYTES {
            for mask in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= mask;
                reseal(&mut damaged);
                if let Ok(block) = Block::from_bytes(Path::new("damaged"), damaged) {
                    let _ = block.verify();
                    let _ = read_between(&block, 1_700_000_100_000, 1_700_000_200_000);
                    let _ = block.select(&[Matcher::equal("instance", "a"), Matcher::equal("none", "")]);
                }
            }
        }
    }
}

fn label_sets() -> impl Strategy<Value = Labels> {
    let value = prop_oneof![Just(""), Just("a"), Just("ab"), Just("b"), Just("ä")];
    proptest::collection::vec((prop_oneof![Just("x"), Just("y"), Just("z")], value), 0..4).prop_map(Labels::from_pairs)
}

fn tables() -> impl Strategy<Value = Table> {
    let bits = prop_oneof![Just(STALE_NAN.to_bits()), (0..50_i32).prop_map(|i| f64::from(i).to_bits()), any::<u64>()];
    let values = prop_oneof![
        5 => bits.prop_map(Value::Float),
        1 => histograms::tests::histograms().prop_map(|histogram| Value::Histogram(Arc::new(histogram))),
    ];
    let starts = prop_oneof![9 => Just(0), 1 => -2000_i64..1000];
    let values = (values, starts).prop_map(|(value, start_ms)| match start_ms {
        0 => value,
        _ => Value::Since(start_ms, Box::new(value)),
    });
    let samples = proptest::collection::btree_map(-1000_i64..1000, values, 1..60);
    proptest::collection::btree_map(label_sets(), samples, 0..30)
}

fn matchers() -> impl Strategy<Value = Matcher> {
    let op = prop_oneof![Just(MatchOp::Equal), Just(MatchOp::NotEqual), Just(MatchOp::Regex), Just(MatchOp::NotRegex)];
    let value = prop_oneof![
        Just(""),
        Just("a"),
        Just("a.*"),
        Just("a|b"),
        Just(".*"),
        Just(".+"),
        Just("(a|ä)?"),
        Just("[^a]")
    ];
    (prop_oneof![Just("x"), Just("y"), Just("none")], op, value)
        .prop_map(|(name, op, value)| Matcher::new(name, op, value).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_table_comes_back(table in tables(), chunk_samples_max in 1_usize..70, effort_small: bool) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("one.block");
        let effort = if effort_small { Effort::Small } else { Effort::Fast };
        write(&path, &table, WriteOptions { chunk_samples_max, effort, ..WriteOptions::default() });
        let block = Block::open(&path).unwrap();
        block.verify().unwrap();
        prop_assert_eq!(read_all(&block), table);
    }

    #[test]
    fn selects_what_a_scan_selects(table in tables(), matchers in proptest::collection::vec(matchers(), 0..4)) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("one.block");
        write(&path, &table, WriteOptions::default());
        let block = Block::open(&path).unwrap();
        let wanted: Vec<&Labels> = table
            .keys()
            .filter(|labels| matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or(""))))
            .collect();
        let selected: Vec<Labels> =
            block.select(&matchers).unwrap().into_iter().map(|series| block.labels(series).unwrap()).collect();
        prop_assert_eq!(selected.iter().collect::<Vec<_>>(), wanted.clone());
        let values: BTreeSet<&str> = wanted.iter().filter_map(|labels| labels.get("z")).collect();
        prop_assert_eq!(block.label_values_where("z", &matchers).unwrap(), values.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn merged_tables_are_overlaid(tables in proptest::collection::vec(tables(), 0..4)) {
        let folder = TempDir::new().unwrap();
        let (mut blocks, mut wanted) = (Vec::<Arc<Block>>::new(), Table::new());
        for (number, table) in tables.iter().enumerate() {
            let path = folder.path().join(number.to_string());
            write(&path, table, WriteOptions { chunk_samples_max: 13, ..WriteOptions::default() });
            blocks.push(Block::open(&path).unwrap());
            for (labels, samples) in table {
                wanted.entry(labels.clone()).or_default().extend(samples.clone());
            }
        }
        let path = folder.path().join("merged");
        merge(&blocks, &path, small(), &|| false).unwrap();
        prop_assert_eq!(read_all(&Block::open(&path).unwrap()), wanted);
    }
}
