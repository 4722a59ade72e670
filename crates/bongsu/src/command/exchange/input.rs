//! Files to read, compressed or not, and files to write.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::Context;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// The first bytes of gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A file, or standard input for `-`; what is compressed by gzip is decompressed.
pub(super) fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    let raw: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(path).with_context(|| format!("cannot open {}", path.display()))?)
    };
    let mut raw = BufReader::with_capacity(1 << 20, raw);
    let mut head = Vec::new();
    (&mut raw).take(2).read_to_end(&mut head).with_context(|| format!("cannot read {}", path.display()))?;
    let is_gzip = head == GZIP;
    let whole = std::io::Cursor::new(head).chain(raw);
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}

/// A file, compressed when its name says so, or standard output.
pub(super) fn create(path: Option<&Path>) -> anyhow::Result<Output> {
    let Some(path) = path else { return Ok(Output::Plain(Box::new(BufWriter::new(std::io::stdout())))) };
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let file: Box<dyn Write + Send> = Box::new(BufWriter::with_capacity(1 << 20, file));
    let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
    Ok(if is_gzip { Output::Gzip(GzEncoder::new(file, Compression::default())) } else { Output::Plain(file) })
}

/// Where an export goes.
pub(super) enum Output {
    Plain(Box<dyn Write + Send>),
    Gzip(GzEncoder<Box<dyn Write + Send>>),
}

impl Output {
    /// Writes what is still held, and the end that a compressed file needs.
    pub(super) fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Plain(mut out) => out.flush(),
            Self::Gzip(out) => out.finish()?.flush(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Gzip(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Gzip(out) => out.flush(),
        }
    }
}
