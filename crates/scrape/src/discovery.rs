//! Where targets come from: written down in the configuration ([`TargetGroup`]), or one folder per kind of discovery.

pub mod file;

use std::collections::BTreeMap;

use bongsu_config::nullable;
use serde::Deserialize;

/// Targets that share labels.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TargetGroup {
    /// Addresses, `host:port`.
    #[serde(deserialize_with = "nullable")]
    pub targets: Vec<String>,
    /// Labels of all of them.
    #[serde(deserialize_with = "nullable")]
    pub labels: BTreeMap<String, String>,
}

impl TargetGroup {
    /// What Prometheus refuses in a group.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(address) = self.targets.iter().find(|address| address.contains('/')) {
            return Err(format!("{address:?} is not a valid hostname"));
        }
        if self.labels.keys().any(String::is_empty) {
            return Err("\"\" is not a valid label name".to_owned());
        }
        Ok(())
    }

    /// The discovered labels of each target: those of the group and `__address__`.
    pub(crate) fn discovered(&self) -> impl Iterator<Item = Vec<(&str, &str)>> {
        self.targets.iter().map(|address| {
            let group = self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            group.chain([("__address__", address.as_str())]).collect()
        })
    }
}
