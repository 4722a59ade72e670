//! The operating system's name and version, from os-release(5).

use std::collections::BTreeMap;

use bongsu_model::MetricType;

use super::{CollectError, Collector, Host};
use crate::family::Family;

const FILES: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];
/// Labels in order; each is the lower-case name of a field.
const LABELS: [&str; 12] = [
    "build_id",
    "id",
    "id_like",
    "image_id",
    "image_version",
    "name",
    "pretty_name",
    "variant",
    "variant_id",
    "version",
    "version_codename",
    "version_id",
];

pub(super) struct OsRelease;

impl Collector for OsRelease {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = host.root(FILES[0]).or_else(|_| host.root(FILES[1]))?;
        let fields = parse(&text);
        let label = |name: &'static str| (name, fields.get(name).map_or("", String::as_str));
        let info = Family::new("node_os_info", MetricType::Gauge, "The operating system, always 1.");
        families.push(info.with(&LABELS.map(label), 1.0));
        if let Some(version) = major_minor(label("version_id").1) {
            let labels = ["id", "id_like", "name"].map(label);
            let family = Family::new("node_os_version", MetricType::Gauge, "The major.minor part of the version.");
            families.push(family.with(&labels, version));
        }
        if let Ok(end) = label("support_end").1.parse::<jiff::civil::Date>()
            && let Ok(end) = end.to_zoned(jiff::tz::TimeZone::UTC)
        {
            let help = "When support of the operating system ends.";
            let family = Family::new("node_os_support_end_timestamp_seconds", MetricType::Gauge, help);
            families.push(family.with(&[], end.timestamp().as_second() as f64));
        }
        Ok(())
    }
}

/// `NAME=value` lines, names in lower case; values may stand in quotes, double ones with backslash escapes.
fn parse(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_ascii_lowercase(), unquote(value)))
        .collect()
}

fn unquote(value: &str) -> String {
    let between = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if let Some(literal) = between('\'') {
        return literal.to_owned();
    }
    let mut plain = String::with_capacity(value.len());
    let mut chars = between('"').unwrap_or(value).chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

/// The number at the start of a version: 12 of `12`, 22.04 of `22.04.1`.
fn major_minor(version: &str) -> Option<f64> {
    let mut dots = 0;
    let end = version.find(|c: char| {
        dots += u32::from(c == '.');
        !(c.is_ascii_digit() || (c == '.' && dots == 1))
    });
    version[..end.unwrap_or(version.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_quoted_and_plain_values() {
        let fields = parse("# a comment\nNAME=\"Say \\\"hi\\\"\"\nID=debian\nVARIANT='a \\ b'\n");
        assert_eq!(fields["name"], "Say \"hi\"");
        assert_eq!(fields["id"], "debian");
        assert_eq!(fields["variant"], "a \\ b");
    }

    #[test]
    fn takes_the_major_and_minor_version() {
        assert_eq!(major_minor("22.04.1"), Some(22.04));
        assert_eq!(major_minor("12"), Some(12.0));
        assert_eq!(major_minor("rolling"), None);
    }
}
