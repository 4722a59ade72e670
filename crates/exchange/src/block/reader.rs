//! One block, read from its first series to its last.

use std::path::Path;

use bongsu_model::SampleBuffer;

use super::bytes::{SizedFile, Windowed};
use super::chunks::Chunks;
use super::index::Index;
use super::meta::Meta;
use super::series::Series;
use super::tombstones::Tombstones;
use crate::error::Error;
use crate::receiver::{Piece, Point, Receiver, Window};

/// Samples are handed on when there are so many: a series of a block of weeks has hundreds of thousands.
const PIECE_SAMPLES: usize = 20_000;

/// A block, opened.
pub struct Block {
    name: String,
    meta: Meta,
    index: Index,
    chunks: Chunks,
    tombstones: Tombstones,
}

impl Block {
    /// Opens a block's directory: reads its description, its symbols and its tombstones.
    ///
    /// # Errors
    /// A file is missing, damaged or of a version that is not known.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let meta = Meta::read(&dir.join("meta.json"))?;
        let path = dir.join("index");
        let window = || Ok::<_, Error>(Windowed::new(path.display().to_string(), Box::new(SizedFile::open(&path)?)));
        let index = Index::open(window()?, window()?)?;
        let name = dir.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let tombstones = Tombstones::read(&dir.join("tombstones"))?;
        Ok(Self { name, meta, index, chunks: Chunks::new(dir.join("chunks")), tombstones })
    }

    /// A block whose files are in memory, without a description: for tests and fuzzing.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_memory(index: Vec<u8>, segment: Vec<u8>, tombstones: &[u8]) -> Result<Self, Error> {
        let window = |name: &str, bytes: &[u8]| Windowed::new(name.to_owned(), Box::new(bytes.to_vec()));
        let damaged = |(at, message): (usize, String)| Error::damaged("tombstones", at as u64, message);
        Ok(Self {
            name: "memory".to_owned(),
            meta: Meta::of_all_time(),
            index: Index::open(window("index", &index), window("index", &index))?,
            chunks: Chunks::of_memory(window("000001", &segment))?,
            tombstones: if tombstones.is_empty() {
                Tombstones::default()
            } else {
                Tombstones::decode(tombstones).map_err(damaged)?
            },
        })
    }

    /// How many series it has.
    #[must_use]
    pub fn series_count(&self) -> u64 {
        self.index.series_count
    }

    /// Hands on the wanted samples, from the series at place `first` on.
    ///
    /// # Errors
    /// A file is damaged or cannot be read, or the receiver takes no more.
    pub fn read(&mut self, first: u64, window: &Window, receiver: &mut dyn Receiver) -> Result<(), Error> {
        // Samples of a block lie before its end: what stands behind belongs to another block.
        let end_ms = window.end_ms.min(self.meta.max_time.saturating_sub(1));
        let bounds = (window.start_ms.max(self.meta.min_time), end_ms);
        let (mut series, mut samples, mut wanted) =
            (Series::default(), SampleBuffer::default(), SampleBuffer::default());
        for place in first..self.index.series_count {
            let reference = self.index.series(place, &mut series, self.meta.external_labels())?;
            if window.wants(&series.labels) {
                self.read_series(reference, &series, bounds, (&mut samples, &mut wanted), receiver)?;
            }
            receiver.reached(&Point { part: self.name.clone(), done: place + 1 })?;
        }
        Ok(())
    }

    fn read_series(
        &mut self,
        reference: u64,
        series: &Series,
        (start_ms, end_ms): (i64, i64),
        (samples, wanted): (&mut SampleBuffer, &mut SampleBuffer),
        receiver: &mut dyn Receiver,
    ) -> Result<(), Error> {
        let mut chunks =
            series.chunks.iter().filter(|chunk| chunk.min_ms <= end_ms && chunk.max_ms >= start_ms).peekable();
        samples.clear();
        while let Some(chunk) = chunks.next() {
            self.chunks.read(chunk.reference, samples)?;
            if chunks.peek().is_some() && samples.len() < PIECE_SAMPLES {
                continue;
            }
            self.tombstones.apply(reference, samples);
            wanted.clear();
            wanted.extend_between(samples, start_ms, end_ms);
            if !wanted.is_empty() {
                receiver.piece(Piece { labels: &series.labels, samples: wanted, exemplars: &[] })?;
            }
            samples.clear();
        }
        Ok(())
    }
}
