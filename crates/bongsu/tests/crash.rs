//! The real process ends at named operations of the disk and at random moments, in the middle of pushes, flushes, merges,
//! deletions, uploads to a bucket, snapshots and starts: what was acked is there afterwards, what was deleted is not, and
//! nothing is made up.
//!
//! `BONGSU_CRASH_ROUNDS=500` asks for more rounds, `BONGSU_CRASH_SEED` for those of a seed that a failure printed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bongsu_model::{Labels, Sample};
use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::{Answer, Http, percent_encode};
use bongsu_testkit::process::{Server, free_port};
use bongsu_testkit::push;
use bongsu_testkit::random::Random;

const SERIES_PER_PUSH: usize = 8;
/// Seconds from one push's samples to the next one's, by sender: one of them fills many partitions.
const STEPS: [i64; 2] = [1, 500];
/// The tenant that is deleted now and then.
const GONE: &str = "gone";

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// What is known of the pushes of one series of numbers: each has a time of its own, and its number as the value.
#[derive(Default)]
struct Numbers {
    next: i64,
    /// Whether it is there: both when nobody knows.
    allowed: BTreeMap<i64, BTreeSet<bool>>,
}

impl Numbers {
    /// Takes the next number; until told otherwise, its push may have worked or not.
    fn begin(&mut self) -> i64 {
        self.allowed.insert(self.next, BTreeSet::from([false, true]));
        self.next += 1;
        self.next - 1
    }

    fn acked(&mut self, number: i64) {
        self.allowed.insert(number, BTreeSet::from([true]));
    }

    fn deleted(&mut self, numbers: std::ops::Range<i64>, is_acked: bool) {
        for (_, allowed) in self.allowed.range_mut(numbers) {
            if is_acked {
                allowed.clear();
            }
            allowed.insert(false);
        }
    }

    #[track_caller]
    fn check(&self, found: &BTreeSet<i64>, what: &str) {
        let invented: Vec<_> = found.iter().filter(|number| !self.allowed.contains_key(number)).collect();
        assert!(invented.is_empty(), "{what}: {invented:?} were never sent");
        for (number, allowed) in &self.allowed {
            assert!(allowed.contains(&found.contains(number)), "{what}: push {number} should be there: {allowed:?}");
        }
    }
}

/// One data directory, what was sent to it, and the moments at which the process ends.
struct Life {
    dir: tempfile::TempDir,
    /// Whether all blocks go to a folder as their bucket, and none stays on the disk.
    has_bucket: bool,
    random: Random,
    base_seconds: i64,
    senders: Vec<Numbers>,
    /// Of the series that are deleted, and of the tenant that is.
    deleted: Numbers,
    gone: Numbers,
}

/// Who sends what where.
#[derive(Clone, Copy)]
struct Stream {
    tenant: &'static str,
    name: &'static str,
    sender: usize,
    step: i64,
}

impl Stream {
    fn of_sender(sender: usize) -> Self {
        Self { tenant: "", name: "kept", sender, step: STEPS[sender] }
    }

    fn deleted() -> Self {
        Self { tenant: "", name: "deleted", sender: 0, step: 60 }
    }

    fn gone() -> Self {
        Self { tenant: GONE, name: "gone", sender: 0, step: 60 }
    }

    fn body(self, base_seconds: i64, number: i64) -> Vec<u8> {
        let series = (0..SERIES_PER_PUSH).map(|index| {
            let labels = Labels::from_pairs([
                ("__name__", self.name.to_owned()),
                ("index", index.to_string()),
                ("sender", self.sender.to_string()),
            ]);
            let timestamp_ms = (base_seconds + number * self.step) * 1000;
            (labels, vec![Sample { timestamp_ms, value: number as f64 }])
        });
        push::body(&series.collect::<Vec<_>>())
    }

    /// Whether the push was acked; `None` without an answer.
    fn push(self, url: &str, base_seconds: i64, numbers: &mut Numbers) -> Option<bool> {
        let number = numbers.begin();
        let body = self.body(base_seconds, number);
        let answer = push::send(&Http::default(), &format!("{url}/api/v1/push"), self.tenant, &body).ok()?;
        let refused = answer.status == 503 && answer.body.contains("is being deleted");
        assert!(answer.status == 204 || refused, "push {number} of {}: {} {}", self.name, answer.status, answer.body);
        if answer.status == 204 {
            numbers.acked(number);
        }
        Some(answer.status == 204)
    }

    /// The numbers that every one of the series has.
    fn read(self, url: &str, base_seconds: i64, last: i64) -> BTreeSet<i64> {
        let query = format!("{}{{sender=\"{}\"}}[{}s]", self.name, self.sender, (last + 10) * self.step);
        let time = base_seconds + (last + 1) * self.step;
        let form = format!("query={}&time={time}", percent_encode(&query));
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        if !self.tenant.is_empty() {
            headers.push(("x-scope-orgid", self.tenant));
        }
        let answer = Http::default().post(&format!("{url}/api/v1/query"), &headers, form.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        let result = answer.json()["data"]["result"].clone();
        let series: Vec<BTreeSet<i64>> =
            result.as_array().unwrap().iter().map(|one| self.numbers(one, base_seconds)).collect();
        assert!(series.is_empty() || series.len() == SERIES_PER_PUSH, "{} series of {}", series.len(), self.name);
        assert!(series.windows(2).all(|pair| pair[0] == pair[1]), "a push was kept in part");
        series.into_iter().next().unwrap_or_default()
    }

    fn numbers(self, series: &serde_json::Value, base_seconds: i64) -> BTreeSet<i64> {
        let number = |point: &serde_json::Value| {
            let number = (point[0].as_i64().expect("whole seconds") - base_seconds) / self.step;
            assert_eq!(point[1].as_str(), Some(number.to_string().as_str()), "value at {number} of {}", self.name);
            number
        };
        series["values"].as_array().expect("values").iter().map(number).collect()
    }
}

/// The place where the process ends, or a moment.
#[derive(Debug)]
struct End {
    at: Option<String>,
    after: Duration,
}

impl Life {
    fn new(seed: u64, has_bucket: bool) -> Self {
        let base_seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 - 350 * 86_400;
        let dir = tempfile::tempdir().unwrap();
        if has_bucket {
            let objects = dir.path().join("objects");
            std::fs::create_dir(&objects).unwrap();
            let bucket = format!("bucket: {{url: 'file://{}'}}", objects.display());
            let store = format!("store:\n  {bucket}\n  local_age: 1d\n  delete_delay: 0s\n");
            std::fs::write(dir.path().join("bongsu.yml"), store).unwrap();
        }
        Self {
            dir,
            has_bucket,
            random: Random::new(seed),
            base_seconds,
            senders: STEPS.iter().map(|_| Numbers::default()).collect(),
            deleted: Numbers::default(),
            gone: Numbers::default(),
        }
    }

    fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    fn choose_end(&mut self) -> End {
        let random = &mut self.random;
        // Uploads begin a second after the start.
        let most_ms = if self.has_bucket { 3_000 } else { 700 };
        if random.percent(25) {
            return End { at: None, after: Duration::from_millis(20 + random.below(most_ms * 3 / 4)) };
        }
        if self.has_bucket && random.percent(60) {
            // Beside requests to the bucket, before and after them.
            let operation = random.pick(&["any", "create", "write", "sync", "rename", "remove", "syncdir"]);
            let path = random.pick(&[".remote", ".remote", ".remote.tmp", ".gone", ".block", "bucket"]);
            let number = 1 + random.below(if operation == "any" { 40 } else { 12 });
            let moment = random.pick(&["before", "after", "torn"]);
            let after = Duration::from_millis(most_ms);
            return End { at: Some(format!("{operation} {path} {number} {moment}")), after };
        }
        let operation =
            random.pick(&["any", "mkdir", "create", "write", "sync", "rename", "remove", "syncdir", "link"]);
        let path = random.pick(&[".block", ".log", "tombstones", "tenants", "snapshots", "gone", "receipt", "*", "*"]);
        let number = 1 + random.below(if path == "*" { 60 } else { 12 });
        let moment = random.pick(&["before", "after", "torn"]);
        End { at: Some(format!("{operation} {path} {number} {moment}")), after: Duration::from_millis(most_ms) }
    }

    /// Arguments besides those that say where.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--enable-admin-api".to_owned()];
        if self.has_bucket {
            arguments.extend(["--config".to_owned(), self.dir.path().join("bongsu.yml").display().to_string()]);
        }
        arguments
    }

    /// A process that ends in the middle of work, and one that is asked what it has.
    fn round(&mut self) -> End {
        let end = self.choose_end();
        let port = free_port().unwrap();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
        command.args(["server", "--listen", &address, "--data"]).arg(self.data()).args(self.arguments());
        if let Some(at) = &end.at {
            command.env("BONGSU_CRASH_AT", at);
        }
        let log = self.dir.path().join("crashed.log");
        let mut process = Server::spawn(&mut command, &log).unwrap();
        // It may end while it starts.
        if process.wait_ready(&address, "/-/ready", Duration::from_secs(60)).is_ok() {
            self.work(&mut process, &format!("http://{address}"), end.after);
        }
        process.kill();
        self.check(&format!("{end:?}"));
        end
    }

    fn work(&mut self, process: &mut Server, url: &str, most: Duration) {
        let (stop, base_seconds, seed) = (AtomicBool::new(false), self.base_seconds, self.random.bits());
        let Self { senders, deleted, gone, .. } = self;
        std::thread::scope(|scope| {
            for (sender, numbers) in senders.iter_mut().enumerate() {
                let stop = &stop;
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed)
                        && Stream::of_sender(sender).push(url, base_seconds, numbers).is_some()
                    {}
                });
            }
            let mut operator = Operator { url, base_seconds, random: Random::new(seed), deleted, gone };
            let stop = &stop;
            scope.spawn(move || while !stop.load(Ordering::Relaxed) && operator.step().is_some() {});
            process.wait_end(most);
            process.kill();
            stop.store(true, Ordering::Relaxed);
        });
    }

    /// Blocks in the bucket.
    fn objects(&self) -> usize {
        blocks(&self.dir.path().join("objects"))
    }

    fn check(&mut self, what: &str) {
        let arguments = self.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &self.data(), &arguments);
        // At once: its first merge begins after a second.
        let halves = halves(&self.data());
        assert!(halves.is_empty(), "{what}: {halves:?} are left");
        let output = centre.process.output();
        assert!(!output.contains("damaged and left out") && !output.contains("make no sense"), "{what}: {output}");
        let streams = self.senders.iter().enumerate().map(|(sender, numbers)| (Stream::of_sender(sender), numbers));
        let others = [(Stream::deleted(), &self.deleted), (Stream::gone(), &self.gone)];
        for (stream, numbers) in streams.chain(others) {
            let found = stream.read(&centre.url, self.base_seconds, numbers.next);
            numbers.check(&found, &format!("{} {} after {what}", stream.name, stream.sender));
        }
    }
}

/// Asks for all that an operator can, and pushes what it deletes.
struct Operator<'a> {
    url: &'a str,
    base_seconds: i64,
    random: Random,
    deleted: &'a mut Numbers,
    gone: &'a mut Numbers,
}

impl Operator<'_> {
    /// `None` when nobody answers any more.
    fn step(&mut self) -> Option<()> {
        match self.random.below(20) {
            0..7 => Stream::deleted().push(self.url, self.base_seconds, self.deleted).map(drop),
            7..10 => Stream::gone().push(self.url, self.base_seconds, self.gone).map(drop),
            10..13 => self.ask("tsdb/flush").map(drop),
            13..15 => self.ask("tsdb/compact").map(drop),
            15..17 => self.delete_series(),
            17 => self.ask("tsdb/clean_tombstones").map(drop),
            18 => self.ask("tsdb/snapshot").map(drop),
            _ => self.delete_tenant(),
        }
    }

    fn ask(&self, action: &str) -> Option<Answer> {
        let answer = Http::default().post(&format!("{}/api/v1/admin/{action}", self.url), &[], b"").ok()?;
        assert!(answer.status / 100 == 2, "{action}: {} {}", answer.status, answer.body);
        Some(answer)
    }

    fn delete_series(&mut self) -> Option<()> {
        let (a, b) = (self.random.below(self.deleted.next as u64 + 1), self.random.below(self.deleted.next as u64 + 1));
        let (first, end) = (a.min(b) as i64, a.max(b) as i64);
        let time = |number: i64| self.base_seconds + number * Stream::deleted().step;
        let range = format!("start={}&end={}", time(first), time(end) - 1);
        self.deleted.deleted(first..end, false);
        self.ask(&format!("tsdb/delete_series?match[]=deleted&{range}"))?;
        self.deleted.deleted(first..end, true);
        Some(())
    }

    fn delete_tenant(&mut self) -> Option<()> {
        let all = 0..self.gone.next;
        self.gone.deleted(all.clone(), false);
        let answer = Http::default().delete(&format!("{}/api/v1/admin/tenants/{GONE}", self.url)).ok()?;
        assert!(matches!(answer.status, 200 | 404), "{} {}", answer.status, answer.body);
        self.gone.deleted(all, true);
        Some(())
    }
}

/// Blocks in a folder and those below.
fn blocks(dir: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| if path.is_dir() { blocks(&path) } else { usize::from(path.extension() == Some("block".as_ref())) })
        .sum()
}

/// Files that are not whole.
fn halves(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|extension| extension == "tmp") {
            found.push(path);
        } else if path.is_dir() {
            found.append(&mut halves(&path));
        }
    }
    found
}

#[test]
fn what_was_acked_is_there_whenever_the_process_ends() {
    live(false, 12);
}

/// Blocks go to the bucket and leave the disk; starts find stubs, and merges read from afar.
#[test]
fn the_same_with_all_blocks_in_a_bucket() {
    live(true, 6);
}

fn live(has_bucket: bool, default_rounds: u64) {
    let seed = setting("BONGSU_CRASH_SEED")
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 % 1_000_000_007);
    println!("BONGSU_CRASH_SEED={seed}");
    let rounds = setting("BONGSU_CRASH_ROUNDS").unwrap_or(default_rounds);
    let mut life = Life::new(seed, has_bucket);
    for round in 0..rounds {
        // Files grow with the rounds, and so does what a check has to read.
        if round % 40 == 39 {
            life = Life::new(seed.wrapping_add(round), has_bucket);
        }
        let end = life.round();
        let sent = life.senders.iter().map(|it| it.next).collect::<Vec<_>>();
        println!("round {round}: {:?} after {sent:?}, {} objects", end.at, life.objects());
    }
    assert!(!has_bucket || life.objects() > 0, "nothing was sent to the bucket");
}
