//! What a simulated disk loses, and what it never does.

use std::collections::BTreeSet;

use super::*;
use crate::{is_full, write_file};

fn listed(dir: &Path) -> BTreeSet<String> {
    OsDisk.list(dir).unwrap().into_iter().collect()
}

/// What 64 power cuts leave of the same story.
fn outcomes(story: impl Fn(&SimDisk, &Path)) -> BTreeSet<Vec<String>> {
    let outcome = |seed| {
        let dir = tempfile::tempdir().unwrap();
        let disk = SimDisk::new(dir.path()).unwrap();
        story(&disk, dir.path());
        disk.restart(seed).unwrap();
        let files = listed(dir.path()).into_iter();
        let texts = files.map(|name| {
            let text = fs::read_to_string(dir.path().join(&name)).unwrap_or_else(|_| "directory".to_owned());
            format!("{name}={}", text.replace('\0', "0"))
        });
        texts.collect()
    };
    (0..64).map(outcome).collect()
}

fn texts(outcomes: &[&[&str]]) -> BTreeSet<Vec<String>> {
    outcomes.iter().map(|one| one.iter().map(|text| (*text).to_owned()).collect()).collect()
}

#[test]
fn what_was_synced_stays_and_the_rest_may_go() {
    let synced = outcomes(|disk, dir| {
        write_file(disk, &dir.join("a"), b"1").unwrap();
        write_file(disk, &dir.join("a"), b"2").unwrap();
        disk.remove(&dir.join("a")).unwrap();
        disk.create(&dir.join("b")).unwrap();
        disk.sync_dir(dir).unwrap();
    });
    assert_eq!(synced, texts(&[&["b="]]));
    let renamed = outcomes(|disk, dir| {
        write_file(disk, &dir.join("a"), b"old").unwrap();
        let file = disk.create(&dir.join("t")).unwrap();
        file.write_at(0, b"new").unwrap();
        file.sync().unwrap();
        disk.rename(&dir.join("t"), &dir.join("a")).unwrap();
    });
    assert_eq!(renamed, texts(&[&["a=old"], &["a=old", "t=new"], &["a=new"]]));
}

#[test]
fn unsynced_bytes_go_by_sectors() {
    let torn = outcomes(|disk, dir| {
        let file = disk.create(&dir.join("a")).unwrap();
        disk.sync_dir(dir).unwrap();
        file.write_at(0, b"x").unwrap();
        file.sync().unwrap();
        file.write_at(1, &[b'y'; 512]).unwrap();
        file.write_at(513, b"z").unwrap();
    });
    let y = "y".repeat(512);
    let zeros = "0".repeat(512);
    let [all, some, none, gap] = [format!("a=x{y}z"), format!("a=x{y}"), "a=x".to_owned(), format!("a=x{zeros}z")];
    assert_eq!(torn, texts(&[&[all.as_str()], &[some.as_str()], &[none.as_str()], &[gap.as_str()]]));
}

#[test]
fn new_directories_go_with_all_that_is_in_them() {
    let made = outcomes(|disk, dir| {
        disk.create_dir(&dir.join("d")).unwrap();
        write_file(disk, &dir.join("d/a"), b"1").unwrap();
    });
    assert_eq!(made, texts(&[&[], &["d=directory"]]));
    let durable = outcomes(|disk, dir| {
        disk.create_dir_all(&dir.join("d")).unwrap();
        write_file(disk, &dir.join("d/a"), b"1").unwrap();
        disk.rename(&dir.join("d"), &dir.join("e")).unwrap();
    });
    assert_eq!(durable, texts(&[&["e=directory"]]));
}

#[test]
fn faults_come_when_they_are_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(dir.path()).unwrap();
    disk.fail_after(1, Fault::Error);
    let file = disk.create(&dir.path().join("a")).unwrap();
    assert!(file.write_at(0, b"x").is_err() && file.write_at(0, b"x").is_ok());
    disk.leave_space(3);
    assert_eq!(file.write_at(1, b"12345").unwrap(), 3);
    let full = file.write_at(4, b"45").unwrap_err();
    assert!(is_full(&full) && full.to_string().contains("No space left on device"), "{full}");
    assert_eq!(file.write_at(0, b"9876").unwrap(), 4, "in place");
    assert!(write_file(&disk, &dir.path().join("b"), b"1").is_err());
    assert_eq!((listed(dir.path()).len(), disk.used_bytes()), (1, 4));
    disk.remove(&dir.path().join("a")).unwrap();
    write_file(&disk, &dir.path().join("b"), b"1234").unwrap();
    disk.heal();
    let (file, mut bytes) = (disk.open(&dir.path().join("b")).unwrap(), [0; 4]);
    disk.fail_read_after(1);
    assert_eq!(file.read_at(0, &mut bytes).unwrap(), 4);
    let unreadable = file.read_at(0, &mut bytes).unwrap_err();
    assert!(unreadable.to_string().contains("Input/output error"), "{unreadable}");
    assert!(file.read_at(0, &mut bytes).is_err(), "a bad sector stays bad");
    disk.heal();
    assert_eq!((file.read_at(0, &mut bytes).unwrap(), bytes), (4, *b"1234"));
    disk.fail_after(1, Fault::Error);
    let made = dir.path().join("d");
    assert!(disk.create_dir_all(&made).is_err() && !made.exists(), "what is not durable is not there");
    disk.fail_after(0, Fault::PowerCut);
    assert!(disk.sync_dir(dir.path()).is_err() && disk.create(&dir.path().join("c")).is_err() && disk.is_off());
    disk.restart(0).unwrap();
    write_file(&disk, &dir.path().join("c"), b"12345").unwrap();
    assert!(disk.operations() > 10);
}
