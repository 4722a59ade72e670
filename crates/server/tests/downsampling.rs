//! Queries over old samples that are buckets now, against the same queries over the samples: store, merges, retention and
//! evaluator as the centre has them, with a clock that moves on. Data are random by seed.

#![allow(clippy::unwrap_used, reason = "a panic in a test is the failure message")]

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{Labels, ManualClock, STALE_NAN, Sample, TenantId};
use bongsu_promql::{Engine, EngineOptions, QueryContext, Value};
use bongsu_syntax::ParseOptions;
use bongsu_tsdb::{Downsampling, DownsamplingLevel, Options, Protocol, Store};
use bongsu_wire::remote_write::{WriteRequestBuilder, compress};

/// 2026-11-21 00:00:00 UTC.
const START_MS: i64 = 1_795_219_200_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Samples are of that many days.
const DAYS: i64 = 2;

struct TestStore {
    store: Store,
    clock: Arc<ManualClock>,
    engine: Engine,
    _dir: tempfile::TempDir,
}

impl TestStore {
    fn new(downsampling: Downsampling) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(START_MS + DAYS * DAY_MS));
        let clock_of_store: Arc<dyn bongsu_model::Clock> = clock.clone();
        let options = Options { clock: clock_of_store, downsampling, ..Options::new(dir.path()) };
        let (store, _) = Store::open(Options { retention_ms: 1_000 * DAY_MS, ..options }).unwrap();
        let engine = Engine::new(EngineOptions { threads: 1, ..EngineOptions::default() }).unwrap();
        Self { store, clock, engine, _dir: dir }
    }

    fn write(&self, series: &BTreeMap<&'static str, Vec<Sample>>) {
        let mut request = WriteRequestBuilder::new();
        for (name, samples) in series {
            request.push_series(&Labels::from_pairs([("__name__", *name)]), samples);
        }
        let mut body = Vec::new();
        compress(request.as_bytes(), &mut body).unwrap();
        let written = self.store.write(&TenantId::anonymous(), Protocol::RemoteWrite1, &body).unwrap();
        assert!(written.rejected.is_none(), "{:?}", written.rejected);
        written.wait().unwrap();
    }

    /// The clock moves on, something new comes, and all that is due is done.
    fn pass(&self, days: i64) {
        self.clock.advance_ms(days * DAY_MS);
        let timestamp_ms = bongsu_model::Clock::now_ms(&*self.clock);
        self.write(&BTreeMap::from([("newest", vec![Sample { timestamp_ms, value: 1.0 }])]));
        self.store.flush().unwrap();
        self.store.merge().unwrap();
        self.store.enforce_retention().unwrap();
    }

    /// Resolutions of the blocks of the first days, with how many there are.
    fn resolutions(&self) -> Vec<(i64, usize)> {
        let mut found = BTreeMap::new();
        let blocks = self.store.holdings(&TenantId::anonymous()).unwrap().blocks;
        for block in blocks.iter().filter(|block| block.range_ms.1 < START_MS + DAYS * DAY_MS) {
            *found.entry(block.resolution_ms).or_default() += 1;
        }
        found.into_iter().collect()
    }

    /// The values of a query without a name, by time relative to the start.
    fn range(&self, query: &str, first_ms: i64, last_ms: i64, step_ms: i64) -> BTreeMap<i64, f64> {
        let expr = bongsu_syntax::parse(query, &ParseOptions::default()).unwrap();
        let (start_ms, end_ms) = (START_MS + first_ms, START_MS + last_ms);
        let reader = self.store.reader(&TenantId::anonymous());
        let output = self.engine.range(&expr, start_ms, end_ms, step_ms, &reader, &QueryContext::default()).unwrap();
        let Value::Matrix(series) = output.value else { panic!("{query}: not a matrix") };
        let points = |one: &bongsu_promql::MatrixSeries| {
            one.timestamps_ms.iter().map(|time_ms| time_ms - START_MS).zip(one.values.clone()).collect()
        };
        series.first().map(points).unwrap_or_default()
    }
}

fn levels() -> Vec<DownsamplingLevel> {
    let level = |after_ms, resolution_secs| DownsamplingLevel { after_ms, resolution_secs };
    vec![level(DAY_MS, 300), level(5 * DAY_MS, 3600)]
}

/// The same samples in a store that keeps them and in one that has made buckets of them.
struct Pair {
    samples: TestStore,
    buckets: TestStore,
}

impl Pair {
    fn new(seed: u64, downsampling: Downsampling, days: i64) -> Self {
        let pair = Self { samples: TestStore::new(Downsampling::default()), buckets: TestStore::new(downsampling) };
        let series = random_series(seed);
        for store in [&pair.samples, &pair.buckets] {
            store.write(&series);
            store.pass(days);
        }
        pair
    }

    fn both(&self, query: &str, first_ms: i64, last_ms: i64, step_ms: i64) -> [BTreeMap<i64, f64>; 2] {
        [&self.samples, &self.buckets].map(|store| store.range(query, first_ms, last_ms, step_ms))
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A gauge with gaps and ends, a counter with resets, and one that only grows.
fn random_series(seed: u64) -> BTreeMap<&'static str, Vec<Sample>> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
    let mut series: BTreeMap<&'static str, Vec<Sample>> = BTreeMap::new();
    let (mut gauge, mut counter, mut steady, mut silent_until) = (0.0, 0.0, 1e6, 0);
    let mut timestamp_ms = START_MS;
    while timestamp_ms < START_MS + DAYS * DAY_MS {
        let mut push = |name, value| series.entry(name).or_default().push(Sample { timestamp_ms, value });
        steady += 100.0;
        push("steady", steady);
        counter = if random.below(200) == 0 { 0.0 } else { counter + random.below(50) as f64 };
        push("counter", counter);
        gauge += random.below(2001) as f64 / 100.0 - 10.0;
        if timestamp_ms >= silent_until {
            push("gauge", gauge);
            if random.below(300) == 0 {
                silent_until = timestamp_ms + random.below(3 * HOUR_MS as u64) as i64;
            } else if random.below(300) == 0 {
                timestamp_ms += 1_000;
                series.entry("gauge").or_default().push(Sample { timestamp_ms, value: STALE_NAN });
            }
        }
        timestamp_ms += if random.below(20) == 0 { 1 + random.below(4 * MINUTE_MS as u64) as i64 } else { MINUTE_MS };
    }
    series
}

#[track_caller]
fn assert_close(query: &str, samples: &BTreeMap<i64, f64>, buckets: &BTreeMap<i64, f64>, tolerance: f64) {
    assert!(!samples.is_empty(), "{query}");
    assert_eq!(samples.keys().collect::<Vec<_>>(), buckets.keys().collect::<Vec<_>>(), "{query}");
    for (time_ms, expected) in samples {
        let found = buckets[time_ms];
        let close = (found - expected).abs() <= tolerance * expected.abs().max(1e-9);
        assert!(close || found.to_bits() == expected.to_bits(), "{query} at {time_ms}: {found} for {expected}");
    }
}

const SEEDS: std::ops::Range<u64> = 0..4;

#[test]
fn windows_of_whole_buckets_answer_as_the_samples_do() {
    for seed in SEEDS {
        let gone = Downsampling { levels: levels(), keep_samples_ms: Some(2 * DAY_MS) };
        for (days, expected) in [(3, vec![(300_000, 2)]), (10, vec![(300_000, 2), (3_600_000, 2)])] {
            let pair = Pair::new(seed, gone.clone(), days);
            assert_eq!(pair.buckets.resolutions(), expected, "the samples are gone");
            let same = ["min", "max", "count", "last", "first", "present"].map(|f| format!("{f}_over_time(gauge[2h])"));
            let same = same.into_iter().chain(["delta(gauge[2h])".to_owned()]);
            let growth = ["rate", "increase"].map(|f| format!("{f}(counter[2h])"));
            let sums = ["sum", "avg"].map(|f| format!("{f}_over_time(gauge[2h])"));
            for query in same {
                let [samples, buckets] = pair.both(&query, 2 * HOUR_MS, DAYS * DAY_MS, HOUR_MS);
                assert_close(&query, &samples, &buckets, 0.0);
            }
            for query in growth.into_iter().chain(sums) {
                let [samples, buckets] = pair.both(&query, 2 * HOUR_MS, DAYS * DAY_MS, HOUR_MS);
                assert_close(&query, &samples, &buckets, 1e-9);
            }
        }
    }
}

#[test]
fn a_peak_is_never_hidden_however_windows_lie() {
    for seed in SEEDS {
        let gone = Downsampling { levels: levels(), keep_samples_ms: Some(2 * DAY_MS) };
        let pair = Pair::new(seed, gone, 10);
        for (range, step_ms) in [("90m", 7 * MINUTE_MS), ("1h", 13 * MINUTE_MS), ("5m", 11 * MINUTE_MS), ("2m", 17_001)]
        {
            for (function, sign) in [("max", 1.0), ("min", -1.0)] {
                let query = format!("{function}_over_time(gauge[{range}])");
                let [samples, buckets] = pair.both(&query, 3 * HOUR_MS + 17, DAY_MS, step_ms);
                assert!(samples.len() > 40);
                for (time_ms, value) in samples {
                    let found = buckets.get(&time_ms);
                    assert!(
                        found.is_some_and(|found| found * sign >= value * sign),
                        "{query} at {time_ms}: {found:?} {value}"
                    );
                }
            }
        }
    }
}

#[test]
fn rates_over_any_window_are_near_where_a_counter_is_steady() {
    let gone = Downsampling { levels: levels(), keep_samples_ms: Some(2 * DAY_MS) };
    let pair = Pair::new(7, gone, 10);
    for range in ["5m", "47m", "3h"] {
        let query = format!("rate(steady[{range}])");
        let [samples, buckets] = pair.both(&query, 4 * HOUR_MS + 17, DAY_MS, 11 * MINUTE_MS);
        let missing = samples.keys().filter(|time_ms| !buckets.contains_key(time_ms)).count();
        assert!(missing * 20 <= samples.len(), "{query}: {missing} of {} are missing", samples.len());
        let mean = |points: &BTreeMap<i64, f64>| points.values().sum::<f64>() / points.len() as f64;
        let ratio = mean(&buckets) / mean(&samples);
        assert!((0.9..1.1).contains(&ratio), "{query}: {ratio}");
    }
}

#[test]
fn the_value_of_a_series_at_a_step_is_one_that_it_had_and_it_ends_when_it_did() {
    let gone = Downsampling { levels: levels(), keep_samples_ms: Some(2 * DAY_MS) };
    let pair = Pair::new(3, gone, 10);
    let [samples, buckets] = pair.both("gauge", 2 * HOUR_MS, DAYS * DAY_MS - HOUR_MS, HOUR_MS);
    let had: Vec<u64> = random_series(3)["gauge"].iter().map(|sample| sample.value.to_bits()).collect();
    for (time_ms, value) in &buckets {
        assert!(had.contains(&value.to_bits()), "at {time_ms}: {value}");
    }
    let missing = samples.keys().filter(|time_ms| !buckets.contains_key(time_ms)).count();
    assert!(missing * 10 <= samples.len(), "{missing} of {} are missing", samples.len());
    assert_close(
        "count",
        &samples_of(&pair, "count_over_time(gauge[1d])"),
        &buckets_of(&pair, "count_over_time(gauge[1d])"),
        0.0,
    );
}

fn samples_of(pair: &Pair, query: &str) -> BTreeMap<i64, f64> {
    pair.samples.range(query, DAY_MS, 2 * DAY_MS, DAY_MS)
}

fn buckets_of(pair: &Pair, query: &str) -> BTreeMap<i64, f64> {
    pair.buckets.range(query, DAY_MS, 2 * DAY_MS, DAY_MS)
}

#[test]
fn while_the_samples_are_there_close_steps_are_answered_by_them() {
    let kept = Downsampling { levels: levels(), keep_samples_ms: None };
    let pair = Pair::new(5, kept, 10);
    assert_eq!(pair.buckets.resolutions(), [(0, 2), (300_000, 2), (3_600_000, 2)]);
    for query in
        ["gauge", "stddev_over_time(gauge[1h])", "max_over_time(gauge[7m])", "rate(counter[1h])", "irate(counter[1h])"]
    {
        let [samples, buckets] = pair.both(query, 2 * HOUR_MS + 17, DAYS * DAY_MS, 7 * MINUTE_MS);
        assert_close(query, &samples, &buckets, 0.0);
    }
    let [samples, buckets] = pair.both("max_over_time(gauge[1d])", DAY_MS, 2 * DAY_MS, 6 * HOUR_MS);
    assert_close("far steps", &samples, &buckets, 0.0);
}

#[test]
fn late_samples_reach_the_buckets_and_deleted_ones_leave_them() {
    let kept = Downsampling { levels: levels(), keep_samples_ms: Some(30 * DAY_MS) };
    let store = TestStore::new(kept);
    store.write(&random_series(1));
    store.pass(10);
    let day = |store: &TestStore| store.range("max_over_time(gauge[1d])", DAY_MS, DAY_MS, 1)[&DAY_MS];
    assert!(day(&store) < 1e6);
    store.write(&BTreeMap::from([("gauge", vec![Sample { timestamp_ms: START_MS + 3 * HOUR_MS + 1, value: 1e6 }])]));
    assert_eq!(day(&store), 1e6, "in memory");
    // Enough of them that the day's block is merged anew.
    for minute in 0..5 {
        let late =
            |second: i64| Sample { timestamp_ms: START_MS + 4 * HOUR_MS + minute * MINUTE_MS + second, value: 5.0 };
        store.write(&BTreeMap::from([("late", (0..9_000).map(late).collect())]));
        store.store.flush().unwrap();
    }
    store.pass(1);
    assert_eq!(
        store.resolutions().iter().map(|(resolution_ms, _)| *resolution_ms).collect::<Vec<_>>(),
        [0, 300_000, 3_600_000]
    );
    assert_eq!(day(&store), 1e6);
    store.pass(40);
    assert!(store.resolutions().iter().all(|(resolution_ms, _)| *resolution_ms > 0), "{:?}", store.resolutions());
    assert_eq!(day(&store), 1e6, "the samples are gone, the peak is not");
    let gauge = bongsu_model::Matcher::equal("__name__", "gauge");
    let (from_ms, to_ms) = (START_MS + 3 * HOUR_MS, START_MS + 3 * HOUR_MS + 10);
    store.store.delete_series(&TenantId::anonymous(), &[gauge], from_ms, to_ms).unwrap();
    assert!(day(&store) < 1e6);
    assert!(store.store.clean_tombstones().unwrap() > 0);
    assert!(day(&store) < 1e6);
}
