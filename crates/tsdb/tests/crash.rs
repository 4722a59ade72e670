//! What stands on disk when the process ends at the worst moment.
#![expect(clippy::unwrap_used, reason = "a panic in a test is the failure message")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bongsu_model::Clock;
use bongsu_tsdb::WriteErrorKind;
use common::{HOUR_MS, START_MS, TestStore, labels};

/// The files of a directory tree, to be put back later.
fn files(dir: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

fn put_back(files: &BTreeMap<std::path::PathBuf, Vec<u8>>) {
    files.iter().filter(|(path, _)| !path.exists()).for_each(|(path, content)| fs::write(path, content).unwrap());
}

#[test]
fn a_crash_before_the_log_is_truncated_doubles_nothing() {
    let mut store = TestStore::new();
    store.put("m", &[(START_MS, 1.0), (START_MS + 1, 2.0)]);
    store.put("m", &[(START_MS, 3.0)]);
    let before = files(store.dir.path());
    store.flush().unwrap();
    store.put("m", &[(START_MS + 1, 4.0)]);
    put_back(&before);
    store.kill_and_reopen();
    assert_eq!((store.report.replayed_samples, store.stats().blocks), (4, 1));
    assert_eq!(store.get("m"), "0:3 1:4");
    store.flush().unwrap();
    assert_eq!(store.get("m"), "0:3 1:4");
}

#[test]
fn a_crash_while_the_log_is_truncated_leaves_records_that_nobody_misses() {
    let mut store = TestStore::with(|options| options.log.segment_bytes_max = 1);
    store.put("m", &[(START_MS, 1.0)]);
    let with_labels: Vec<_> = files(&store.dir.path().join("log")).into_keys().collect();
    store.put("m", &[(START_MS + 1, 2.0)]);
    let mut log = files(&store.dir.path().join("log"));
    log.retain(|path, _| !with_labels.contains(path));
    assert_eq!(log.len(), 1, "the segment with the sample that has a ref for its labels");
    store.close();
    put_back(&log);
    store.open_again();
    assert_eq!((store.report.replayed_samples, store.report.unusable_records), (0, 0));
    assert!(store.report.damaged.is_empty(), "{:?}", store.report.damaged);
    assert_eq!(store.get("m"), "0:1 1:2");
}

#[test]
fn a_crash_between_a_merge_and_the_deletion_of_its_inputs_leaves_one_block() {
    let mut store = TestStore::new();
    for i in 0..3 {
        store.put("m", &[(START_MS + i, i as f64), (START_MS, 10.0 + i as f64)]);
        store.flush().unwrap();
    }
    let before = files(store.dir.path());
    store.clock.advance_ms(3 * HOUR_MS);
    assert_eq!(store.merge().unwrap(), 1);
    put_back(&before);
    assert_eq!(files(&store.tenant_dir("a")).len(), 4);
    fs::write(store.tenant_dir("a").join("2h_1_9_9.block.tmp"), b"half a block").unwrap();
    store.kill_and_reopen();
    assert_eq!(files(&store.tenant_dir("a")).len(), 1);
    assert_eq!(store.get("m"), "0:12 1:1 2:2");
    assert!(store.report.damaged.is_empty());
}

#[test]
fn a_flush_that_cannot_write_keeps_everything_and_goes_on_later() {
    let mut store = TestStore::new();
    store.put("m", &[(START_MS, 1.0)]);
    // A file where the tenant's directory should be: no block can be written.
    let obstacle = store.tenant_dir("a");
    fs::write(&obstacle, b"").unwrap();
    store.write("b", &[(labels("m"), vec![(START_MS, 5.0)])]).unwrap().wait().unwrap();
    assert!(store.flush().is_err());
    assert_eq!(store.stats().blocks, 1, "the other tenant's");
    assert_eq!(store.get("m"), "0:1", "frozen");
    store.put("m", &[(START_MS + 1, 2.0)]);
    assert!(store.maintain().is_err());
    assert_eq!(store.maintain().unwrap(), bongsu_tsdb::Maintained::default(), "not again at once");
    assert_eq!((store.get("m").as_str(), store.stats().flush_failures), ("0:1 1:2", 1));
    fs::remove_file(&obstacle).unwrap();
    store.flush().unwrap();
    assert_eq!((store.get("m").as_str(), store.stats().head_samples), ("0:1 1:2", 0));
    store.kill_and_reopen();
    assert_eq!((store.report.replayed_samples, store.get("m").as_str()), (0, "0:1 1:2"));
}

#[test]
fn a_damaged_block_does_not_keep_others_from_being_merged() {
    let store = TestStore::new();
    for i in 0..2 {
        for name in ["a", "b"] {
            store.write(name, &[(labels("m"), vec![(START_MS + i, 1.0)])]).unwrap().wait().unwrap();
        }
        store.flush().unwrap();
    }
    let (path, mut content) =
        files(&store.tenant_dir("a")).into_iter().find(|(path, _)| path.extension().is_some()).unwrap();
    content[9] ^= 0xff;
    fs::write(path, content).unwrap();
    store.clock.advance_ms(3 * HOUR_MS);
    assert!(store.merge().unwrap_err().to_string().contains("damaged"));
    assert_eq!(store.merge().unwrap(), 1, "those of the other tenant");
    store.clock.advance_ms(HOUR_MS);
    assert!(store.merge().is_err(), "tried again");
    assert_eq!(store.select("b", &[], 0, i64::MAX).unwrap()[0].1.len(), 2);
}

#[test]
fn a_tenant_that_cannot_be_flushed_keeps_back_no_other_until_memory_is_full() {
    let mut store = TestStore::with(|options| options.flush_head_bytes = 20_000);
    let put = |store: &TestStore, tenant: &str, i: i64| {
        let many = (0..20).map(|series| (labels(&format!("m i={i},s={series}")), vec![(START_MS + i, i as f64)]));
        store.write(tenant, &many.collect::<Vec<_>>()).and_then(bongsu_tsdb::Written::wait)
    };
    let obstacle = store.tenant_dir("a");
    put(&store, "a", 0).unwrap();
    fs::write(&obstacle, b"").unwrap();
    for i in 0..5 {
        put(&store, "b", i).unwrap();
        store.clock.advance_ms(HOUR_MS / 4);
        assert!(store.maintain().is_err());
    }
    assert_eq!((store.stats().flushes, store.stats().blocks, store.stats().head_samples), (5, 5, 0));
    store.clock.advance_ms(HOUR_MS / 4);
    assert!(store.maintain().is_err(), "the one that failed, again");
    assert_eq!(store.stats().flushes, 5, "which is no reason to flush the others");
    let refused = (1..100).find_map(|i| {
        store.clock.advance_ms(20_000);
        assert!(store.maintain().is_err());
        put(&store, "a", i).err()
    });
    let refused = refused.unwrap();
    assert_eq!(refused.kind, WriteErrorKind::Unavailable);
    assert!(refused.to_string().contains("far beyond their bounds"), "{refused}");
    fs::remove_file(&obstacle).unwrap();
    let count = store.select("a", &[], 0, i64::MAX).unwrap().len();
    store.kill_and_reopen();
    assert_eq!(store.select("a", &[], 0, i64::MAX).unwrap().len(), count, "the log had it all");
    store.flush().unwrap();
    store.kill_and_reopen();
    assert_eq!((store.report.replayed_samples, store.select("b", &[], 0, i64::MAX).unwrap().len()), (0, 100));
    put(&store, "a", 100).unwrap();
}

#[test]
fn no_merge_covers_a_block_that_could_not_be_opened() {
    let mut store = TestStore::new();
    let put = |store: &TestStore, flushes: std::ops::Range<i64>| {
        for i in flushes {
            store.put("m", &[(START_MS + i, i as f64)]);
            store.flush().unwrap();
        }
    };
    put(&store, 0..5);
    let tenant_dir = store.tenant_dir("a");
    let block = |flush: i64| {
        fs::read_dir(&tenant_dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.to_str().unwrap().ends_with(&format!("_{flush}_{flush}.block")))
    };
    let third = block(2).unwrap();
    let content = fs::read(&third).unwrap();
    fs::write(&third, b"as of a later version").unwrap();
    store.kill_and_reopen();
    assert_eq!(store.report.damaged.len(), 1);
    put(&store, 5..9);
    store.clock.advance_ms(HOUR_MS);
    store.merge().unwrap();
    store.clock.advance_ms(3 * HOUR_MS);
    store.merge().unwrap();
    store.clock.advance_ms(48 * HOUR_MS);
    store.merge().unwrap();
    assert_eq!(store.stats().blocks, 2, "those before and those after");
    fs::write(&third, content).unwrap();
    store.kill_and_reopen();
    assert_eq!(store.get("m"), "0:0 1:1 2:2 3:3 4:4 5:5 6:6 7:7 8:8");
    assert_eq!(store.merge().unwrap(), 1);
    store.kill_and_reopen();
    assert_eq!(store.get("m"), "0:0 1:1 2:2 3:3 4:4 5:5 6:6 7:7 8:8");
}

#[test]
fn a_merge_of_an_open_day_covers_no_block_of_two_hours_between() {
    let mut store = TestStore::new();
    let (noon, after_midnight) = (START_MS + 12 * HOUR_MS, START_MS + 24 * HOUR_MS + 60_000);
    // The clock is set back for one flush.
    for (i, now_ms) in [after_midnight, after_midnight, noon, after_midnight, after_midnight].into_iter().enumerate() {
        store.clock.set_ms(now_ms);
        store.put("m", &[(START_MS + i as i64, i as f64)]);
        store.flush().unwrap();
    }
    store.merge().unwrap();
    store.kill_and_reopen();
    assert_eq!(store.get("m"), "0:0 1:1 2:2 3:3 4:4");
}

#[test]
fn a_block_that_the_system_does_not_let_open_fails_the_start() {
    let mut store = TestStore::new();
    store.put("m", &[(START_MS, 1.0)]);
    store.close();
    let path = store.tenant_dir("a").join("2h_1_1_1.block");
    fs::create_dir(&path).unwrap();
    let error = bongsu_tsdb::Store::open(bongsu_tsdb::Options::new(store.dir.path())).unwrap_err().to_string();
    assert!(error.contains("2h_1_1_1.block"), "{error}");
    fs::remove_dir(&path).unwrap();
    fs::write(&path, b"").unwrap();
    store.open_again();
    assert_eq!((store.report.damaged.len(), store.get("m").as_str()), (1, "0:1"));
}

#[test]
fn what_cannot_be_deleted_stays_and_keeps_nothing_else() {
    let store = TestStore::with(|options| options.retention_bytes = Some(0));
    for hour in [0, 3] {
        store.put("m", &[(START_MS + hour * HOUR_MS, 1.0)]);
        store.flush().unwrap();
    }
    // A directory in place of the older block's file cannot be unlinked.
    let path = files(&store.tenant_dir("a")).into_keys().find(|path| path.to_str().unwrap().contains("_0_0")).unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    for _ in 0..2 {
        assert!(store.enforce_retention().is_err());
        assert_eq!((store.stats().blocks, store.stats().dropped_blocks), (1, 1));
    }
    fs::remove_dir(&path).unwrap();
    assert_eq!(store.enforce_retention().unwrap(), 1);
}

#[test]
fn stopped_merges_leave_the_blocks_as_they_are() {
    let store = TestStore::new();
    for i in 0..4 {
        store.put("m", &[(START_MS + i, 1.0)]);
        store.flush().unwrap();
    }
    store.stop_merges();
    assert_eq!((store.merge().unwrap(), store.stats().blocks), (0, 4));
}

#[test]
fn writers_a_flusher_and_a_reader_at_the_same_time_lose_nothing() {
    let mut store = TestStore::new();
    let now_ms = store.clock.now_ms();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for i in 0..100 {
                    store.put(&format!("m writer={writer},series={}", i % 10), &[(now_ms + i, i as f64)]);
                }
            });
        }
        for _ in 0..10 {
            store.flush().unwrap();
            store.merge().unwrap();
            let found = store.select("a", &[], 0, i64::MAX).unwrap();
            assert!(found.iter().all(|(_, samples)| samples.len() <= 10));
        }
    });
    for _ in 0..2 {
        let found = store.select("a", &[], 0, i64::MAX).unwrap();
        assert_eq!(found.len(), 40);
        assert_eq!(found.iter().map(|(_, samples)| samples.len()).sum::<usize>(), 400);
        store.kill_and_reopen();
    }
}
