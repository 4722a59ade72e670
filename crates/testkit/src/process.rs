//! Servers as real processes, on free ports, ended with the test or the benchmark that started them.

use std::ffi::OsStr;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::http::Connection;

const POLL: Duration = Duration::from_millis(50);

/// A port of 127.0.0.1 that nobody listens on now.
///
/// # Errors
/// No port is free.
pub fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Where a program is, if it is installed.
#[must_use]
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// A running server; dropping it kills it, and shows its last words when a test is failing.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `program` with what it prints going to `log`.
    ///
    /// # Errors
    /// The program or the log cannot be opened.
    pub fn start<A: AsRef<OsStr>>(
        program: &Path,
        args: impl IntoIterator<Item = A>,
        log: &Path,
    ) -> anyhow::Result<Self> {
        Self::spawn(Command::new(program).args(args), log)
    }

    /// Starts a command with what it prints added to `log`.
    ///
    /// # Errors
    /// The program or the log cannot be opened.
    pub fn spawn(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.with_context(|| format!("cannot open {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// The process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// kill -9, and waits for the end.
    pub fn kill(&mut self) {
        // Either fails only when the process has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it has ended by itself, but not for longer than this. Returns whether it has.
    pub fn wait_end(&mut self, timeout: Duration) -> bool {
        let begun = Instant::now();
        loop {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return true;
            }
            if begun.elapsed() > timeout {
                return false;
            }
            thread::sleep(POLL.min(timeout));
        }
    }

    /// SIGTERM, and waits for the end: the exit code, if it exited by itself.
    ///
    /// # Errors
    /// It cannot be told, or does not end within half a minute.
    pub fn terminate(&mut self) -> anyhow::Result<Option<i32>> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            if begun.elapsed() > Duration::from_secs(30) {
                bail!("the process does not end");
            }
            thread::sleep(POLL);
        }
    }

    /// Waits until a GET of `path` answers 2xx.
    ///
    /// # Errors
    /// The process ended, or `timeout` passed.
    pub fn wait_ready(&mut self, address: &str, path: &str, timeout: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended before it was ready: {status}\n{}", self.output());
            }
            if Connection::open(address).and_then(|mut connection| connection.get(path)?.ok()).is_ok() {
                return Ok(());
            }
            if begun.elapsed() > timeout {
                bail!("{address}{path} was not ready within {timeout:?}");
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let output = self.output();
            let lines: Vec<_> = output.lines().collect();
            let tail = &lines[lines.len().saturating_sub(40)..];
            #[expect(clippy::print_stderr, reason = "the test runner shows it for a failed test")]
            {
                eprintln!("--- last lines of {} ---\n{}", self.log.display(), tail.join("\n"));
            }
        }
    }
}
