//! Blocks in a bucket: they answer from there, survive its absence, and a new machine has all that was sent.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bongsu_bucket::{Backend, Bucket, BucketConfig, Error, FaultPlan, Faults, Object};
use bongsu_model::{Clock, Labels, ManualClock, Matcher, MetricMetadata, MetricType, SourceErrorKind};
use bongsu_model::{SampleBuffer, Selection, Source, SourceError};
use bongsu_tsdb::{BucketOptions, Options, Protocol, Store};
use bongsu_wire::remote_write::WriteRequestBuilder;
use common::{HOUR_MS, START_MS, body, labels, tenant};

/// What a store has: series, times and values.
type Content = BTreeMap<Labels, Vec<(i64, f64)>>;

/// A backend that only forwards, so that a folder's can stand behind faults.
struct Folder(Bucket);

impl Backend for Folder {
    fn put(&self, key: &str, bytes: bytes::Bytes) -> Result<(), Error> {
        self.0.put(key, &bytes)
    }
    fn put_file(&self, key: &str, file: &Path) -> Result<(), Error> {
        self.0.put_file(key, file).map(|_| ())
    }
    fn get_range(&self, key: &str, range: std::ops::Range<u64>) -> Result<bytes::Bytes, Error> {
        self.0.get_range(key, range)
    }
    fn size_bytes(&self, key: &str) -> Result<u64, Error> {
        self.0.size_bytes(key)
    }
    fn list(&self, _: usize) -> Result<Vec<Object>, Error> {
        self.0.list()
    }
    fn delete(&self, key: &str) -> Result<(), Error> {
        self.0.delete(key)
    }
}

/// A machine with a data directory, and a bucket that it may share with others.
struct Machine {
    dir: PathBuf,
    clock: Arc<ManualClock>,
    objects: PathBuf,
    plan: Arc<FaultPlan>,
    adjust: fn(&mut BucketOptions),
    store: Option<Store>,
}

impl Machine {
    fn new(root: &Path, name: &str, adjust: fn(&mut BucketOptions)) -> Self {
        let (dir, objects) = (root.join(name), root.join("objects"));
        std::fs::create_dir_all(&objects).unwrap();
        let (clock, plan) = (Arc::new(ManualClock::new(START_MS)), FaultPlan::new(1));
        let mut machine = Self { dir, clock, objects, plan, adjust, store: None };
        machine.store = Some(machine.open().unwrap());
        machine
    }

    fn open(&self) -> Result<Store, bongsu_tsdb::Error> {
        let config = format!("url: file://{}", self.objects.display());
        let folder = Folder(Bucket::open(&bongsu_config::parse::<BucketConfig>(&config, "test").unwrap()).unwrap());
        let bucket = Bucket::with_backend("test", Box::new(Faults::new(folder, Arc::clone(&self.plan))));
        let mut bucket = BucketOptions { delete_after: Duration::ZERO, ..BucketOptions::new(Arc::new(bucket)) };
        (self.adjust)(&mut bucket);
        let mut options = Options::new(&self.dir);
        options.clock = self.clock.clone();
        options.bucket = Some(bucket);
        Ok(Store::open(options)?.0)
    }

    fn reopen(&mut self) {
        drop(self.store.take());
        self.store = Some(self.open().unwrap());
    }

    fn put(&self, series: &str, samples: &[(i64, f64)]) {
        let samples: Vec<_> = samples
            .iter()
            .map(|(time_ms, value)| bongsu_model::Sample { timestamp_ms: *time_ms, value: *value })
            .collect();
        let mut request = WriteRequestBuilder::new();
        request.push_series(&labels(series), &samples);
        let written = self.write(&tenant("a"), Protocol::RemoteWrite1, &body(&request)).unwrap();
        assert!(written.rejected.is_none(), "{:?}", written.rejected);
        written.wait().unwrap();
    }

    fn select(&self, start_ms: i64, end_ms: i64) -> Result<Content, SourceError> {
        let selection = Selection { matchers: Vec::new(), start_ms, end_ms, series_max: 1_000_000 };
        let reader = self.reader(&tenant("a"));
        let set = reader.select(&selection)?;
        let mut found = Content::new();
        for place in 0..set.len() {
            let mut buffer = SampleBuffer::default();
            set.read(place, &mut buffer)?;
            let samples: Vec<_> = buffer.timestamps_ms.into_iter().zip(buffer.values).collect();
            if !samples.is_empty() {
                found.insert(set.labels(place)?, samples);
            }
        }
        Ok(found)
    }

    fn all(&self) -> Content {
        self.select(i64::MIN, i64::MAX).unwrap()
    }

    /// Files of the tenant's directory with an end.
    fn files(&self, end: &str) -> Vec<String> {
        list(&self.dir.join("tenants/a"), end)
    }

    fn objects(&self) -> Vec<String> {
        list(&self.objects.join("tenants/a"), ".block")
    }

    /// Until the bucket is asked again after it failed.
    fn sync_when_back(&self) {
        let begun = Instant::now();
        while let Err(error) = self.sync_bucket() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{error}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl std::ops::Deref for Machine {
    type Target = Store;
    fn deref(&self) -> &Store {
        self.store.as_ref().unwrap()
    }
}

fn list(dir: &Path, end: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(end)).collect();
    names.sort();
    names
}

fn all_local(options: &mut BucketOptions) {
    options.local_age_ms = None;
}

fn all_remote(options: &mut BucketOptions) {
    options.local_age_ms = Some(i64::MIN);
}

fn older_than_a_day_is_remote(options: &mut BucketOptions) {
    options.local_age_ms = Some(24 * HOUR_MS);
}

/// Three days of two series, a sample an hour, flushed once a day.
fn fill(machine: &Machine) {
    for day in 0..3 {
        for series in ["m job=a", "m job=b"] {
            let samples: Vec<_> =
                (0..24).map(|hour| (START_MS + (day * 24 + hour) * HOUR_MS, (day * 100 + hour) as f64)).collect();
            machine.clock.set_ms(START_MS + (day + 1) * 24 * HOUR_MS);
            machine.put(series, &samples);
        }
        machine.flush().unwrap();
    }
}

#[test]
fn a_new_machine_has_all_that_was_sent() {
    let root = tempfile::tempdir().unwrap();
    let first = Machine::new(root.path(), "first", all_local);
    fill(&first);
    let mut request = WriteRequestBuilder::new();
    let metadata = MetricMetadata { metric_type: MetricType::Gauge, help: "helps".to_owned(), unit: String::new() };
    request.push_metadata("m", &metadata);
    first.write(&tenant("a"), Protocol::RemoteWrite1, &body(&request)).unwrap().wait().unwrap();
    first.delete_series(&tenant("a"), &[Matcher::equal("job", "b")], START_MS, START_MS + 30 * HOUR_MS).unwrap();
    first.merge().unwrap();
    first.sync_bucket().unwrap();
    assert_eq!(first.objects(), first.files(".block"), "what was merged away is gone from the bucket, too");
    let stats = first.stats().bucket.unwrap();
    assert_eq!((stats.pending_blocks, stats.remote_blocks, stats.last_error), (0, 0, None));

    let second = Machine::new(root.path(), "second", all_local);
    second.clock.set_ms(first.clock.now_ms());
    assert_eq!(second.all(), first.all());
    assert_eq!(second.reader(&tenant("a")).metadata(), first.reader(&tenant("a")).metadata());
    assert_eq!(second.files(".block"), Vec::<String>::new(), "nothing was copied");
    let stats = second.stats().bucket.unwrap();
    assert!(stats.remote_blocks > 0 && stats.cache_bytes > 0, "{stats:?}");

    // It is the owner now: the first one must not send or delete any more.
    first.put("m job=c", &[(START_MS + 71 * HOUR_MS, 1.0)]);
    first.flush().unwrap();
    drop(first);
    let mut first = Machine::new(root.path(), "first", all_local);
    let error = first.sync_bucket().unwrap_err().to_string();
    assert!(error.contains("another data directory has taken it over"), "{error}");
    first.reopen();
    // And its numbers go on behind those of the first.
    second.put("m job=d", &[(START_MS + 71 * HOUR_MS, 2.0)]);
    second.flush().unwrap();
    second.sync_bucket().unwrap();
    let third = Machine::new(root.path(), "third", all_local);
    third.clock.set_ms(second.clock.now_ms());
    assert_eq!(third.all(), second.all());
    assert!(third.all().contains_key(&labels("m job=d")));
}

#[test]
fn copies_leave_the_disk_and_answers_stay() {
    let root = tempfile::tempdir().unwrap();
    let mut machine = Machine::new(root.path(), "one", older_than_a_day_is_remote);
    fill(&machine);
    machine.merge().unwrap();
    let wanted = machine.all();
    machine.sync_bucket().unwrap();
    let stats = machine.stats().bucket.unwrap();
    assert!(stats.remote_blocks >= 1 && stats.local_blocks >= 1 && stats.remote_bytes > 0, "{stats:?}");
    assert_eq!(machine.files(".block").len(), stats.local_blocks);
    assert_eq!(machine.all(), wanted);
    machine.reopen();
    assert_eq!(machine.all(), wanted, "after a restart");
    // Late samples and a merge of what is only there.
    machine.put("m job=a", &[(START_MS + 5 * HOUR_MS, -1.0)]);
    machine.delete_series(&tenant("a"), &[Matcher::equal("job", "b")], i64::MIN, START_MS + 3 * HOUR_MS).unwrap();
    let wanted = machine.all();
    assert_eq!(wanted[&labels("m job=a")][5], (START_MS + 5 * HOUR_MS, -1.0));
    assert_eq!(wanted[&labels("m job=b")][0].0, START_MS + 4 * HOUR_MS);
    machine.sync_bucket().unwrap();
    machine.clean_tombstones().unwrap();
    machine.merge().unwrap();
    assert_eq!(machine.all(), wanted);
    machine.sync_bucket().unwrap();
    assert_eq!(machine.all(), wanted);
    machine.reopen();
    assert_eq!(machine.all(), wanted);
    assert_eq!(machine.objects().len(), machine.stats().blocks);
    assert!(!machine.objects.join("tenants/a/tombstones").exists());
    let second = Machine::new(root.path(), "second", all_local);
    second.clock.set_ms(machine.clock.now_ms());
    assert_eq!(second.all(), wanted, "deleted samples do not come back");
}

#[test]
fn what_the_retention_deletes_leaves_the_bucket_and_stays_away() {
    let root = tempfile::tempdir().unwrap();
    let mut machine = Machine::new(root.path(), "one", all_remote);
    fill(&machine);
    machine.merge().unwrap();
    machine.sync_bucket().unwrap();
    let before = machine.objects().len();
    // 15 days are kept: the first two days go.
    machine.clock.set_ms(START_MS + (15 + 2) * 24 * HOUR_MS);
    machine.put("m job=a", &[(machine.clock.now_ms(), 1.0)]);
    machine.flush().unwrap();
    assert!(machine.enforce_retention().unwrap() > 0);
    let wanted = machine.all();
    machine.reopen();
    assert_eq!(machine.all(), wanted);
    machine.sync_bucket().unwrap();
    assert!(machine.objects().len() < before + 1, "{:?}", machine.objects());
    assert_eq!(machine.objects().len(), machine.stats().blocks);
}

#[test]
fn a_bucket_that_is_away_is_named_and_what_is_here_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let mut machine = Machine::new(root.path(), "one", older_than_a_day_is_remote);
    fill(&machine);
    machine.merge().unwrap();
    machine.sync_bucket().unwrap();
    let wanted = machine.all();
    for round in 0..2 {
        machine.reopen();
        machine.plan.is_away.store(true, Ordering::Relaxed);
        if round == 1 {
            // Also when it is away at the start.
            machine.reopen();
        }
        let error = machine.select(i64::MIN, i64::MAX).unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Unavailable);
        assert!(
            error.message.contains("bucket test") && error.message.contains("no good answer for"),
            "{}",
            error.message
        );
        let newest = START_MS + 71 * HOUR_MS;
        assert_eq!(machine.select(newest, i64::MAX).unwrap().len(), 2, "what is here is answered");
        machine.put("m job=a", &[(newest + HOUR_MS + round, 7.0)]);
        machine.flush().unwrap();
        assert!(machine.sync_bucket().is_err());
        let stats = machine.stats().bucket.unwrap();
        assert!(stats.pending_blocks > 0 && stats.last_error.is_some() && stats.requests.down.is_some(), "{stats:?}");
        machine.plan.is_away.store(false, Ordering::Relaxed);
        machine.sync_when_back();
        assert_eq!(machine.all()[&labels("m job=b")], wanted[&labels("m job=b")]);
        assert_eq!(machine.stats().bucket.unwrap().pending_blocks, 0);
    }
    machine.plan.is_away.store(true, Ordering::Relaxed);
    let fresh = Machine { dir: root.path().join("fresh"), store: None, ..machine };
    let error = fresh.open().unwrap_err().to_string();
    assert!(error.contains("bucket test: cannot list objects"), "a fresh directory cannot begin without: {error}");
}

#[test]
fn a_bucket_that_does_not_answer_holds_up_nothing_that_is_here() {
    let root = tempfile::tempdir().unwrap();
    let machine = Machine::new(root.path(), "one", older_than_a_day_is_remote);
    fill(&machine);
    machine.merge().unwrap();
    machine.sync_bucket().unwrap();
    let newest = START_MS + 71 * HOUR_MS;
    machine.put("m job=a", &[(newest + 1, 1.0)]);
    machine.flush().unwrap();
    machine.plan.is_stuck.store(true, Ordering::Relaxed);
    std::thread::scope(|scope| {
        // Both wait for the bucket: one to send, one to read.
        let sending = scope.spawn(|| machine.sync_bucket());
        let reading = scope.spawn(|| machine.select(i64::MIN, i64::MAX));
        for round in 0..5 {
            machine.put("m job=c", &[(newest + 2 + round, 1.0)]);
            machine.flush().unwrap();
            machine.maintain().unwrap();
            assert_eq!(machine.select(newest, i64::MAX).unwrap().len(), 3);
        }
        machine.delete_series(&tenant("a"), &[Matcher::equal("job", "c")], newest, newest + 2).unwrap();
        assert_eq!(machine.select(newest, i64::MAX).unwrap()[&labels("m job=c")].len(), 4);
        assert!(!sending.is_finished() && !reading.is_finished());
        machine.plan.is_stuck.store(false, Ordering::Relaxed);
        sending.join().unwrap().unwrap();
        assert!(reading.join().unwrap().unwrap().len() >= 2);
    });
    machine.sync_bucket().unwrap();
    assert_eq!(machine.stats().bucket.unwrap().pending_blocks, 0);
}

#[test]
fn a_block_that_cannot_be_sent_keeps_back_no_other() {
    let root = tempfile::tempdir().unwrap();
    let machine = Machine::new(root.path(), "one", all_local);
    for number in 0..12 {
        machine.put("m job=a", &[(START_MS + number, 1.0)]);
        machine.flush().unwrap();
    }
    let lost = machine.dir.join("tenants/a").join(&machine.files(".block")[0]);
    std::fs::rename(&lost, machine.dir.join("aside")).unwrap();
    for _ in 0..6 {
        assert!(machine.sync_bucket().unwrap_err().to_string().contains("cannot read"));
    }
    assert_eq!(machine.stats().bucket.unwrap().pending_blocks, 1);
    std::fs::rename(machine.dir.join("aside"), &lost).unwrap();
    machine.sync_bucket().unwrap();
    assert_eq!(machine.objects().len(), 12);
}

#[test]
fn a_bucket_that_takes_nothing_still_answers() {
    let root = tempfile::tempdir().unwrap();
    let machine = Machine::new(root.path(), "one", older_than_a_day_is_remote);
    fill(&machine);
    machine.merge().unwrap();
    machine.sync_bucket().unwrap();
    machine.plan.is_read_only.store(true, Ordering::Relaxed);
    machine.put("m job=a", &[(START_MS + 71 * HOUR_MS + 1, 1.0)]);
    machine.flush().unwrap();
    assert!(machine.sync_bucket().is_err());
    assert_eq!(machine.all().len(), 2, "by ranges");
    assert!(machine.stats().bucket.unwrap().requests.down.is_some());
}

#[test]
fn a_directory_with_blocks_does_not_join_the_bucket_of_another() {
    let root = tempfile::tempdir().unwrap();
    let first = Machine::new(root.path(), "first", all_local);
    fill(&first);
    first.sync_bucket().unwrap();
    let other_root = tempfile::tempdir().unwrap();
    let mut other = Machine::new(other_root.path(), "other", all_local);
    other.put("m", &[(START_MS, 1.0)]);
    other.flush().unwrap();
    other.store = None;
    std::fs::remove_file(other.dir.join("bucket")).unwrap();
    other.objects = first.objects.clone();
    let error = other.open().unwrap_err().to_string();
    assert!(error.contains("use another prefix, or an empty data directory"), "{error}");
}

#[test]
fn what_the_bucket_lost_is_sent_again_if_it_is_still_here() {
    let root = tempfile::tempdir().unwrap();
    let mut machine = Machine::new(root.path(), "one", all_local);
    fill(&machine);
    machine.sync_bucket().unwrap();
    let objects = machine.objects();
    std::fs::remove_file(machine.objects.join("tenants/a").join(&objects[0])).unwrap();
    machine.reopen();
    machine.sync_bucket().unwrap();
    assert_eq!(machine.objects(), objects);
}

#[test]
fn a_file_that_is_lost_on_the_disk_is_answered_from_the_bucket() {
    let root = tempfile::tempdir().unwrap();
    let mut machine = Machine::new(root.path(), "one", all_local);
    fill(&machine);
    machine.sync_bucket().unwrap();
    let (wanted, objects) = (machine.all(), machine.objects());
    machine.store = None;
    for file in machine.files(".block") {
        std::fs::remove_file(machine.dir.join("tenants/a").join(file)).unwrap();
    }
    // A damaged stub says nothing; the bucket's list does.
    let stub = machine.dir.join("tenants/a").join(&machine.files(".remote")[0]);
    std::fs::write(&stub, b"damaged").unwrap();
    machine.store = Some(machine.open().unwrap());
    assert!(machine.all().len() == 2 && machine.all() != wanted, "of one nothing is known until the bucket was asked");
    machine.sync_bucket().unwrap();
    assert_eq!(machine.all(), wanted);
    assert_eq!(machine.objects(), objects, "nothing is deleted there because it is missing here");
}

#[test]
fn a_deleted_tenant_leaves_the_bucket_and_a_new_one_of_its_name_stays() {
    let root = tempfile::tempdir().unwrap();
    let mut machine = Machine::new(root.path(), "one", all_remote);
    fill(&machine);
    machine.sync_bucket().unwrap();
    machine.plan.is_away.store(true, Ordering::Relaxed);
    assert!(machine.delete_tenant(&tenant("a")).unwrap().is_some());
    assert!(machine.all().is_empty());
    machine.reopen();
    assert!(machine.all().is_empty(), "the bucket still has it");
    machine.plan.is_away.store(false, Ordering::Relaxed);
    machine.reopen();
    assert!(machine.all().is_empty(), "also when it is back");
    machine.put("m job=new", &[(machine.clock.now_ms(), 1.0)]);
    machine.flush().unwrap();
    let wanted = machine.all();
    machine.sync_when_back();
    machine.reopen();
    assert_eq!((machine.all(), machine.objects().len()), (wanted.clone(), 1));
    let second = Machine::new(root.path(), "second", all_local);
    second.clock.set_ms(machine.clock.now_ms());
    assert_eq!(second.all(), wanted);
}

#[test]
fn the_cache_is_bounded() {
    let root = tempfile::tempdir().unwrap();
    let machine = Machine::new(root.path(), "one", |options| {
        all_remote(options);
        options.cache_bytes_max = 3_000;
    });
    fill(&machine);
    machine.merge().unwrap();
    machine.sync_bucket().unwrap();
    for day in 0..3 {
        let start_ms = START_MS + day * 24 * HOUR_MS;
        assert_eq!(machine.select(start_ms, start_ms + 23 * HOUR_MS).unwrap().len(), 2);
        machine.maintain().unwrap();
        let stats = machine.stats().bucket.unwrap();
        assert!(stats.cache_bytes <= 3_000, "{stats:?}");
    }
    assert!(list(&machine.dir.join("cache"), "").is_empty(), "its files have no names");
}

/// Random steps over a bucket with faults, against a plain map.
fn simulate(seed: u64) {
    println!("seed {seed}");
    let root = tempfile::tempdir().unwrap();
    let mut machine = Machine::new(root.path(), "one", older_than_a_day_is_remote);
    machine.plan.seed.store(seed, Ordering::Relaxed);
    machine.plan.errors_per_mille.store(150, Ordering::Relaxed);
    machine.plan.short_reads_per_mille.store(50, Ordering::Relaxed);
    machine.plan.flips_per_mille.store(20, Ordering::Relaxed);
    let mut noise = seed;
    let mut random = move |bound: u64| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (noise >> 33) % bound
    };
    let mut model: BTreeMap<Labels, BTreeMap<i64, f64>> = BTreeMap::new();
    for step in 0..120 {
        match random(10) {
            0..=3 => {
                let (series, back) = (format!("m job={}", random(4)), random(72) as i64 * HOUR_MS);
                let samples: Vec<_> = (0..5)
                    .map(|place| (machine.clock.now_ms() - back + place * 60_000, (step * 10 + place) as f64))
                    .filter(|(time_ms, _)| *time_ms >= START_MS - 10 * 24 * HOUR_MS)
                    .collect();
                machine.put(&series, &samples);
                model.entry(labels(&series)).or_default().extend(samples);
            }
            4 => machine.clock.advance_ms(random(8) as i64 * HOUR_MS),
            5 => machine.flush().unwrap(),
            6 => _ = machine.merge(),
            7 => _ = machine.sync_bucket(),
            8 => machine.reopen(),
            _ => {
                let (job, end_ms) = (random(4).to_string(), machine.clock.now_ms() - random(48) as i64 * HOUR_MS);
                let deleted = machine.delete_series(&tenant("a"), &[Matcher::equal("job", &job)], i64::MIN, end_ms);
                let samples = model.get_mut(&labels(&format!("m job={job}"))).filter(|_| deleted.is_ok());
                if let Some(samples) = samples {
                    samples.retain(|time_ms, _| *time_ms > end_ms);
                }
                if random(3) == 0 {
                    _ = machine.clean_tombstones();
                }
            }
        }
        if let Ok(found) = machine.select(i64::MIN, i64::MAX) {
            assert_eq!(found, flat(&model), "seed {seed}, step {step}");
        }
    }
    for faults in [&machine.plan.errors_per_mille, &machine.plan.short_reads_per_mille, &machine.plan.flips_per_mille] {
        faults.store(0, Ordering::Relaxed);
    }
    machine.sync_when_back();
    assert_eq!(machine.all(), flat(&model), "seed {seed}, in the end");
    machine.flush().unwrap();
    machine.sync_bucket().unwrap();
    assert_eq!(machine.objects().len(), machine.stats().blocks, "seed {seed}: no object is left over");
    let second = Machine::new(root.path(), "second", all_local);
    second.clock.set_ms(machine.clock.now_ms());
    assert_eq!(second.all(), flat(&model), "seed {seed}, on a new machine");
}

fn flat(model: &BTreeMap<Labels, BTreeMap<i64, f64>>) -> Content {
    let series = model.iter().filter(|(_, samples)| !samples.is_empty());
    series.map(|(labels, samples)| (labels.clone(), samples.iter().map(|(t, v)| (*t, *v)).collect())).collect()
}

#[test]
fn random_steps_over_a_bad_line_lose_and_bring_back_nothing() {
    for seed in 1..4 {
        simulate(seed);
    }
}
