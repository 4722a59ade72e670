//! Days on which the machine does not do as it should: the disk is full, the directory cannot be written to, another
//! process has it, or a newer version has been there. What there is can be read, errors say what to do in one line.
//!
//! The full disk is a small tmpfs in a mount namespace of its own; where the system allows none, that is printed and the
//! tests that need it end.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bongsu_model::{Labels, Sample};
use bongsu_testkit::client::{Answer, Http, percent_encode};
use bongsu_testkit::process::{Server, free_port};
use bongsu_testkit::push;

const BONGSU: &str = env!("CARGO_BIN_EXE_bongsu");

/// A file system of its own at a directory, seen by those who enter only.
struct Mounted {
    holder: Child,
    dir: tempfile::TempDir,
}

impl Mounted {
    /// `mount` is a command of the shell, with `$D` for the directory. `None` where the system does not let us.
    fn new(mount: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let script = format!("{mount} && touch /dev/null && echo ready && exec sleep 600");
        let spawned = Command::new("unshare")
            .args(["-rm", "sh", "-c", &script])
            .env("D", dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut holder = spawned.ok()?;
        let mut line = String::new();
        let mut output = std::io::BufReader::new(holder.stdout.take()?);
        std::io::BufRead::read_line(&mut output, &mut line).ok()?;
        if line.trim() != "ready" {
            let _ = holder.wait();
            println!("skipped: this system does not let tests mount: {mount}");
            return None;
        }
        Some(Self { holder, dir })
    }

    /// The directory as this process can see it.
    fn seen(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.holder.id(), self.dir.path().display()))
    }

    /// A command in there.
    fn enter(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let pid = self.holder.id().to_string();
        command.args(["-t", &pid, "-U", "-m", "--preserve-credentials", program]);
        command
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

struct Centre {
    process: Server,
    url: String,
}

impl Centre {
    fn start(mounted: &Mounted) -> Self {
        let port = free_port().unwrap();
        let address = format!("127.0.0.1:{port}");
        let mut command = mounted.enter(BONGSU);
        command.args(["server", "--listen", &address, "--data"]).arg(mounted.dir.path().join("data"));
        let log = mounted.dir.path().with_extension(format!("{port}.log"));
        let mut process = Server::spawn(&mut command, &log).unwrap();
        process.wait_ready(&address, "/-/ready", Duration::from_secs(60)).unwrap();
        let _ = std::fs::remove_file(log);
        Self { process, url: format!("http://{address}") }
    }

    fn push(&self, number: i64, base_seconds: i64) -> Answer {
        // Values that do not compress, so that the disk fills up.
        let series = (0..2000_u64).map(|index| {
            let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("index", index.to_string())]);
            let noise = (index + 1).wrapping_mul(number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12;
            let value = if index == 0 { number as f64 } else { noise as f64 };
            (labels, vec![Sample { timestamp_ms: (base_seconds + number) * 1000, value }])
        });
        let body = push::body(&series.collect::<Vec<_>>());
        push::send(&Http::default(), &format!("{}/api/v1/push", self.url), "", &body).unwrap()
    }

    /// The numbers of the pushes that are there.
    fn numbers(&self, base_seconds: i64) -> BTreeSet<i64> {
        let query = percent_encode("m{index=\"0\"}[1h]");
        let url = format!("{}/api/v1/query?query={query}&time={}", self.url, base_seconds + 3599);
        let answer = Http::default().get(&url, &[]).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        let result = answer.json()["data"]["result"].clone();
        let points = result[0]["values"].as_array().cloned().unwrap_or_default();
        points.iter().map(|point| point[1].as_str().unwrap().parse().unwrap()).collect()
    }

    fn flush(&self) -> Answer {
        Http::default().post(&format!("{}/api/v1/admin/tsdb/flush", self.url), &[], b"").unwrap()
    }
}

/// Takes all the space that is left.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    let chunk = [1; 4096];
    while file.write_all(&chunk).is_ok() {}
}

#[track_caller]
fn assert_full(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.body);
    for part in ["data/log/", "No space left on device", "goes on by itself once there is space"] {
        assert!(answer.body.contains(part), "{}", answer.body);
    }
    assert!(answer.retry_after.is_some());
}

#[test]
fn a_full_disk_refuses_pushes_answers_queries_and_recovers_by_itself() {
    let Some(mounted) = Mounted::new("mount -t tmpfs -o size=16m none $D") else { return };
    let base_seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 - 3600;
    let mut centre = Centre::start(&mounted);
    let mut acked = BTreeSet::new();
    let mut push = |centre: &Centre, number: i64| {
        let answer = centre.push(number, base_seconds);
        if answer.status == 204 {
            acked.insert(number);
        }
        (answer, acked.clone())
    };
    for number in 0..20 {
        assert_eq!(push(&centre, number).0.status, 204);
    }
    assert_eq!(centre.flush().status / 100, 2);
    for number in 20..30 {
        assert_eq!(push(&centre, number).0.status, 204);
    }
    let ballast = mounted.seen().join("ballast");
    fill(&ballast);
    let (refused, acked_before) =
        (30..60).map(|number| push(&centre, number)).find(|(answer, _)| answer.status != 204).unwrap();
    assert_full(&refused);
    assert!(centre.numbers(base_seconds).is_superset(&acked_before), "queries go on");
    let failed = centre.flush();
    assert!(failed.status >= 500 && failed.body.contains("No space left on device"), "{}", failed.body);
    let tenant_dirs = std::fs::read_dir(mounted.seen().join("data/tenants")).unwrap();
    for file in tenant_dirs.flat_map(|tenant| std::fs::read_dir(tenant.unwrap().path()).unwrap()) {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(!name.ends_with(".tmp"), "{name} keeps the disk full");
    }

    // The process ends in the middle of it, and starts on the full disk.
    fill(&mounted.seen().join("more"));
    centre.process.kill();
    centre = Centre::start(&mounted);
    assert!(centre.numbers(base_seconds).is_superset(&acked_before), "queries go on after a restart");
    let still = (60..80).map(|number| push(&centre, number).0).find(|answer| answer.status != 204);
    assert_full(&still.unwrap());

    std::fs::remove_file(&ballast).unwrap();
    let (answer, acked) = push(&centre, 100);
    assert_eq!(answer.status, 204, "there is space again: {}", answer.body);
    assert_eq!(centre.flush().status / 100, 2);
    assert!(centre.numbers(base_seconds).is_superset(&acked));
    centre.process.kill();
    centre = Centre::start(&mounted);
    assert!(centre.numbers(base_seconds).is_superset(&acked), "nothing acked is lost");
}

/// The last word of a command that fails: one line.
#[track_caller]
fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    let words: Vec<_> = text.lines().filter(|line| line.starts_with("bongsu: ")).collect();
    assert_eq!(words.len(), 1, "{text}");
    assert!(text.ends_with(&format!("{}\n", words[0])), "{text}");
    words[0].to_owned()
}

#[test]
fn a_directory_that_cannot_be_written_to_is_refused_with_the_reason() {
    let Some(mounted) = Mounted::new("mount -t tmpfs none $D && mkdir $D/data && mount -o remount,ro $D") else {
        return;
    };
    let mut command = mounted.enter(BONGSU);
    let text =
        refused(command.args(["server", "--listen", "127.0.0.1:0", "--data"]).arg(mounted.dir.path().join("data")));
    assert!(
        text.contains("Read-only file system") && text.contains("has to be on a file system that can be written to"),
        "{text}"
    );
    assert!(text.contains("/data/log"), "{text}");
}

#[test]
fn a_directory_that_another_process_has_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let _first = bongsu_testkit::centre::Centre::start(Path::new(BONGSU), &data, &[]);
    let text = refused(Command::new(BONGSU).args(["server", "--listen", "127.0.0.1:0", "--data"]).arg(&data));
    let expected = format!(
        "bongsu: write-ahead log: directory is in use by another process, which holds the lock {}/log/lock: stop that one, or \
         use another directory",
        data.display()
    );
    assert_eq!(text, expected);
}

#[test]
fn files_of_a_newer_version_are_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir_all(data.join("tenants/a")).unwrap();
    std::fs::write(data.join("tenants/a/tombstones"), b"BGSTOMB2 and what comes then").unwrap();
    let text = refused(Command::new(BONGSU).args(["server", "--listen", "127.0.0.1:0", "--data"]).arg(&data));
    let expected = format!(
        "bongsu: {}/tenants/a/tombstones was written by a newer version of Bongsu: start that one, or a later one",
        data.display()
    );
    assert_eq!(text, expected);
}
