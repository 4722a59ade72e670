//! Stories of a store: what is written is read, after restarts, flushes, merges and damage.

mod common;

use std::fs;

use bongsu_model::{MatchOp, Matcher, MetricMetadata, MetricType, STALE_NAN, Selection, Source, is_stale};
use bongsu_tsdb::{Protocol, RejectReason, WriteErrorKind};
use bongsu_wire::remote_write::{SeriesData, WriteRequestBuilder};
use common::{HOUR_MS, START_MS, TestStore, body, labels, tenant};

#[test]
fn a_sample_is_read_from_head_and_block_and_after_a_restart() {
    let mut store = TestStore::new();
    store.put("up job=node", &[(START_MS, 1.0), (START_MS + 15_000, 2.0)]);
    assert_eq!(store.get("up job=node"), "0:1 15000:2");
    store.flush().unwrap();
    assert_eq!(store.get("up job=node"), "0:1 15000:2");
    assert_eq!((store.stats().blocks, store.stats().head_samples), (1, 0));
    store.put("up job=node", &[(START_MS + 30_000, 3.0)]);
    store.put("up job=other", &[(START_MS, 7.0)]);
    for _ in 0..2 {
        assert_eq!(store.get("up job=node"), "0:1 15000:2 30000:3");
        assert_eq!(store.get("up job=other"), "0:7");
        store.kill_and_reopen();
    }
    assert_eq!(store.report.replayed_samples, 2);
    store.close();
    store.open_again();
    assert_eq!((store.report.replayed_samples, store.stats().blocks), (0, 2));
    assert_eq!(store.get("up job=node"), "0:1 15000:2 30000:3");
}

#[test]
fn late_samples_are_taken_and_the_last_write_of_a_time_wins_everywhere() {
    let mut store = TestStore::new();
    store.put("m", &[(START_MS + 20, 1.0), (START_MS + 10, 2.0), (START_MS + 20, 3.0)]);
    assert_eq!(store.get("m"), "10:2 20:3");
    store.flush().unwrap();
    store.put("m", &[(START_MS + 10, 4.0), (START_MS + 15, 5.0)]);
    assert_eq!(store.get("m"), "10:4 15:5 20:3");
    store.kill_and_reopen();
    assert_eq!(store.get("m"), "10:4 15:5 20:3");
    store.flush().unwrap();
    store.put("m", &[(START_MS + 20, 6.0)]);
    store.flush().unwrap();
    assert_eq!(store.get("m"), "10:4 15:5 20:6");
    store.clock.advance_ms(48 * HOUR_MS);
    assert_eq!(store.merge().unwrap(), 1);
    assert_eq!(store.stats().blocks, 1);
    store.kill_and_reopen();
    assert_eq!(store.get("m"), "10:4 15:5 20:6");
}

#[test]
fn stale_markers_and_odd_values_keep_their_bits() {
    let store = TestStore::new();
    let values = [STALE_NAN, -0.0, f64::INFINITY, f64::MIN_POSITIVE, f64::from_bits(0x7ff8_dead_beef_0001)];
    let samples: Vec<_> = values.iter().enumerate().map(|(i, v)| (START_MS + i as i64, *v)).collect();
    store.put("m", &samples);
    for _ in 0..2 {
        let found = store.select("a", &[], START_MS, START_MS + 10).unwrap();
        let bits: Vec<_> = found[0].1.iter().map(|(_, value)| value.to_bits()).collect();
        assert_eq!(bits, values.map(f64::to_bits));
        assert!(is_stale(found[0].1[0].1));
        store.flush().unwrap();
    }
}

#[test]
fn samples_of_1970_live_beside_those_of_today() {
    let mut store = TestStore::with(|options| options.retention_ms = 100 * 365 * 24 * HOUR_MS);
    store.put("m", &[(0, 1.0), (START_MS, 2.0), (86_400_000, 3.0)]);
    store.flush().unwrap();
    assert_eq!(store.stats().blocks, 3, "one for each day of 1970, one for today");
    store.put("m", &[(1, 4.0)]);
    for _ in 0..2 {
        let found = store.select("a", &[], i64::MIN, 86_400_000).unwrap();
        assert_eq!(found[0].1, [(0, 1.0), (1, 4.0), (86_400_000, 3.0)]);
        store.kill_and_reopen();
    }
    store.flush().unwrap();
    assert_eq!(store.merge().unwrap(), 3, "the blocks of the first day, the second day and today for size");
}

#[test]
fn a_backfill_of_months_goes_to_blocks_by_the_day() {
    let mut store = TestStore::with(|options| options.retention_ms = 365 * 24 * HOUR_MS);
    let days: Vec<_> = (0..100).map(|day| (START_MS - day * 24 * HOUR_MS, day as f64)).collect();
    store.put("m a=1", &days);
    store.put("m a=2", &days[40..]);
    store.flush().unwrap();
    assert_eq!(store.stats().blocks, 100);
    store.kill_and_reopen();
    let mut expected = days.clone();
    expected.reverse();
    let found = store.select("a", &[], 0, i64::MAX).unwrap();
    assert_eq!(found, [(labels("m a=1"), expected.clone()), (labels("m a=2"), expected[..60].to_vec())]);
    let beyond = store.write("a", &[(labels("m"), vec![(START_MS * 1_000_000, 1.0)])]).unwrap().rejected.unwrap();
    assert_eq!(beyond.reason, RejectReason::SampleTooFarInFuture, "nanoseconds");
}

#[test]
fn the_ends_of_time_do_not_overflow() {
    let mut store = TestStore::with(|options| {
        options.retention_ms = i64::MAX;
        options.limits.future_ms_max = None;
    });
    store.clock.set_ms(0);
    store.put("m", &[(i64::MAX, 1.0), (-i64::MAX, 2.0), (0, 3.0)]);
    for _ in 0..2 {
        store.flush().unwrap();
        store.merge().unwrap();
        let found = store.select("a", &[], i64::MIN, i64::MAX).unwrap();
        assert_eq!(found[0].1, [(-i64::MAX, 2.0), (0, 3.0), (i64::MAX, 1.0)]);
        store.kill_and_reopen();
    }
    store.maintain().unwrap();
}

#[test]
fn retention_cuts_writes_reads_and_files_at_the_same_time() {
    let store = TestStore::with(|options| options.retention_ms = 24 * HOUR_MS);
    store.put("m", &[(START_MS - 24 * HOUR_MS, 1.0), (START_MS, 2.0)]);
    let rejected =
        store.write("a", &[(labels("m"), vec![(START_MS - 24 * HOUR_MS - 1, 0.0)])]).unwrap().rejected.unwrap();
    assert_eq!((rejected.reason, rejected.count, rejected.series.as_str()), (RejectReason::SampleTooOld, 1, "m"));
    store.flush().unwrap();
    assert_eq!(store.get("m"), "-86400000:1 0:2");
    store.clock.advance_ms(1);
    assert_eq!(store.get("m"), "0:2");
    assert_eq!(store.enforce_retention().unwrap(), 1, "the block of the day before");
    store.clock.advance_ms(24 * HOUR_MS);
    store.put("m", &[(START_MS + 24 * HOUR_MS + 1, 3.0)]);
    assert_eq!(store.enforce_retention().unwrap(), 1);
    assert_eq!((store.stats().blocks, store.get("m").as_str()), (0, "86400001:3"));
    assert!(!fs::read_dir(store.tenant_dir("a")).unwrap().any(|file| file.unwrap().path().ends_with(".block")));
}

#[test]
fn a_clock_that_is_far_ahead_deletes_nothing() {
    let mut store = TestStore::with(|options| options.retention_ms = 24 * HOUR_MS);
    store.put("m", &[(START_MS, 1.0)]);
    store.flush().unwrap();
    store.put("m", &[(START_MS + 1, 2.0)]);
    store.clock.advance_ms(20_000 * HOUR_MS);
    store.kill_and_reopen();
    assert_eq!(store.report.replayed_samples, 1);
    let step = store.maintain().unwrap();
    assert!(step.retention_waits && step.dropped_blocks == 0, "{step:?}");
    store.merge().unwrap();
    assert_eq!(store.get("m"), "", "too old to be read, by the clock");
    store.clock.set_ms(START_MS + 2);
    assert_eq!(store.get("m"), "0:1 1:2");
    assert!(!store.maintain().unwrap().retention_waits);
}

#[test]
fn retention_by_size_deletes_the_oldest_first() {
    let store = TestStore::with(|options| options.retention_bytes = Some(1));
    store.put("m", &[(START_MS - 48 * HOUR_MS, 1.0), (START_MS, 2.0)]);
    store.flush().unwrap();
    assert_eq!(store.enforce_retention().unwrap(), 2);
    let store = TestStore::with(|options| options.retention_bytes = Some(100_000));
    store.put("m", &[(START_MS - 48 * HOUR_MS, 1.0), (START_MS, 2.0)]);
    store.flush().unwrap();
    assert_eq!(store.enforce_retention().unwrap(), 0);
}

#[test]
fn limits_hold_at_n_and_give_a_reason_at_n_plus_1() {
    let store = TestStore::with(|options| {
        options.limits.series_per_tenant_max = 2;
        options.limits.label_names_per_series_max = 3;
        options.limits.future_ms_max = Some(1000);
    });
    let one = |series: &str, time_ms| store.write("a", &[(labels(series), vec![(time_ms, 1.0)])]).unwrap().rejected;
    assert!(one("a x=1,y=2", START_MS).is_none());
    assert_eq!(one("a x=1,y=2,z=3", START_MS).unwrap().reason, RejectReason::TooManyLabels);
    assert!(one("a x=1,y=2", START_MS + 1000).is_none());
    assert_eq!(one("a x=1,y=2", START_MS + 1001).unwrap().reason, RejectReason::SampleTooFarInFuture);
    assert!(one("b", START_MS).is_none());
    let rejected = one("c", START_MS).unwrap();
    assert_eq!(rejected.reason, RejectReason::SeriesLimit);
    assert!(one("b", START_MS + 1).is_none(), "known series go on");
    let counts = store.stats().rejected;
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 3);
}

#[test]
fn a_tenant_may_have_bounds_of_its_own() {
    let store = TestStore::with(|options| {
        options.limits.series_per_tenant_max = 1;
        options.limits.past_ms_max = Some(10_000);
        let mut own = options.limits.clone();
        own.series_per_tenant_max = 2;
        own.past_ms_max = None;
        options.tenant_limits.insert(tenant("large"), own);
    });
    let write = |tenant: &str| {
        let series =
            ["m n=1", "m n=2", "m n=3"].map(|series| (labels(series), vec![(START_MS - 20_000, 1.0), (START_MS, 1.0)]));
        let written = store.write(tenant, &series).unwrap();
        (written.samples, written.rejected.unwrap().by_reason)
    };
    assert_eq!(write("small"), (1, vec![(RejectReason::SampleTooOld, 3), (RejectReason::SeriesLimit, 2)]));
    assert_eq!(write("large"), (4, vec![(RejectReason::SeriesLimit, 2)]));
}

#[test]
fn samples_beyond_the_rate_are_put_off_whole() {
    let store = TestStore::with(|options| {
        options.limits.samples_per_second_max = Some(10.0);
        options.limits.samples_burst_max = 10.0;
    });
    let three = |time_ms: i64| (0..3).map(|n| (time_ms + n, 1.0)).collect::<Vec<_>>();
    let write = |tenant: &str, time_ms| store.write(tenant, &[(labels("m"), three(time_ms))]);
    let taken = (0..10).filter(|n| write("a", START_MS + n * 10).is_ok()).count();
    assert_eq!(taken, 4, "twelve samples: the last request leaves a debt of two");
    let error = write("a", START_MS + 500).unwrap_err();
    assert_eq!((error.kind, error.refused), (WriteErrorKind::Limit, Some((RejectReason::RateLimit, 3))));
    assert!(write("b", START_MS).is_ok(), "other tenants go on");
    store.clock.advance_ms(error.retry_after_ms.unwrap());
    assert!(write("a", START_MS + 600).is_ok());
    assert_eq!(store.select("a", &[], i64::MIN, i64::MAX).unwrap()[0].1.len(), 15);
    let refused = store.stats().rejected.into_iter().find(|(reason, _)| *reason == RejectReason::RateLimit);
    assert_eq!(refused.unwrap().1, 21);
}

#[test]
fn the_good_part_of_a_request_is_kept_and_the_bad_part_does_not_come_back() {
    let mut store = TestStore::with(|options| options.limits.label_value_bytes_max = 5);
    let request = [
        (labels("good"), vec![(START_MS, 1.0), (0, 1.0)]),
        (labels("bad x=toolong"), vec![(START_MS, 1.0), (START_MS + 1, 1.0)]),
        (labels("fine"), vec![(START_MS, 2.0)]),
    ];
    let written = store.write("a", &request).unwrap();
    let rejected = written.rejected.as_ref().unwrap();
    assert_eq!((written.samples, rejected.count, rejected.reason), (2, 3, RejectReason::SampleTooOld));
    written.wait().unwrap();
    for _ in 0..2 {
        assert_eq!((store.get("good"), store.get("fine")), ("0:1".to_owned(), "0:2".to_owned()));
        assert_eq!(store.select("a", &[], i64::MIN, i64::MAX).unwrap().len(), 2);
        store.kill_and_reopen();
    }
    assert_eq!(store.report.replayed_samples, 2);
}

#[test]
fn a_malformed_body_leaves_nothing() {
    let store = TestStore::with(|options| options.limits.request_decoded_bytes_max = 1000);
    let mut request = WriteRequestBuilder::new();
    request.push_series(&labels("m"), &[bongsu_model::Sample { timestamp_ms: START_MS, value: 1.0 }]);
    let mut truncated = WriteRequestBuilder::new();
    truncated.push_span(&[0x0a, 0x7f], &SeriesData::default());
    let raw = [request.as_bytes(), truncated.as_bytes()].concat();
    let mut bytes = Vec::new();
    bongsu_wire::remote_write::compress(&raw, &mut bytes).unwrap();
    let error = (*store).write(&tenant("a"), Protocol::RemoteWrite1, &bytes).unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Malformed);
    assert_eq!(
        (*store).write(&tenant("a"), Protocol::RemoteWrite1, b"\xff\xff").unwrap_err().kind,
        WriteErrorKind::Malformed
    );
    assert_eq!(store.stats().head_series + store.tenants().len(), 0);

    let mut large = WriteRequestBuilder::new();
    large.push_series(&labels(&format!("m x={}", "y".repeat(1000))), &[]);
    assert_eq!(
        (*store).write(&tenant("a"), Protocol::RemoteWrite1, &body(&large)).unwrap_err().kind,
        WriteErrorKind::TooLarge
    );
}

#[test]
fn tenants_do_not_see_each_other() {
    let mut store = TestStore::with(|options| options.limits.tenants_max = 2);
    for (name, value) in [("a", 1.0), ("b", 2.0)] {
        store.write(name, &[(labels("m"), vec![(START_MS, value)])]).unwrap().wait().unwrap();
    }
    let third = store.write("c", &[(labels("m"), vec![(START_MS, 3.0)])]).unwrap_err();
    assert_eq!(third.kind, WriteErrorKind::Limit);
    for _ in 0..2 {
        assert_eq!(store.select("a", &[], 0, i64::MAX).unwrap()[0].1, [(START_MS, 1.0)]);
        assert_eq!(store.select("b", &[], 0, i64::MAX).unwrap()[0].1, [(START_MS, 2.0)]);
        assert!(store.select("c", &[], 0, i64::MAX).unwrap().is_empty());
        store.flush().unwrap();
        store.kill_and_reopen();
    }
}

#[test]
fn a_torn_log_tail_and_damaged_files_do_not_stop_the_start() {
    let mut store = TestStore::new();
    store.put("m", &[(START_MS, 1.0)]);
    store.flush().unwrap();
    store.put("m", &[(START_MS + 1, 2.0)]);
    store.put("m", &[(START_MS + 2, 3.0)]);
    store.kill_and_reopen();
    let log = store.dir.path().join("log");
    // The records are in the newest segment that is not empty.
    let mut segments: Vec<_> = fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    let torn =
        segments.iter().filter(|path| path.extension().is_some()).max_by_key(|path| fs::metadata(path).unwrap().len());
    let torn = fs::OpenOptions::new().write(true).open(torn.unwrap()).unwrap();
    torn.set_len(torn.metadata().unwrap().len() - 1).unwrap();
    store.kill_and_reopen();
    assert!(!store.report.log.dropped.is_empty());
    assert_eq!(store.get("m"), "0:1 1:2");

    let block = fs::read_dir(store.tenant_dir("a"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some());
    fs::write(block.unwrap(), b"nonsense").unwrap();
    store.kill_and_reopen();
    assert_eq!(store.report.damaged.len(), 1, "{:?}", store.report.damaged);
    assert_eq!(store.get("m"), "1:2");
    store.put("m", &[(START_MS + 3, 4.0)]);
    store.flush().unwrap();
    assert_eq!(store.get("m"), "1:2 3:4");
}

#[test]
fn labels_and_series_are_found_in_head_and_blocks() {
    let store = TestStore::new();
    let ask = |store: &TestStore| {
        let reader = store.reader(&tenant("a"));
        let sets = [vec![Matcher::new("job", MatchOp::Regex, "n.*").unwrap()], vec![Matcher::equal("__name__", "c")]];
        let all = |found: Vec<String>| found.join(" ");
        [
            all(reader.label_names(&[], 0, i64::MAX, 100).unwrap()),
            all(reader.label_names(&sets, 0, i64::MAX, 100).unwrap()),
            all(reader.label_values("__name__", &[], 0, i64::MAX, 2).unwrap()),
            all(reader.label_values("job", &sets, 0, i64::MAX, 100).unwrap()),
            format!("{:?}", reader.series(&sets, 0, i64::MAX, 100).unwrap()),
        ]
    };
    store.put("a job=node,dc=x", &[(START_MS, 1.0)]);
    store.put("b job=other,y=1", &[(START_MS, 1.0)]);
    store.flush().unwrap();
    store.put("c job=node", &[(START_MS, 1.0)]);
    let expected = ["__name__ dc job y", "__name__ dc job", "a b", "node", r#"[a{dc="x", job="node"}, c{job="node"}]"#];
    assert_eq!(ask(&store), expected);
    store.flush().unwrap();
    assert_eq!(ask(&store), expected);
    let past = store.reader(&tenant("a")).label_names(&[], 0, START_MS - 1, 100).unwrap();
    assert!(past.is_empty());
}

#[test]
fn a_tenant_is_one_when_something_of_it_is_taken() {
    let mut store = TestStore::new();
    let refused = store.write("b", &[(labels("m"), vec![(0, 1.0)])]).unwrap();
    assert!(refused.rejected.is_some() && store.tenants().is_empty());
    store.put("m", &[(START_MS, 1.0)]);
    fs::write(store.dir.path().join("tenants/lost+found"), b"").unwrap();
    fs::write(store.dir.path().join("tenants/c"), b"").unwrap();
    store.kill_and_reopen();
    assert_eq!(store.tenants(), [tenant("a")]);
    assert_eq!(store.report.damaged.len(), 2, "{:?}", store.report.damaged);
}

#[test]
fn a_small_body_of_empty_samples_does_not_take_a_lot_of_memory() {
    let store = TestStore::with(|options| options.limits.request_decoded_bytes_max = 1 << 20);
    // One series of half a million samples without a field, two bytes each.
    let samples = [0x12, 0].repeat(500_000);
    let mut raw = vec![0x0a];
    let mut len = samples.len();
    while len >= 0x80 {
        raw.push(len as u8 | 0x80);
        len >>= 7;
    }
    raw.push(len as u8);
    raw.extend_from_slice(&samples);
    let mut body = Vec::new();
    bongsu_wire::remote_write::compress(&raw, &mut body).unwrap();
    let error = (*store).write(&tenant("a"), Protocol::RemoteWrite1, &body).unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::TooLarge);
}

#[test]
fn a_selection_has_a_bound() {
    let store = TestStore::new();
    for i in 0..3 {
        store.put(&format!("m i={i}"), &[(START_MS, 1.0)]);
    }
    let ask = |series_max| {
        let selection = Selection { matchers: vec![], start_ms: 0, end_ms: i64::MAX, series_max };
        store.reader(&tenant("a")).select(&selection).map(|set| set.len()).map_err(|error| error.kind)
    };
    for i in 0..3 {
        store.flush().unwrap();
        store.put(&format!("m i={i}"), &[(START_MS + 1, 1.0)]);
    }
    assert_eq!(ask(3), Ok(3), "each counts once, in however many blocks");
    assert_eq!(ask(2), Err(bongsu_model::SourceErrorKind::Limit));
}

#[test]
fn metadata_survives_in_log_and_file() {
    let mut store = TestStore::new();
    let metadata =
        MetricMetadata { metric_type: MetricType::Counter, help: "Requests.".to_owned(), unit: String::new() };
    store.put_metadata("requests_total", &metadata);
    for _ in 0..3 {
        assert_eq!(store.reader(&tenant("a")).metadata()["requests_total"], std::slice::from_ref(&metadata));
        store.kill_and_reopen();
        store.flush().unwrap();
    }
    assert_eq!(store.report.log.records, 0);
}

#[test]
fn maintenance_flushes_and_merges_when_due() {
    let store = TestStore::new();
    for minute in 0..3 * 60 {
        store.clock.set_ms(START_MS + minute * 60_000);
        store.put("m", &[(START_MS + minute * 60_000, minute as f64)]);
        for _ in 0..5 {
            store.maintain().unwrap();
            store.merge_once().unwrap();
        }
    }
    let stats = store.stats();
    assert!((30..=36).contains(&stats.flushes), "{stats:?}");
    assert!(stats.blocks <= 8, "{stats:?}");
    let found = store.select("a", &[], 0, i64::MAX).unwrap();
    let expected: Vec<_> = (0..180).map(|minute| (START_MS + minute * 60_000, minute as f64)).collect();
    assert_eq!(found[0].1, expected);
    store.clock.advance_ms(48 * HOUR_MS);
    store.flush().unwrap();
    store.merge().unwrap();
    assert_eq!(store.stats().blocks, 1);
    assert_eq!(store.select("a", &[], 0, i64::MAX).unwrap()[0].1, expected);
}

#[test]
fn idle_series_leave_the_table() {
    let store = TestStore::new();
    let many: Vec<_> = (0..5000).map(|i| (labels(&format!("m i={i}")), vec![(START_MS, 1.0)])).collect();
    store.write("a", &many).unwrap().wait().unwrap();
    store.flush().unwrap();
    assert_eq!(store.stats().head_series, 5000);
    store.put("m i=7", &[(START_MS + 1, 2.0)]);
    store.flush().unwrap();
    assert_eq!(store.stats().head_series, 0);
    store.put("m i=7", &[(START_MS + 2, 3.0)]);
    assert_eq!(store.stats().head_series, 1);
    assert_eq!(store.get("m i=7"), "0:1 1:2 2:3");
    assert_eq!(store.select("a", &[], 0, i64::MAX).unwrap().len(), 5000);
}

#[test]
fn only_one_process_has_a_directory() {
    let store = TestStore::new();
    let second = bongsu_tsdb::Store::open(bongsu_tsdb::Options::new(store.dir.path()));
    assert!(second.unwrap_err().to_string().contains("in use by another process"));
}
