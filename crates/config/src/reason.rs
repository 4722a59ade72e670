//! What is wrong with a text, in words for the people who wrote it.

use serde_saphyr::Error;

/// An unknown key is answered with at most this many known ones.
const KEYS_SHOWN_MAX: usize = 16;

/// The reason without the position, which [`crate::ConfigError`] shows in front. Where the YAML library speaks to
/// programmers, its text is replaced.
pub(crate) fn reason_of(error: &Error, line: u64, column: u64) -> String {
    match error.without_snippet() {
        Error::SerdeUnknownField { field, expected, .. } => unknown_field(field, expected),
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("duplicate mapping key: {key}"),
        Error::Unexpected { expected: "sequence start", .. } => "expected a list, such as [a, b]".to_owned(),
        Error::Unexpected { expected: "mapping start", .. } => "expected a mapping, such as {key: value}".to_owned(),
        Error::Unexpected { expected: "string scalar", .. } => "expected a single value".to_owned(),
        Error::NullIntoString { .. } => "expected a text, found nothing".to_owned(),
        Error::BinaryNotUtf8 { .. } => "expected a text, found !!binary that is not UTF-8".to_owned(),
        Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => "expected one word".to_owned(),
        error => without_position(&error.to_string(), line, column),
    }
}

fn unknown_field(field: &str, known: &[&str]) -> String {
    let near = known.iter().filter(|name| is_near(field, name));
    match near.min_by_key(|name| strsim::damerau_levenshtein(field, name)) {
        Some(name) => format!("unknown field `{field}`; did you mean `{name}`?"),
        None if known.len() <= KEYS_SHOWN_MAX => {
            format!("unknown field `{field}`, expected one of {}", known.join(", "))
        }
        None => {
            let (shown, others) = known.split_at(KEYS_SHOWN_MAX);
            format!("unknown field `{field}`, expected one of {} and {} others", shown.join(", "), others.len())
        }
    }
}

/// Whether somebody who wrote one may have meant the other: a slip of the keyboard, or a part of the name.
fn is_near(field: &str, name: &str) -> bool {
    let is_part = field.len().min(name.len()) >= 4 && (name.contains(field) || field.contains(name));
    is_part || strsim::damerau_levenshtein(field, name) <= (field.chars().count() / 4).clamp(1, 3)
}

fn without_position(text: &str, line: u64, column: u64) -> String {
    [format!(" at line {line}, column {column}"), format!("error: line {line} column {column}: ")]
        .iter()
        .find(|position| text.contains(position.as_str()))
        .map_or_else(|| text.to_owned(), |position| text.replace(position.as_str(), ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_was_meant_is_named() {
        let known = ["job_name", "scrape_interval", "scheme", "a"];
        for (field, answer) in [
            ("job_nam", "; did you mean `job_name`?"),
            ("interval", "; did you mean `scrape_interval`?"),
            ("shceme", "; did you mean `scheme`?"),
            ("targets", ", expected one of job_name, scrape_interval, scheme, a"),
            ("x_files", ", expected one of job_name, scrape_interval, scheme, a"),
        ] {
            assert_eq!(unknown_field(field, &known), format!("unknown field `{field}`{answer}"));
        }
        let many = unknown_field("zzz", &["key"; 20]);
        assert!(many.ends_with("key, key and 4 others"), "{many}");
    }
}
