//! Exemplars of remote write 1.0, and what 2.0 has in common with them.
//!
//! ```text
//!  Exemplar   1: Label*   2: value (double)   3: timestamp (int64, milliseconds)
//! ```

use bongsu_model::{Exemplar, Labels};

use super::DecodeError;
use super::cursor::{Cursor, fixed64, length_delimited, varint};
use super::decode::{Labels as Pairs, label};
use super::v2::SymbolError;
use super::walk::walk;

/// The most characters of all label names and values of an exemplar. Source: OpenMetrics 1.0.
const LABEL_CHARS_MAX: usize = 128;

/// Why an exemplar can never be taken. The rest of a request is not touched by that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExemplarError {
    /// More text than an exemplar may have.
    #[error("exemplar's labels have more than {LABEL_CHARS_MAX} characters")]
    LabelsTooLong,
    /// References that lead nowhere (remote write 2.0).
    #[error("exemplar: {0}")]
    Symbols(#[from] SymbolError),
}

/// The labels of an exemplar, whose bound also makes them cheap to sort.
pub(super) fn exemplar_labels<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Labels, ExemplarError> {
    let (mut kept, mut chars) = (Vec::new(), 0);
    for (name, value) in pairs {
        // An empty pair counts too, so that there cannot be millions of them.
        chars += (name.chars().count() + value.chars().count()).max(1);
        if chars > LABEL_CHARS_MAX {
            return Err(ExemplarError::LabelsTooLong);
        }
        kept.push((name, value));
    }
    Ok(Labels::from_pairs(kept))
}

/// The exemplars of a series; after an error the walk is over.
#[derive(Clone, Debug)]
pub struct Exemplars<'a> {
    cursor: Cursor<'a>,
    /// Which field of the series holds them.
    tag: u64,
    failed: bool,
}

impl<'a> Exemplars<'a> {
    /// Walks a whole series message.
    pub(super) fn new(series: Cursor<'a>, field: u64) -> Self {
        Self { cursor: series, tag: length_delimited(field), failed: false }
    }

    fn advance(&mut self) -> Result<Option<Result<Exemplar, ExemplarError>>, DecodeError> {
        while !self.cursor.at_end() {
            let tag = self.cursor.varint()?;
            if tag == self.tag {
                return exemplar(self.cursor.message()?).map(Some);
            }
            self.cursor.skip(tag)?;
        }
        Ok(None)
    }
}

fn exemplar(mut cursor: Cursor<'_>) -> Result<Result<Exemplar, ExemplarError>, DecodeError> {
    const LABEL: u64 = length_delimited(1);
    const VALUE: u64 = fixed64(2);
    const TIMESTAMP: u64 = varint(3);
    let whole = cursor;
    let (mut value, mut timestamp_ms) = (0.0, 0);
    while !cursor.at_end() {
        match cursor.varint()? {
            LABEL => {
                let content = cursor.content()?;
                label(content, cursor.offset() - content.len())?;
            }
            VALUE => value = cursor.double()?,
            TIMESTAMP => timestamp_ms = cursor.varint()?.cast_signed(),
            other => cursor.skip(other)?,
        }
    }
    // The labels stand in fields as those of a series do, and were all read without an error just now.
    let labels = exemplar_labels(Pairs::new(whole).map_while(Result::ok));
    Ok(labels.map(|labels| Exemplar { labels, value, timestamp_ms }))
}

walk!(<'a> Exemplars<'a> => Result<Exemplar, ExemplarError>);
