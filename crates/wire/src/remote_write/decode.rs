//! The walk over a `WriteRequest`.

use bongsu_model::Sample;

use super::DecodeError;
use super::cursor::{Cursor, fixed64, length_delimited, varint};
use super::exemplar::Exemplars;
use super::histogram::Histograms;
use super::metadata::Metadata;
use super::walk::walk;

const REQUEST_SERIES: u64 = length_delimited(1);
const REQUEST_METADATA: u64 = length_delimited(3);
const SERIES_LABEL: u64 = length_delimited(1);
const SERIES_SAMPLE: u64 = length_delimited(2);
const EXEMPLAR_FIELD: u64 = 3;
const HISTOGRAM_FIELD: u64 = 4;
const SERIES_EXEMPLAR: u64 = length_delimited(EXEMPLAR_FIELD);
const SERIES_HISTOGRAM: u64 = length_delimited(HISTOGRAM_FIELD);

/// One entry of a request, in the order in which they stand.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A series with its samples.
    Series(TimeSeries<'a>),
    /// What a metric family is.
    Metadata(Metadata<'a>),
}

/// Walks the decompressed bytes of a request without copying. Unknown fields are skipped; after an error the walk is over.
#[derive(Clone, Debug)]
pub struct WriteRequest<'a> {
    cursor: Cursor<'a>,
    failed: bool,
}

impl<'a> WriteRequest<'a> {
    /// A walk over the bytes that [`decompress`](super::decompress) gives.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { cursor: Cursor::new(bytes, 0), failed: false }
    }

    #[inline]
    fn advance(&mut self) -> Result<Option<Item<'a>>, DecodeError> {
        while !self.cursor.at_end() {
            match self.cursor.varint()? {
                REQUEST_SERIES => {
                    let content = self.cursor.content()?;
                    let base = self.cursor.offset() - content.len();
                    return TimeSeries::parse(content, base).map(|series| Some(Item::Series(series)));
                }
                REQUEST_METADATA => {
                    let content = self.cursor.content()?;
                    let base = self.cursor.offset() - content.len();
                    return Metadata::parse(content, base).map(|metadata| Some(Item::Metadata(metadata)));
                }
                other => self.cursor.skip(other)?,
            }
        }
        Ok(None)
    }
}

walk!(<'a> WriteRequest<'a> => Item<'a>);

/// One series of a request: where its labels and its samples lie. Framing is checked; what is inside is not read yet.
#[derive(Clone, Copy, Debug)]
pub struct TimeSeries<'a> {
    bytes: &'a [u8],
    /// Where the message starts in the whole body.
    base: usize,
    labels: Extent,
    samples: Extent,
    exemplar_count: u32,
    histogram_count: u32,
}

/// Where the fields of a kind are, from the first one to the end of the last one. A body has fewer than 2^32 bytes.
#[derive(Clone, Copy, Debug)]
struct Extent {
    start: u32,
    end: u32,
    count: u32,
    /// No other field is in between.
    unbroken: bool,
}

impl Extent {
    const EMPTY: Self = Self { start: 0, end: 0, count: 0, unbroken: true };

    #[inline]
    fn extend(&mut self, start: usize, end: usize) {
        let (start, end) = (start as u32, end as u32);
        if self.count == 0 {
            self.start = start;
        } else {
            self.unbroken &= self.end == start;
        }
        self.end = end;
        self.count += 1;
    }
}

impl<'a> TimeSeries<'a> {
    #[inline]
    pub(crate) fn parse(bytes: &'a [u8], base: usize) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes, base);
        let (mut labels, mut samples) = (Extent::EMPTY, Extent::EMPTY);
        let (mut exemplar_count, mut histogram_count) = (0, 0);
        while !cursor.at_end() {
            let start = cursor.position();
            match cursor.varint()? {
                SERIES_LABEL => {
                    cursor.content()?;
                    labels.extend(start, cursor.position());
                }
                SERIES_SAMPLE => {
                    cursor.content()?;
                    samples.extend(start, cursor.position());
                }
                tag @ (SERIES_EXEMPLAR | SERIES_HISTOGRAM) => {
                    cursor.content()?;
                    exemplar_count += u32::from(tag == SERIES_EXEMPLAR);
                    histogram_count += u32::from(tag == SERIES_HISTOGRAM);
                }
                other => cursor.skip(other)?,
            }
        }
        Ok(Self { bytes, base, labels, samples, exemplar_count, histogram_count })
    }

    /// A walk over a part of the message.
    #[inline]
    fn part(&self, extent: Extent) -> Cursor<'a> {
        let start = extent.start as usize;
        Cursor::new(self.slice(extent), self.base + start)
    }

    #[inline]
    fn slice(&self, extent: Extent) -> &'a [u8] {
        self.bytes.get(extent.start as usize..extent.end as usize).unwrap_or_default()
    }

    /// The raw bytes of the label fields, tags included, when they stand next to each other, as every known sender
    /// writes them; else, and without labels, empty.
    #[must_use]
    #[inline]
    pub fn label_span(&self) -> &'a [u8] {
        if self.labels.unbroken { self.slice(self.labels) } else { &[] }
    }

    /// The label pairs in the order in which they were sent, which need not be sorted; UTF-8 is checked.
    #[must_use]
    #[inline]
    pub fn labels(&self) -> Labels<'a> {
        Labels::new(self.part(self.labels))
    }

    /// The float samples in the order in which they were sent.
    #[must_use]
    #[inline]
    pub fn samples(&self) -> Samples<'a> {
        Samples { cursor: self.part(self.samples), failed: false }
    }

    /// How many labels there are.
    #[must_use]
    pub fn label_count(&self) -> usize {
        self.labels.count as usize
    }

    /// How many float samples there are.
    #[must_use]
    #[inline]
    pub fn sample_count(&self) -> usize {
        self.samples.count as usize
    }

    /// How many exemplars there are.
    #[must_use]
    #[inline]
    pub fn exemplar_count(&self) -> usize {
        self.exemplar_count as usize
    }

    /// The exemplars in the order in which they were sent.
    #[must_use]
    pub fn exemplars(&self) -> Exemplars<'a> {
        Exemplars::new(Cursor::new(self.bytes, self.base), EXEMPLAR_FIELD)
    }

    /// How many native histogram samples there are.
    #[must_use]
    #[inline]
    pub fn histogram_count(&self) -> usize {
        self.histogram_count as usize
    }

    /// The native histograms in the order in which they were sent.
    #[must_use]
    pub fn histograms(&self) -> Histograms<'a> {
        Histograms::new(Cursor::new(self.bytes, self.base), HISTOGRAM_FIELD, None)
    }
}

/// The label pairs of a span that was kept from [`TimeSeries::label_span`]. Offsets in errors count from the span's start.
#[must_use]
pub fn labels_of_span(span: &[u8]) -> Labels<'_> {
    Labels::new(Cursor::new(span, 0))
}

/// The label pairs of a series; after an error the walk is over.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    cursor: Cursor<'a>,
    failed: bool,
}

impl<'a> Labels<'a> {
    /// Walks a message that has labels as field 1.
    #[inline]
    pub(super) fn new(cursor: Cursor<'a>) -> Self {
        Self { cursor, failed: false }
    }

    fn advance(&mut self) -> Result<Option<(&'a str, &'a str)>, DecodeError> {
        while !self.cursor.at_end() {
            match self.cursor.varint()? {
                SERIES_LABEL => {
                    let content = self.cursor.content()?;
                    return label(content, self.cursor.offset() - content.len()).map(Some);
                }
                other => self.cursor.skip(other)?,
            }
        }
        Ok(None)
    }
}

pub(super) fn label(bytes: &[u8], base: usize) -> Result<(&str, &str), DecodeError> {
    const NAME: u64 = length_delimited(1);
    const VALUE: u64 = length_delimited(2);
    let mut cursor = Cursor::new(bytes, base);
    let (mut name, mut value) = ("", "");
    while !cursor.at_end() {
        match cursor.varint()? {
            NAME => name = cursor.text()?,
            VALUE => value = cursor.text()?,
            other => cursor.skip(other)?,
        }
    }
    Ok((name, value))
}

walk!(<'a> Labels<'a> => (&'a str, &'a str));

/// The float samples of a series; after an error the walk is over.
#[derive(Clone, Debug)]
pub struct Samples<'a> {
    cursor: Cursor<'a>,
    failed: bool,
}

impl Samples<'_> {
    #[inline]
    fn advance(&mut self) -> Result<Option<Sample>, DecodeError> {
        while !self.cursor.at_end() {
            match self.cursor.varint()? {
                SERIES_SAMPLE => {
                    let content = self.cursor.content()?;
                    return sample(content, self.cursor.offset() - content.len()).map(Some);
                }
                other => self.cursor.skip(other)?,
            }
        }
        Ok(None)
    }
}

#[inline]
fn sample(bytes: &[u8], base: usize) -> Result<Sample, DecodeError> {
    const VALUE: u64 = fixed64(1);
    const TIMESTAMP: u64 = varint(2);
    let mut cursor = Cursor::new(bytes, base);
    // A field that is not there has its zero value, as protobuf senders leave zeroes out.
    let mut sample = Sample { timestamp_ms: 0, value: 0.0 };
    while !cursor.at_end() {
        match cursor.varint()? {
            VALUE => sample.value = f64::from_le_bytes(cursor.fixed64()?),
            TIMESTAMP => sample.timestamp_ms = cursor.varint()?.cast_signed(),
            other => cursor.skip(other)?,
        }
    }
    Ok(sample)
}

walk!(<'a> Samples<'a> => Sample);
