//! The `tenants` section: what is different for some tenants.

use std::collections::BTreeMap;

use bongsu_config::{ByteSize, Duration};
use bongsu_model::TenantId;
use serde::{Deserialize, Deserializer, de};

use super::keeping::{RetentionRule, rules_yaml};
use crate::describe::quoted;

/// What is different for one tenant.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantConfig {
    /// How long samples are kept. Default: as the others'.
    pub retention: Option<Duration>,
    /// How many bytes of the tenant's blocks are kept. Default: no bound of its own.
    pub retention_size: Option<ByteSize>,
    /// Looked at before those for all tenants.
    pub retention_rules: Vec<RetentionRule>,
}

impl TenantConfig {
    /// The settings that are given, as YAML writes them in one line.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = Vec::new();
        settings.extend(self.retention.map(|retention| ("retention", retention.to_string())));
        settings.extend(self.retention_size.map(|size| ("retention_size", size.to_string())));
        if !self.retention_rules.is_empty() {
            settings.push(("retention_rules", rules_yaml(&self.retention_rules)));
        }
        settings
    }
}

/// Reads the section: its keys are tenant ids.
pub(super) fn by_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<TenantId, TenantConfig>, D::Error> {
    let by_name = BTreeMap::<String, TenantConfig>::deserialize(deserializer)?;
    by_name.into_iter().map(|(name, tenant)| Ok((TenantId::parse(&name).map_err(de::Error::custom)?, tenant))).collect()
}

/// The section as YAML in one line.
pub(crate) fn yaml(tenants: &BTreeMap<TenantId, TenantConfig>) -> String {
    let tenant = |(id, config): (&TenantId, &TenantConfig)| {
        let fields: Vec<_> = config.settings().into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
        format!("{}: {{{}}}", quoted(id.as_str()), fields.join(", "))
    };
    format!("{{{}}}", tenants.iter().map(tenant).collect::<Vec<_>>().join(", "))
}
