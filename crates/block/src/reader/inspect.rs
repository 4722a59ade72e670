//! What a block is made of, for people: where its bytes went.

use std::collections::BTreeMap;

use super::{Block, take_block};
use crate::bytes::Cursor;
use crate::error::{Damage, Error};
use crate::footer::{FOOTER_BYTES, HEADER_BYTES};
use crate::section::Kind;
use crate::{starts, times, values};

const KINDS: [Kind; 6] =
    [Kind::Pages, Kind::Columns, Kind::Series, Kind::SeriesDirectory, Kind::Dictionary, Kind::Postings];

/// What a block is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Of the format.
    pub version: u32,
    /// The parts of the file, in its order; they add up to its size.
    pub parts: Vec<Part>,
    /// Columns of values by the way they are stored, the one with most bytes first.
    pub codecs: Vec<Codec>,
    /// Columns of times that are stored; other chunks name one of them.
    pub time_columns: u64,
    /// Their bytes.
    pub time_bytes: u64,
    /// Bytes of the columns that say when counting began.
    pub start_bytes: u64,
    /// Chunks by how many samples they have: (2^n, chunks of more than 2^(n-1) and at most 2^n samples).
    pub chunk_samples: Vec<(u64, u64)>,
    /// Labels, the one with most bytes first.
    pub labels: Vec<LabelBytes>,
}

/// A part of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// As `docs/formats/block.md` calls it; `samples` are the pages themselves.
    pub name: &'static str,
    /// In the file.
    pub stored_bytes: u64,
    /// Unpacked.
    pub raw_bytes: u64,
}

/// Columns of values that are stored the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codec {
    /// The kind and the form of the numbers, as in `docs/formats/block.md`.
    pub name: String,
    /// Columns: one for each chunk.
    pub columns: u64,
    /// Samples in them.
    pub samples: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a label takes in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelBytes {
    /// The label.
    pub name: String,
    /// Different values.
    pub values: u64,
    /// Text of the name and of all values.
    pub text_bytes: u64,
    /// Lists of series, as stored before packing.
    pub postings_bytes: u64,
}

impl Block {
    /// Looks at every chunk and label of the block.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for the first damage found.
    pub fn inspect(&self) -> Result<Inspection, Error> {
        let mut found = Inspection { version: self.footer.version, parts: self.parts(), ..Inspection::default() };
        let (mut codecs, mut chunk_samples) = (BTreeMap::new(), BTreeMap::new());
        for series in 0..self.meta.series_count {
            self.each_chunk(series, |chunk| {
                found.time_columns += u64::from(chunk.own_times > 0);
                found.time_bytes += chunk.own_times as u64;
                let (starts, values) = starts::split(chunk.values)?;
                found.start_bytes += starts.len() as u64;
                *chunk_samples.entry((chunk.count as u64).next_power_of_two()).or_default() += 1;
                let name = values.first().map_or("none".to_owned(), |codec| values::codec_name(*codec));
                let codec: &mut Codec = codecs.entry(name).or_default();
                codec.columns += 1;
                codec.samples += chunk.count as u64;
                codec.bytes += values.len() as u64;
                Ok(())
            })?;
        }
        found.chunk_samples = chunk_samples.into_iter().collect();
        found.codecs = codecs.into_iter().map(|(name, codec)| Codec { name, ..codec }).collect();
        found.codecs.sort_by_key(|codec| std::cmp::Reverse(codec.bytes));
        found.labels = self.label_bytes()?;
        Ok(found)
    }

    fn parts(&self) -> Vec<Part> {
        let plain = |name, bytes| Part { name, stored_bytes: bytes, raw_bytes: bytes };
        let samples = self.footer.section(Kind::Pages).offset.saturating_sub(HEADER_BYTES);
        let mut parts = vec![plain("header", HEADER_BYTES), plain("samples", samples)];
        parts.extend(KINDS.map(|kind| {
            let entry = self.footer.section(kind);
            Part { name: kind.name(), stored_bytes: entry.stored_bytes, raw_bytes: entry.raw_bytes }
        }));
        parts.push(plain("footer", FOOTER_BYTES as u64));
        parts
    }

    /// Hands out the chunks of a series, undecoded.
    fn each_chunk(&self, series: u32, mut each: impl FnMut(&RawChunk<'_>) -> Result<(), Damage>) -> Result<(), Error> {
        let span = self.series()?.chunks(series).map_err(self.damaged(Kind::Series))?;
        let page = self.page_from(span.offset)?;
        let in_page = |damage: Damage| damage.in_section(&self.meta.path, "page", span.offset);
        let chunks = usize::try_from(span.bytes).ok().and_then(|bytes| page.get(..bytes));
        let mut cursor = Cursor::new(chunks.ok_or_else(|| in_page(Damage::at(0, "expected chunks within the page")))?);
        while !cursor.is_at_end() {
            let (column, own_times) = match cursor.varint().map_err(in_page)? {
                0 => {
                    let column = take_block(&mut cursor).map_err(in_page)?;
                    (column, column.len())
                }
                number => (self.column(number - 1)?, 0),
            };
            let values = take_block(&mut cursor).map_err(in_page)?;
            let count = times::decode_head(&mut Cursor::new(column)).map_err(in_page)?.count;
            each(&RawChunk { count, own_times, values }).map_err(in_page)?;
        }
        Ok(())
    }

    fn label_bytes(&self) -> Result<Vec<LabelBytes>, Error> {
        let dictionary = self.dictionary()?;
        let of_name = |name: &str| {
            let pairs = dictionary.pairs_of(name);
            let values: usize = pairs.clone().map(|pair| dictionary.value(pair).len()).sum();
            let postings: usize = pairs.clone().map(|pair| dictionary.postings(pair).len()).sum();
            LabelBytes {
                name: name.to_owned(),
                values: pairs.len() as u64,
                text_bytes: (name.len() + values) as u64,
                postings_bytes: postings as u64,
            }
        };
        let mut labels: Vec<LabelBytes> = dictionary.names().map(of_name).collect();
        labels.sort_by_key(|label| std::cmp::Reverse(label.text_bytes + label.postings_bytes));
        Ok(labels)
    }
}

/// A chunk as it is stored.
struct RawChunk<'a> {
    /// Samples.
    count: usize,
    /// Bytes of its column of times, 0 when another chunk has it.
    own_times: usize,
    values: &'a [u8],
}
