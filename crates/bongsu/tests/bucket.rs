//! The real centre with SeaweedFS as its bucket: blocks go there, answers come from there, and neither a bucket that goes away
//! nor kill -9 loses anything.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bongsu_model::{Labels, Sample};
use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::{Http, percent_encode};
use bongsu_testkit::push;
use bongsu_testkit::seaweed::{ACCESS_KEY, SECRET_KEY, Seaweed};
use bongsu_testkit::wait::wait_for;

const SERIES: usize = 200;
const DAY_MS: i64 = 24 * 3_600_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A centre whose older blocks are in the bucket, with a data directory of its own.
struct Site {
    data: PathBuf,
    config: PathBuf,
}

impl Site {
    fn new(root: &Path, name: &str, endpoint: &str) -> Self {
        let (data, config) = (root.join(name), root.join(format!("{name}.yml")));
        let bucket = format!("url: s3://metrics/centre, endpoint: '{endpoint}', timeout: 5s");
        let keys = format!("access_key_id: {ACCESS_KEY}, secret_access_key: {SECRET_KEY}");
        let text = format!("store:\n  bucket: {{{bucket}, {keys}}}\n  local_age: 1d\n  delete_delay: 0s\n");
        std::fs::write(&config, text).unwrap();
        Self { data, config }
    }

    fn start(&self) -> Centre {
        let binary = Path::new(env!("CARGO_BIN_EXE_bongsu"));
        Centre::start(binary, &self.data, &["--config", self.config.to_str().unwrap()])
    }

    /// The blocks on the local disk.
    fn local_blocks(&self) -> usize {
        let files = std::fs::read_dir(self.data.join("tenants/anonymous")).unwrap();
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "block")).count()
    }
}

/// A sample a minute of every series for an hour; the value tells the series and the minute.
fn push_hour(centre: &Centre, start_ms: i64) {
    let series: Vec<_> = (0..SERIES)
        .map(|index| {
            let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("index", index.to_string())]);
            let samples = (0..60).map(|minute| Sample {
                timestamp_ms: start_ms + minute * 60_000,
                value: (index as i64 * 100 + minute) as f64,
            });
            (labels, samples.collect())
        })
        .collect();
    let answer =
        push::send(&Http::default(), &format!("{}/api/v1/push", centre.url), "", &push::body(&series)).unwrap();
    assert_eq!(answer.status, 204, "{}", answer.body);
}

fn admin(centre: &Centre, action: &str) {
    let answer = Http::default().post(&format!("{}/api/v1/admin/tsdb/{action}", centre.url), &[], b"").unwrap();
    assert!(answer.status < 300, "{action}: {} {}", answer.status, answer.body);
}

/// A metric of the centre's own.
fn metric(centre: &Centre, name: &str) -> f64 {
    let text = Http::default().get(&format!("{}/metrics", centre.url), &[]).unwrap().body;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

fn wait_until_sent(centre: &Centre) {
    wait_for("all blocks to be in the bucket", PATIENCE, || {
        (metric(centre, "bongsu_bucket_pending_blocks") == 0.0).then_some(())
    });
}

fn ask(centre: &Centre, query: &str, at_ms: i64) -> (u16, String) {
    let url = format!("{}/api/v1/query?query={}&time={}", centre.url, percent_encode(query), at_ms / 1000);
    let answer = Http::default().get(&url, &[]).unwrap();
    (answer.status, answer.body)
}

/// How many samples there are of the hour, and their sum: all of them.
#[track_caller]
fn check_hour(centre: &Centre, start_ms: i64, what: &str) {
    let at_ms = start_ms + 3_599_000;
    let samples = 60 * SERIES as i64;
    let sum = (0..SERIES as i64).map(|index| index * 100 * 60 + 59 * 60 / 2).sum::<i64>();
    for (query, wanted) in [("sum(count_over_time(m[1h]))", samples), ("sum(sum_over_time(m[1h]))", sum)] {
        let (status, body) = ask(centre, query, at_ms);
        assert_eq!(status, 200, "{what}: {query}: {body}");
        assert!(body.contains(&format!(",\"{wanted}\"]")), "{what}: {query}: expected {wanted}: {body}");
    }
}

#[test]
fn blocks_in_seaweedfs() {
    let root = tempfile::tempdir().unwrap();
    let Some(mut seaweed) = Seaweed::start(&root.path().join("weed")).unwrap() else {
        println!("SKIPPED: SeaweedFS is not installed; scripts/setup.sh test says how");
        return;
    };
    seaweed.create_bucket("metrics").unwrap();
    let site = Site::new(root.path(), "one", &seaweed.endpoint());
    let mut centre = site.start();
    let today_ms = now_ms() / 3_600_000 * 3_600_000 - 3_600_000;
    let days: Vec<i64> = (0..5).map(|day| today_ms - day * DAY_MS).collect();
    for (place, start_ms) in days.iter().enumerate() {
        push_hour(&centre, *start_ms);
        if place == 2 {
            admin(&centre, "flush");
        }
    }
    admin(&centre, "compact");
    wait_until_sent(&centre);
    wait_for("old blocks to leave the disk", PATIENCE, || {
        (metric(&centre, "bongsu_bucket_remote_blocks") >= 3.0).then_some(())
    });
    assert_eq!(site.local_blocks() as f64, metric(&centre, "bongsu_bucket_local_blocks"));
    days.iter().for_each(|start_ms| check_hour(&centre, *start_ms, "by ranges"));
    assert!(metric(&centre, "bongsu_bucket_cache_bytes") > 0.0 && metric(&centre, "bongsu_bucket_up") == 1.0);

    // The bucket goes away, and the centre starts without it.
    assert!(centre.process.terminate().unwrap().is_some());
    seaweed.kill();
    let mut centre = site.start();
    check_hour(&centre, days[0], "what is here is answered");
    let (status, body) = ask(&centre, "sum(count_over_time(m[1h]))", days[4] + 3_599_000);
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("bucket s3://metrics/centre: cannot read tenants/anonymous/"), "{body}");
    assert!(body.contains("no good answer for"), "{body}");
    push_hour(&centre, days[0] - 2 * 3_600_000);
    admin(&centre, "flush");
    check_hour(&centre, days[0] - 2 * 3_600_000, "what came meanwhile");
    assert!(metric(&centre, "bongsu_bucket_pending_blocks") >= 1.0 && metric(&centre, "bongsu_bucket_up") == 0.0);

    // It comes back.
    seaweed.go().unwrap();
    wait_for("the bucket to be asked again", PATIENCE, || {
        (ask(&centre, "sum(count_over_time(m[1h]))", days[4] + 3_599_000).0 == 200).then_some(())
    });
    days.iter().for_each(|start_ms| check_hour(&centre, *start_ms, "after it came back"));
    wait_until_sent(&centre);

    // kill -9 while blocks are sent, merged and deleted.
    let mut hours = Vec::new();
    for round in 0..6 {
        let start_ms = today_ms - (6 + round) * DAY_MS;
        push_hour(&centre, start_ms);
        hours.push(start_ms);
        admin(&centre, if round % 2 == 0 { "flush" } else { "compact" });
        std::thread::sleep(Duration::from_millis(round as u64 * 223 % 1000));
        centre.process.kill();
        centre = site.start();
        days.iter().chain(&hours).for_each(|start_ms| check_hour(&centre, *start_ms, &format!("after kill {round}")));
    }
    admin(&centre, "compact");
    wait_until_sent(&centre);
    days.iter().chain(&hours).for_each(|start_ms| check_hour(&centre, *start_ms, "in the end"));

    // Another machine, with nothing but the bucket.
    centre.process.kill();
    let other = Site::new(root.path(), "other", &seaweed.endpoint());
    let centre = other.start();
    days.iter().chain(&hours).for_each(|start_ms| check_hour(&centre, *start_ms, "on a new machine"));
    assert_eq!(other.local_blocks(), 0, "nothing was copied");
}
