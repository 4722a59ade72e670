//! The bytes of the file.

use std::sync::Arc;

use bongsu_model::Matcher;

use super::{OPS, TOMBSTONES_MAX, Tombstone};

pub(super) const MAGIC: &[u8; 8] = b"BGSTOMB1";
const HEAD_BYTES: usize = MAGIC.len() + 4;

/// The whole file.
pub(super) fn encode(list: &[Arc<Tombstone>]) -> Vec<u8> {
    let mut body = Vec::new();
    push_u32(&mut body, list.len());
    for tombstone in list {
        body.extend_from_slice(&tombstone.last_flush.to_le_bytes());
        body.extend_from_slice(&tombstone.start_ms.to_le_bytes());
        body.extend_from_slice(&tombstone.end_ms.to_le_bytes());
        push_u32(&mut body, tombstone.matchers.len());
        for matcher in &tombstone.matchers {
            body.push(OPS.iter().position(|op| *op == matcher.op()).unwrap_or(0) as u8);
            for text in [matcher.name(), matcher.value()] {
                push_u32(&mut body, text.len());
                body.extend_from_slice(text.as_bytes());
            }
        }
    }
    [MAGIC.as_slice(), &crc32c::crc32c(&body).to_le_bytes(), &body].concat()
}

fn push_u32(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&(number as u32).to_le_bytes());
}

/// The list, or what is wrong with the file.
pub(super) fn decode(file: &[u8]) -> Result<Vec<Tombstone>, String> {
    let (head, body) = file.split_at_checked(HEAD_BYTES).ok_or("expected a head of 12 bytes")?;
    let (magic, checksum) = head.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err("expected the mark of a file of version 1".to_owned());
    }
    if checksum != crc32c::crc32c(body).to_le_bytes() {
        return Err("checksum mismatch".to_owned());
    }
    let mut cursor = Cursor(body);
    let count = cursor.u32()?;
    if count > TOMBSTONES_MAX {
        return Err(format!("{count} entries, at most {TOMBSTONES_MAX} are allowed"));
    }
    let list = (0..count).map(|_| tombstone(&mut cursor)).collect::<Result<Vec<_>, _>>()?;
    if cursor.0.is_empty() { Ok(list) } else { Err(format!("{} bytes too many", cursor.0.len())) }
}

fn tombstone(cursor: &mut Cursor<'_>) -> Result<Tombstone, String> {
    let last_flush = u64::from_le_bytes(cursor.eight()?);
    let start_ms = i64::from_le_bytes(cursor.eight()?);
    let end_ms = i64::from_le_bytes(cursor.eight()?);
    let matchers = (0..cursor.u32()?).map(|_| matcher(cursor)).collect::<Result<Vec<_>, _>>()?;
    Ok(Tombstone { matchers, start_ms, end_ms, last_flush })
}

fn matcher(cursor: &mut Cursor<'_>) -> Result<Matcher, String> {
    let [op] = cursor.take::<1>()?;
    let op = *OPS.get(usize::from(op)).ok_or_else(|| format!("unknown operation {op}"))?;
    let name = cursor.text()?;
    let value = cursor.text()?;
    Matcher::new(name, op, value).map_err(|error| error.to_string())
}

/// The unread rest.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or("it ends in the middle of an entry")?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn eight(&mut self) -> Result<[u8; 8], String> {
        self.take::<8>()
    }

    fn u32(&mut self) -> Result<usize, String> {
        Ok(u32::from_le_bytes(self.take::<4>()?) as usize)
    }

    fn text(&mut self) -> Result<&'a str, String> {
        let len = self.u32()?;
        let (text, rest) = self.0.split_at_checked(len).ok_or("it ends in the middle of a text")?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::MatchOp;
    use proptest::prelude::*;

    use super::*;

    fn any_tombstone() -> impl Strategy<Value = Tombstone> {
        let op = prop::sample::select(vec![MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex]);
        let matcher = (op, ".{0,4}", "[a-z|]{0,6}")
            .prop_filter_map("a valid pattern", |(op, name, value)| Matcher::new(name, op, value).ok());
        let matchers = prop::collection::vec(matcher, 0..3);
        (matchers, any::<i64>(), any::<i64>(), any::<u64>())
            .prop_map(|(matchers, start_ms, end_ms, last_flush)| Tombstone { matchers, start_ms, end_ms, last_flush })
    }

    proptest! {
        #[test]
        fn a_list_reads_back(list in prop::collection::vec(any_tombstone(), 0..5)) {
            let shared: Vec<_> = list.iter().cloned().map(Arc::new).collect();
            prop_assert_eq!(decode(&encode(&shared)), Ok(list));
        }

        #[test]
        fn any_bytes_are_answered(body in prop::collection::vec(any::<u8>(), 0..100)) {
            let file = [MAGIC.as_slice(), &crc32c::crc32c(&body).to_le_bytes(), &body].concat();
            let _ = decode(&file);
        }
    }

    #[test]
    fn damage_is_told() {
        let tombstone = Tombstone { matchers: vec![Matcher::equal("a", "b")], start_ms: 1, end_ms: 2, last_flush: 3 };
        let mut file = encode(&[Arc::new(tombstone)]);
        assert_eq!(decode(&file[..11]).unwrap_err(), "expected a head of 12 bytes");
        file[20] ^= 1;
        assert_eq!(decode(&file).unwrap_err(), "checksum mismatch");
        file[0] = b'X';
        assert_eq!(decode(&file).unwrap_err(), "expected the mark of a file of version 1");
    }
}
