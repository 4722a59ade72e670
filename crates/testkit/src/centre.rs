//! A centre as a real process.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::client::{Http, percent_encode};
use crate::process::{Server, free_port};

/// A running `bongsu server`.
#[derive(Debug)]
pub struct Centre {
    /// The process.
    pub process: Server,
    /// `http://127.0.0.1:port`.
    pub url: String,
}

impl Centre {
    /// Starts the given binary on a free port and a data directory and waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready within a minute; the message shows its output.
    #[must_use]
    pub fn start(binary: &Path, data: &Path, extra_args: &[&str]) -> Self {
        Self::start_on(free_port().expect("a free port"), binary, data, extra_args)
    }

    /// The same on a given port.
    ///
    /// # Panics
    /// As [`Centre::start`].
    #[must_use]
    pub fn start_on(port: u16, binary: &Path, data: &Path, extra_args: &[&str]) -> Self {
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(binary);
        command.args(["server", "--listen", &address, "--data"]).arg(data).args(extra_args);
        let log = data.with_extension(format!("{port}.log"));
        let mut process = Server::spawn(&mut command, &log).expect("the binary starts");
        process.wait_ready(&address, "/-/ready", Duration::from_secs(60)).expect("the centre becomes ready");
        Self { process, url: format!("http://{address}") }
    }

    /// The result of an instant query at a time in seconds.
    ///
    /// # Panics
    /// Unless it succeeds.
    #[must_use]
    #[track_caller]
    pub fn query(&self, query: &str, at_seconds: f64) -> serde_json::Value {
        let form = format!("query={}&time={at_seconds}", percent_encode(query));
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = Http::default().post(&format!("{}/api/v1/query", self.url), &headers, form.as_bytes());
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        answer.json()["data"]["result"].clone()
    }
}
