//! A process that is killed in the middle of its appends.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Log, Options};

/// Tells the child where to write; without it the child's test has nothing to do.
const DIR: &str = "BONGSU_LOG_KILLED_DIR";

#[test]
fn what_a_killed_process_was_told_is_durable_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::killed::child_appends_until_it_is_killed", "--nocapture"])
        .env(DIR, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let acknowledged = lines.filter_map(|line| line.strip_prefix("durable ").map(str::to_owned)).nth(200).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    let mut replayed = Vec::new();
    let (_log, recovery) = Log::open(dir.path(), options(), &mut |_, payload| {
        replayed.push(String::from_utf8(payload.to_vec()).unwrap());
    })
    .unwrap();
    assert!(recovery.records > acknowledged.parse().unwrap(), "{recovery:?}");
    for (number, text) in replayed.iter().enumerate() {
        assert_eq!(text.trim_end_matches('.'), number.to_string());
    }
}

/// Not a test by itself.
#[test]
fn child_appends_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let (log, _) = Log::open(Path::new(&dir), options(), &mut |_, _| {}).unwrap();
    let mut stdout = std::io::stdout();
    for number in 0_u64.. {
        let commit = log.append(&[number.to_string().as_bytes(), &[b'.'; 500]]).unwrap().1;
        commit.wait().unwrap();
        writeln!(stdout, "durable {number}").unwrap();
    }
}

fn options() -> Options {
    Options { segment_bytes_max: 20_000, ..Options::default() }
}
