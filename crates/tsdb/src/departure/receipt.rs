//! What a deletion of a tenant leaves behind, as lines of text.
//!
//! ```text
//! bongsu receipt 1
//! tenant NAME
//! asked MS                      log POSITION                  series N                samples N
//! file BYTES NAME               once for each file            snapshot NAME           once for each
//! cleared                       in notes: no file of the tenant is left
//! finished MS                   in receipts: nothing is left
//! checksum HEX                  crc32c of all before this line
//! ```
//! Each on a line of its own.

use std::fmt::Write;

use bongsu_model::TenantId;

const FIRST_LINE: &str = "bongsu receipt 1";

/// What was deleted of a tenant, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The tenant.
    pub tenant: TenantId,
    /// When the deletion was asked for, milliseconds since the epoch.
    pub asked_ms: i64,
    /// When nothing was left of it; `None` while the log has something.
    pub finished_ms: Option<i64>,
    /// Different series, in memory and in blocks.
    pub series: u64,
    /// Samples in memory and in blocks; one that was in two blocks counts twice.
    pub samples: u64,
    /// The files, by name, with their bytes.
    pub files: Vec<(String, u64)>,
    /// Snapshots that have data of the tenant and were not touched.
    pub snapshots: Vec<String>,
    /// What the log has of the tenant before this place is gone.
    pub(crate) log_position: u64,
    /// The files are gone.
    pub(crate) is_cleared: bool,
}

impl Receipt {
    pub(crate) fn new(tenant: TenantId, asked_ms: i64) -> Self {
        Self {
            tenant,
            asked_ms,
            finished_ms: None,
            series: 0,
            samples: 0,
            files: Vec::new(),
            snapshots: Vec::new(),
            log_position: 0,
            is_cleared: false,
        }
    }

    /// Bytes of the files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes).sum()
    }

    /// What the file under `receipts` is called. Two deletions of a tenant differ in where the log was.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}_{}_{}.receipt", self.asked_ms, self.log_position, self.tenant.as_str())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut text = format!(
            "{FIRST_LINE}\ntenant {}\nasked {}\nlog {}\nseries {}\nsamples {}\n",
            self.tenant.as_str(),
            self.asked_ms,
            self.log_position,
            self.series,
            self.samples
        );
        for (name, bytes) in &self.files {
            _ = writeln!(text, "file {bytes} {}", one_line(name));
        }
        for name in &self.snapshots {
            _ = writeln!(text, "snapshot {}", one_line(name));
        }
        if self.is_cleared {
            text.push_str("cleared\n");
        }
        if let Some(finished_ms) = self.finished_ms {
            _ = writeln!(text, "finished {finished_ms}");
        }
        _ = writeln!(text, "checksum {:08x}", crc32c::crc32c(text.as_bytes()));
        text.into_bytes()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "expected UTF-8".to_owned())?;
        let lines = text.strip_prefix(FIRST_LINE).and_then(|rest| rest.strip_prefix('\n'));
        let lines = lines.ok_or_else(|| format!("expected {FIRST_LINE:?} at the start"))?;
        let checked = text.rfind("checksum ").unwrap_or(text.len());
        let checksum = text[checked..].trim_end().strip_prefix("checksum ");
        if checksum != Some(format!("{:08x}", crc32c::crc32c(&text.as_bytes()[..checked])).as_str()) {
            return Err("checksum mismatch".to_owned());
        }
        let (mut receipt, mut tenant) = (Self::new(TenantId::anonymous(), 0), None);
        for line in lines.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let unsound = || format!("expected a number or a name in the line {line:?}");
            let number = || rest.parse::<u64>().map_err(|_| unsound());
            let time = || rest.parse::<i64>().map_err(|_| unsound());
            match word {
                "tenant" => tenant = Some(TenantId::parse(rest).map_err(|error| error.to_string())?),
                "asked" => receipt.asked_ms = time()?,
                "log" => receipt.log_position = number()?,
                "series" => receipt.series = number()?,
                "samples" => receipt.samples = number()?,
                "file" => {
                    let (bytes, name) = rest.split_once(' ').ok_or_else(unsound)?;
                    receipt.files.push((name.to_owned(), bytes.parse().map_err(|_| unsound())?));
                }
                "snapshot" => receipt.snapshots.push(rest.to_owned()),
                "cleared" => receipt.is_cleared = true,
                "finished" => receipt.finished_ms = Some(time()?),
                "checksum" => {}
                _ => return Err(format!("unknown line {line:?}")),
            }
        }
        receipt.tenant = tenant.ok_or("expected a line that names the tenant")?;
        Ok(receipt)
    }
}

/// Names come from the disk.
fn one_line(name: &str) -> String {
    name.replace(|c: char| c.is_control(), "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_and_every_changed_byte_is_found() {
        let receipt = Receipt {
            finished_ms: Some(7),
            series: 2,
            samples: 30,
            files: vec![("1d_1_0_5.block".to_owned(), 500), ("checksum x y".to_owned(), 1)],
            snapshots: vec!["20261122T030000Z-1".to_owned()],
            log_position: 99,
            is_cleared: true,
            ..Receipt::new(TenantId::parse("a.b").unwrap(), 5)
        };
        let bytes = receipt.encode();
        assert_eq!(Receipt::decode(&bytes), Ok(receipt.clone()));
        assert_eq!((receipt.bytes(), receipt.name().as_str()), (501, "5_99_a.b.receipt"));
        for at in 0..bytes.len() - 1 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Receipt::decode(&damaged).is_err(), "byte {at}");
            let _ = Receipt::decode(&bytes[..at]);
        }
    }
}
