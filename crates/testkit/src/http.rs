//! HTTP/1.1 over one kept-alive connection: as little as a benchmark's client needs, so that it costs next to nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};

/// Longer answers than this are no answer to what is asked here.
const BODY_BYTES_MAX: u64 = 64 << 20;
const LINE_BYTES_MAX: u64 = 16 << 10;
/// A server that takes longer has failed, however busy.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A connection to one server.
pub struct Connection {
    address: String,
    stream: BufReader<TcpStream>,
    head: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body when the status is 2xx.
    ///
    /// # Errors
    /// Any other status, with the start of the body.
    pub fn ok(self) -> anyhow::Result<Vec<u8>> {
        if !(200..300).contains(&self.status) {
            let text: String = String::from_utf8_lossy(&self.body).chars().take(300).collect();
            bail!("status {}: {}", self.status, text.trim());
        }
        Ok(self.body)
    }
}

impl Connection {
    /// Connects to `address`, such as `127.0.0.1:9090`.
    ///
    /// # Errors
    /// Nobody listens.
    pub fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { address: address.to_owned(), stream: BufReader::new(stream), head: Vec::new() })
    }

    /// Asks for `path`.
    ///
    /// # Errors
    /// The connection broke, or what came is not HTTP.
    pub fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.send("GET", path, "", &[])
    }

    /// Sends a body; `headers` are whole lines.
    ///
    /// # Errors
    /// See [`Connection::get`].
    pub fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> anyhow::Result<Answer> {
        self.send("POST", path, headers, body)
    }

    fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> anyhow::Result<Answer> {
        self.head.clear();
        let (address, len) = (&self.address, body.len());
        write!(self.head, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {len}\r\n{headers}\r\n")?;
        let stream = self.stream.get_mut();
        stream.write_all(&self.head)?;
        stream.write_all(body)?;
        self.receive().with_context(|| format!("{method} {path} of {}", self.address))
    }

    fn receive(&mut self) -> anyhow::Result<Answer> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status: u16 = status.with_context(|| format!("expected a status line, found {line:?}"))?;
        let (mut len, mut chunked) = (0, false);
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => len = value.trim().parse()?,
                "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
                _ => {}
            }
        }
        let mut body = Vec::new();
        if !chunked {
            self.read(len, &mut body)?;
            return Ok(Answer { status, body });
        }
        loop {
            let len = u64::from_str_radix(self.line()?.trim(), 16)?;
            self.read(len, &mut body)?;
            self.line()?;
            if len == 0 {
                return Ok(Answer { status, body });
            }
        }
    }

    fn read(&mut self, len: u64, body: &mut Vec<u8>) -> anyhow::Result<()> {
        if body.len() as u64 + len > BODY_BYTES_MAX {
            bail!("answer is longer than {BODY_BYTES_MAX} bytes");
        }
        let read = (&mut self.stream).take(len).read_to_end(body)?;
        if (read as u64) < len {
            bail!("answer ended after {read} of {len} bytes");
        }
        Ok(())
    }

    /// A line without its end.
    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        if (&mut self.stream).take(LINE_BYTES_MAX).read_line(&mut line)? == 0 {
            bail!("connection was closed");
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}
