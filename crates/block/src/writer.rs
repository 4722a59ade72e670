//! Writes a block from its first byte to its last.

use std::path::Path;
use std::sync::Arc;

use bongsu_disk::{Disk, OsDisk};
use bongsu_model::{Labels, SampleBuffer};
use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_128;

use crate::buckets::Coarse;
use crate::bytes::put_varint;
use crate::dictionary::PairInterner;
use crate::error::Error;
use crate::footer::{self, BlockMeta, Footer, HEADER_BYTES, MAGIC};
use crate::output::OutputFile;
use crate::section::{KINDS, Kind, SectionEntry};
use crate::series::{LABELS_MAX, SeriesTable};
use crate::values::{Effort, ValueEncoder};
use crate::{CHUNK_SAMPLES_MAX, buckets, histograms, postings, starts, times};

/// A page ends with the series that makes it this large.
const PAGE_BYTES: usize = 16 << 10;
/// Time columns that are remembered so that later series can refer to them; then all are forgotten.
const COLUMNS_REMEMBERED_MAX: usize = 1 << 20;
/// Most samples of a chunk that is always decoded from its beginning to its end: one of histograms or of buckets.
const WHOLE_SAMPLES_MAX: usize = 4096;
/// All label text of a block: what offsets of 32 bits reach, with room to spare.
const TEXT_BYTES_MAX: usize = 1 << 31;

/// How a block is written.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Work that goes into making it small.
    pub effort: Effort,
    /// Most samples of a chunk, at most [`CHUNK_SAMPLES_MAX`]. Of short chunks a reader decodes all. See [`Effort::Small`] for
    /// long ones.
    pub chunk_samples_max: usize,
    /// Kept in the footer for the caller; say, how often the samples were merged.
    pub level: u32,
    /// [`crate::merge`] drops earlier samples, milliseconds.
    pub start_ms_min: i64,
    /// [`crate::merge`] keeps the last sample of each interval alone, milliseconds; 0 keeps all.
    pub interval_ms: i64,
    /// For a block of buckets: how long the stretches of time are, whole seconds; 0 for one of samples.
    pub resolution_secs: u32,
    /// The file system.
    pub disk: Arc<dyn Disk>,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            effort: Effort::Fast,
            chunk_samples_max: 4096,
            level: 0,
            start_ms_min: i64::MIN,
            interval_ms: 0,
            resolution_secs: 0,
            disk: Arc::new(OsDisk),
        }
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
    version: u32,
}

/// A block that is whole and durable and has no name yet. Dropped, it is gone.
#[derive(Debug)]
#[must_use = "a block that is dropped without a name is gone"]
pub struct SealedBlock {
    file: OutputFile,
    meta: BlockMeta,
}

impl SealedBlock {
    /// What the footer says.
    #[must_use]
    pub fn meta(&self) -> &BlockMeta {
        &self.meta
    }

    /// Gives it its final name, durably.
    ///
    /// # Errors
    /// [`Error::Io`]. When only the sync of the folder failed, the block has its name.
    pub fn publish(mut self) -> Result<BlockMeta, Error> {
        self.file.publish()?;
        Ok(self.meta)
    }
}

impl BlockWriter {
    /// Starts a block that will stand at `path`; writes to `path` with `.tmp` behind it until finished.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path, options: WriteOptions) -> Result<Self, Error> {
        let mut file = OutputFile::create(Arc::clone(&options.disk), path)?;
        file.write(&MAGIC)?;
        let version = if options.resolution_secs > 0 { footer::VERSION_BUCKETS } else { footer::VERSION_FLOATS };
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
            version,
        })
    }

    /// Adds a series with all its samples; one without samples is left out.
    ///
    /// # Errors
    /// [`Error::Input`] when labels or times do not ascend, when a time is in both kinds of samples, or when a histogram
    /// has not as many buckets as its spans tell, or too many; [`Error::Full`] at the format's bounds; [`Error::Io`].
    pub fn push(&mut self, labels: &Labels, samples: &SampleBuffer) -> Result<(), Error> {
        let Some((first_ms, last_ms)) = samples.time_range() else { return Ok(()) };
        self.check(labels, samples)?;
        let start = self.page.len();
        self.put_floats(samples);
        self.put_histograms(samples);
        self.end_series(labels, start, (first_ms, last_ms), samples.len() as u64)
    }

    /// Adds a series with all that a block of buckets has of it; one with nothing is left out. The caller says in
    /// [`WriteOptions::resolution_secs`] what the buckets are.
    ///
    /// # Errors
    /// As [`push`](Self::push); ends of buckets have to ascend.
    pub fn push_coarse(&mut self, labels: &Labels, coarse: &Coarse) -> Result<(), Error> {
        let Some(range_ms) = coarse.time_range() else { return Ok(()) };
        self.check(labels, &coarse.histograms)?;
        if !coarse.buckets.is_sorted_by(|a, b| a.end_ms < b.end_ms) {
            return Err(Error::Input { series: labels.to_string(), reason: "ends of buckets must ascend" });
        }
        let start = self.page.len();
        for buckets in coarse.buckets.chunks(self.whole_samples_max()) {
            let ends: Vec<i64> = buckets.iter().map(|bucket| bucket.end_ms).collect();
            self.put_times(&ends);
            self.scratch.clear();
            buckets::encode(buckets, &mut self.encoder, self.options.effort, &mut self.scratch);
            self.put_values();
        }
        self.put_histograms(&coarse.histograms);
        self.end_series(labels, start, range_ms, coarse.sample_count())
    }

    fn end_series(
        &mut self,
        labels: &Labels,
        start: usize,
        (first_ms, last_ms): (i64, i64),
        samples: u64,
    ) -> Result<(), Error> {
        for (place, (name, value)) in labels.iter().enumerate() {
            let pair = self.interner.intern(name, value, self.series.pair_before(place));
            self.series.push_pair(pair);
        }
        self.series.finish_series((self.page.len() - start) as u64);
        self.last_labels = Some(labels.clone());
        self.min_time_ms = self.min_time_ms.min(first_ms);
        self.max_time_ms = self.max_time_ms.max(last_ms);
        self.sample_count += samples;
        if self.page.len() >= PAGE_BYTES { self.flush_page() } else { Ok(()) }
    }

    fn check(&self, labels: &Labels, samples: &SampleBuffer) -> Result<(), Error> {
        let refuse = |reason| Err(Error::Input { series: labels.to_string(), reason });
        if samples.timestamps_ms.len() != samples.values.len() {
            return refuse("as many times as values are needed");
        }
        if !samples.is_in_order() {
            return refuse("times must ascend, each in one kind of samples");
        }
        if let Some(reason) = samples.histograms.iter().find_map(|(_, one)| histograms::check(one).err()) {
            return refuse(reason);
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

    fn whole_samples_max(&self) -> usize {
        self.options.chunk_samples_max.min(WHOLE_SAMPLES_MAX)
    }

    /// Appends chunks of about the same size.
    fn put_floats(&mut self, samples: &SampleBuffer) {
        let (times, values) = (&samples.timestamps_ms, &samples.values);
        let chunks = times.len().div_ceil(self.options.chunk_samples_max).max(1);
        let chunk_samples = times.len().div_ceil(chunks).max(1);
        for (place, (times, values)) in times.chunks(chunk_samples).zip(values.chunks(chunk_samples)).enumerate() {
            self.put_times(times);
            self.begin_values(&samples.start_timestamps_ms, place * chunk_samples, times.len());
            self.encoder.encode(values, self.options.effort, &mut self.scratch);
            self.put_values();
        }
    }

    fn put_histograms(&mut self, samples: &SampleBuffer) {
        let mut place = 0;
        for chunk in histograms::chunks(&samples.histograms, self.whole_samples_max()) {
            let times: Vec<i64> = chunk.iter().map(|(time, _)| *time).collect();
            self.put_times(&times);
            self.begin_values(&samples.histogram_start_timestamps_ms, place, chunk.len());
            histograms::encode(chunk, &mut self.encoder, self.options.effort, &mut self.scratch);
            self.put_values();
            self.version = self.version.max(footer::VERSION_SAMPLES);
            place += chunk.len();
        }
    }

    /// Starts what stands in place of a chunk's values: with the starts of its samples, if known. There may be fewer starts
    /// than samples.
    fn begin_values(&mut self, starts: &[i64], place: usize, count: usize) {
        self.scratch.clear();
        let Some(known) = starts.get(place..) else { return };
        let is_written = if known.len() >= count {
            starts::encode(&known[..count], &mut self.scratch)
        } else {
            let mut padded = known.to_vec();
            padded.resize(count, 0);
            starts::encode(&padded, &mut self.scratch)
        };
        if is_written {
            self.version = self.version.max(footer::VERSION_SAMPLES);
        }
    }

    /// Ends a chunk: `time column (varint) │ column, if it is new │ bytes of values (varint) │ values`
    fn put_values(&mut self) {
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
    pub fn finish(self) -> Result<BlockMeta, Error> {
        self.seal()?.publish()
    }

    /// The same but for the name: what is in the block may still be thought over.
    ///
    /// # Errors
    /// As [`finish`](Self::finish); no file is left behind.
    pub fn seal(mut self) -> Result<SealedBlock, Error> {
        self.flush_page()?;
        let sections = self.write_sections()?;
        if self.encoder.is_new {
            self.version = footer::VERSION;
        }
        let footer = Footer {
            sections,
            min_time_ms: self.min_time_ms,
            max_time_ms: self.max_time_ms,
            series_count: self.series.len() as u32,
            sample_count: self.sample_count,
            chunk_count: self.chunk_count,
            level: self.options.level,
            resolution_secs: self.options.resolution_secs,
            version: self.version,
        };
        self.file.write(&footer.encode())?;
        self.file.sync()?;
        let meta = footer.meta(self.file.path(), self.file.offset);
        Ok(SealedBlock { file: self.file, meta })
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
