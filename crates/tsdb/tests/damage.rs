//! Files whose bytes are not those that were written: the start or the reader says which file it is, nothing wrong is
//! answered, and the rest answers.
//!
//! `BONGSU_DAMAGE_ROUNDS=10000` asks for more rounds than the few of every day; what was damaged how is printed on failure.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic in a test is the failure message")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_block::Block;
use bongsu_model::{Exemplar, Labels, ManualClock, MatchOp, Matcher, MetricMetadata, MetricType, Sample, SampleBuffer};
use bongsu_model::{Selection, Source};
use bongsu_tsdb::{OpenReport, Options, Protocol, Store};
use bongsu_wire::remote_write::{SeriesData, WriteRequestBuilder};
use common::{HOUR_MS, START_MS, TestStore, body, labels, tenant};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const SERIES: usize = 40;

/// All files under a directory, by their place in it.
type Tree = BTreeMap<PathBuf, Vec<u8>>;

fn tree(dir: &Path, root: &Path, into: &mut Tree) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tree(&path, root, into);
        } else {
            into.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
}

fn plant(tree: &Tree) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, content) in tree {
        fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
        fs::write(dir.path().join(path), content).unwrap();
    }
    dir
}

fn series_name(series: usize) -> String {
    format!("m series={series}")
}

/// A store with a file of every kind: blocks of two levels, metadata, exemplars, tombstones, and a log.
fn everything() -> Tree {
    let mut store = TestStore::new();
    for round in 0..4_i64 {
        for part in 0..3 {
            let time_ms = START_MS + round * HOUR_MS + part * 600_000;
            let all =
                (0..SERIES).map(|series| (labels(&series_name(series)), vec![(time_ms, (round * 10 + part) as f64)]));
            store.write("a", &all.collect::<Vec<_>>()).unwrap().wait().unwrap();
            store.flush().unwrap();
        }
        store.clock.advance_ms(HOUR_MS);
        if round == 2 {
            store.merge().unwrap();
        }
    }
    let metadata = MetricMetadata { metric_type: MetricType::Gauge, help: "help".to_owned(), unit: String::new() };
    store.put_metadata("m", &metadata);
    let mut request = WriteRequestBuilder::new();
    let samples = [Sample { timestamp_ms: START_MS + 4 * HOUR_MS, value: 1.0 }];
    let exemplars =
        [Exemplar { labels: Labels::from_pairs([("id", "x")]), value: 1.0, timestamp_ms: START_MS + 4 * HOUR_MS }];
    let data = SeriesData { samples: &samples, histograms: &[], exemplars: &exemplars };
    request.push_series_data(&labels(&series_name(0)), &data);
    store.write_body(&body(&request));
    let matcher = Matcher::new("series", MatchOp::Equal, "1").unwrap();
    store.delete_series(&tenant("a"), &[matcher], START_MS, START_MS + HOUR_MS).unwrap();
    for i in 0..20 {
        store.put(&series_name(2), &[(START_MS + 4 * HOUR_MS + i, f64::from(i as u32))]);
    }
    store.kill_and_reopen();
    let mut files = Tree::new();
    tree(store.dir.path(), store.dir.path(), &mut files);
    files.retain(|path, _| path.file_name().is_some_and(|name| name != "lock"));
    files
}

type Samples = BTreeMap<(usize, i64), u64>;

struct Opened {
    store: Store,
    report: OpenReport,
    _dir: tempfile::TempDir,
}

fn open(files: &Tree) -> Opened {
    try_open(files).unwrap()
}

fn try_open(files: &Tree) -> Result<Opened, String> {
    let dir = plant(files);
    let mut options = Options::new(dir.path());
    options.clock = Arc::new(ManualClock::new(START_MS + 5 * HOUR_MS));
    let (store, report) = Store::open(options).map_err(|error| error.to_string())?;
    Ok(Opened { store, report, _dir: dir })
}

impl Opened {
    /// What each series has in each hour, and what reading said otherwise.
    fn read(&self) -> (Samples, Vec<String>) {
        let (mut samples, mut errors) = (Samples::new(), Vec::new());
        for hour in 0..5 {
            for series in 0..SERIES {
                match self.read_one(series, START_MS + hour * HOUR_MS) {
                    Ok(found) => samples.extend(found),
                    Err(error) => errors.push(error),
                }
            }
        }
        (samples, errors)
    }

    fn read_one(&self, series: usize, start_ms: i64) -> Result<Samples, String> {
        let matchers = vec![Matcher::new("series", MatchOp::Equal, series.to_string()).unwrap()];
        let selection = Selection { matchers, start_ms, end_ms: start_ms + HOUR_MS - 1, series_max: 1000 };
        let reader = self.store.reader(&tenant("a"));
        let set = reader.select(&selection).map_err(|error| error.to_string())?;
        let mut found = Samples::new();
        for place in 0..set.len() {
            let mut buffer = SampleBuffer::default();
            set.read(place, &mut buffer).map_err(|error| error.to_string())?;
            let pairs = buffer.timestamps_ms.iter().zip(&buffer.values);
            found.extend(pairs.map(|(time_ms, value)| ((series, *time_ms), *value as u64)));
        }
        Ok(found)
    }
}

/// Changes some bytes, and says which.
fn damage(content: &mut Vec<u8>, random: &mut StdRng) -> String {
    let at = random.random_range(0..content.len());
    match random.random_range(0..10) {
        0 => {
            content.truncate(at);
            format!("cut at {at}")
        }
        1 => {
            let end = (at + 512).min(content.len());
            content[at..end].fill(0);
            format!("zeros from {at} to {end}")
        }
        _ => {
            let bit = random.random_range(0..8);
            content[at] ^= 1 << bit;
            format!("bit {bit} of byte {at}")
        }
    }
}

/// The blocks that can be read no more, as a thorough look tells.
fn verify(files: &Tree, path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "block")
        && Block::from_bytes(path, files[path].clone()).and_then(|block| block.verify()).is_err()
}

#[test]
fn damage_is_found_named_and_survived_in_every_kind_of_file() {
    let files = everything();
    let kinds: BTreeSet<_> = files.keys().map(|path| kind(path)).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["block", "exemplars", "log", "metadata", "tombstones"]);
    let whole = open(&files);
    let (baseline, errors) = whole.read();
    assert_eq!((errors.len(), whole.report.damaged.len(), whole.report.log.dropped.len()), (0, 0, 0));
    let deleted: BTreeSet<_> =
        [(1, START_MS), (1, START_MS + 600_000), (1, START_MS + 1_200_000), (1, START_MS + HOUR_MS)].into();
    let rounds = std::env::var("BONGSU_DAMAGE_ROUNDS").map_or(150, |text| text.parse().unwrap());
    for seed in 0..rounds {
        let mut random = StdRng::seed_from_u64(seed);
        let path = files.keys().nth(random.random_range(0..files.len())).unwrap();
        let mut changed = files.clone();
        let what = damage(changed.get_mut(path).unwrap(), &mut random);
        if changed == files {
            continue;
        }
        let case = format!("seed {seed}: {}: {what}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap();
        let damaged = match try_open(&changed) {
            Ok(damaged) => damaged,
            // A bit of a version.
            Err(error) => {
                assert!(error.contains(name) && error.contains("newer"), "{case}: {error}");
                continue;
            }
        };
        let (samples, errors) = damaged.read();
        let dropped = &damaged.report.log.dropped;
        let told = damaged.report.damaged.iter().any(|text| text.contains(name))
            || dropped.iter().any(|dropped| dropped.segment.ends_with(path));
        assert!(errors.iter().all(|error| error.contains(name)), "{case}: {errors:?}");
        assert!(told || !errors.is_empty() || verify(&changed, path), "{case}: nobody noticed");
        for (place, value) in &samples {
            let right = baseline.get(place) == Some(value) || (kind(path) == "tombstones" && deleted.contains(place));
            assert!(right, "{case}: {place:?} is {value}, not {:?}", baseline.get(place));
        }
        match kind(path) {
            "block" | "log" => {
                let lost = baseline.len() - samples.len();
                assert!(lost <= baseline.len() / 2, "{case}: {lost} of {} are not answered", baseline.len());
            }
            _ => assert!(baseline.keys().all(|place| samples.contains_key(place)), "{case}"),
        }
        go_on(&damaged.store, name, &case);
    }
}

fn kind(path: &Path) -> &'static str {
    match path.file_name().unwrap().to_str().unwrap() {
        "metadata" => "metadata",
        "exemplars" => "exemplars",
        "tombstones" => "tombstones",
        name if name.ends_with(".block") => "block",
        _ => "log",
    }
}

/// Writes, flushes and merges go on: only what has to read the damaged file fails, and names it.
fn go_on(store: &Store, name: &str, case: &str) {
    let mut request = WriteRequestBuilder::new();
    let samples = [Sample { timestamp_ms: START_MS + 4 * HOUR_MS, value: 77.0 }];
    request.push_series(&labels("new"), &samples);
    store.write(&tenant("a"), Protocol::RemoteWrite1, &body(&request)).unwrap().wait().unwrap();
    store.flush().unwrap_or_else(|error| panic!("{case}: {error}"));
    if let Err(error) = store.merge() {
        assert!(error.to_string().contains(name), "{case}: {error}");
    }
    let matcher = Matcher::new("__name__", MatchOp::Equal, "new").unwrap();
    let (start_ms, end_ms) = (samples[0].timestamp_ms, samples[0].timestamp_ms);
    let selection = Selection { matchers: vec![matcher], start_ms, end_ms, series_max: 10 };
    let reader = store.reader(&tenant("a"));
    match reader.select(&selection) {
        Ok(found) => assert_eq!(found.len(), 1, "{case}"),
        Err(error) => assert!(error.to_string().contains(name), "{case}: {error}"),
    }
}

#[test]
fn files_of_a_newer_version_are_refused_with_what_to_do_and_left_alone() {
    let files = everything();
    for path in files.keys() {
        let mut changed = files.clone();
        let content = changed.get_mut(path).unwrap();
        match kind(path) {
            "block" => {
                let version = content.len() - 12;
                content[version] = 50;
            }
            "log" => {
                content[8] = 2;
                let crc = crc32c::crc32c(&content[..28]);
                content[28..32].copy_from_slice(&crc.to_le_bytes());
            }
            _ => content[7] = b'2',
        }
        let error = try_open(&changed).err().unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(error.contains(name) && error.contains("start ") && error.contains("newer"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn samples_whose_record_of_labels_is_damaged_are_told_and_go_to_no_other_series() {
    let store = TestStore::new();
    for minute in 0..3 {
        for series in ["a", "b"] {
            store.put(series, &[(START_MS + minute * 60_000, minute as f64)]);
        }
    }
    let mut files = Tree::new();
    tree(store.dir.path(), store.dir.path(), &mut files);
    let log = files.iter_mut().find(|(path, content)| kind(path) == "log" && !content.is_empty()).unwrap().1;
    // In the first record, which has the labels of `a`.
    log[100] ^= 1;
    let damaged = open(&files);
    let told: Vec<_> = damaged.report.damaged.iter().map(String::as_str).collect();
    assert_eq!(
        told,
        ["log record: 2 samples in 2 records are left out: the records with the labels of their series are lost"]
    );
    assert_eq!((damaged.report.log.dropped.len(), damaged.report.replayed_samples), (1, 3));
}

#[test]
fn a_record_of_a_newer_version_in_the_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let options = bongsu_log::Options::default();
    let (log, _) = bongsu_log::Log::open(&dir.path().join("log"), options, &mut |_, _| {}).unwrap();
    log.append(&[b"\x02\x01 and what else there may be"]).unwrap().1.wait().unwrap();
    drop(log);
    let error = Store::open(Options::new(dir.path())).unwrap_err().to_string();
    let expected =
        "the write-ahead log at position 0 was written by a newer version of Bongsu: start that one, or a later one";
    assert_eq!(error, expected);
}

#[test]
fn a_file_that_cannot_be_read_fails_the_start_as_it_may_be_sound() {
    for name in ["metadata", "exemplars", "tombstones"] {
        let dir = plant(&everything());
        let path = dir.path().join("tenants/a").join(name);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let error = Store::open(Options::new(dir.path())).unwrap_err().to_string();
        assert!(error.starts_with("cannot read ") && error.contains(name), "{error}");
    }
}

#[test]
fn a_damaged_index_is_told_before_a_query_meets_it() {
    let mut files = everything();
    let path = files.keys().find(|path| path.to_string_lossy().ends_with(".block")).unwrap().clone();
    let bytes = files.get_mut(&path).unwrap();
    // Sections stand between the pages and the footer.
    let at = bytes.len() - bongsu_block::FOOTER_BYTES - 20;
    bytes[at] ^= 1;
    let opened = open(&files);
    assert_eq!(opened.report.damaged, Vec::<String>::new(), "a start looks at footers alone");
    let mut told = Vec::new();
    opened.store.check_indexes(&mut |text| told.push(text.to_owned()));
    assert!(told.len() == 1 && told[0].contains(path.file_name().unwrap().to_str().unwrap()), "{told:?}");
    assert_eq!(opened.store.stats().damaged_blocks, 1);
}
