//! `meta.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::Error;

/// A block's description is small.
const BYTES_MAX: u64 = 16 << 20;

/// What is read of `meta.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    /// The layout; 1 is the only one.
    pub(super) version: u64,
    /// First time, inclusive, milliseconds.
    pub(super) min_time: i64,
    /// Last time, exclusive, milliseconds.
    pub(super) max_time: i64,
    #[serde(default)]
    pub(super) stats: Stats,
    #[serde(default)]
    pub(super) thanos: Thanos,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Stats {
    pub(super) num_series: u64,
    pub(super) num_samples: u64,
}

/// The section that Thanos and Mimir add.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Thanos {
    /// Labels that every series of the block has besides its own.
    pub(super) labels: BTreeMap<String, String>,
    pub(super) downsample: Downsample,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Downsample {
    /// Milliseconds; 0: raw samples.
    pub(super) resolution: i64,
}

impl Meta {
    /// That of a block which says nothing of itself.
    pub(super) fn of_all_time() -> Self {
        Self { version: 1, min_time: i64::MIN, max_time: i64::MAX, stats: Stats::default(), thanos: Thanos::default() }
    }

    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let size = std::fs::metadata(path).map_err(Error::io("look at", path))?.len();
        let file = path.display().to_string();
        if size > BYTES_MAX {
            return Err(Error::damaged(&file, 0, format!("{size} bytes, at most {BYTES_MAX} are read")));
        }
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let meta: Self = serde_json::from_str(&text).map_err(|error| Error::damaged(&file, 0, error.to_string()))?;
        if meta.version != 1 {
            let message = format!("block layout {} is not known; expected version 1", meta.version);
            return Err(Error::damaged(&file, 0, message));
        }
        Ok(meta)
    }

    /// External labels that mean something outside: those with two underscores in front are marks of Mimir's own, such
    /// as `__org_id__`.
    pub(super) fn external_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let labels = self.thanos.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        labels.filter(|(name, _)| !name.starts_with("__"))
    }
}
