//! The disk fails, fills up or loses power: what was acknowledged is there afterwards.

use std::path::Path;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::sim::{Faults, SimDisk};
use crate::{Error, ErrorKind, Log, Options, Position, SyncPolicy};

fn open(disk: &SimDisk, sync: SyncPolicy) -> (Log, Vec<String>) {
    let options = Options { segment_bytes_max: 200, sync, disk: Arc::new(disk.clone()), ..Options::default() };
    let mut replayed = Vec::new();
    let open = Log::open(Path::new("log"), options, &mut |_, payload| {
        replayed.push(String::from_utf8(payload.to_vec()).unwrap());
    });
    (open.unwrap().0, replayed)
}

fn append(log: &Log, text: &str) -> Result<(), Error> {
    log.append(&[text.as_bytes()])?.1.wait()
}

#[test]
fn short_writes_are_completed() {
    let disk = SimDisk::default();
    disk.set_faults(Faults { write_bytes_max: 3, ..Faults::default() });
    let (log, _) = open(&disk, SyncPolicy::Always);
    append(&log, "a long enough record").unwrap();
    drop(log);
    assert_eq!(open(&disk, SyncPolicy::Always).1, ["a long enough record"]);
}

#[test]
fn a_full_disk_refuses_and_takes_again_when_there_is_space() {
    let disk = SimDisk::default();
    let (log, _) = open(&disk, SyncPolicy::Always);
    append(&log, "before").unwrap();
    let mut reader = log.read_from(Position(0));
    for space_bytes in [0, 5, 20, 40, 0] {
        disk.set_faults(Faults { space_bytes: Some(space_bytes), ..Faults::default() });
        let error = append(&log, "there is no room for this").unwrap_err();
        assert_eq!(error.kind, ErrorKind::DiskFull, "{error}");
    }
    assert!(log.append(&[b"x"]).unwrap_err().to_string().starts_with("cannot create log segment log/000"));
    disk.set_faults(Faults::default());
    append(&log, "after").unwrap();
    assert_eq!(reader.read().unwrap().unwrap().payload, b"before");
    assert_eq!(reader.read().unwrap().unwrap().payload, b"after");
    assert_eq!(reader.take_dropped(), []);
    assert_eq!(log.stats().failures, 6);
    drop(log);
    disk.set_faults(Faults { space_bytes: Some(10), ..Faults::default() });
    let (log, replayed) = open(&disk, SyncPolicy::Always);
    assert_eq!(replayed, ["before", "after"], "a full disk can be read");
    assert_eq!(append(&log, "no room").unwrap_err().kind, ErrorKind::DiskFull);
    disk.set_faults(Faults::default());
    append(&log, "again").unwrap();
    drop(log);
    assert_eq!(open(&disk, SyncPolicy::Always).1, ["before", "after", "again"]);
}

#[test]
fn a_failed_sync_fails_its_group_and_nothing_is_appended_behind_it() {
    let disk = SimDisk::default();
    let (log, _) = open(&disk, SyncPolicy::Always);
    append(&log, "before").unwrap();
    disk.set_faults(Faults { sync_fails: true, ..Faults::default() });
    let (_, commit) = log.append(&[b"lost"]).unwrap();
    let error = commit.wait().unwrap_err();
    assert_eq!(error.to_string(), "cannot sync log segment log/00000000000000000000.log: the disk is gone");
    assert_eq!(append(&log, "refused").unwrap_err().kind, ErrorKind::Io);
    disk.set_faults(Faults::default());
    append(&log, "after").unwrap();
    for seed in 0..20 {
        assert_eq!(open(&disk.after_power_cut(seed), SyncPolicy::Always).1, ["before", "after"], "seed {seed}");
    }
}

/// A random life: appends, rotations, failures, power cuts. Whatever was acknowledged is replayed, in order, and what
/// was not may be.
#[test]
fn nothing_acknowledged_is_lost_in_random_lives() {
    for seed in 0..300 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut disk = SimDisk::default();
        let (mut log, _) = open(&disk, SyncPolicy::Always);
        let mut acknowledged = Vec::new();
        for number in 0..40 {
            match random.random_range(0..20) {
                0 => {
                    let after = disk.after_power_cut(random.random());
                    drop(log);
                    disk = after;
                    let (reopened, replayed) = open(&disk, SyncPolicy::Always);
                    check_contains_in_order(&replayed, &acknowledged, seed);
                    log = reopened;
                }
                1 => disk.set_faults(Faults { space_bytes: Some(random.random_range(0..100)), ..Faults::default() }),
                2 => disk.set_faults(Faults { sync_fails: true, ..Faults::default() }),
                3..6 => disk.set_faults(Faults { write_bytes_max: 7, ..Faults::default() }),
                6 => drop(log.rotate()),
                _ => {
                    let text = format!("record {number} {}", "x".repeat(random.random_range(0..60)));
                    if append(&log, &text).is_ok() {
                        acknowledged.push(text);
                    }
                }
            }
        }
        check_contains_in_order(&read_all(&log), &acknowledged, seed);
    }
}

fn read_all(log: &Log) -> Vec<String> {
    let mut reader = log.read_from(Position(0));
    let mut texts = Vec::new();
    while let Some(entry) = reader.read().unwrap() {
        texts.push(String::from_utf8(entry.payload.to_vec()).unwrap());
    }
    texts
}

#[track_caller]
fn check_contains_in_order(found: &[String], wanted: &[String], seed: u64) {
    let mut found_iter = found.iter();
    for text in wanted {
        assert!(found_iter.any(|other| other == text), "{text:?} is missing in {found:?}, seed {seed}");
    }
}

#[test]
fn lazy_sync_loses_only_a_tail_in_a_power_cut() {
    for seed in 0..50 {
        let disk = SimDisk::default();
        let (log, _) = open(&disk, SyncPolicy::Every { interval_ms: 3_600_000 });
        let texts: Vec<String> = (0..30).map(|number| format!("record number {number}")).collect();
        texts.iter().for_each(|text| append(&log, text).unwrap());
        let after = disk.after_power_cut(seed);
        let (_log, replayed) = open(&after, SyncPolicy::Always);
        assert_eq!(replayed, texts[..replayed.len()], "seed {seed}");
        assert!(replayed.len() >= 24, "full segments are synced before the next one begins; seed {seed}");
    }
}
