//! Servers as real processes, on free ports, ended with the test or the benchmark that started them.

use std::ffi::OsStr;
use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
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

/// A running server; dropping it kills it.
pub struct Server {
    child: Child,
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
        let log = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child })
    }

    /// The process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a GET of `path` answers 2xx.
    ///
    /// # Errors
    /// The process ended, or `timeout` passed.
    pub fn wait_ready(&mut self, address: &str, path: &str, timeout: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended before it was ready: {status}");
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
        // Either fails only when the process has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
