//! A record of the write-ahead log: one request that was taken in. Drawn in `docs/formats/data-directory.md`.

use bongsu_model::TenantId;

const VERSION: u8 = 1;
/// A remote write 1.0 body, snappy.
const KIND_REMOTE_WRITE_1: u8 = 1;
const FIXED_BYTES: usize = 11;

/// The head of a record, in front of the body.
#[derive(Debug)]
pub(crate) struct RecordHeader([u8; FIXED_BYTES + 150]);

impl RecordHeader {
    pub(crate) fn new(received_ms: i64, tenant: &TenantId) -> Self {
        let mut bytes = [0; FIXED_BYTES + 150];
        let name = tenant.as_str().as_bytes();
        bytes[0] = VERSION;
        bytes[1] = KIND_REMOTE_WRITE_1;
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
    pub(crate) received_ms: i64,
    pub(crate) tenant: TenantId,
    pub(crate) body: &'a [u8],
}

/// Reads a record; the text says what is wrong with it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Record<'_>, String> {
    let (fixed, rest) = bytes.split_first_chunk::<FIXED_BYTES>().ok_or("record is shorter than its header")?;
    if fixed[..2] != [VERSION, KIND_REMOTE_WRITE_1] {
        return Err(format!("record has version {} and kind {}, known are 1 and 1", fixed[0], fixed[1]));
    }
    let (name, body) = rest.split_at_checked(usize::from(fixed[10])).ok_or("record ends within the tenant's name")?;
    let name = std::str::from_utf8(name).map_err(|error| error.to_string())?;
    let tenant = TenantId::parse(name).map_err(|error| error.to_string())?;
    let mut received_ms = [0; 8];
    received_ms.copy_from_slice(&fixed[2..10]);
    Ok(Record { received_ms: i64::from_le_bytes(received_ms), tenant, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote_and_refuses_less() {
        let tenant = TenantId::parse("team-1").unwrap();
        let bytes = [RecordHeader::new(-5, &tenant).as_bytes(), b"body"].concat();
        let record = decode(&bytes).unwrap();
        assert_eq!((record.received_ms, record.tenant, record.body), (-5, tenant, &b"body"[..]));
        for len in 0..FIXED_BYTES + 6 {
            assert!(decode(&bytes[..len]).is_err());
        }
        let longest = TenantId::parse(&"x".repeat(150)).unwrap();
        assert_eq!(decode(RecordHeader::new(0, &longest).as_bytes()).unwrap().tenant, longest);
    }
}
