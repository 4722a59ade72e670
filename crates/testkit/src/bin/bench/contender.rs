//! The programs that are compared: how each is started, written to and told to put everything on disk.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bongsu_testkit::http::Connection;
use bongsu_testkit::{measure, process};

const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Merges begin some seconds after the last write.
const QUIET_SECONDS: u32 = 6;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// One program under test.
pub(crate) struct Contender {
    /// The name in the table, and on the command line.
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    /// Where remote write requests go.
    pub(crate) push_path: &'static str,
    ready_path: &'static str,
    arguments: fn(data: &Path, address: &str) -> Vec<String>,
    /// Requests that bring all data to disk as it will stay for some time.
    settle: &'static [(&'static str, &'static str)],
    /// Requests that then merge it as far as it ever will be.
    compact: &'static [(&'static str, &'static str)],
    /// Where that form lies, below the data folder.
    settled_in: &'static str,
}

/// Where the programs are: paths, or names that are looked for as the shell does.
pub(crate) struct Programs<'p> {
    pub(crate) bongsu: &'p Path,
    pub(crate) prometheus: &'p Path,
    pub(crate) victoria_metrics: &'p Path,
}

/// All programs.
pub(crate) fn contenders(programs: &Programs<'_>) -> Vec<Contender> {
    vec![
        Contender {
            name: "bongsu",
            program: programs.bongsu.to_owned(),
            push_path: "/api/v1/push",
            ready_path: "/-/ready",
            arguments: |data, address| {
                let data = data.display();
                ["server".into(), format!("--data={data}"), format!("--listen={address}")].to_vec()
            },
            settle: &[("POST", "/api/v1/admin/tsdb/flush")],
            compact: &[("POST", "/api/v1/admin/tsdb/compact")],
            settled_in: "",
        },
        Contender {
            name: "prometheus",
            program: programs.prometheus.to_owned(),
            push_path: "/api/v1/write",
            ready_path: "/-/ready",
            arguments: |data, address| {
                [
                    format!("--config.file={}", data.with_file_name("prometheus.yml").display()),
                    format!("--storage.tsdb.path={}", data.display()),
                    format!("--web.listen-address={address}"),
                    "--storage.tsdb.retention.time=10y".into(),
                    "--web.enable-remote-write-receiver".into(),
                    "--web.enable-admin-api".into(),
                ]
                .to_vec()
            },
            // Its blocks come two-hourly; a snapshot with the head shows what they will take.
            settle: &[("POST", "/api/v1/admin/tsdb/snapshot")],
            compact: &[],
            settled_in: "snapshots",
        },
        Contender {
            name: "victoria-metrics",
            program: programs.victoria_metrics.to_owned(),
            push_path: "/api/v1/write",
            ready_path: "/health",
            arguments: |data, address| {
                [
                    format!("-storageDataPath={}", data.display()),
                    format!("-httpListenAddr={address}"),
                    "-retentionPeriod=100y".into(),
                ]
                .to_vec()
            },
            settle: &[("GET", "/internal/force_flush"), ("GET", "/internal/force_merge")],
            compact: &[],
            settled_in: "",
        },
    ]
}

/// A contender at work on a fresh data folder.
pub(crate) struct Running {
    pub(crate) server: process::Server,
    pub(crate) address: String,
    data: PathBuf,
}

impl Contender {
    /// The version it says it is, or the one of its package. `None` when it is not there.
    pub(crate) fn version(&self) -> Option<String> {
        let said = output(Command::new(&self.program).arg("--version"))?;
        let package = || output(Command::new("dpkg-query").args(["--show", "--showformat=${Version}", self.name]));
        // A program by a path is not the package's.
        let is_by_name = self.program.components().count() == 1;
        let found = version_in(&said).or_else(|| is_by_name.then(package).flatten().as_deref().and_then(version_in));
        Some(found.unwrap_or_else(|| "of unknown version".to_owned()))
    }

    /// Starts it below `folder` and waits until it is ready.
    pub(crate) fn start(&self, folder: &Path) -> anyhow::Result<Running> {
        let data = folder.join("data");
        std::fs::create_dir_all(&data)?;
        // Prometheus wants a configuration, empty as it may be.
        std::fs::write(folder.join("prometheus.yml"), "")?;
        let address = format!("127.0.0.1:{}", process::free_port()?);
        let arguments = (self.arguments)(&data, &address);
        let mut server = process::Server::start(&self.program, &arguments, &folder.join("log"))?;
        server.wait_ready(&address, self.ready_path, READY_TIMEOUT)?;
        Ok(Running { server, address, data })
    }

    /// Waits until background work has ended.
    pub(crate) fn wait_idle(&self, running: &Running) -> anyhow::Result<()> {
        Ok(measure::wait_idle(running.server.pid(), QUIET_SECONDS, IDLE_TIMEOUT)?)
    }

    /// Brings all data to disk and returns the bytes that it takes there.
    pub(crate) fn settled_bytes(&self, running: &Running) -> anyhow::Result<u64> {
        self.ask_and_weigh(running, self.settle)
    }

    /// Merges what was brought to disk, and returns the bytes that it takes then.
    pub(crate) fn compacted_bytes(&self, running: &Running) -> anyhow::Result<u64> {
        self.ask_and_weigh(running, self.compact)
    }

    fn ask_and_weigh(&self, running: &Running, requests: &[(&str, &str)]) -> anyhow::Result<u64> {
        let mut connection = Connection::open(&running.address)?;
        for (method, path) in requests {
            let answer = if *method == "GET" { connection.get(path)? } else { connection.post(path, "", &[])? };
            answer.ok()?;
        }
        self.wait_idle(running)?;
        Ok(measure::disk_bytes(&running.data.join(self.settled_in))?)
    }
}

/// What a command prints, if there is such a command.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// The version in the first line that says something: a word that begins with a digit, or what follows `-tags-v`, as
/// VictoriaMetrics has it.
fn version_in(said: &str) -> Option<String> {
    let line = said.lines().map(str::trim).find(|line| !line.is_empty())?;
    if let Some((_, tag)) = line.split_once("-tags-v") {
        return Some(tag.split('-').next().unwrap_or(tag).to_owned());
    }
    let version = line.split_ascii_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    Some(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        let prometheus = "prometheus, version 2.42.0+ds (branch: debian/sid, revision: 2)\n  go version: go1.19.8\n";
        assert_eq!(version_in(prometheus).as_deref(), Some("2.42.0+ds"));
        let victoria = "victoria-metrics-20250117-160417-tags-v1.109.0-0-ga8a1b1c\n";
        assert_eq!(version_in(victoria).as_deref(), Some("1.109.0"));
        assert_eq!(version_in("\nbongsu 0.1.0 (abc)\n").as_deref(), Some("0.1.0"));
        assert_eq!(version_in("\n\n"), None);
    }

    #[test]
    fn a_program_that_is_not_there_has_no_version() {
        let nowhere = Path::new("/nonexistent/program");
        let programs = Programs { bongsu: nowhere, prometheus: nowhere, victoria_metrics: nowhere };
        assert!(contenders(&programs).iter().all(|contender| contender.version().is_none()));
    }
}
