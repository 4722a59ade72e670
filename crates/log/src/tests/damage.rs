//! Torn tails and flipped bits: everything intact is kept, everything else is told.

use std::path::{Path, PathBuf};

use crate::{Log, Options, Position, Recovery};

const TEXTS: [&str; 4] = ["the first record", "second", "", "and the last one"];

/// Offsets in the only segment at which the records of [`TEXTS`] end, after the header.
const ENDS: [u64; 5] = [32, 64, 86, 102, 134];

/// A log with [`TEXTS`] and the bytes of its only segment.
fn written() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = Log::open(dir.path(), Options::default(), &mut |_, _| {}).unwrap();
    TEXTS.iter().for_each(|text| log.append(&[text.as_bytes()]).unwrap().1.wait().unwrap());
    drop(log);
    let path = dir.path().join("00000000000000000000.log");
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len() as u64, ENDS[4]);
    (dir, path, bytes)
}

/// What a log with this segment replays, and the log's end, which later appends start from.
fn reopen(dir: &Path, path: &Path, bytes: &[u8]) -> (Vec<String>, Recovery, Position) {
    for entry in std::fs::read_dir(dir).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    std::fs::write(path, bytes).unwrap();
    let mut replayed = Vec::new();
    let (log, recovery) = Log::open(dir, Options::default(), &mut |_, payload| {
        replayed.push(String::from_utf8(payload.to_vec()).unwrap());
    })
    .unwrap();
    (replayed, recovery, log.end())
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_once() {
    let (dir, path, bytes) = written();
    for length in 0..=bytes.len() {
        let whole = ENDS.iter().filter(|end| **end <= length as u64).count();
        let (replayed, recovery, end) = reopen(dir.path(), &path, &bytes[..length]);
        assert_eq!(replayed, TEXTS[..whole.saturating_sub(1)], "{length}");
        assert_eq!(end.0, (length as u64).saturating_sub(32));
        let torn_bytes = if whole == 0 { length as u64 } else { length as u64 - ENDS[whole - 1] };
        assert_eq!(recovery.dropped.iter().map(|dropped| dropped.bytes).sum::<u64>(), torn_bytes, "{length}");

        let (_, again) = Log::open(dir.path(), Options::default(), &mut |_, _| {}).unwrap();
        assert_eq!((again.records, again.dropped), (recovery.records, Vec::new()), "{length}");
    }
}

#[test]
fn a_flipped_bit_costs_the_record_that_it_is_in() {
    let (dir, path, bytes) = written();
    for at in 0..bytes.len() {
        for bit in [0, 7] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let hit = ENDS.iter().filter(|end| **end <= at as u64).count();
            let (replayed, recovery, end) = reopen(dir.path(), &path, &damaged);
            let kept: Vec<&str> = TEXTS.iter().enumerate().filter(|(n, _)| n + 1 != hit).map(|(_, t)| *t).collect();
            assert_eq!(replayed, kept, "byte {at} bit {bit}");
            assert_eq!(end.0, 102);
            let [dropped] = &recovery.dropped[..] else { panic!("{recovery:?}") };
            let lost = if hit == 0 { (0, 32) } else { (ENDS[hit - 1], ENDS[hit] - ENDS[hit - 1]) };
            assert_eq!((dropped.offset_bytes, dropped.bytes), lost, "byte {at} bit {bit}");
            assert_eq!(dropped.segment, path);
        }
    }
}

#[test]
fn a_record_inside_a_damaged_payload_is_not_taken_for_one() {
    let (dir, path, bytes) = written();
    let (log, _) = Log::open(dir.path(), Options::default(), &mut |_, _| {}).unwrap();
    let start = log.end();
    log.append(&[&bytes[32..]]).unwrap().1.wait().unwrap();
    log.append(&[b"behind"]).unwrap().1.wait().unwrap();
    drop(log);
    let second = dir.path().join(format!("{:020}.log", start.0));
    let mut damaged = std::fs::read(&second).unwrap();
    damaged[33] ^= 1;
    std::fs::write(&second, damaged).unwrap();
    let mut replayed = Vec::new();
    Log::open(dir.path(), Options::default(), &mut |_, payload| replayed.push(payload.to_vec())).unwrap();
    assert_eq!(replayed.len(), TEXTS.len() + 1);
    assert_eq!(replayed[TEXTS.len()], b"behind");
    drop(path);
}

#[test]
fn a_missing_segment_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let options = || Options { segment_bytes_max: 1, ..Options::default() };
    let (log, _) = Log::open(dir.path(), options(), &mut |_, _| {}).unwrap();
    TEXTS.iter().for_each(|text| log.append(&[text.as_bytes()]).unwrap().1.wait().unwrap());
    drop(log);
    std::fs::remove_file(dir.path().join("00000000000000000032.log")).unwrap();
    let (_log, recovery) = Log::open(dir.path(), options(), &mut |_, _| {}).unwrap();
    assert_eq!(recovery.records, 3);
    let [dropped] = &recovery.dropped[..] else { panic!("{recovery:?}") };
    assert_eq!((dropped.bytes, dropped.reason), (22, "the next segment says that there was more"));
}

#[test]
fn another_version_is_left_alone() {
    let (dir, path, mut bytes) = written();
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..28]);
    bytes[28..32].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let error = Log::open(dir.path(), Options::default(), &mut |_, _| {}).unwrap_err();
    assert_eq!(error.kind, crate::ErrorKind::Version);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_scanned_without_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let dropped = crate::scan_bytes(&bytes, Position(7), &mut |_, _| {});
        let told: u64 = dropped.iter().map(|dropped| dropped.bytes).sum();
        proptest::prop_assert_eq!(told, (bytes.len() as u64).saturating_sub(32));
    }
}

#[test]
fn positions_go_on_when_a_start_fails_before_the_next_segment_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let disk = bongsu_disk::SimDisk::new(dir.path()).unwrap();
    let options = Options { disk: std::sync::Arc::new(disk.clone()), ..Options::default() };
    let open = || Log::open(dir.path(), options.clone(), &mut |_, _| {}).map(|(log, _)| log);
    let log = open().unwrap();
    log.append(&[b"sent"]).unwrap().1.wait().unwrap();
    let cut = log.rotate().unwrap();
    log.truncate_to(cut).unwrap();
    drop(log);
    for operations in 0..6 {
        disk.fail_after(operations, bongsu_disk::Fault::PowerCut);
        let _ = open();
        disk.restart(operations).unwrap();
        disk.fail_after(operations, bongsu_disk::Fault::Error);
        let _ = open();
        disk.heal();
        assert_eq!(open().unwrap().end(), cut, "after {operations} operations");
    }
}
