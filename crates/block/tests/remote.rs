//! A block that is read by ranges answers as the same block on disk, reads no more than it needs, and survives a bad line.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bongsu_block::{Block, BlockWriter, Error, FOOTER_BYTES, RemoteFile, WriteOptions};
use bongsu_model::{Labels, MatchOp, Matcher, SampleBuffer};

/// A file in memory that counts what is read of it, and can lie.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    reads: Mutex<Vec<Range<u64>>>,
    kept: AtomicU64,
    /// So many of the next reads have a bit flipped.
    flips: AtomicU64,
    is_cut: AtomicU64,
}

struct Reader(Arc<Line>);

impl RemoteFile for Reader {
    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        if self.0.is_cut.load(Ordering::Relaxed) > 0 {
            return Err(io::Error::other("the line is cut"));
        }
        self.0.reads.lock().unwrap().push(range.clone());
        let mut bytes = self.0.bytes[range.start as usize..range.end as usize].to_vec();
        if self.0.flips.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            bytes[0] ^= 1;
        }
        Ok(bytes)
    }

    fn create_cache(&self) -> io::Result<File> {
        tempfile::tempfile()
    }

    fn kept(&self, bytes: u64) {
        self.0.kept.fetch_add(bytes, Ordering::Relaxed);
    }

    fn used(&self) {}
}

/// A block of many pages: series that do not compress.
fn write_block(dir: &Path) -> Arc<Block> {
    let path = dir.join("a.block");
    let mut writer = BlockWriter::create(&path, WriteOptions::default()).unwrap();
    let mut noise = 1_u64;
    for index in 0..2000 {
        let mut samples = SampleBuffer::default();
        for step in 0..200 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            samples.push(step * 15_000, (noise >> 11) as f64 / 3.0);
        }
        let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("index", format!("{index:05}"))]);
        writer.push(&labels, &samples).unwrap();
    }
    writer.finish().unwrap();
    Block::open(&path).unwrap()
}

fn open_remote(local: &Block, bytes: Vec<u8>) -> (Arc<Line>, Result<Arc<Block>, Error>) {
    let line = Arc::new(Line { bytes, ..Line::default() });
    let footer = local.footer_bytes();
    assert_eq!(footer, line.bytes[line.bytes.len() - FOOTER_BYTES..]);
    let block = Block::open_remote(
        Path::new("far.block"),
        line.bytes.len() as u64,
        &footer,
        Box::new(Reader(Arc::clone(&line))),
    );
    (line, block)
}

fn series(block: &Block, index: &str) -> SampleBuffer {
    let matcher = Matcher::new("index", MatchOp::Equal, index).unwrap();
    let found = block.select(&[matcher]).unwrap();
    let mut samples = SampleBuffer::default();
    block.read(found[0], i64::MIN, i64::MAX, &mut samples).unwrap();
    samples
}

#[test]
fn a_far_block_answers_as_the_near_one_and_reads_little() {
    let dir = tempfile::tempdir().unwrap();
    let near = write_block(dir.path());
    let bytes = std::fs::read(&near.meta().path).unwrap();
    let (line, far) = open_remote(&near, bytes);
    let far = far.unwrap();
    assert!(far.is_remote() && !near.is_remote());
    assert!(line.reads.lock().unwrap().is_empty(), "opening asks for nothing");

    assert_eq!(series(&far, "01234").values, series(&near, "01234").values);
    let reads = line.reads.lock().unwrap().clone();
    assert_eq!(reads.len(), 3, "the index, some pages, and those of the times that all share: {reads:?}");
    assert!(line.kept.load(Ordering::Relaxed) < near.meta().size_bytes / 4, "{reads:?}");
    assert_eq!(series(&far, "01234").values, series(&near, "01234").values);
    assert_eq!(line.reads.lock().unwrap().len(), 3, "what was read stays");

    far.verify().unwrap();
    let reads = line.reads.lock().unwrap().clone();
    assert!(reads.len() < 20, "from end to end in large steps: {} reads", reads.len());
    assert!(line.kept.load(Ordering::Relaxed) <= near.meta().size_bytes);
}

#[test]
fn what_was_damaged_on_its_way_is_asked_for_again_and_what_is_damaged_there_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let near = write_block(dir.path());
    let bytes = std::fs::read(&near.meta().path).unwrap();
    let (line, far) = open_remote(&near, bytes.clone());
    line.flips.store(1, Ordering::Relaxed);
    assert_eq!(series(&far.unwrap(), "00000").values, series(&near, "00000").values);
    assert_eq!(line.reads.lock().unwrap().len(), 3, "the index twice, and the pages, which have the times");

    let mut damaged = bytes;
    damaged[1_000_000] ^= 1;
    let (_, far) = open_remote(&near, damaged);
    let far = far.unwrap();
    assert_eq!(series(&far, "01999").values, series(&near, "01999").values, "other pages are sound");
    let error = far.verify().unwrap_err().to_string();
    assert!(
        error.starts_with("block \"far.block\" is damaged: section page, byte ")
            && error.ends_with(": checksum mismatch"),
        "{error}"
    );
}

#[test]
fn a_line_that_is_cut_is_told_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let near = write_block(dir.path());
    let (line, far) = open_remote(&near, std::fs::read(&near.meta().path).unwrap());
    let far = far.unwrap();
    line.is_cut.store(1, Ordering::Relaxed);
    let error = far.select(&[]).and_then(|_| far.labels(0)).unwrap_err();
    assert_eq!(error.to_string(), "cannot read block \"far.block\": the line is cut");
    line.is_cut.store(0, Ordering::Relaxed);
    assert_eq!(series(&far, "00007").values, series(&near, "00007").values);
}

#[test]
fn threads_that_read_the_same_pages_see_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let near = write_block(dir.path());
    let (_, far) = open_remote(&near, std::fs::read(&near.meta().path).unwrap());
    let far = far.unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| far.verify().unwrap());
        }
    });
}
