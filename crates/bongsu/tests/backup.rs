//! Snapshots, backups and restores on the real binary, with a centre that runs and without one.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use bongsu_model::{Labels, Sample};
use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::Http;
use bongsu_testkit::push;

struct Fixture {
    dir: tempfile::TempDir,
    now_ms: i64,
}

impl Fixture {
    fn new() -> Self {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        Self { dir: tempfile::tempdir().unwrap(), now_ms }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn centre(&self, data: &str) -> Centre {
        Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &self.path(data), &["--enable-admin-api"])
    }

    fn push(&self, centre: &Centre, number: i64) {
        let labels = Labels::from_pairs([("__name__", "m"), ("n", &number.to_string())]);
        let body = push::body(&[(labels, vec![Sample { timestamp_ms: self.now_ms - 60_000 + number, value: 1.0 }])]);
        let url = format!("{}/api/v1/push", centre.url);
        assert_eq!(push::send(&Http::default(), &url, "", &body).unwrap().status, 204);
    }

    fn series(&self, centre: &Centre) -> String {
        centre.query("count(m) or vector(0)", self.now_ms as f64 / 1000.0)[0]["value"][1].as_str().unwrap().to_owned()
    }

    /// Standard output and standard error, with `DIR` for the directory of the fixture.
    fn run(&self, args: &[&str]) -> String {
        let output =
            Command::new(env!("CARGO_BIN_EXE_bongsu")).current_dir(self.dir.path()).args(args).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        println!("{args:?}: {text}");
        text.replace(self.dir.path().to_str().unwrap(), "DIR")
    }
}

#[test]
fn a_backup_of_a_running_centre_is_incremental_and_comes_back_whole() {
    let f = Fixture::new();
    let centre = f.centre("data");
    f.push(&centre, 1);
    let backup = |extra: &[&str]| {
        f.run(&[&["backup", "--data", "data", "--url", &centre.url, "--to", "backups"], extra].concat())
    };
    let first = backup(&[]);
    assert!(first.contains(": 1 files, ") && first.contains("copied now: 1 files, "), "{first}");
    let again = backup(&[]);
    assert!(again.contains("copied now: 0 files, 0 B"), "{again}");
    f.push(&centre, 2);
    let third = backup(&["--keep", "2"]);
    assert!(third.contains(": 2 files, ") && third.contains("copied now: 1 files, "), "{third}");
    assert!(third.contains("deleted 1 older backups"), "{third}");
    assert_eq!(fs::read_dir(f.path("data/snapshots")).unwrap().count(), 0, "no snapshot stays");

    let names = f.run(&["restore", "backups", "--list"]);
    let names: Vec<&str> = names.lines().collect();
    assert_eq!(names.len(), 2);
    assert!(f.run(&["restore", "backups", "--to", "older", "--at", names[0]]).contains("all whole"));
    assert!(f.run(&["restore", "backups", "--to", "newer"]).contains("all whole"));
    assert_eq!((f.series(&f.centre("older")), f.series(&f.centre("newer"))), ("1".to_owned(), "2".to_owned()));

    let refused = f.run(&["restore", "backups", "--to", "newer"]);
    assert_eq!(refused, "bongsu: newer is not empty: restore to a directory that is empty or not there\n");
    let in_use = f.run(&["backup", "--data", "data", "--to", "backups"]);
    assert!(in_use.contains("if a centre uses it, name it: --url"), "{in_use}");

    // What a backup left that was killed goes with the next one, or with the next start.
    let left = f.path("data/snapshots/20260101T000000Z-0123456789abcdef-backup");
    let stays = f.path("data/snapshots/20260101T000000Z-0123456789abcdef");
    [&left, &stays].iter().for_each(|dir| fs::create_dir_all(dir.join("tenants")).unwrap());
    backup(&[]);
    assert!(!left.exists() && stays.exists(), "one was asked for by a person");
    fs::create_dir_all(left.join("tenants")).unwrap();
    drop(centre);
    let _centre = f.centre("data");
    assert!(!left.exists() && stays.exists());
}

#[test]
fn without_a_centre_the_directory_is_backed_up_with_its_log() {
    let f = Fixture::new();
    let mut centre = f.centre("data");
    f.push(&centre, 1);
    centre.process.kill();
    drop(centre);
    let snapshot = f.run(&["snapshot", "--data", "data"]);
    assert!(f.path(snapshot.trim_end()).join("tenants/anonymous").is_dir(), "{snapshot}");
    assert!(f.run(&["backup", "--data", "data", "--to", "backups"]).contains(": 1 files, "));
    let none = f.run(&["backup", "--data", "nowhere", "--to", "backups"]);
    assert_eq!(none, "bongsu: nowhere is no data directory\n");

    // A content that rots in the folder is found, and named.
    let object = fs::read_dir(f.path("backups/objects")).unwrap().next().unwrap().unwrap().path();
    let object = fs::read_dir(object).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&object).unwrap();
    bytes[50] ^= 1;
    fs::write(&object, &bytes).unwrap();
    let damaged = f.run(&["restore", "backups", "--to", "back"]);
    assert!(damaged.contains(" is damaged: it is not what "), "{damaged}");
    bytes[50] ^= 1;
    fs::write(&object, &bytes).unwrap();
    assert!(f.run(&["restore", "backups", "--to", "back2"]).contains("all whole"));
    assert_eq!(f.series(&f.centre("back2")), "1");
}

#[test]
fn a_running_centre_makes_a_snapshot_when_it_may() {
    let f = Fixture::new();
    let centre = f.centre("data");
    f.push(&centre, 1);
    let name = f.run(&["snapshot", "--url", &centre.url]);
    assert!(f.path("data/snapshots").join(name.trim_end()).join("tenants/anonymous").is_dir());
    let plain = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &f.path("other"), &[]);
    let refused = f.run(&["snapshot", "--url", &plain.url]);
    assert_eq!(refused, "bongsu: the centre refuses: start it with --enable-admin-api\n");
}
