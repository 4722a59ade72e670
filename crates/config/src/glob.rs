//! Files by pattern, as `file_sd_configs` and `scrape_config_files` name them.

use std::fs;
use std::path::{Path, PathBuf};

/// A pattern stands for at most this many files.
const FILES_MAX: usize = 10_000;

/// The files that a pattern names, sorted, at most 10,000; none when there are none. The last element may hold `*` (any characters), `?`
/// (one character) and `[a-z]`, `[^a-z]` (one character of a set, or not of it).
#[must_use]
pub fn glob(pattern: &Path) -> Vec<PathBuf> {
    let Some(name) = pattern.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    if !name.contains(['*', '?', '[']) {
        return if pattern.exists() { vec![pattern.to_owned()] } else { Vec::new() };
    }
    let folder = pattern.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(|candidate| matches(name, candidate)))
        .map(|entry| entry.path())
        .take(FILES_MAX)
        .collect();
    paths.sort();
    paths
}

/// Whether a name fits a pattern.
fn matches(mut pattern: &str, mut name: &str) -> bool {
    // What follows the last `*`, and the rest of the name that it was tried on: when it does not fit there, it may one
    // character later.
    let mut retry: Option<(&str, &str)> = None;
    loop {
        if let Some(rest) = pattern.strip_prefix('*') {
            retry = Some((rest, name));
            pattern = rest;
        } else if let Some(rest) = step(pattern, name) {
            (pattern, name) = rest;
        } else if pattern.is_empty() && name.is_empty() {
            return true;
        } else {
            let Some((rest, tried)) = retry else { return false };
            let mut later = tried.chars();
            if later.next().is_none() {
                return false;
            }
            retry = Some((rest, later.as_str()));
            (pattern, name) = (rest, later.as_str());
        }
    }
}

/// Takes one character off a name and what stands for it off a pattern without `*` in front; `None` when they differ.
fn step<'p, 'n>(pattern: &'p str, name: &'n str) -> Option<(&'p str, &'n str)> {
    let (mut patterns, mut names) = (pattern.chars(), name.chars());
    let (wanted, found) = (patterns.next()?, names.next()?);
    let rest = patterns.as_str();
    let rest = match wanted {
        '?' => rest,
        '[' => {
            let (set, rest) = rest.split_once(']')?;
            is_in_set(set, found).then_some(rest)?
        }
        _ => (wanted == found).then_some(rest)?,
    };
    Some((rest, names.as_str()))
}

/// Whether a character is in the set `a-z_`, or not in the set `^a-z_`.
fn is_in_set(set: &str, found: char) -> bool {
    let (is_negated, set) = set.strip_prefix('^').map_or((false, set), |set| (true, set));
    let set: Vec<char> = set.chars().collect();
    let mut place = 0;
    let mut is_in = false;
    while let Some(&low) = set.get(place) {
        let is_range = set.get(place + 1) == Some(&'-') && place + 2 < set.len();
        let high = if is_range { set[place + 2] } else { low };
        is_in |= (low..=high).contains(&found);
        place += if is_range { 3 } else { 1 };
    }
    is_in != is_negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, fits) in [
            ("*.yml", "a.yml", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b", "ab", true),
            ("a*a", "a", false),
            ("*.slow.yml", "a.yml", false),
            ("*", "", true),
            ("?.yml", "é.yml", true),
            ("?.yml", ".yml", false),
            ("host[0-9_].yml", "host7.yml", true),
            ("host[0-9_].yml", "hosta.yml", false),
            ("*[^0-9].yml", "host7.yml", false),
            ("*[^0-9].yml", "host7a.yml", true),
            ("[a", "a", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn files_come_sorted() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.yml", "a.yml", "c.json"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let names = |pattern: &str| -> Vec<String> {
            let paths = glob(&dir.path().join(pattern));
            paths.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names("*.yml"), ["a.yml", "b.yml"]);
        assert_eq!(names("c.json"), ["c.json"]);
        assert!(names("d.json").is_empty() && names("none/*.yml").is_empty());
    }
}
