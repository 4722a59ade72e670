//! `bongsu import`.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use bongsu_exchange::{
    BlockDirectory, CsvColumns, CsvReader, Error, JsonLinesReader, Labelled, Lines, Narrowed, Point, Protocol,
    Receiver, TextOptions, TextReader, UploadOptions, Uploader, Window,
};
use bongsu_model::{Clock, SystemClock};
use bongsu_wire::exposition::Format;

use super::export::{Remote, stretches};
use super::http::{Http, headers, with_path};
use super::report::{self, Notes};
use super::watch::{Watched, bar, stop_flag};
use super::window::{matcher_sets, selector_text, window};
use super::{input, target};
use crate::cli::{ImportArgs, ImportKind, TargetArgs};

/// A line of VictoriaMetrics has all samples of a series, if it was not told otherwise.
const JSON_LINE_BYTES_MAX: usize = 128 << 20;
/// Samples of a line that we ask for.
const ROWS_PER_LINE: u64 = 10_000;
/// A request to the server that is read is tried so often.
const SOURCE_TRIES: u32 = 5;

pub(in crate::command) fn import(args: &ImportArgs) -> anyhow::Result<()> {
    let target_args = args.kind.target();
    let http = Http::new()?;
    let stop = stop_flag(&http.runtime);
    let source = Source::new(args, &http)?;
    let mut target = target::open(target_args, &http, stop.clone())?;
    let options = UploadOptions {
        protocol: if target_args.protocol == 1 { Protocol::RemoteWrite1 } else { Protocol::RemoteWrite2 },
        samples_per_request: target_args.batch as usize,
        ..UploadOptions::default()
    };
    let begun = Instant::now();
    let mut uploader = Uploader::new(&mut *target, options);
    let (total, what) = source.total();
    let mut notes = Notes::default();
    let mut watched = Watched { uploader: &mut uploader, bar: bar(total, what), stop };
    let read = source.read(&mut watched, &mut notes);
    watched.bar.finish_and_clear();
    let outcome = read.and_then(|()| Ok(uploader.flush()?));
    let (counts, acked) = (uploader.counts().clone(), uploader.acked().cloned());
    drop(uploader);
    let finished = target.finish();
    say(&report::lines(&counts, &notes, begun.elapsed().as_secs_f64()));
    if let Err(error) = outcome {
        say(&[report::resume(acked.as_ref())]);
        return Err(error.context("the import ended early"));
    }
    finished
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
fn say(lines: &[String]) {
    for line in lines {
        println!("{line}");
    }
}

/// Where samples come from, with what the flags say of them.
struct Source<'a> {
    kind: &'a ImportKind,
    target: &'a TargetArgs,
    http: &'a Http,
    window: Window,
    from: Option<Point>,
    labels: Vec<(String, String)>,
    /// Of a directory of blocks.
    blocks: BlockDirectory,
}

impl<'a> Source<'a> {
    fn new(args: &'a ImportArgs, http: &'a Http) -> anyhow::Result<Self> {
        let (kind, target) = (&args.kind, args.kind.target());
        let from = target.resume_from.as_deref().map(Point::parse).transpose();
        let from = from.map_err(|error| anyhow::anyhow!("--resume-from: {error}"))?;
        let label = |text: &String| {
            let (name, value) = text.split_once('=').context("--label: expected NAME=VALUE")?;
            Ok((name.to_owned(), value.to_owned()))
        };
        let labels = target.labels.iter().map(label).collect::<anyhow::Result<_>>()?;
        let blocks = match kind {
            ImportKind::Prometheus { path, .. } => find_blocks(path)?,
            _ => BlockDirectory::default(),
        };
        Ok(Self { kind, target, http, window: window(&target.window)?, from, labels, blocks })
    }

    /// How many steps there are, if that is known, and what they are.
    fn total(&self) -> (Option<u64>, &'static str) {
        match self.kind {
            ImportKind::Prometheus { .. } => {
                let wanted = |block: &&bongsu_exchange::Found| {
                    block.min_ms <= self.window.end_ms && block.max_ms > self.window.start_ms
                };
                let from = self.from.as_ref();
                let first = from.and_then(|from| self.blocks.blocks.iter().position(|block| block.name == from.part));
                let blocks = self.blocks.blocks.iter().skip(first.unwrap_or(0)).filter(wanted);
                let done = from.map_or(0, |from| from.done);
                (Some(blocks.map(|block| block.series).sum::<u64>().saturating_sub(done)), "series")
            }
            ImportKind::Victoria { .. } => (None, "lines"),
            _ => (None, "parts"),
        }
    }

    fn read(&self, watched: &mut Watched<'_, '_>, notes: &mut Notes) -> anyhow::Result<()> {
        let mut labelled = Labelled::new(self.labels.clone(), watched);
        match self.kind {
            ImportKind::Prometheus { .. } => self.read_blocks(&mut labelled, notes),
            ImportKind::RemoteRead { url, step, .. } => self.read_remote(url, step.as_ms(), &mut labelled),
            ImportKind::Victoria { from, step, .. } if from.starts_with("http") => {
                self.read_victoria(from, step.as_ms(), &mut labelled, notes)
            }
            _ => {
                let mut narrowed = Narrowed::new(self.window.clone(), &mut labelled);
                self.read_file(&mut narrowed, notes)
            }
        }
    }

    fn read_blocks(&self, receiver: &mut dyn Receiver, notes: &mut Notes) -> anyhow::Result<()> {
        for skipped in &self.blocks.skipped {
            notes.add(format!("block {} was left out: {}", skipped.dir.display(), skipped.reason));
        }
        if self.blocks.has_log {
            notes.add(
                "there is a write-ahead log, whose newest samples are in no block: to have them, take a snapshot \
                 (curl -XPOST http://prometheus:9090/api/v1/admin/tsdb/snapshot, with --web.enable-admin-api) and import \
                 its directory",
            );
        }
        Ok(self.blocks.read(self.from.as_ref(), &self.window, receiver)?)
    }

    fn read_file(&self, receiver: &mut dyn Receiver, notes: &mut Notes) -> anyhow::Result<()> {
        let skip = self.from.as_ref().map_or(0, |from| from.done);
        let text = |path: &Path, format, receiver: &mut dyn Receiver| {
            let options = TextOptions { format, default_ms: None, part: name_of(path) };
            let reader = TextReader::read(input::open(path)?, &options, skip, receiver)?;
            anyhow::Ok((reader.bad_lines, reader.first_bad))
        };
        let (bad_lines, first_bad) = match self.kind {
            ImportKind::Openmetrics { path, .. } => text(path, Format::OpenMetrics, receiver)?,
            ImportKind::Text { path, .. } => text(path, Format::Text, receiver)?,
            ImportKind::Csv { path, format, .. } => {
                let columns = format.as_deref().map_or(Ok(CsvColumns::long()), CsvColumns::parse_import);
                let columns = columns.map_err(|error| anyhow::anyhow!("--format: {error}"))?;
                let (name, now_ms) = (name_of(path), SystemClock.now_ms());
                let reader = CsvReader::read(input::open(path)?, (&name, skip), &columns, now_ms, receiver)?;
                (reader.bad_lines, reader.first_bad)
            }
            ImportKind::Victoria { from, .. } => {
                let path = Path::new(from);
                let mut lines = Lines::new(input::open(path)?, from.as_str(), JSON_LINE_BYTES_MAX);
                let reader = JsonLinesReader::read(&mut lines, &name_of(path), skip, receiver)?;
                (reader.bad_lines, reader.first_bad)
            }
            ImportKind::Prometheus { .. } | ImportKind::RemoteRead { .. } => return Ok(()),
        };
        notes.bad_lines(bad_lines, first_bad.as_ref());
        Ok(())
    }

    /// Stretches of time that are asked for one after the other, so that each series' samples come in order and what was done
    /// can be told.
    fn stretches(&self, step_ms: i64) -> anyhow::Result<Vec<(i64, i64)>> {
        anyhow::ensure!(self.window.start_ms > i64::MIN, "a server is asked from a time on: give --start");
        let start_ms = match &self.from {
            Some(from) => from.part.parse().context("--resume-from: expected a time in milliseconds")?,
            None => self.window.start_ms,
        };
        let end_ms = self.window.end_ms.min(SystemClock.now_ms());
        Ok(stretches(start_ms, end_ms, step_ms).collect())
    }

    fn read_remote(&self, url: &str, step_ms: i64, receiver: &mut dyn Receiver) -> anyhow::Result<()> {
        let headers = headers(&self.target.source_headers)?;
        let remote = Remote { http: self.http, url: with_path(url, "/api/v1/read"), headers };
        for (start_ms, end_ms) in self.stretches(step_ms)? {
            for matchers in matcher_sets(&self.window)? {
                again(|| remote.read((start_ms, end_ms), &matchers, receiver))?;
            }
            receiver.reached(&Point { part: (end_ms + 1).to_string(), done: 0 })?;
        }
        Ok(())
    }

    fn read_victoria(
        &self,
        url: &str,
        step_ms: i64,
        receiver: &mut dyn Receiver,
        notes: &mut Notes,
    ) -> anyhow::Result<()> {
        let (url, headers) = (with_path(url, "/api/v1/export"), headers(&self.target.source_headers)?);
        let (mut bad_lines, mut first_bad) = (0, None);
        for (start_ms, end_ms) in self.stretches(step_ms)? {
            let mut query = form_urlencoded::Serializer::new(String::new());
            for matchers in matcher_sets(&self.window)? {
                query.append_pair("match[]", &selector_text(&matchers));
            }
            for (name, ms) in [("start", start_ms), ("end", end_ms)] {
                query.append_pair(name, &format!("{}", ms as f64 / 1000.0));
            }
            query.append_pair("max_rows_per_line", &ROWS_PER_LINE.to_string());
            let url = format!("{url}?{}", query.finish());
            let reader = again(|| {
                let body = self.http.stream(&url, &headers, None)?;
                let mut lines = Lines::new(body, "the server's answer", JSON_LINE_BYTES_MAX);
                let mut unpointed = Unpointed(receiver);
                // A server that is asked for seconds may answer with neighbours of the stretch.
                let window = Window { start_ms, end_ms, matchers: Vec::new() };
                let mut narrowed = Narrowed::new(window, &mut unpointed);
                Ok(JsonLinesReader::read(&mut lines, "lines", 0, &mut narrowed)?)
            })?;
            bad_lines += reader.bad_lines;
            first_bad = first_bad.or(reader.first_bad);
            receiver.reached(&Point { part: (end_ms + 1).to_string(), done: 0 })?;
        }
        notes.bad_lines(bad_lines, first_bad.as_ref());
        Ok(())
    }
}

/// Keeps the points of a server's lines to itself: their order may be another one next time.
struct Unpointed<'r>(&'r mut dyn Receiver);

impl Receiver for Unpointed<'_> {
    fn piece(&mut self, piece: bongsu_exchange::Piece<'_>) -> Result<(), Error> {
        self.0.piece(piece)
    }
}

/// Asks the server that is read again after a failure of the way; samples that came before are sent twice, which does no harm.
/// What the receiving side says is final.
fn again<T>(mut ask: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let mut tries = 1;
    loop {
        match ask() {
            Err(error) if tries < SOURCE_TRIES && !is_final(&error) => {
                tracing::warn!("{error:#}; asking again");
                std::thread::sleep(Duration::from_secs(u64::from(tries)));
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}

fn is_final(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Error::Target(_) | Error::Stopped))
}

fn find_blocks(path: &Path) -> anyhow::Result<BlockDirectory> {
    let found = BlockDirectory::open(path)?;
    let log = if found.has_log { "; there is only a write-ahead log: take a snapshot and import that" } else { "" };
    anyhow::ensure!(
        !found.blocks.is_empty() || !found.skipped.is_empty(),
        "no block (a directory with meta.json) in {}{log}",
        path.display()
    );
    Ok(found)
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| "input".to_owned(), |name| name.to_string_lossy().into_owned())
}
