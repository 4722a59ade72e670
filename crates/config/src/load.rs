//! From a file to a value.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::reason::reason_of;

/// Configuration files are at most this large.
pub const FILE_BYTES_MAX: u64 = 16 << 20;

/// Why a configuration could not be read. The text is for people: file, line, column, reason.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than [`FILE_BYTES_MAX`].
    #[error("{} has {bytes} bytes; a configuration file may have at most {FILE_BYTES_MAX}", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The text is not YAML, or not of the expected form.
    #[error("{file}:{line}:{column}: {reason}")]
    Invalid {
        /// File name as given by the caller.
        file: String,
        /// 1-based; 0 when unknown.
        line: u64,
        /// 1-based; 0 when unknown.
        column: u64,
        /// What is wrong and what was expected.
        reason: String,
    },
}

/// Reads a YAML (or JSON) file into a value.
///
/// # Errors
/// When the file cannot be read, is too large, or does not have the form of `T`.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let read_error = |source| ConfigError::Read { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(read_error)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(ConfigError::TooLarge { path: path.to_owned(), bytes });
    }
    let text = std::fs::read_to_string(path).map_err(read_error)?;
    parse(&text, &path.display().to_string())
}

/// Reads YAML text into a value; `file` is the name that errors show. An empty text reads as an empty mapping.
///
/// # Errors
/// When the text does not have the form of `T`.
pub fn parse<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, ConfigError> {
    let blank = text.lines().all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#'));
    let options = serde_saphyr::options! { with_snippet: false, emit_comments: false };
    serde_saphyr::from_str_with_options(if blank { "{}" } else { text }, options).map_err(|error| {
        let (line, column) = error.location().map_or((0, 0), |location| (location.line(), location.column()));
        ConfigError::Invalid { file: file.to_owned(), line, column, reason: reason_of(&error, line, column) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ByteSize, Duration};
    use expect_test::{Expect, expect};

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Section {
        interval: Option<Duration>,
        size: Option<ByteSize>,
        names: Vec<String>,
    }

    #[track_caller]
    fn check(text: &str, expect: Expect) {
        let shown = match parse::<Section>(text, "a.yml") {
            Ok(section) => format!("{section:?}"),
            Err(error) => error.to_string(),
        };
        expect.assert_eq(&shown);
    }

    #[test]
    fn reads_and_says_where_it_cannot() {
        check(
            "interval: 1m30s\nsize: 1GB\nnames: [a, 'b']",
            expect![[
                r#"Section { interval: Some(Duration(90000)), size: Some(ByteSize(1073741824)), names: ["a", "b"] }"#
            ]],
        );
        check("# nothing\n", expect!["Section { interval: None, size: None, names: [] }"]);
        check(
            "interval: 5 parsecs",
            expect![[
                r#"a.yml:1:11: not a valid duration: "5 parsecs"; expected numbers with the units y, w, d, h, m, s, ms in this order, such as 1h30m"#
            ]],
        );
        check(
            "names:\n  - a\nintervall: 5s",
            expect!["a.yml:3:1: unknown field `intervall`; did you mean `interval`?"],
        );
        check("size: 5\nzise: 6", expect!["a.yml:2:1: unknown field `zise`, expected one of interval, size, names"]);
        check("colour: red", expect!["a.yml:1:1: unknown field `colour`, expected one of interval, size, names"]);
        check("names: {", expect!["a.yml:1:8: expected a list, such as [a, b]"]);
        check("names: [", expect!["a.yml:1:8: unclosed bracket '['"]);
        check("names: a: b", expect!["a.yml:1:8: expected a list, such as [a, b]"]);
        check("names:\n- a\n-", expect!["a.yml:3:2: expected a text, found nothing"]);
        check("- a", expect!["a.yml:1:1: expected a mapping, such as {key: value}"]);
        check("interval: [1s]", expect!["a.yml:1:11: expected a single value"]);
        check("size: 5\nsize: 6", expect!["a.yml:2:1: duplicate mapping key: size"]);
    }
}
