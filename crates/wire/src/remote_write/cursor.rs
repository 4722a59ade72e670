//! A position in protobuf bytes.

use super::DecodeError;

/// A field's key: `number << 3 | wire type`.
pub(crate) type Tag = u64;

/// The key of a field whose content has a length in front: messages, strings, bytes.
pub(crate) const fn length_delimited(field: u64) -> Tag {
    field << 3 | WIRE_LENGTH
}

/// The key of a varint field.
pub(crate) const fn varint(field: u64) -> Tag {
    field << 3 | WIRE_VARINT
}

/// The key of a field of eight bytes.
pub(crate) const fn fixed64(field: u64) -> Tag {
    field << 3 | WIRE_FIXED64
}

const WIRE_VARINT: u64 = 0;
const WIRE_FIXED64: u64 = 1;
const WIRE_LENGTH: u64 = 2;
const WIRE_FIXED32: u64 = 5;

/// Reads fields one after the other. After an error the position is meaningless; callers stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where `bytes` starts in the whole body, for errors.
    base: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], base: usize) -> Self {
        Self { bytes, at: 0, base }
    }

    #[inline]
    pub(crate) fn at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The next unread byte, counted from the start of this cursor's bytes.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Where the next unread byte is in the whole body.
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.base + self.at
    }

    /// Bytes that were already seen; empty when the range is not inside.
    #[inline]
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.varint_long(),
        }
    }

    fn varint_long(&mut self) -> Result<u64, DecodeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let mut value = 0_u64;
        for (index, &byte) in rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                // The tenth byte holds the 64th bit and no more.
                if index == 9 && byte > 1 {
                    break;
                }
                self.at += index + 1;
                return Ok(value);
            }
        }
        Err(self.malformed(if rest.len() < 10 { "truncated varint" } else { "varint of more than 64 bits" }))
    }

    #[inline]
    pub(crate) fn fixed64(&mut self) -> Result<[u8; 8], DecodeError> {
        match self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            Some(chunk) => {
                self.at += 8;
                Ok(*chunk)
            }
            None => Err(self.malformed("truncated 8-byte value")),
        }
    }

    /// The content of a length-delimited field.
    #[inline]
    pub(crate) fn content(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.varint()?;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match usize::try_from(len).ok().and_then(|len| rest.get(..len)) {
            Some(content) => {
                self.at += content.len();
                Ok(content)
            }
            None => Err(self.malformed("length beyond the end of the message")),
        }
    }

    /// The content of a length-delimited field, to be read field by field.
    #[inline]
    pub(crate) fn message(&mut self) -> Result<Self, DecodeError> {
        let content = self.content()?;
        Ok(Self::new(content, self.offset() - content.len()))
    }

    #[inline]
    pub(crate) fn double(&mut self) -> Result<f64, DecodeError> {
        self.fixed64().map(f64::from_le_bytes)
    }

    /// A zigzag number (`sint32`, `sint64`).
    #[inline]
    pub(crate) fn zigzag(&mut self) -> Result<i64, DecodeError> {
        let raw = self.varint()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// A string field's content.
    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let content = self.content()?;
        std::str::from_utf8(content).map_err(|error| DecodeError::Malformed {
            what: "invalid UTF-8",
            offset_bytes: self.offset() - content.len() + error.valid_up_to(),
        })
    }

    /// Steps over the content of a field that is not wanted.
    #[cold]
    pub(crate) fn skip(&mut self, tag: Tag) -> Result<(), DecodeError> {
        if tag >> 3 == 0 {
            return Err(self.malformed("field number 0"));
        }
        match tag & 7 {
            WIRE_VARINT => self.varint().map(drop),
            WIRE_FIXED64 => self.fixed64().map(drop),
            WIRE_LENGTH => self.content().map(drop),
            WIRE_FIXED32 if self.bytes.len() - self.at >= 4 => {
                self.at += 4;
                Ok(())
            }
            WIRE_FIXED32 => Err(self.malformed("truncated 4-byte value")),
            _ => Err(self.malformed("unsupported wire type")),
        }
    }

    #[cold]
    pub(crate) fn malformed(&self, what: &'static str) -> DecodeError {
        DecodeError::Malformed { what, offset_bytes: self.offset() }
    }
}
