//! The list of what one backup has.
//!
//! Text, so that a person can read it with nothing but the target at hand.

use std::fmt::Write as _;
use std::io::Read;

use crate::digest::Digest;
use crate::error::Error;
use crate::target::Target;

const MAGIC: &str = "bongsu-backup";
const VERSION: &str = "1";
/// Where manifests are.
pub(crate) const PREFIX: &str = "manifests/";
/// A manifest is at most this large: millions of files.
const BYTES_MAX: u64 = 1 << 30;

/// What one backup has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Its name: sorts by time.
    pub name: String,
    /// Its files, by section and name.
    pub entries: Vec<Entry>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which part of the whole it belongs to.
    pub section: String,
    /// Relative to the place of the section, with `/` between names.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// When the file was changed last, nanoseconds since the epoch.
    pub modified_ns: i64,
    /// Of its content.
    pub digest: Digest,
}

impl Entry {
    /// Where its content is in the target.
    pub(crate) fn key(&self) -> String {
        object_key(self.digest)
    }
}

/// Where a content is in the target.
pub(crate) fn object_key(digest: Digest) -> String {
    let hex = digest.to_string();
    format!("objects/{}/{hex}", &hex[..2])
}

impl Manifest {
    /// Bytes of all its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.bytes).sum()
    }

    pub(crate) fn key(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }

    pub(crate) fn encode(&self) -> String {
        let mut text = format!("{MAGIC} {VERSION}\n");
        for Entry { section, name, bytes, modified_ns, digest } in &self.entries {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{section} {bytes} {modified_ns} {digest} {name}");
        }
        let crc = crc32c::crc32c(text.as_bytes());
        let _ = writeln!(text, "end {} {crc:08x}", self.entries.len());
        text
    }

    pub(crate) fn decode(name: &str, text: &str) -> Result<Self, Error> {
        let what = format!("{PREFIX}{name}");
        let corrupt = |reason: String| Error::corrupt(&what, reason);
        let first = text.lines().next().unwrap_or("");
        match first.split_once(' ') {
            Some((MAGIC, VERSION)) => {}
            Some((MAGIC, version)) => return Err(Error::Version { what, version: version.to_owned() }),
            _ => return Err(corrupt("expected the first line of a manifest".to_owned())),
        }
        let body = text.strip_suffix('\n').and_then(|text| text.rsplit_once('\n'));
        let (body, last) = body.ok_or_else(|| corrupt("expected a last line".to_owned()))?;
        let covered = &text[..=body.len()];
        let count = body.lines().count() - 1;
        if last != format!("end {count} {:08x}", crc32c::crc32c(covered.as_bytes())) {
            return Err(corrupt("expected a last line with the number of files and their checksum".to_owned()));
        }
        let numbered = (2..).zip(body.lines().skip(1));
        let entries =
            numbered.map(|(line, text)| decode_entry(text).map_err(|reason| corrupt(format!("line {line}: {reason}"))));
        Ok(Self { name: name.to_owned(), entries: entries.collect::<Result<_, _>>()? })
    }
}

fn decode_entry(line: &str) -> Result<Entry, &'static str> {
    let mut words = line.splitn(5, ' ');
    let mut word = || words.next().ok_or("expected a section, two numbers, a digest and a name");
    let section = word()?.to_owned();
    let bytes = word()?.parse().map_err(|_| "expected a number of bytes")?;
    let modified_ns = word()?.parse().map_err(|_| "expected a time")?;
    let digest = word()?.parse()?;
    let name = word()?.to_owned();
    let is_below = |name: &str| !name.is_empty() && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    // The name becomes a path: it must not lead out of where it is restored to.
    if !is_below(&name) || !is_below(&section) || section.contains('/') {
        return Err("expected a name within its section");
    }
    Ok(Entry { section, name, bytes, modified_ns, digest })
}

/// The names of all backups of a target, oldest first.
///
/// # Errors
/// When the target cannot be read.
pub fn manifests(target: &dyn Target) -> Result<Vec<String>, Error> {
    let keys = target.list(PREFIX).map_err(Error::of_key("list", PREFIX))?;
    Ok(keys.iter().filter_map(|key| key.strip_prefix(PREFIX)).map(str::to_owned).collect())
}

/// Reads the backup of a name.
///
/// # Errors
/// When there is none, or it cannot be read or is damaged.
pub(crate) fn load(target: &dyn Target, name: &str) -> Result<Manifest, Error> {
    let key = format!("{PREFIX}{name}");
    let content = match target.open(&key) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Error::Missing(format!(" {name}"))),
        content => content.map_err(Error::of_key("open", &key))?,
    };
    let mut text = String::new();
    content.take(BYTES_MAX).read_to_string(&mut text).map_err(Error::of_key("read", &key))?;
    Manifest::decode(name, &text)
}

/// The newest backup that can be read; `None` when the target has none at all.
///
/// # Errors
/// When the target cannot be read, or its newest backup is damaged.
pub fn newest(target: &dyn Target) -> Result<Option<Manifest>, Error> {
    manifests(target)?.last().map(|name| load(target, name)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Entry {
        let digest = "0123456789abcdef0123456789abcdef".parse().unwrap();
        Entry { section: "samples".to_owned(), name: name.to_owned(), bytes: 7, modified_ns: -5, digest }
    }

    #[test]
    fn reads_back_what_it_wrote_and_refuses_any_other_byte() {
        let manifest = Manifest { name: "x".to_owned(), entries: vec![entry("tenants/a b/c"), entry("d")] };
        let text = manifest.encode();
        assert_eq!(Manifest::decode("x", &text).unwrap(), manifest);
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(text) = String::from_utf8(bytes) {
                assert!(Manifest::decode("x", &text).is_err(), "byte {at}");
            }
            assert!(Manifest::decode("x", &text[..at]).is_err(), "first {at} bytes");
        }
        assert_eq!(Manifest::decode("x", &Manifest::default().encode()).unwrap().entries, []);
    }

    #[test]
    fn names_that_lead_out_of_the_directory_are_refused() {
        for name in ["../a", "a/../../b", "/etc/passwd", "a//b", "."] {
            let text = Manifest { name: String::new(), entries: vec![entry(name)] }.encode();
            let error = Manifest::decode("x", &text).unwrap_err();
            assert!(error.to_string().contains("line 2: expected a name within its section"), "{name}: {error}");
        }
    }
}
