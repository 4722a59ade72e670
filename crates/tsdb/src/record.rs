//! A record of the write-ahead log: one request that was taken in. Drawn in `docs/formats/data-directory.md`.

use bongsu_model::TenantId;

use crate::refs::RefRange;

const VERSION: u8 = 1;
const FIXED_BYTES: usize = 11;
const TENANT_BYTES_MAX: usize = 150;
/// Where the refs that a record gives begin.
const RANGE_BYTES: usize = 12;

/// The kind of a record that holds samples by ref.
const SAMPLES: u8 = 5;
/// The kind of a record whose request gives refs is that of the request and this.
const GIVES_REFS: u8 = 2;

/// The message that a body holds, in a snappy block. The number is the kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `prometheus.WriteRequest`.
    RemoteWrite1 = 1,
    /// `io.prometheus.write.v2.Request`.
    RemoteWrite2 = 2,
}

/// What stands behind the head of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A request as it came. Its series may get refs, in the order in which they stand there.
    Request(Protocol, Option<RefRange>),
    /// Samples by ref; see [`crate::refs::samples`].
    Samples,
}

/// The head of a record, in front of the body.
#[derive(Debug)]
pub(crate) struct RecordHeader {
    bytes: [u8; FIXED_BYTES + TENANT_BYTES_MAX + RANGE_BYTES],
    len: usize,
}

impl RecordHeader {
    pub(crate) fn new(content: Content, received_ms: i64, tenant: &TenantId) -> Self {
        let mut header = Self { bytes: [0; FIXED_BYTES + TENANT_BYTES_MAX + RANGE_BYTES], len: 0 };
        let name = tenant.as_str().as_bytes();
        let (kind, range) = match content {
            Content::Request(protocol, None) => (protocol as u8, None),
            Content::Request(protocol, Some(range)) => (protocol as u8 + GIVES_REFS, Some(range)),
            Content::Samples => (SAMPLES, None),
        };
        header.push(&[VERSION, kind]);
        header.push(&received_ms.to_le_bytes());
        header.push(&[name.len() as u8]);
        header.push(name);
        if let Some(RefRange { generation, first }) = range {
            header.push(&generation.to_le_bytes());
            header.push(&first.to_le_bytes());
        }
        header
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A record read back.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) content: Content,
    pub(crate) received_ms: i64,
    pub(crate) tenant: TenantId,
    pub(crate) body: &'a [u8],
}

/// Whether a record is of a later version of this program. Its bytes are those that were written: the log has checked them.
pub(crate) fn is_newer(bytes: &[u8]) -> bool {
    matches!(bytes, [version, kind, ..] if *version > VERSION || (*version == VERSION && *kind > SAMPLES))
}

/// Reads a record; the text says what is wrong with it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Record<'_>, String> {
    let (fixed, rest) = bytes.split_first_chunk::<FIXED_BYTES>().ok_or("record is shorter than its header")?;
    let protocol = match fixed[..2] {
        [VERSION, 1 | 3] => Some(Protocol::RemoteWrite1),
        [VERSION, 2 | 4] => Some(Protocol::RemoteWrite2),
        [VERSION, SAMPLES] => None,
        _ => return Err(format!("record has version {} and kind {}, known are 1, and 1 to 5", fixed[0], fixed[1])),
    };
    let (name, mut body) =
        rest.split_at_checked(usize::from(fixed[10])).ok_or("record ends within the tenant's name")?;
    let content = match protocol {
        None => Content::Samples,
        Some(protocol) if fixed[1] == protocol as u8 => Content::Request(protocol, None),
        Some(protocol) => {
            let (range, rest) = RefRange::decode(body).ok_or("record ends where it says which refs it gives")?;
            body = rest;
            Content::Request(protocol, Some(range))
        }
    };
    let name = std::str::from_utf8(name).map_err(|error| error.to_string())?;
    let tenant = TenantId::parse(name).map_err(|error| error.to_string())?;
    let mut received_ms = [0; 8];
    received_ms.copy_from_slice(&fixed[2..10]);
    Ok(Record { content, received_ms: i64::from_le_bytes(received_ms), tenant, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote_and_refuses_less() {
        let tenant = TenantId::parse("team-1").unwrap();
        let range = RefRange { generation: 7_000_000_000, first: 40_000 };
        let contents = [
            Content::Request(Protocol::RemoteWrite1, None),
            Content::Request(Protocol::RemoteWrite2, None),
            Content::Request(Protocol::RemoteWrite1, Some(range)),
            Content::Request(Protocol::RemoteWrite2, Some(range)),
            Content::Samples,
        ];
        for content in contents {
            let header = RecordHeader::new(content, -5, &tenant);
            let bytes = [header.as_bytes(), b"body"].concat();
            let record = decode(&bytes).unwrap();
            assert_eq!((record.content, record.received_ms), (content, -5));
            assert_eq!((record.tenant, record.body), (tenant.clone(), &b"body"[..]));
            for len in 0..header.as_bytes().len() {
                assert!(decode(&bytes[..len]).is_err(), "{content:?}: {len} bytes");
            }
        }
    }

    #[test]
    fn the_longest_name_has_room_and_a_later_kind_is_told() {
        let longest = TenantId::parse(&"x".repeat(150)).unwrap();
        let range = RefRange { generation: u64::MAX, first: u32::MAX };
        let header = RecordHeader::new(Content::Request(Protocol::RemoteWrite2, Some(range)), 0, &longest);
        assert_eq!(decode(header.as_bytes()).unwrap().tenant, longest);
        let mut unknown = header.as_bytes().to_vec();
        unknown[1] = 6;
        assert!(is_newer(&unknown) && !is_newer(header.as_bytes()) && !is_newer(b""));
        assert_eq!(decode(&unknown).unwrap_err(), "record has version 1 and kind 6, known are 1, and 1 to 5");
    }
}
