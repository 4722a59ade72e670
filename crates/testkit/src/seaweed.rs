//! SeaweedFS as a real process: an S3 service for tests.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;

use crate::process::{Server, free_port, installed};

/// The credentials that it takes.
pub const ACCESS_KEY: &str = "tester";
/// See [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "notverysecret";

/// A running `weed server -s3`.
#[derive(Debug)]
pub struct Seaweed {
    process: Option<Server>,
    program: PathBuf,
    dir: PathBuf,
    ports: [u16; 8],
}

impl Seaweed {
    /// Starts it on free ports with its data under `dir`; `None` when it is not installed.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start(dir: &Path) -> anyhow::Result<Option<Self>> {
        let Some(program) = installed("weed") else { return Ok(None) };
        std::fs::create_dir_all(dir.join("data"))?;
        let identity = serde_json::json!({ "identities": [{
            "name": "tester",
            "credentials": [{ "accessKey": ACCESS_KEY, "secretKey": SECRET_KEY }],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }]});
        std::fs::write(dir.join("s3.json"), identity.to_string())?;
        let mut ports = [0; 8];
        for place in 0..ports.len() {
            ports[place] = std::iter::repeat_with(free_port)
                .take(100)
                .filter_map(Result::ok)
                .find(|port| !ports.contains(port))
                .context("expected a free port")?;
        }
        let mut seaweed = Self { process: None, program, dir: dir.to_owned(), ports };
        seaweed.go()?;
        Ok(Some(seaweed))
    }

    /// Where it speaks S3.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// When its shell says that it did not.
    pub fn create_bucket(&self, name: &str) -> anyhow::Result<()> {
        let [_, _, master, master_grpc, _, _, filer, filer_grpc] = self.ports;
        let mut shell = Command::new(&self.program)
            .arg("shell")
            .arg(format!("-master=127.0.0.1:{master}.{master_grpc}"))
            .arg(format!("-filer=127.0.0.1:{filer}.{filer_grpc}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut input = shell.stdin.take().context("expected an input")?;
        writeln!(input, "s3.bucket.create -name {name}")?;
        drop(input);
        let output = shell.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        anyhow::ensure!(text.contains(name), "bucket {name} was not made: {text}");
        Ok(())
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again with the same data on the same ports.
    ///
    /// # Errors
    /// As [`Seaweed::start`].
    pub fn go(&mut self) -> anyhow::Result<()> {
        const PORTS: [&str; 8] = [
            "s3.port",
            "s3.port.grpc",
            "master.port",
            "master.port.grpc",
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
        ];
        let mut args = vec![
            "server".to_owned(),
            format!("-dir={}", self.dir.join("data").display()),
            format!("-s3.config={}", self.dir.join("s3.json").display()),
        ];
        let rest = "-ip=127.0.0.1 -ip.bind=127.0.0.1 -master.telemetry=false -filer -s3 -s3.port.iceberg=0 -s3.port.lance=0 \
                    -master.volumeSizeLimitMB=64 -volume.max=0";
        args.extend(rest.split_whitespace().map(str::to_owned));
        args.extend(PORTS.iter().zip(self.ports).map(|(name, port)| format!("-{name}={port}")));
        let mut process = Server::start(&self.program, &args, &self.dir.join("weed.log"))?;
        process.wait_ready(&format!("127.0.0.1:{}", self.ports[0]), "/healthz", Duration::from_secs(60))?;
        self.process = Some(process);
        Ok(())
    }
}
