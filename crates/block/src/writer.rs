//! Writes a block from its first byte to its last.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use bongsu_model::{Labels, SampleBuffer};
use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_128;

use crate::bytes::put_varint;
use crate::dictionary::PairInterner;
use crate::error::Error;
use crate::footer::{BlockMeta, Footer, HEADER_BYTES, MAGIC};
use crate::section::{KINDS, Kind, SectionEntry};
use crate::series::{LABELS_MAX, SeriesTable};
use crate::values::{Effort, ValueEncoder};
use crate::{CHUNK_SAMPLES_MAX, postings, times};

/// A page ends with the series that makes it this large.
const PAGE_BYTES: usize = 16 << 10;
/// Time columns that are remembered so that later series can refer to them; then all are forgotten.
const COLUMNS_REMEMBERED_MAX: usize = 1 << 20;
/// All label text of a block: what offsets of 32 bits reach, with room to spare.
const TEXT_BYTES_MAX: usize = 1 << 31;

/// How a block is written.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Work that goes into making it small.
    pub effort: Effort,
    /// Most samples of a chunk, at most [`CHUNK_SAMPLES_MAX`]. A reader decodes whole chunks.
    pub chunk_samples_max: usize,
    /// Kept in the footer for the caller; say, how often the samples were merged.
    pub level: u32,
    /// [`crate::merge`] drops earlier samples, milliseconds.
    pub start_ms_min: i64,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { effort: Effort::Fast, chunk_samples_max: 4096, level: 0, start_ms_min: i64::MIN }
    }
}

/// Writes one block. Series come in the order of their labels. Nothing is seen under the final path before
/// [`BlockWriter::finish`]; a writer that is dropped before leaves no file behind.
#[derive(Debug)]
pub struct BlockWriter {
    file: OutputFile,
    options: WriteOptions,
    page: Vec<u8>,
    /// The section of pages, as far as it is known.
    pages: Vec<u8>,
    /// The section of time columns.
    columns: Vec<u8>,
    column_numbers: HashMap<u128, u64>,
    encoder: ValueEncoder,
    scratch: Vec<u8>,
    interner: PairInterner,
    series: SeriesTable,
    last_labels: Option<Labels>,
    min_time_ms: i64,
    max_time_ms: i64,
    sample_count: u64,
    chunk_count: u64,
}

impl BlockWriter {
    /// Starts a block that will stand at `path`; writes to `path` with `.tmp` behind it until finished.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path, options: WriteOptions) -> Result<Self, Error> {
        let mut file = OutputFile::create(path)?;
        file.write(&MAGIC)?;
        Ok(Self {
            file,
            options: WriteOptions {
                chunk_samples_max: options.chunk_samples_max.clamp(1, CHUNK_SAMPLES_MAX),
                ..options
            },
            page: Vec::with_capacity(PAGE_BYTES * 2),
            pages: Vec::new(),
            columns: Vec::new(),
            column_numbers: HashMap::new(),
            encoder: ValueEncoder::default(),
            scratch: Vec::new(),
            interner: PairInterner::default(),
            series: SeriesTable::default(),
            last_labels: None,
            min_time_ms: i64::MAX,
            max_time_ms: i64::MIN,
            sample_count: 0,
            chunk_count: 0,
        })
    }

    /// Adds a series with all its samples; one without samples is left out.
    ///
    /// # Errors
    /// [`Error::Input`] when labels or times do not ascend, or there are native histograms, which this version of the
    /// format cannot hold; [`Error::Full`] at the format's bounds; [`Error::Io`].
    pub fn push(&mut self, labels: &Labels, samples: &SampleBuffer) -> Result<(), Error> {
        if samples.is_empty() {
            return Ok(());
        }
        self.check(labels, samples)?;
        let start = self.page.len();
        let (times, values) = (&samples.timestamps_ms, &samples.values);
        let chunks = times.len().div_ceil(self.options.chunk_samples_max);
        let chunk_samples = times.len().div_ceil(chunks);
        for (times, values) in times.chunks(chunk_samples).zip(values.chunks(chunk_samples)) {
            self.put_chunk(times, values);
        }
        for (place, (name, value)) in labels.iter().enumerate() {
            let pair = self.interner.intern(name, value, self.series.pair_before(place));
            self.series.push_pair(pair);
        }
        self.series.finish_series((self.page.len() - start) as u64);
        self.last_labels = Some(labels.clone());
        self.min_time_ms = self.min_time_ms.min(times[0]);
        self.max_time_ms = self.max_time_ms.max(times[times.len() - 1]);
        self.sample_count += times.len() as u64;
        if self.page.len() >= PAGE_BYTES { self.flush_page() } else { Ok(()) }
    }

    fn check(&self, labels: &Labels, samples: &SampleBuffer) -> Result<(), Error> {
        let refuse = |reason| Err(Error::Input { series: labels.to_string(), reason });
        if !samples.histograms.is_empty() {
            return refuse("native histograms are not supported by block format version 1");
        }
        if samples.timestamps_ms.len() != samples.values.len() {
            return refuse("as many times as values are needed");
        }
        if !samples.timestamps_ms.is_sorted_by(|a, b| a < b) {
            return refuse("times must ascend");
        }
        if self.last_labels.as_ref().is_some_and(|last| last >= labels) {
            return refuse("series must come in the order of their labels, each once");
        }
        if labels.len() > LABELS_MAX {
            return refuse("at most 4096 labels are allowed");
        }
        if self.series.len() >= u32::MAX as usize || self.interner.text_bytes() + labels.packed().len() > TEXT_BYTES_MAX
        {
            return Err(self.file.full("too many series or label bytes"));
        }
        Ok(())
    }

    /// `time column (varint) │ column, if it is new │ bytes of values (varint) │ values`
    fn put_chunk(&mut self, times: &[i64], values: &[f64]) {
        self.put_times(times);
        self.scratch.clear();
        self.encoder.encode(values, self.options.effort, &mut self.scratch);
        put_varint(&mut self.page, self.scratch.len() as u64);
        self.page.extend_from_slice(&self.scratch);
        self.chunk_count += 1;
    }

    /// Refers to a column that stands in the file already, or 0 and the column itself. Columns are known by 128 bits of
    /// hash: a chance of some 2^-80 in a block of a million columns, far below that of a wrong disk.
    fn put_times(&mut self, times: &[i64]) {
        self.scratch.clear();
        times.iter().for_each(|time| self.scratch.extend_from_slice(&time.to_le_bytes()));
        let hash = xxh3_128(&self.scratch);
        if let Some(number) = self.column_numbers.get(&hash) {
            put_varint(&mut self.page, number + 1);
            return;
        }
        if self.column_numbers.len() >= COLUMNS_REMEMBERED_MAX {
            self.column_numbers.clear();
        }
        self.column_numbers.insert(hash, self.columns.len() as u64 / 8);
        self.page.push(0);
        let offset = self.file.offset + self.page.len() as u64;
        self.columns.extend_from_slice(&offset.to_le_bytes());
        self.scratch.clear();
        times::encode(times, &mut self.scratch);
        put_varint(&mut self.page, self.scratch.len() as u64);
        self.page.extend_from_slice(&self.scratch);
    }

    /// Writes the page and notes where it ends and its checksum.
    fn flush_page(&mut self) -> Result<(), Error> {
        if self.page.is_empty() {
            return Ok(());
        }
        self.file.write(&self.page)?;
        self.pages.extend_from_slice(&self.file.offset.to_le_bytes());
        self.pages.extend_from_slice(&crc32c::crc32c(&self.page).to_le_bytes());
        self.page.clear();
        Ok(())
    }

    /// Writes index and footer, makes the file durable and gives it its final name. A block without series is valid.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Full`] when the index is larger than the format allows. No file is left behind,
    /// but for the whole one when only the sync of its folder failed.
    pub fn finish(mut self) -> Result<BlockMeta, Error> {
        self.flush_page()?;
        let sections = self.write_sections()?;
        let footer = Footer {
            sections,
            min_time_ms: self.min_time_ms,
            max_time_ms: self.max_time_ms,
            series_count: self.series.len() as u32,
            sample_count: self.sample_count,
            chunk_count: self.chunk_count,
            level: self.options.level,
        };
        self.file.write(&footer.encode())?;
        let (path, size_bytes) = self.file.publish()?;
        Ok(footer.meta(&path, size_bytes))
    }

    fn write_sections(&mut self) -> Result<[SectionEntry; KINDS], Error> {
        let zstd_level = Some(match self.options.effort {
            Effort::Fast => 1,
            Effort::Small => 9,
        });
        let order = self.interner.sorted();
        let mut ranks = vec![0_u32; order.len()];
        order.iter().zip(0..).for_each(|(pair, rank)| ranks[*pair as usize] = rank);
        self.series.renumber(&ranks);
        let (postings, postings_bytes) = self.encode_postings()?;
        let dictionary = self.interner.encode(&order, &postings_bytes);
        let (series, directory) =
            self.series.encode(HEADER_BYTES).ok_or_else(|| self.file.full("series table above 4 GiB"))?;
        let mut sections = [SectionEntry::default(); KINDS];
        for (kind, raw, zstd_level) in [
            (Kind::Pages, &self.pages, None),
            (Kind::Columns, &self.columns, None),
            (Kind::Series, &series, None),
            (Kind::SeriesDirectory, &directory, None),
            (Kind::Dictionary, &dictionary, zstd_level),
            (Kind::Postings, &postings, zstd_level),
        ] {
            let (entry, packed) = SectionEntry::pack(self.file.offset, raw, zstd_level);
            self.file.write(packed.as_deref().unwrap_or(raw))?;
            sections[kind as usize] = entry;
        }
        Ok(sections)
    }

    /// The postings of all pairs, one list after another, and the bytes of each.
    fn encode_postings(&self) -> Result<(Vec<u8>, Vec<u32>), Error> {
        let (ends, lists) = self.series.invert(self.interner.len());
        let (mut section, mut sizes, mut start) = (Vec::new(), Vec::with_capacity(ends.len()), 0);
        for end in ends {
            let before = section.len();
            postings::encode(&lists[start..end], &mut section);
            sizes.push((section.len() - before) as u32);
            start = end;
        }
        if u32::try_from(section.len()).is_err() {
            return Err(self.file.full("postings above 4 GiB"));
        }
        Ok((section, sizes))
    }
}

/// A file that gets its name when it is whole; removed when it does not come to that.
#[derive(Debug)]
struct OutputFile {
    path: PathBuf,
    temporary: PathBuf,
    /// Taken when published.
    file: Option<BufWriter<File>>,
    /// Bytes written.
    offset: u64,
}

impl OutputFile {
    fn create(path: &Path) -> Result<Self, Error> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let file = File::create(&temporary).map_err(Error::io("create", &temporary))?;
        Ok(Self { path: path.to_owned(), temporary, file: Some(BufWriter::with_capacity(1 << 18, file)), offset: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Some(file) = &mut self.file {
            file.write_all(bytes).map_err(Error::io("write", &self.temporary))?;
        }
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn full(&self, what: &'static str) -> Error {
        Error::Full { path: self.path.clone(), what }
    }

    /// Makes the bytes durable, then the name.
    fn publish(&mut self) -> Result<(PathBuf, u64), Error> {
        if let Some(mut file) = self.file.take() {
            let synced = file.flush().and_then(|()| file.get_ref().sync_all());
            if let Err(source) = synced.and_then(|()| fs::rename(&self.temporary, &self.path)) {
                self.file = Some(file);
                return Err(Error::io("finish", &self.temporary)(source));
            }
        }
        let folder = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync the folder of", &self.path))?;
        Ok((self.path.clone(), self.offset))
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Nobody is left to tell, and a file that stays is swept by whoever owns the folder.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
