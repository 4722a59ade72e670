//! Debian's Prometheus, as the oracle of tests.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process::{Server, free_port, installed};

/// A running Prometheus with an empty store that takes remote writes.
#[derive(Debug)]
pub struct Prometheus {
    _process: Server,
    /// `http://127.0.0.1:port`.
    pub url: String,
}

impl Prometheus {
    /// Starts it in a folder with the text of its configuration and feature flags, comma-separated. `None`, and a line that says so, where
    /// the package is not installed.
    ///
    /// # Panics
    /// When it does not become ready within half a minute.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "who reads a test's output should know that it was skipped")]
    pub fn start(dir: &Path, config: &str, features: &str) -> Option<Self> {
        if installed("prometheus").is_none() {
            eprintln!("skipped: prometheus is not installed (apt-get install prometheus)");
            return None;
        }
        let port = free_port().expect("a free port");
        let file = dir.join("prometheus.yml");
        std::fs::write(&file, config).expect("a folder to write to");
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("prometheus").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--web.enable-remote-write-receiver", &format!("--enable-feature={features}")]);
        let mut process = Server::spawn(&mut command, &dir.join("prometheus.log")).expect("prometheus starts");
        process
            .wait_ready(&format!("127.0.0.1:{port}"), "/-/ready", Duration::from_secs(30))
            .expect("it becomes ready");
        Some(Self { _process: process, url: format!("http://127.0.0.1:{port}") })
    }
}
