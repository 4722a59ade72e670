//! Stories of a store that is run for long: pairs of senders, samples that come twice, slow merges, series that come and go.

#![allow(clippy::unwrap_used, reason = "a panic in a test is the failure message")]

mod common;

use bongsu_model::{Exemplar, Labels, Sample};
use bongsu_tsdb::{MergePace, Pairs, Protocol, RejectReason};
use bongsu_wire::remote_write::{SeriesData, WriteRequestBuilder};
use common::{HOUR_MS, START_MS, TestStore, body, labels, tenant};

fn with_pairs() -> TestStore {
    TestStore::with(|options| {
        options.limits.pairs = Some(Pairs { clusters_max: 2, ..Pairs::default() });
    })
}

#[test]
fn one_replica_of_a_pair_is_listened_to_until_it_is_silent() {
    let mut store = with_pairs();
    let send = |store: &TestStore, replica: &str, after_ms: i64| {
        let series = labels(&format!("up cluster=c,__replica__={replica},job=node"));
        let written = store.write("a", &[(series, vec![(START_MS + after_ms, after_ms as f64)])]).unwrap();
        (written.samples, written.duplicates)
    };
    assert_eq!(send(&store, "one", 0), (1, 0));
    assert_eq!(send(&store, "two", 1_000), (0, 1));
    store.clock.advance_ms(20_000);
    assert_eq!(send(&store, "one", 20_000), (1, 0));
    store.clock.advance_ms(30_001);
    assert_eq!(send(&store, "two", 50_000), (1, 0), "the first one has been silent");
    assert_eq!(send(&store, "one", 50_001), (0, 1));
    for _ in 0..2 {
        assert_eq!(store.get("up cluster=c,job=node"), "0:0 20000:20000 50000:50000", "one series, without the label");
        assert_eq!(store.select("a", &[], i64::MIN, i64::MAX).unwrap().len(), 1);
        store.kill_and_reopen();
    }
    assert_eq!(send(&store, "one", 60_000), (1, 0), "after a start, whoever sends first is elected");
    let stats = store.stats();
    assert_eq!((stats.duplicates, stats.clusters, stats.replica_changes), (0, 1, 0));
}

#[test]
fn series_of_several_senders_in_one_request_are_judged_one_by_one() {
    let store = with_pairs();
    let request = |replica: &str| {
        [
            "m cluster=a,__replica__=".to_owned() + replica,
            "m cluster=b,__replica__=two".to_owned(),
            "m cluster=c,__replica__=two".to_owned(),
            "m __replica__=alone".to_owned(),
            "m job=plain".to_owned(),
        ]
        .map(|series| (labels(&series), vec![(START_MS, 1.0)]))
    };
    let first = store.write("a", &request("one")).unwrap();
    assert_eq!((first.samples, first.duplicates), (4, 0));
    let rejected = first.rejected.unwrap();
    assert_eq!(rejected.by_reason, [(RejectReason::TooManyClusters, 1)]);
    assert_eq!(rejected.message, "more than 2 clusters of replicas");
    let second = store.write("a", &request("two")).unwrap();
    assert_eq!((second.samples, second.duplicates), (3, 1));
    let found = store.select("a", &[], i64::MIN, i64::MAX).unwrap();
    let found: Vec<String> = found.into_iter().map(|(labels, _)| labels.to_string()).collect();
    assert_eq!(found, [r#"m{__replica__="alone"}"#, r#"m{cluster="a"}"#, r#"m{cluster="b"}"#, r#"m{job="plain"}"#]);
}

#[test]
fn of_samples_that_come_twice_the_last_of_an_interval_counts_and_merges_keep_no_other() {
    let mut store = TestStore::with(|options| options.limits.interval_ms = 15_000);
    // Two senders, five seconds apart.
    for scrape in 0..8 {
        let time_ms = START_MS + scrape * 15_000;
        store.put("up", &[(time_ms + 1_000, 1.0)]);
        store.put("up", &[(time_ms + 6_000, 2.0)]);
        store.flush().unwrap();
    }
    let wanted = "6000:2 21000:2 36000:2 51000:2 66000:2 81000:2 96000:2 111000:2";
    assert_eq!(store.get("up"), wanted, "before anything is merged");
    store.clock.advance_ms(3 * HOUR_MS);
    store.merge().unwrap();
    assert_eq!((store.get("up"), store.stats().block_samples), (wanted.to_owned(), 8));
    store.put("up", &[(START_MS + 7_000, 3.0)]);
    assert_eq!(store.get("up"), wanted.replace("6000:2 2", "7000:3 2"), "one that is late counts, too");
    store.kill_and_reopen();
    assert!(store.get("up").starts_with("7000:3 21000:2 "));
}

#[test]
fn a_slow_merge_keeps_nobody_waiting() {
    let store = TestStore::with(|options| {
        options.merge_pace = MergePace { bytes_per_second: Some(1), ..MergePace::unbounded() };
    });
    let put = |number: i64| {
        let series = ["m n=1", "m n=2", "m n=3"].map(|series| (labels(series), vec![(START_MS + number, 1.0)]));
        store.write("a", &series).unwrap().wait().unwrap();
        store.flush().unwrap();
    };
    (0..4).for_each(put);
    let merger = (*store).clone();
    let merging = std::thread::spawn(move || merger.merge_once());
    while store.merge_progress().is_none_or(|progress| progress.done_bytes == 0) {
        std::thread::yield_now();
    }
    // It would take hours. Meanwhile all else goes on.
    (4..6).for_each(put);
    assert_eq!(store.get("m n=1"), "0:1 1:1 2:1 3:1 4:1 5:1");
    assert_eq!((store.stats().blocks, store.stats().blocks_met_max, store.stats().merges), (6, 6, 0));
    // Who asks for merges does not wait for the pace.
    store.merge().unwrap();
    assert!(merging.join().unwrap().unwrap());
    assert!(store.stats().blocks_met_max < 4 && store.stats().merges > 0);
    assert_eq!(store.get("m n=1"), "0:1 1:1 2:1 3:1 4:1 5:1");
    assert!(store.stats().merged_bytes > 0);
}

#[test]
fn the_tenant_with_most_blocks_is_merged_first() {
    let store = TestStore::new();
    let put = |tenant: &str, number: i64| {
        store.write(tenant, &[(labels("m"), vec![(START_MS + number, 1.0)])]).unwrap().wait().unwrap();
        store.flush().unwrap();
    };
    (0..4).for_each(|number| put("a", number));
    (0..6).for_each(|number| put("b", number));
    let blocks = |name: &str| store.holdings(&tenant(name)).unwrap().blocks.len();
    assert!(store.merge_once().unwrap());
    assert_eq!((blocks("a"), blocks("b")), (4, 1));
    assert!(store.merge_once().unwrap());
    assert_eq!((blocks("a"), blocks("b")), (1, 1));
    assert!(!store.merge_once().unwrap());
}

#[test]
fn who_waits_for_merges_gets_one_block_of_each_partition() {
    let store = TestStore::new();
    let blocks = || store.holdings(&tenant("a")).unwrap().blocks.len();
    let flush = |after_ms: i64| {
        store.put("m", &[(START_MS + after_ms, after_ms as f64)]);
        store.flush().unwrap();
    };
    (0..2).for_each(flush);
    assert!(!store.merge_once().unwrap(), "too few of an open partition");
    assert_eq!((store.merge().unwrap(), blocks()), (1, 1));
    assert_eq!(store.merge().unwrap(), 0, "a second time there is nothing left");

    // Floats that no codec makes small.
    let samples: Vec<_> = (10..1000).map(|after_ms| (START_MS + after_ms, (after_ms as f64).sqrt())).collect();
    store.put("m", &samples);
    flush(1000);
    store.clock.advance_ms(48 * HOUR_MS);
    assert!(store.merge_once().unwrap(), "the day is over");
    assert_eq!(blocks(), 1);
    flush(1001);
    assert!(!store.merge_once().unwrap(), "one late block is not worth it");
    assert_eq!((store.merge().unwrap(), blocks()), (1, 1));
    assert!(store.get("m").ends_with(" 1000:1000 1001:1001"));
}

#[test]
fn a_slow_merge_is_given_up_at_the_end() {
    let store = TestStore::with(|options| {
        options.merge_pace = MergePace { bytes_per_second: Some(1), ..MergePace::unbounded() };
    });
    for number in 0..4 {
        let series = ["m n=1", "m n=2", "m n=3"].map(|series| (labels(series), vec![(START_MS + number, 1.0)]));
        store.write("a", &series).unwrap().wait().unwrap();
        store.flush().unwrap();
    }
    let merger = (*store).clone();
    let merging = std::thread::spawn(move || merger.merge_once());
    while store.merge_progress().is_none_or(|progress| progress.done_bytes == 0) {
        std::thread::yield_now();
    }
    store.stop_merges();
    assert!(!merging.join().unwrap().unwrap());
    assert_eq!((store.stats().blocks, store.stats().merges), (4, 0));
}

/// Every ten minutes a tenth of the series is replaced by new ones, as with containers that are started anew.
#[test]
fn series_that_come_and_go_for_days_take_bounded_memory() {
    const ALIVE: u64 = 1_200;
    const STEP_MS: i64 = 600_000;
    let store = TestStore::with(|options| {
        options.limits.exemplars_per_tenant_max = 1_000;
        options.limits.metadata_per_tenant_max = 1_000;
    });
    let (mut most_series, mut most_met) = (0, 0);
    for step in 0..2 * 24 * 6_u64 {
        let time_ms = START_MS + step as i64 * STEP_MS;
        store.clock.set_ms(time_ms);
        let first = step * ALIVE / 10;
        put_alive(&store, first..first + ALIVE, time_ms);
        store.flush().unwrap();
        while store.merge_once().unwrap() {}
        let stats = store.stats();
        most_series = most_series.max(stats.head_series);
        most_met = most_met.max(stats.blocks_met_max);
        assert!(stats.held_exemplars <= 1_000);
        assert_eq!((stats.head_samples, stats.head_bytes), (0, 0));
    }
    // 35,640 series in all. The table of the head is renewed when half of it is idle.
    assert!(most_series <= 3 * ALIVE as usize, "{most_series}");
    assert!(most_met <= 6, "{most_met}");
    let blocks = store.holdings(&tenant("a")).unwrap().blocks;
    for block in &blocks {
        let steps = (block.partition_ms.1 + 1 - block.partition_ms.0) / STEP_MS;
        let alive = ALIVE + ALIVE / 10 * steps as u64;
        assert!(u64::from(block.series) <= alive, "the index of a block has the series of its time: {block:?}");
    }
    assert!(store.reader(&tenant("a")).metadata().len() <= 1_000);
    let samples: u64 = blocks.iter().map(|block| block.samples).sum();
    assert_eq!(samples, 2 * 24 * 6 * ALIVE);
}

fn put_alive(store: &TestStore, alive: std::ops::Range<u64>, time_ms: i64) {
    let mut request = WriteRequestBuilder::new();
    for number in alive {
        let series = Labels::from_pairs([("__name__", "m".to_owned()), ("pod", format!("pod-{number}"))]);
        let trace = Labels::from_pairs([("trace", &number.to_string())]);
        let exemplar = Exemplar { labels: trace, value: 1.0, timestamp_ms: time_ms };
        let samples = [Sample { timestamp_ms: time_ms, value: number as f64 }];
        let exemplars = if number % 10 == 0 { std::slice::from_ref(&exemplar) } else { &[] };
        request.push_series_data(&series, &SeriesData { samples: &samples, exemplars, histograms: &[] });
    }
    (**store).write(&tenant("a"), Protocol::RemoteWrite1, &body(&request)).unwrap().wait().unwrap();
}
