//! Deletions and snapshots: what is gone stays gone, after restarts and merges, and what came later stays.

#![allow(clippy::unwrap_used, reason = "a panic in a test is the failure message")]

mod common;

use bongsu_model::{MatchOp, Matcher};
use bongsu_tsdb::{Options, Store};
use common::{HOUR_MS, START_MS, TestStore, labels, tenant};

fn delete(store: &TestStore, matchers: &[Matcher], start: i64, end: i64) {
    store.delete_series(&tenant("a"), matchers, START_MS + start, START_MS + end).unwrap();
}

#[test]
fn deleted_samples_are_gone_for_good_and_later_ones_stay() {
    let mut store = TestStore::new();
    store.put("m job=a", &[(START_MS, 1.0), (START_MS + 10, 2.0), (START_MS + 20, 3.0)]);
    store.put("m job=b", &[(START_MS, 1.0), (START_MS + 10, 2.0)]);
    delete(&store, &[Matcher::equal("job", "a")], 10, 20);
    assert_eq!((store.get("m job=a"), store.get("m job=b")), ("0:1".to_owned(), "0:1 10:2".to_owned()));
    store.put("m job=a", &[(START_MS + 10, 9.0)]);
    for step in 0..4 {
        assert_eq!(store.get("m job=a"), "0:1 10:9", "step {step}");
        assert_eq!(store.get("m job=b"), "0:1 10:2", "step {step}");
        match step {
            0 => store.kill_and_reopen(),
            1 => store.flush().unwrap(),
            _ => {
                // One block of samples from before and after the deletion.
                store.clock.advance_ms(48 * HOUR_MS);
                store.merge().unwrap();
                assert_eq!(store.stats().blocks, 1);
                store.kill_and_reopen();
            }
        }
    }
}

#[test]
fn a_series_that_is_deleted_whole_is_not_listed() {
    let store = TestStore::new();
    store.put("m job=a", &[(START_MS, 1.0)]);
    store.put("m job=b", &[(START_MS, 1.0)]);
    let not_b = Matcher::new("job", MatchOp::NotEqual, "b").unwrap();
    delete(&store, &[Matcher::equal("__name__", "m"), not_b], -1000, 1000);
    let all = vec![vec![Matcher::equal("__name__", "m")]];
    let listed = store.reader(&tenant("a")).series(&all, i64::MIN, i64::MAX, 10).unwrap();
    assert_eq!(listed.iter().map(ToString::to_string).collect::<Vec<_>>(), [r#"m{job="b"}"#]);
}

#[test]
fn cleaning_writes_blocks_anew_and_forgets_the_deletions() {
    let mut store = TestStore::new();
    let file = store.tenant_dir("a").join("tombstones");
    store.put("m job=a", &[(START_MS, 1.0), (START_MS + 10, 2.0)]);
    store.put("m job=b", &[(START_MS, 1.0)]);
    delete(&store, &[Matcher::equal("job", "none")], 0, 10);
    assert!(!file.exists(), "nothing to delete, nothing to keep");
    delete(&store, &[Matcher::equal("job", "a")], 5, 15);
    assert!(file.exists());
    assert_eq!(store.clean_tombstones().unwrap(), 1);
    assert!(!file.exists());
    assert_eq!(store.stats().block_samples, 2);
    assert_eq!(store.get("m job=a"), "0:1");
    assert_eq!(store.clean_tombstones().unwrap(), 0);

    delete(&store, &[Matcher::equal("__name__", "m")], i64::MIN / 2, i64::MAX / 2);
    assert_eq!(store.clean_tombstones().unwrap(), 1);
    assert_eq!(store.stats().blocks, 0, "nothing is left of the block");
    store.kill_and_reopen();
    assert!(store.report.damaged.is_empty(), "{:?}", store.report.damaged);
    assert_eq!(store.get("m job=a"), "");
    store.put("m job=a", &[(START_MS, 5.0)]);
    store.flush().unwrap();
    assert_eq!(store.get("m job=a"), "0:5");
}

#[test]
fn numbers_that_a_deletion_is_about_are_not_used_again() {
    let mut store = TestStore::new();
    store.put("m job=a", &[(START_MS, 1.0)]);
    delete(&store, &[Matcher::equal("job", "a")], 0, 10);
    store.kill_and_reopen();
    // The block goes, its tombstone stays.
    for entry in std::fs::read_dir(store.tenant_dir("a")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "block") {
            std::fs::remove_file(path).unwrap();
        }
    }
    store.kill_and_reopen();
    store.put("m job=a", &[(START_MS, 2.0)]);
    store.flush().unwrap();
    assert_eq!(store.get("m job=a"), "0:2");
}

#[test]
fn a_damaged_file_of_deletions_is_told() {
    let mut store = TestStore::new();
    store.put("m job=a", &[(START_MS, 1.0)]);
    delete(&store, &[Matcher::equal("job", "a")], 0, 10);
    std::fs::write(store.tenant_dir("a").join("tombstones"), b"BGSTOMB1nonsense").unwrap();
    store.kill_and_reopen();
    assert!(store.report.damaged[0].contains("checksum mismatch"), "{:?}", store.report.damaged);
}

#[test]
fn a_snapshot_is_a_data_directory_that_later_changes_do_not_touch() {
    let store = TestStore::new();
    store.put("m job=a", &[(START_MS, 1.0), (START_MS + 10, 2.0)]);
    delete(&store, &[Matcher::equal("job", "a")], 10, 10);
    store.put("m job=b", &[(START_MS, 3.0)]);
    let target = store.dir.path().join("snapshots").join("one");
    store.snapshot(&target, true).unwrap();
    assert!(store.snapshot(&target, true).is_err(), "a snapshot is not written over");
    store.put("m job=a", &[(START_MS + 20, 4.0)]);
    store.clean_tombstones().unwrap();
    store.clock.advance_ms(48 * HOUR_MS);
    store.flush().unwrap();
    store.merge().unwrap();

    let clock: std::sync::Arc<dyn bongsu_model::Clock> = store.clock.clone();
    let (copy, report) = Store::open(Options { clock, ..Options::new(&target) }).unwrap();
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
    let all = vec![vec![Matcher::equal("__name__", "m")]];
    let listed = copy.reader(&tenant("a")).series(&all, i64::MIN, i64::MAX, 10).unwrap();
    assert_eq!(listed.iter().map(ToString::to_string).collect::<Vec<_>>(), [r#"m{job="a"}"#, r#"m{job="b"}"#]);
    assert_eq!(copy.stats().block_samples, 3);
}

fn listed(store: &TestStore, name: &str) -> Vec<String> {
    let all = vec![Vec::new()];
    let series = store.reader(&tenant(name)).series(&all, i64::MIN, i64::MAX, 10).unwrap();
    series.iter().map(ToString::to_string).collect()
}

fn write_b(store: &TestStore, value: f64) {
    store.write("b", &[(labels("m job=b"), vec![(START_MS, value)])]).unwrap().wait().unwrap();
}

#[test]
fn a_deleted_tenant_leaves_a_receipt_and_nothing_else() {
    let mut store = TestStore::new();
    store.put("m job=a", &[(START_MS, 1.0), (START_MS + 10, 2.0)]);
    write_b(&store, 5.0);
    store.flush().unwrap();
    store.put("m job=a", &[(START_MS + 20, 3.0)]);
    store.put("m job=c", &[(START_MS, 3.0)]);
    let mark = store.reader(&tenant("a")).rely_until(START_MS).unwrap();
    let receipt = store.delete_tenant(&tenant("a")).unwrap().unwrap();
    assert_eq!((receipt.series, receipt.samples, receipt.finished_ms), (2, 4, Some(START_MS)));
    assert_eq!(receipt.files.iter().filter(|(name, _)| name.ends_with(".block")).count(), 1);
    assert!(receipt.bytes() > 256 && receipt.snapshots.is_empty(), "{receipt:?}");
    assert!(!store.tenant_dir("a").exists() && store.dir.path().join("receipts").join(receipt.name()).is_file());
    assert!(store.dir.path().join("deleting").read_dir().unwrap().next().is_none());
    assert_eq!(store.delete_tenant(&tenant("a")).unwrap(), None);

    store.put("m job=new", &[(START_MS, 9.0)]);
    assert_eq!(store.reader(&tenant("a")).changed_since(mark), i64::MIN, "kept answers are those of another tenant");
    for step in 0..2 {
        assert_eq!(listed(&store, "a"), [r#"m{job="new"}"#], "step {step}");
        assert_eq!(listed(&store, "b"), [r#"m{job="b"}"#], "step {step}");
        store.kill_and_reopen();
    }
}

/// A crash right after the note was written, and one after it said that the files are gone.
#[test]
fn a_deletion_that_a_crash_interrupts_is_finished_by_the_next_start() {
    for is_cleared in [false, true] {
        let mut store = TestStore::new();
        store.put("m job=a", &[(START_MS, 1.0)]);
        write_b(&store, 5.0);
        store.flush().unwrap();
        store.put("m job=a", &[(START_MS + 10, 2.0)]);
        let state = if is_cleared { "cleared\n" } else { "" };
        let note = format!("bongsu receipt 1\ntenant a\nasked 5\nlog 100000\nseries 1\nsamples 2\n{state}");
        let note = format!("{note}checksum {:08x}\n", crc32c::crc32c(note.as_bytes()));
        let path = store.dir.path().join("deleting").join("1");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, note).unwrap();
        store.kill_and_reopen();
        assert!(store.report.damaged.is_empty(), "{:?}", store.report.damaged);
        let expected = if is_cleared { "0:1" } else { "" };
        assert_eq!(store.get("m job=a"), expected, "what is in a block now came after the files were gone");
        store.put("m job=new", &[(START_MS, 9.0)]);
        store.maintain().unwrap();
        assert!(path.exists(), "the log ends before the place that this note names");
        assert_eq!((store.get("m job=new"), listed(&store, "b").len()), ("0:9".to_owned(), 1));
    }
}

#[test]
fn a_note_that_makes_no_sense_deletes_nothing_and_is_told() {
    let mut store = TestStore::new();
    store.put("m job=a", &[(START_MS, 1.0)]);
    let folder = store.dir.path().join("deleting");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("1"), "bongsu receipt 1\ntenant a\n").unwrap();
    store.kill_and_reopen();
    assert!(store.report.damaged[0].contains("checksum mismatch"), "{:?}", store.report.damaged);
    assert_eq!(store.get("m job=a"), "0:1");
}
