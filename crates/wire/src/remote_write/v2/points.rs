//! What stands in a series: float samples and exemplars.

use bongsu_model::Exemplar;

use super::super::cursor::{Cursor, fixed64, length_delimited, varint};
use super::super::exemplar::exemplar_labels;
use super::super::walk::walk;
use super::super::{DecodeError, ExemplarError};
use super::symbols::{PACKED, Refs, SINGLE};

pub(super) const SERIES_SAMPLE: u64 = length_delimited(2);
pub(super) const SERIES_EXEMPLAR: u64 = length_delimited(4);

/// One float sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The value; any bit pattern.
    pub value: f64,
    /// When the counting began, milliseconds since the Unix epoch, if the sender said so.
    pub start_ms: Option<i64>,
}

/// The float samples of a series; after an error the walk is over.
#[derive(Clone, Debug)]
pub struct Samples<'a> {
    cursor: Cursor<'a>,
    start_ms: i64,
    failed: bool,
}

impl<'a> Samples<'a> {
    /// Walks the part of a series that holds its samples; a start of 0 is not known.
    #[inline]
    pub(super) fn new(cursor: Cursor<'a>, start_ms: i64) -> Self {
        Self { cursor, start_ms, failed: false }
    }

    #[inline]
    fn advance(&mut self) -> Result<Option<Sample>, DecodeError> {
        while !self.cursor.at_end() {
            match self.cursor.varint()? {
                SERIES_SAMPLE => return sample(self.cursor.message()?, self.start_ms).map(Some),
                other => self.cursor.skip(other)?,
            }
        }
        Ok(None)
    }
}

#[inline]
fn sample(mut cursor: Cursor<'_>, series_start_ms: i64) -> Result<Sample, DecodeError> {
    const VALUE: u64 = fixed64(1);
    const TIMESTAMP: u64 = varint(2);
    const START: u64 = varint(3);
    let (mut timestamp_ms, mut value, mut start_ms) = (0, 0.0, 0);
    while !cursor.at_end() {
        match cursor.varint()? {
            VALUE => value = cursor.double()?,
            TIMESTAMP => timestamp_ms = cursor.varint()?.cast_signed(),
            START => start_ms = cursor.varint()?.cast_signed(),
            other => cursor.skip(other)?,
        }
    }
    let start_ms = [start_ms, series_start_ms].into_iter().find(|start_ms| *start_ms != 0);
    Ok(Sample { timestamp_ms, value, start_ms })
}

walk!(<'a> Samples<'a> => Sample);

/// The exemplars of a series; after an error of framing the walk is over.
#[derive(Clone, Debug)]
pub struct Exemplars<'s, 'a> {
    symbols: &'s [&'a str],
    cursor: Cursor<'a>,
    failed: bool,
}

impl<'s, 'a> Exemplars<'s, 'a> {
    /// Walks a whole series message.
    pub(super) fn new(symbols: &'s [&'a str], series: Cursor<'a>) -> Self {
        Self { symbols, cursor: series, failed: false }
    }

    fn advance(&mut self) -> Result<Option<Result<Exemplar, ExemplarError>>, DecodeError> {
        while !self.cursor.at_end() {
            match self.cursor.varint()? {
                SERIES_EXEMPLAR => return self.exemplar().map(Some),
                other => self.cursor.skip(other)?,
            }
        }
        Ok(None)
    }

    fn exemplar(&mut self) -> Result<Result<Exemplar, ExemplarError>, DecodeError> {
        const VALUE: u64 = fixed64(2);
        const TIMESTAMP: u64 = varint(3);
        let mut cursor = self.cursor.message()?;
        let (mut refs, mut value, mut timestamp_ms) = (Refs::default(), 0.0, 0);
        while !cursor.at_end() {
            let start = cursor.position();
            match cursor.varint()? {
                tag @ (PACKED | SINGLE) => refs.take(&mut cursor, tag, start)?,
                VALUE => value = cursor.double()?,
                TIMESTAMP => timestamp_ms = cursor.varint()?.cast_signed(),
                other => cursor.skip(other)?,
            }
        }
        let labels = refs.pairs(self.symbols).map_err(ExemplarError::from).and_then(exemplar_labels);
        Ok(labels.map(|labels| Exemplar { labels, value, timestamp_ms }))
    }
}

walk!(<'s, 'a> Exemplars<'s, 'a> => Result<Exemplar, ExemplarError>);
