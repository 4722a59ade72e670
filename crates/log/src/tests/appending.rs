//! Records go in, come back in order, and the log's bounds hold.

use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::{ErrorKind, Log, Options, Position, Recovery, SyncPolicy};

/// Opens a log and returns it with the payloads that it replayed.
#[track_caller]
fn open(dir: &Path, options: Options) -> (Log, Vec<String>, Recovery) {
    let mut replayed = Vec::new();
    let (log, recovery) = Log::open(dir, options, &mut |_, payload| {
        replayed.push(String::from_utf8(payload.to_vec()).unwrap());
    })
    .unwrap();
    (log, replayed, recovery)
}

fn small_segments() -> Options {
    Options { segment_bytes_max: 64, ..Options::default() }
}

#[track_caller]
fn append(log: &Log, text: &str) -> Position {
    let (position, commit) = log.append(&[text.as_bytes()]).unwrap();
    commit.wait().unwrap();
    position
}

fn read_all(log: &Log, from: Position) -> Vec<String> {
    let mut reader = log.read_from(from);
    let mut texts = Vec::new();
    while let Some(entry) = reader.read().unwrap() {
        texts.push(String::from_utf8(entry.payload.to_vec()).unwrap());
    }
    texts
}

fn segment_count(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().filter(|e| e.as_ref().unwrap().path().extension().is_some()).count()
}

#[test]
fn a_restart_replays_what_was_appended() {
    let dir = tempfile::tempdir().unwrap();
    let (log, replayed, recovery) = open(dir.path(), Options::default());
    assert!(replayed.is_empty());
    assert_eq!(recovery, Recovery::default());
    let (first, commit) = log.append(&[b"be", b"", b"acon"]).unwrap();
    commit.wait().unwrap();
    let second = append(&log, "");
    let third = append(&log, "fire");
    assert_eq!((first.0, second.0, third.0), (0, 22, 38));
    drop(log);

    let (log, replayed, recovery) = open(dir.path(), Options::default());
    assert_eq!(replayed, ["beacon", "", "fire"]);
    assert_eq!(recovery, Recovery { records: 3, bytes: 10, dropped: Vec::new() });
    assert_eq!(append(&log, "hill"), Position(58));
    drop(log);
    assert_eq!(open(dir.path(), Options::default()).1, ["beacon", "", "fire", "hill"]);
}

#[test]
fn empty_segments_do_not_pile_up() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..5 {
        drop(open(dir.path(), Options::default()));
    }
    assert_eq!(segment_count(dir.path()), 1);
}

#[test]
fn a_second_opener_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (log, ..) = open(dir.path(), Options::default());
    let reader = log.read_from(Position(0));
    let error = Log::open(dir.path(), Options::default(), &mut |_, _| {}).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Locked);
    assert!(error.to_string().contains("in use by another process"), "{error}");
    drop(log);
    open(dir.path(), Options::default());
    drop(reader);
}

#[test]
fn too_large_a_record_is_refused_and_the_largest_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (log, ..) = open(dir.path(), Options { record_bytes_max: 5, ..Options::default() });
    append(&log, "12345");
    assert_eq!(log.append(&[b"123", b"456"]).unwrap_err().kind, ErrorKind::TooLarge);
}

#[test]
fn a_reader_sees_later_appends_over_segments() {
    let dir = tempfile::tempdir().unwrap();
    let (log, ..) = open(dir.path(), small_segments());
    let mut reader = log.read_from(Position(0));
    assert_eq!(reader.read().unwrap(), None);
    let mut ends = Vec::new();
    for number in 0..20 {
        let text = format!("record number {number}");
        let position = append(&log, &text);
        let entry = reader.read().unwrap().unwrap();
        assert_eq!((entry.position, entry.payload), (position, text.as_bytes()));
        ends.push(entry.next);
        assert_eq!(reader.read().unwrap(), None);
    }
    assert!(segment_count(dir.path()) > 5);
    assert_eq!(read_all(&log, ends[16]), ["record number 17", "record number 18", "record number 19"]);
    assert_eq!(reader.take_dropped(), []);
}

#[test]
fn truncation_deletes_whole_segments_before_a_rotation() {
    let dir = tempfile::tempdir().unwrap();
    let (log, ..) = open(dir.path(), Options::default());
    append(&log, "old");
    let position = log.rotate().unwrap();
    assert_eq!(log.rotate().unwrap(), position, "an empty segment need not be followed by another");
    append(&log, "new");
    assert_eq!(segment_count(dir.path()), 2);
    let mut behind = log.read_from(Position(0));
    log.truncate_to(Position(position.0 - 1)).unwrap();
    assert_eq!(segment_count(dir.path()), 2);
    log.truncate_to(position).unwrap();
    assert_eq!(segment_count(dir.path()), 1);
    assert_eq!(log.start(), position);
    assert_eq!(behind.read().unwrap().unwrap().payload, b"new");
    log.truncate_to(log.end()).unwrap();
    assert_eq!(segment_count(dir.path()), 1, "the newest segment stays");
    assert_eq!(log.size_bytes(), 32 + 16 + 3);
    drop(log);
    let (log, replayed, recovery) = open(dir.path(), Options::default());
    assert_eq!((replayed, recovery.dropped), (vec!["new".to_owned()], Vec::new()));
    assert_eq!(log.end(), Position(position.0 + 19));
}

#[test]
fn concurrent_appends_share_syncs_and_keep_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let (log, ..) =
        open(dir.path(), Options { segment_bytes_max: 4096, buffered_bytes_max: 2048, ..Options::default() });
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = &log;
            scope.spawn(move || {
                let mut commits = Vec::new();
                for number in 0..100 {
                    commits.push(log.append(&[format!("{thread} {number}").as_bytes()]).unwrap());
                }
                assert!(commits.iter().is_sorted_by_key(|(position, _)| *position));
                commits.into_iter().for_each(|(_, commit)| commit.wait().unwrap());
            });
        }
    });
    let stats = log.stats();
    assert_eq!(stats.appends, 800);
    assert!(stats.syncs < 800 && stats.groups < 800, "{stats:?}");
    let read = read_all(&log, Position(0));
    drop(log);
    let (_log, replayed, _) = open(dir.path(), Options::default());
    assert_eq!(read, replayed);
    let mut next = [0; 8];
    for text in replayed {
        let (thread, number) = text.split_once(' ').unwrap();
        let (thread, number): (usize, usize) = (thread.parse().unwrap(), number.parse().unwrap());
        assert_eq!(number, next[thread]);
        next[thread] += 1;
    }
    assert_eq!(next, [100; 8]);
}

#[test]
fn a_commit_can_be_awaited() {
    let dir = tempfile::tempdir().unwrap();
    let (log, ..) = open(dir.path(), Options::default());
    let (_, commit) = log.append(&[b"later"]).unwrap();
    let mut commit = std::pin::pin!(commit);
    let mut context = Context::from_waker(Waker::noop());
    let _ = commit.as_mut().poll(&mut context);
    append(&log, "behind it");
    assert!(matches!(commit.poll(&mut context), Poll::Ready(Ok(()))));
}

#[test]
fn lazy_sync_commits_after_the_write_and_syncs_when_closed() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { sync: SyncPolicy::Every { interval_ms: 3_600_000 }, ..Options::default() };
    let (log, ..) = open(dir.path(), options);
    let log = Arc::new(log);
    append(&log, "one");
    append(&log, "two");
    assert_eq!((log.stats().groups, log.stats().syncs), (2, 0));
    assert_eq!(read_all(&log, Position(0)), ["one", "two"]);
}
