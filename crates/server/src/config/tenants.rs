//! The `tenants` section: what is different for some tenants.

use std::collections::BTreeMap;

use bongsu_config::{ByteSize, Duration};
use bongsu_model::TenantId;
use serde::{Deserialize, Deserializer, de};

use super::keeping::{RetentionRule, rules_yaml};
use super::{Ha, Limits};
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
    /// Bounds in place of those of all tenants.
    pub limits: TenantLimits,
    /// In place of the section `ha` of all tenants.
    pub ha: Option<Ha>,
    /// In place of the `dedup_interval` of all tenants.
    pub dedup_interval: Option<Duration>,
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
        settings.extend(self.ha.as_ref().map(|ha| ("ha", ha.yaml())));
        settings.extend(self.dedup_interval.map(|interval| ("dedup_interval", interval.to_string())));
        let limits: Vec<_> = self.limits.settings().iter().map(|(key, value)| format!("{key}: {value}")).collect();
        if !limits.is_empty() {
            settings.push(("limits", format!("{{{}}}", limits.join(", "))));
        }
        settings
    }
}

/// The bounds that a tenant may have for itself; those not given are those of the section `limits`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantLimits {
    /// As [`Limits::series_per_tenant`].
    pub series_per_tenant: Option<usize>,
    /// As [`Limits::labels_per_series`].
    pub labels_per_series: Option<usize>,
    /// As [`Limits::label_name_size`].
    pub label_name_size: Option<ByteSize>,
    /// As [`Limits::label_value_size`].
    pub label_value_size: Option<ByteSize>,
    /// As [`Limits::exemplars`].
    pub exemplars: Option<usize>,
    /// As [`Limits::samples_ahead`].
    pub samples_ahead: Option<Duration>,
    /// As [`Limits::samples_behind`].
    pub samples_behind: Option<Duration>,
    /// As [`Limits::samples_per_second`].
    pub samples_per_second: Option<f64>,
    /// As [`Limits::samples_burst`].
    pub samples_burst: Option<f64>,
}

impl TenantLimits {
    /// The tenant's bounds, given those of all.
    #[must_use]
    pub fn over(&self, all: &Limits) -> Limits {
        Limits {
            series_per_tenant: self.series_per_tenant.unwrap_or(all.series_per_tenant),
            labels_per_series: self.labels_per_series.unwrap_or(all.labels_per_series),
            label_name_size: self.label_name_size.unwrap_or(all.label_name_size),
            label_value_size: self.label_value_size.unwrap_or(all.label_value_size),
            exemplars: self.exemplars.unwrap_or(all.exemplars),
            samples_ahead: self.samples_ahead.unwrap_or(all.samples_ahead),
            samples_behind: self.samples_behind.or(all.samples_behind),
            samples_per_second: self.samples_per_second.or(all.samples_per_second),
            samples_burst: self.samples_burst.unwrap_or(all.samples_burst),
            ..all.clone()
        }
    }

    /// The bounds that are given, as YAML writes them.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let settings = [
            ("series_per_tenant", self.series_per_tenant.map(|value| value.to_string())),
            ("labels_per_series", self.labels_per_series.map(|value| value.to_string())),
            ("label_name_size", self.label_name_size.map(|value| value.to_string())),
            ("label_value_size", self.label_value_size.map(|value| value.to_string())),
            ("exemplars", self.exemplars.map(|value| value.to_string())),
            ("samples_ahead", self.samples_ahead.map(|value| value.to_string())),
            ("samples_behind", self.samples_behind.map(|value| value.to_string())),
            ("samples_per_second", self.samples_per_second.map(|value| value.to_string())),
            ("samples_burst", self.samples_burst.map(|value| value.to_string())),
        ];
        settings.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn load(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bongsu.yml");
        std::fs::write(&file, text).unwrap();
        bongsu_config::load(&file).map_err(|error| error.to_string())
    }

    #[test]
    fn a_tenant_has_the_bounds_of_all_but_for_its_own() {
        let text = "limits:
  series_per_tenant: 10
  samples_per_second: 100
tenants:
  team-a:
    limits:
      series_per_tenant: 20
      samples_behind: 1h
  team-b: {}
";
        let config = load(text).unwrap();
        let of = |id: &str| config.tenants[&TenantId::parse(id).unwrap()].limits.over(&config.limits);
        assert_eq!((of("team-a").series_per_tenant, of("team-b").series_per_tenant), (20, 10));
        assert_eq!(of("team-a").samples_behind, Some(Duration::from_secs(3600)));
        assert_eq!((of("team-a").samples_per_second, of("team-b").samples_behind), (Some(100.0), None));
    }

    #[test]
    fn bad_ids_and_names_are_told() {
        let error = load("tenants:\n  a/b: {}\n").unwrap_err();
        assert!(error.contains("character '/'"), "{error}");
        let error = load("tenants:\n  a:\n    limits:\n      serie_per_tenant: 1\n").unwrap_err();
        assert!(error.contains("serie_per_tenant") && error.contains(":4"), "{error}");
    }
}
