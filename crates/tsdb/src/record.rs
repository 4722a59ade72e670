//! A record of the write-ahead log: one request that was taken in. Drawn in `docs/formats/data-directory.md`.

use bongsu_model::TenantId;

const VERSION: u8 = 1;
const FIXED_BYTES: usize = 11;

/// The message that a body holds, in a snappy block. The number is the kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `prometheus.WriteRequest`.
    RemoteWrite1 = 1,
    /// `io.prometheus.write.v2.Request`.
    RemoteWrite2 = 2,
}

/// The head of a record, in front of the body.
#[derive(Debug)]
pub(crate) struct RecordHeader([u8; FIXED_BYTES + 150]);

impl RecordHeader {
    pub(crate) fn new(protocol: Protocol, received_ms: i64, tenant: &TenantId) -> Self {
        let mut bytes = [0; FIXED_BYTES + 150];
        let name = tenant.as_str().as_bytes();
        bytes[0] = VERSION;
        bytes[1] = protocol as u8;
        bytes[2..10].copy_from_slice(&received_ms.to_le_bytes());
        bytes[10] = name.len() as u8;
        bytes[FIXED_BYTES..FIXED_BYTES + name.len()].copy_from_slice(name);
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0[..FIXED_BYTES + usize::from(self.0[10])]
    }
}

/// A record read back.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) received_ms: i64,
    pub(crate) tenant: TenantId,
    pub(crate) body: &'a [u8],
}

/// Whether a record is of a later version of this program. Its bytes are those that were written: the log has checked them.
pub(crate) fn is_newer(bytes: &[u8]) -> bool {
    matches!(bytes, [version, kind, ..] if *version > VERSION || (*version == VERSION && *kind > Protocol::RemoteWrite2 as u8))
}

/// Reads a record; the text says what is wrong with it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Record<'_>, String> {
    let (fixed, rest) = bytes.split_first_chunk::<FIXED_BYTES>().ok_or("record is shorter than its header")?;
    let protocol = match fixed[..2] {
        [VERSION, 1] => Protocol::RemoteWrite1,
        [VERSION, 2] => Protocol::RemoteWrite2,
        _ => return Err(format!("record has version {} and kind {}, known are 1, and 1 and 2", fixed[0], fixed[1])),
    };
    let (name, body) = rest.split_at_checked(usize::from(fixed[10])).ok_or("record ends within the tenant's name")?;
    let name = std::str::from_utf8(name).map_err(|error| error.to_string())?;
    let tenant = TenantId::parse(name).map_err(|error| error.to_string())?;
    let mut received_ms = [0; 8];
    received_ms.copy_from_slice(&fixed[2..10]);
    Ok(Record { protocol, received_ms: i64::from_le_bytes(received_ms), tenant, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote_and_refuses_less() {
        let tenant = TenantId::parse("team-1").unwrap();
        let bytes = [RecordHeader::new(Protocol::RemoteWrite1, -5, &tenant).as_bytes(), b"body"].concat();
        let record = decode(&bytes).unwrap();
        assert_eq!((record.protocol, record.received_ms), (Protocol::RemoteWrite1, -5));
        assert_eq!((record.tenant, record.body), (tenant, &b"body"[..]));
        for len in 0..FIXED_BYTES + 6 {
            assert!(decode(&bytes[..len]).is_err());
        }
        let longest = TenantId::parse(&"x".repeat(150)).unwrap();
        let header = RecordHeader::new(Protocol::RemoteWrite2, 0, &longest);
        let record = decode(header.as_bytes()).unwrap();
        assert_eq!((record.protocol, record.tenant), (Protocol::RemoteWrite2, longest));
        let mut unknown = header.as_bytes().to_vec();
        unknown[1] = 3;
        assert!(is_newer(&unknown) && !is_newer(header.as_bytes()) && !is_newer(b""));
        assert_eq!(decode(&unknown).unwrap_err(), "record has version 1 and kind 3, known are 1, and 1 and 2");
    }
}
