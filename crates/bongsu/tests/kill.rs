//! kill -9 of the centre in the middle of pushes: every sample that was acked is there afterwards.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bongsu_model::{Labels, Sample};
use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::Http;
use bongsu_testkit::push;

const ROUNDS: u64 = 20;
const SENDERS: usize = 3;
const SERIES_PER_PUSH: usize = 40;
/// 2026-01-01, so that the times are like today's.
const BASE_SECONDS: i64 = 1_767_225_600;

/// Push number `k` of a sender: each of its series at second `k` with the value `k`.
fn body(sender: usize, k: i64) -> Vec<u8> {
    let series = (0..SERIES_PER_PUSH).map(|index| {
        let labels = Labels::from_pairs([
            ("__name__", "kill_test".to_owned()),
            ("index", index.to_string()),
            ("sender", sender.to_string()),
        ]);
        (labels, vec![Sample { timestamp_ms: (BASE_SECONDS + k) * 1000, value: k as f64 }])
    });
    push::body(&series.collect::<Vec<_>>())
}

/// Pushes one after the other until told to stop or no longer answered; the numbers that were acked.
fn send_until(url: &str, sender: usize, first: i64, stop: &AtomicBool) -> BTreeSet<i64> {
    let http = Http::default();
    let mut acked = BTreeSet::new();
    for k in first.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        match push::send(&http, &format!("{url}/api/v1/push"), "", &body(sender, k)) {
            Ok(answer) => {
                assert!(answer.status == 204, "push {k} of sender {sender}: {} {}", answer.status, answer.body);
                acked.insert(k);
            }
            Err(_) => break,
        }
    }
    acked
}

/// The numbers that every series of a sender has.
fn kept(centre: &Centre, sender: usize, last: i64) -> BTreeSet<i64> {
    let query = format!("kill_test{{sender=\"{sender}\"}}[{}s]", last + 10);
    let result = centre.query(&query, (BASE_SECONDS + last + 1) as f64);
    let series = result.as_array().expect("a matrix");
    assert_eq!(series.len(), SERIES_PER_PUSH, "series of sender {sender}");
    let numbers = series.iter().map(|one| {
        let points = one["values"].as_array().expect("values").iter();
        points
            .map(|point| {
                let k = point[0].as_i64().expect("whole seconds") - BASE_SECONDS;
                assert_eq!(point[1].as_str(), Some(k.to_string().as_str()), "value at {k}");
                k
            })
            .collect::<BTreeSet<i64>>()
    });
    numbers.reduce(|a, b| a.intersection(&b).copied().collect()).unwrap_or_default()
}

/// A small generator of moments; the seed is printed so that a failure can be looked at again.
struct Moments(u64);

impl Moments {
    fn next_ms(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        20 + (self.0 >> 33) % 250
    }
}

fn round(data: &Path, acked: &mut [BTreeSet<i64>], next: &mut [i64], pause: Duration) {
    let mut centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), data, &[]);
    let stop = AtomicBool::new(false);
    let url = centre.url.clone();
    std::thread::scope(|scope| {
        let senders: Vec<_> = next
            .iter()
            .enumerate()
            .map(|(sender, first)| {
                let (url, stop, first) = (url.as_str(), &stop, *first);
                scope.spawn(move || send_until(url, sender, first, stop))
            })
            .collect();
        std::thread::sleep(pause);
        centre.process.kill();
        stop.store(true, Ordering::Relaxed);
        for (sender, thread) in senders.into_iter().enumerate() {
            let new = thread.join().expect("a sender");
            // The push that was under way may have been kept or not; the next one uses a number of its own.
            next[sender] = new.last().map_or(next[sender], |last| last + 1) + 1;
            acked[sender].extend(new);
        }
    });
}

#[test]
fn acked_samples_survive_kill_9() {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (mut acked, mut next) = (vec![BTreeSet::new(); SENDERS], vec![0; SENDERS]);
    let mut moments = Moments(seed);
    for _ in 0..ROUNDS {
        round(&data, &mut acked, &mut next, Duration::from_millis(moments.next_ms()));
    }
    let centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &data, &[]);
    let total: usize = acked.iter().map(BTreeSet::len).sum();
    for sender in 0..SENDERS {
        let kept = kept(&centre, sender, next[sender]);
        let lost: Vec<_> = acked[sender].difference(&kept).collect();
        assert!(lost.is_empty(), "seed {seed}: sender {sender} lost acked pushes {lost:?}");
    }
    println!("{ROUNDS} kills, {total} acked pushes of {SERIES_PER_PUSH} samples, none lost");
    assert!(total > 100, "too few pushes were acked to tell anything: {total}");
}

/// The newest file of the log.
fn log_tail(data: &Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(data.join("log")).unwrap().flatten().map(|entry| entry.path());
    files.filter(|file| file.metadata().is_ok_and(|m| m.is_file() && m.len() > 1000)).max().expect("a log segment")
}

fn damaged_tail(damage: impl Fn(&Path)) -> (Centre, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &data, &[]);
    let http = Http::default();
    for k in 0..20 {
        let answer = push::send(&http, &format!("{}/api/v1/push", centre.url), "", &body(0, k)).unwrap();
        assert_eq!(answer.status, 204);
    }
    centre.process.kill();
    damage(&log_tail(&data));
    (Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &data, &[]), dir)
}

#[test]
fn a_truncated_log_tail_is_dropped_and_told_and_the_rest_is_kept() {
    let (centre, _dir) = damaged_tail(|file| {
        let log = std::fs::File::options().write(true).open(file).unwrap();
        log.set_len(file.metadata().unwrap().len() - 7).unwrap();
    });
    let kept = kept(&centre, 0, 20);
    assert_eq!(kept, (0..19).collect());
    let output = centre.process.output();
    assert!(output.contains("dropped"), "{output}");
}

#[test]
fn a_flipped_bit_in_the_log_is_dropped_and_told_and_the_rest_is_kept() {
    let (centre, _dir) = damaged_tail(|file| {
        let mut bytes = std::fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        std::fs::write(file, bytes).unwrap();
    });
    let kept = kept(&centre, 0, 20);
    assert!(kept.len() >= 18, "{kept:?}");
    let output = centre.process.output();
    assert!(output.contains("dropped"), "{output}");
}
