//! The `merges` section: how much of the machine merging blocks may take.

use bongsu_config::ByteSize;
use serde::{Deserialize, Deserializer, de};

/// The `merges` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Merges {
    /// The part of one core, above 0 and up to 1. Default 0.5.
    #[serde(deserialize_with = "share")]
    pub cpu: f64,
    /// Bytes that are read and written per second. Default: no bound.
    pub bytes_per_second: Option<ByteSize>,
    /// Blocks of a day of a tenant beyond which both bounds are forgotten, as reads would suffer. Default 40.
    pub blocks: usize,
}

impl Default for Merges {
    fn default() -> Self {
        Self { cpu: 0.5, bytes_per_second: None, blocks: 40 }
    }
}

impl Merges {
    /// What the store is told.
    pub(crate) fn pace(&self) -> bongsu_tsdb::MergePace {
        bongsu_tsdb::MergePace {
            cpu_share: self.cpu,
            bytes_per_second: self.bytes_per_second.map(ByteSize::as_bytes),
            blocks_max: self.blocks,
        }
    }
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if 0.0 < share && share <= 1.0 {
        Ok(share)
    } else {
        Err(de::Error::custom("expected a number above 0 and up to 1"))
    }
}
