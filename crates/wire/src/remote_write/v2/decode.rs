//! The walk over a `Request`.

use bongsu_model::MetricType;

use super::super::DecodeError;
use super::super::cursor::{Cursor, length_delimited, varint};
use super::super::histogram::Histograms;
use super::super::metadata::metric_type;
use super::super::walk::walk;
use super::points::{Exemplars, SERIES_EXEMPLAR, SERIES_SAMPLE, Samples};
use super::symbols::{LabelPairs, PACKED, Refs, SINGLE, SymbolError, symbol};

const REQUEST_SYMBOL: u64 = length_delimited(4);
const REQUEST_SERIES: u64 = length_delimited(5);
const HISTOGRAM_FIELD: u64 = 3;
const SERIES_HISTOGRAM: u64 = length_delimited(HISTOGRAM_FIELD);

/// A request whose table of texts has been read.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    symbols: Vec<&'a str>,
    whole: Cursor<'a>,
}

impl<'a> Request<'a> {
    /// Reads the texts of the bytes that [`decompress`](super::super::decompress) gives. The table takes at most
    /// `table_bytes_max` of memory, 16 bytes a text.
    ///
    /// # Errors
    /// When the framing is broken, a text is no UTF-8, the first text is not "", or the table would be too large.
    pub fn parse(bytes: &'a [u8], table_bytes_max: usize) -> Result<Self, DecodeError> {
        let whole = Cursor::new(bytes, 0);
        let (mut cursor, mut count) = (whole, 0_usize);
        while !cursor.at_end() {
            let tag = cursor.varint()?;
            count += usize::from(tag == REQUEST_SYMBOL);
            cursor.skip(tag)?;
        }
        let table_bytes = count.saturating_mul(size_of::<&str>());
        if table_bytes > table_bytes_max {
            let (declared_bytes, bytes_max) = (table_bytes as u64, table_bytes_max as u64);
            return Err(DecodeError::TooLarge { declared_bytes, bytes_max });
        }
        let (mut cursor, mut symbols) = (whole, Vec::with_capacity(count));
        while !cursor.at_end() {
            match cursor.varint()? {
                REQUEST_SYMBOL => {
                    let text = cursor.text()?;
                    if symbols.is_empty() && !text.is_empty() {
                        return Err(cursor.malformed("table of symbols does not begin with the empty text"));
                    }
                    symbols.push(text);
                }
                other => cursor.skip(other)?,
            }
        }
        Ok(Self { symbols, whole })
    }

    /// The series in the order in which they stand; after an error the walk is over.
    #[must_use]
    pub fn series(&self) -> SeriesIter<'_, 'a> {
        SeriesIter { symbols: &self.symbols, cursor: self.whole, failed: false }
    }
}

/// The series of a request.
#[derive(Clone, Debug)]
pub struct SeriesIter<'s, 'a> {
    symbols: &'s [&'a str],
    cursor: Cursor<'a>,
    failed: bool,
}

impl<'s, 'a> SeriesIter<'s, 'a> {
    #[inline]
    fn advance(&mut self) -> Result<Option<TimeSeries<'s, 'a>>, DecodeError> {
        while !self.cursor.at_end() {
            match self.cursor.varint()? {
                REQUEST_SERIES => return TimeSeries::parse(self.symbols, self.cursor.message()?).map(Some),
                other => self.cursor.skip(other)?,
            }
        }
        Ok(None)
    }
}

walk!(<'s, 'a> SeriesIter<'s, 'a> => TimeSeries<'s, 'a>);

/// One series of a request. Framing and the numbers of references are checked; what they lead to is looked up later.
#[derive(Clone, Copy, Debug)]
pub struct TimeSeries<'s, 'a> {
    symbols: &'s [&'a str],
    whole: Cursor<'a>,
    labels: Refs<'a>,
    /// Where samples begin and end in the message.
    samples: (usize, usize),
    sample_count: usize,
    histogram_count: usize,
    exemplar_count: usize,
    metadata: Metadata,
    /// Of all samples that have no start of their own; 0: not known.
    start_ms: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Metadata {
    metric_type: MetricType,
    help_ref: u64,
    unit_ref: u64,
}

impl<'s, 'a> TimeSeries<'s, 'a> {
    #[inline]
    fn parse(symbols: &'s [&'a str], whole: Cursor<'a>) -> Result<Self, DecodeError> {
        const METADATA: u64 = length_delimited(5);
        const CREATED: u64 = varint(6);
        let mut series = Self {
            symbols,
            whole,
            labels: Refs::default(),
            samples: (0, 0),
            sample_count: 0,
            histogram_count: 0,
            exemplar_count: 0,
            metadata: Metadata::default(),
            start_ms: 0,
        };
        let mut cursor = whole;
        while !cursor.at_end() {
            let start = cursor.position();
            match cursor.varint()? {
                tag @ (PACKED | SINGLE) => series.labels.take(&mut cursor, tag, start)?,
                SERIES_SAMPLE => {
                    cursor.content()?;
                    let first = if series.sample_count == 0 { start } else { series.samples.0 };
                    series.samples = (first, cursor.position());
                    series.sample_count += 1;
                }
                tag @ (SERIES_HISTOGRAM | SERIES_EXEMPLAR) => {
                    cursor.content()?;
                    series.histogram_count += usize::from(tag == SERIES_HISTOGRAM);
                    series.exemplar_count += usize::from(tag == SERIES_EXEMPLAR);
                }
                METADATA => series.metadata.merge(cursor.message()?)?,
                CREATED => series.start_ms = cursor.varint()?.cast_signed(),
                other => cursor.skip(other)?,
            }
        }
        Ok(series)
    }

    /// The label pairs in the order in which they were sent, which need not be sorted.
    ///
    /// # Errors
    /// When the references lead nowhere.
    pub fn labels(&self) -> Result<LabelPairs<'s, 'a>, SymbolError> {
        self.labels.pairs(self.symbols)
    }

    /// The float samples in the order in which they were sent.
    #[must_use]
    #[inline]
    pub fn samples(&self) -> Samples<'a> {
        let (start, end) = self.samples;
        let cursor = Cursor::new(self.whole.slice(start, end), self.whole.offset() + start);
        Samples::new(cursor, self.start_ms)
    }

    /// The native histograms in the order in which they were sent.
    #[must_use]
    pub fn histograms(&self) -> Histograms<'a> {
        Histograms::new(self.whole, HISTOGRAM_FIELD, self.start_ms())
    }

    /// The exemplars in the order in which they were sent.
    #[must_use]
    pub fn exemplars(&self) -> Exemplars<'s, 'a> {
        Exemplars::new(self.symbols, self.whole)
    }

    /// How many float samples there are.
    #[must_use]
    pub fn sample_count(&self) -> usize {
        self.sample_count
    }

    /// How many native histograms there are.
    #[must_use]
    pub fn histogram_count(&self) -> usize {
        self.histogram_count
    }

    /// How many exemplars there are.
    #[must_use]
    pub fn exemplar_count(&self) -> usize {
        self.exemplar_count
    }

    /// When the counting of all samples began that do not say it themselves, milliseconds since the Unix epoch.
    #[must_use]
    pub fn start_ms(&self) -> Option<i64> {
        Some(self.start_ms).filter(|start_ms| *start_ms != 0)
    }

    /// Type, help and unit of the series' metric; all of them empty when the sender does not know.
    ///
    /// # Errors
    /// When the references lead nowhere.
    pub fn metadata(&self) -> Result<(MetricType, &'a str, &'a str), SymbolError> {
        let Metadata { metric_type, help_ref, unit_ref } = self.metadata;
        Ok((metric_type, symbol(self.symbols, help_ref)?, symbol(self.symbols, unit_ref)?))
    }
}

impl Metadata {
    /// Reads the message; of a field given twice the last one counts.
    fn merge(&mut self, mut cursor: Cursor<'_>) -> Result<(), DecodeError> {
        const TYPE: u64 = varint(1);
        const HELP: u64 = varint(3);
        const UNIT: u64 = varint(4);
        while !cursor.at_end() {
            match cursor.varint()? {
                TYPE => self.metric_type = metric_type(cursor.varint()?),
                HELP => self.help_ref = cursor.varint()?,
                UNIT => self.unit_ref = cursor.varint()?,
                other => cursor.skip(other)?,
            }
        }
        Ok(())
    }
}
