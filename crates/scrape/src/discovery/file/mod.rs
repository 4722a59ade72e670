//! `file_sd_configs`: target groups in JSON or YAML files, read again when they change.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bongsu_config::{Duration, glob};
use serde::Deserialize;

use super::TargetGroup;

const DEFAULT_REFRESH: Duration = Duration::from_secs(5 * 60);

/// One of `file_sd_configs`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileSdConfig {
    /// Paths; the last element may hold `*`.
    pub files: Vec<PathBuf>,
    /// How often files are read although they look unchanged; default 5m.
    pub refresh_interval: Option<Duration>,
}

impl FileSdConfig {
    /// The configuration with paths relative to `base_dir`, checked.
    pub(crate) fn resolve(mut self, base_dir: &Path) -> Result<Self, String> {
        if self.files.is_empty() {
            return Err("file service discovery config must contain at least one path name".to_owned());
        }
        for path in &mut self.files {
            if !is_valid_pattern(path) {
                return Err(format!("path name {:?} is not valid for file discovery", path.display()));
            }
            *path = base_dir.join(&*path);
        }
        Ok(self)
    }
}

/// A `*` in the last element only, and a known ending.
fn is_valid_pattern(path: &Path) -> bool {
    let known = path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| {
        ["json", "yml", "yaml"].iter().any(|known| ending == *known || ending == known.to_uppercase())
    });
    let folder = path.parent().is_none_or(|folder| !folder.to_string_lossy().contains('*'));
    known && folder
}

/// The files of one configuration and what was read from them last. A file that becomes unreadable or wrong keeps its
/// former targets, as in Prometheus; a file that is gone has none.
#[derive(Debug, Default)]
pub struct FileDiscovery {
    config: FileSdConfig,
    known: BTreeMap<PathBuf, Known>,
    refreshed_ms: Option<i64>,
}

#[derive(Debug)]
struct Known {
    modified: Option<SystemTime>,
    groups: Vec<TargetGroup>,
}

impl FileDiscovery {
    /// Discovery for a configuration; nothing is read yet.
    #[must_use]
    pub fn new(config: FileSdConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Reads the files that changed, or all of them when the refresh interval is over.
    pub fn refresh(&mut self, now_ms: i64) {
        let interval_ms = self.config.refresh_interval.unwrap_or(DEFAULT_REFRESH).as_ms();
        let due = self.refreshed_ms.is_none_or(|last_ms| now_ms.saturating_sub(last_ms) >= interval_ms);
        if due {
            self.refreshed_ms = Some(now_ms);
        }
        let paths: Vec<PathBuf> = self.config.files.iter().flat_map(|pattern| glob(pattern)).collect();
        self.known.retain(|path, _| paths.contains(path));
        for path in paths {
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
            let unchanged = self.known.get(&path).is_some_and(|known| known.modified == modified);
            if !due && unchanged {
                continue;
            }
            let former = self.known.remove(&path).map(|known| known.groups);
            let groups = read_groups(&path).unwrap_or_else(|reason| {
                tracing::warn!(path = %path.display(), reason, "target file cannot be used; its former targets stay");
                former.unwrap_or_default()
            });
            self.known.insert(path, Known { modified, groups });
        }
    }

    /// All groups of all files.
    pub fn groups(&self) -> impl Iterator<Item = &TargetGroup> {
        self.known.values().flat_map(|known| &known.groups)
    }
}

fn read_groups(path: &Path) -> Result<Vec<TargetGroup>, String> {
    let groups: Vec<Option<TargetGroup>> = bongsu_config::load(path).map_err(|error| error.to_string())?;
    let groups: Option<Vec<TargetGroup>> = groups.into_iter().collect();
    let mut groups = groups.ok_or_else(|| format!("{}: nil target group item found", path.display()))?;
    for group in &mut groups {
        group.check().map_err(|reason| format!("{}: {reason}", path.display()))?;
        group.labels.insert("__meta_filepath".to_owned(), path.display().to_string());
    }
    Ok(groups)
}
