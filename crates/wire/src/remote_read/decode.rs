//! Reads a `ReadRequest`.

use bongsu_model::{MatchOp, Matcher};

use super::DecodeError;
use crate::remote_write::cursor::{Cursor, length_delimited, varint};

/// Queries of one request: clients send one.
const QUERIES_MAX: usize = 100;
/// Matchers of all queries of a request.
const MATCHERS_MAX: usize = 10_000;
/// Entries of the list of accepted types; there are two types.
const ACCEPTED_MAX: usize = 16;

/// Which series and which stretch of time are asked for.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// At least none; each is answered with a result of its own.
    pub queries: Vec<Query>,
    /// How the client wants to be answered, the best first; without any it takes samples.
    pub accepted: Vec<ResponseType>,
}

/// One selection.
#[derive(Clone, Debug)]
pub struct Query {
    /// First wanted time, inclusive, milliseconds.
    pub start_ms: i64,
    /// Last wanted time, inclusive, milliseconds.
    pub end_ms: i64,
    /// Conditions that all have to hold.
    pub matchers: Vec<Matcher>,
}

/// A way to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseType {
    /// All samples in one message.
    Samples,
    /// Frames with a series each, samples encoded as XOR chunks.
    StreamedXorChunks,
    /// One that came later than this code.
    Unknown(u64),
}

/// Why a request cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Not a read request.
    #[error("{0}")]
    Malformed(#[from] DecodeError),
    /// A matcher with an unknown type or a bad regular expression.
    #[error("{0}")]
    Matcher(String),
    /// More than a request may have.
    #[error("read request has more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        max: usize,
    },
}

impl ReadRequest {
    /// Reads a decompressed request. Unknown fields are skipped.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, RequestError> {
        const QUERY: u64 = length_delimited(1);
        const ACCEPTED: u64 = varint(2);
        const ACCEPTED_PACKED: u64 = length_delimited(2);
        let mut cursor = Cursor::new(bytes, 0);
        let mut request = Self { queries: Vec::new(), accepted: Vec::new() };
        let mut matchers_left = MATCHERS_MAX;
        while !cursor.at_end() {
            match cursor.varint()? {
                QUERY => {
                    let content = cursor.content()?;
                    let base = cursor.offset() - content.len();
                    let query = Query::decode(Cursor::new(content, base), &mut matchers_left)?;
                    push_bounded(&mut request.queries, query, QUERIES_MAX, "queries")?;
                }
                ACCEPTED => request.accept(cursor.varint()?)?,
                ACCEPTED_PACKED => {
                    let content = cursor.content()?;
                    let mut list = Cursor::new(content, cursor.offset() - content.len());
                    while !list.at_end() {
                        request.accept(list.varint()?)?;
                    }
                }
                other => cursor.skip(other)?,
            }
        }
        Ok(request)
    }

    /// The first accepted way that is known; samples when the client names none, `None` when it knows others only.
    #[must_use]
    pub fn response_type(&self) -> Option<ResponseType> {
        if self.accepted.is_empty() {
            return Some(ResponseType::Samples);
        }
        self.accepted.iter().copied().find(|kind| !matches!(kind, ResponseType::Unknown(_)))
    }

    fn accept(&mut self, number: u64) -> Result<(), RequestError> {
        let kind = match number {
            0 => ResponseType::Samples,
            1 => ResponseType::StreamedXorChunks,
            other => ResponseType::Unknown(other),
        };
        push_bounded(&mut self.accepted, kind, ACCEPTED_MAX, "accepted response types")
    }
}

impl Query {
    fn decode(mut cursor: Cursor<'_>, matchers_left: &mut usize) -> Result<Self, RequestError> {
        const START: u64 = varint(1);
        const END: u64 = varint(2);
        const MATCHER: u64 = length_delimited(3);
        let mut query = Self { start_ms: 0, end_ms: 0, matchers: Vec::new() };
        while !cursor.at_end() {
            match cursor.varint()? {
                START => query.start_ms = cursor.varint()?.cast_signed(),
                END => query.end_ms = cursor.varint()?.cast_signed(),
                MATCHER => {
                    let content = cursor.content()?;
                    let Some(left) = matchers_left.checked_sub(1) else {
                        return Err(RequestError::TooMany { what: "matchers", max: MATCHERS_MAX });
                    };
                    *matchers_left = left;
                    query.matchers.push(matcher(Cursor::new(content, cursor.offset() - content.len()))?);
                }
                other => cursor.skip(other)?,
            }
        }
        Ok(query)
    }
}

fn matcher(mut cursor: Cursor<'_>) -> Result<Matcher, RequestError> {
    const KIND: u64 = varint(1);
    const NAME: u64 = length_delimited(2);
    const VALUE: u64 = length_delimited(3);
    let (mut kind, mut name, mut value) = (0, "", "");
    while !cursor.at_end() {
        match cursor.varint()? {
            KIND => kind = cursor.varint()?,
            NAME => name = cursor.text()?,
            VALUE => value = cursor.text()?,
            other => cursor.skip(other)?,
        }
    }
    let op = match kind {
        0 => MatchOp::Equal,
        1 => MatchOp::NotEqual,
        2 => MatchOp::Regex,
        3 => MatchOp::NotRegex,
        _ => return Err(RequestError::Matcher(format!("invalid matcher type {kind}"))),
    };
    Matcher::new(name, op, value).map_err(|error| RequestError::Matcher(format!("matcher of label {name:?}: {error}")))
}

fn push_bounded<T>(list: &mut Vec<T>, item: T, max: usize, what: &'static str) -> Result<(), RequestError> {
    if list.len() >= max {
        return Err(RequestError::TooMany { what, max });
    }
    list.push(item);
    Ok(())
}
