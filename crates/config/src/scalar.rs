//! Scalars that every section writes the same way.

use std::fmt;

use bongsu_model::{format_duration_ms, parse_duration_ms};
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A duration in Prometheus' notation: `15s`, `1h30m`, `100y`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(i64);

impl Duration {
    /// A duration of so many milliseconds.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// A duration of so many seconds.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1000)
    }

    /// Its length in milliseconds, never negative when read from text.
    #[must_use]
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// As the standard library's type; a negative duration is zero.
    #[must_use]
    pub fn as_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_duration_ms(self.0))
    }
}

impl std::str::FromStr for Duration {
    type Err = bongsu_model::DurationError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_duration_ms(text).map(Self)
    }
}

/// A number of bytes: `512MB`, `10GiB`, `1000`. As in Prometheus, `KB`, `MB` … are powers of 1,024, like `KiB`, `MiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn as_bytes(self) -> u64 {
        self.0
    }
}

/// A size that was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid size: {0:?}; expected a number and a unit (B, KB, MB, GB, TB, PB), such as 512MB")]
pub struct ByteSizeError(String);

impl std::str::FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ByteSizeError(text.to_owned());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = text[..digits].parse().map_err(|_| fail())?;
        let unit = text[digits..].trim();
        let power = match unit.trim_end_matches('B').trim_end_matches('i') {
            "" => 0,
            "K" | "k" => 1,
            "M" => 2,
            "G" => 3,
            "T" => 4,
            "P" => 5,
            "E" => 6,
            _ => return Err(fail()),
        };
        number.checked_mul(1 << (10 * power)).map(Self).ok_or_else(fail)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 7] = ["B", "KB", "MB", "GB", "TB", "PB", "EB"];
        let (mut number, mut power) = (self.0, 0);
        while number != 0 && number.is_multiple_of(1024) && power < 6 {
            number /= 1024;
            power += 1;
        }
        write!(f, "{number}{}", UNITS[power])
    }
}

/// Text that never shows itself: in logs, errors and debug output it reads `<secret>`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// Reads a scalar through its `FromStr`.
struct FromText<T>(&'static str, std::marker::PhantomData<T>);

impl<T: std::str::FromStr<Err: fmt::Display>> Visitor<'_> for FromText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        number.to_string().parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText("a duration such as 15s", std::marker::PhantomData))
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText("a size such as 512MB", std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes, printed) in [
            ("0", 0, "0B"),
            ("1KB", 1024, "1KB"),
            ("3MiB", 3 << 20, "3MB"),
            ("1500", 1500, "1500B"),
            ("2TB", 2 << 40, "2TB"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.as_bytes(), size.to_string().as_str()), (bytes, printed), "{text}");
        }
        for bad in ["", "GB", "1XB", "-1", "1.5GB", "99999999999EB"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "<secret>");
    }
}
