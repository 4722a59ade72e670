//! The settings in effect as text, for `status/config` and `status/flags`.

use crate::config::{self, Config};

/// As a configuration file has them. Secrets do not show.
pub(crate) fn yaml(config: &Config) -> String {
    let mut text = String::new();
    let mut section = "";
    for (name, value) in settings(config) {
        let (folder, key) = name.split_once('.').unwrap_or(("", name));
        if folder != section {
            text.push_str(&format!("{folder}:\n"));
            section = folder;
        }
        let indent = if folder.is_empty() { "" } else { "  " };
        text.push_str(&format!("{indent}{key}: {value}\n"));
    }
    text
}

/// By the names of flags, those of settings without a flag included.
pub(crate) fn flags(config: &Config) -> Vec<(String, String)> {
    settings(config).into_iter().map(|(name, value)| (name.replace('_', "-"), unquoted(&value))).collect()
}

/// How long and how much is kept.
pub(crate) fn retention(config: &Config) -> String {
    match config.retention_size {
        Some(size) => format!("{} or {size}", config.retention),
        None => config.retention.to_string(),
    }
}

/// Every setting that has a value, as YAML writes it; those of one section stand together.
fn settings(config: &Config) -> Vec<(&'static str, String)> {
    let (limits, promql) = (&config.limits, &config.promql);
    let mut settings = vec![
        ("listen", quoted(&config.listen.to_string())),
        ("data", quoted(&config.data.display().to_string())),
        ("retention", config.retention.to_string()),
    ];
    settings.extend(config.retention_size.map(|size| ("retention_size", size.to_string())));
    if !config.retention_rules.is_empty() {
        settings.push(("retention_rules", config::rules_yaml(&config.retention_rules)));
    }
    if !config.downsample.is_empty() {
        settings.push(("downsample", config::Downsample::list_yaml(&config.downsample)));
    }
    settings.extend(config.keep_raw.map(|keep| ("keep_raw", keep.to_string())));
    settings.extend(config.ha.as_ref().map(|ha| ("ha", ha.yaml())));
    if !config.tenants.is_empty() {
        settings.push(("tenants", config::tenants_yaml(&config.tenants)));
    }
    settings.extend([
        ("dedup_interval", config.dedup_interval.to_string()),
        ("admin_api", config.admin_api.to_string()),
        ("cors_origin", quoted(&config.cors_origin)),
        ("merges.cpu", config.merges.cpu.to_string()),
        ("merges.blocks", config.merges.blocks.to_string()),
    ]);
    let bytes_per_second = config.merges.bytes_per_second;
    settings.extend(bytes_per_second.map(|rate| ("merges.bytes_per_second", rate.to_string())));
    settings.extend([
        ("promql.start_timestamps", promql.start_timestamps.to_string()),
        ("promql.delayed_name_removal", promql.delayed_name_removal.to_string()),
        ("promql.lookback", promql.lookback.to_string()),
        ("promql.subquery_step", promql.subquery_step.to_string()),
        ("promql.metricsql", promql.metricsql.to_string()),
    ]);
    settings.extend(config.store.describe());
    settings.extend([
        ("limits.series_per_tenant", limits.series_per_tenant.to_string()),
        ("limits.labels_per_series", limits.labels_per_series.to_string()),
        ("limits.label_name_size", limits.label_name_size.to_string()),
        ("limits.label_value_size", limits.label_value_size.to_string()),
        ("limits.exemplars", limits.exemplars.to_string()),
        ("limits.samples_ahead", limits.samples_ahead.to_string()),
        ("limits.samples_burst", limits.samples_burst.to_string()),
        ("limits.push_body_size", limits.push_body_size.to_string()),
        ("limits.queries_concurrent", limits.queries_concurrent.to_string()),
        ("limits.queries_concurrent_per_tenant", limits.queries_concurrent_per_tenant.to_string()),
        ("limits.queries_waiting", limits.queries_waiting.to_string()),
        ("limits.queries_waiting_per_tenant", limits.queries_waiting_per_tenant.to_string()),
        ("limits.query_timeout", limits.query_timeout.to_string()),
        ("limits.query_samples", limits.query_samples.to_string()),
        ("limits.query_series", limits.query_series.to_string()),
        ("limits.query_response_size", limits.query_response_size.to_string()),
        ("limits.query_cache_size", limits.query_cache_size.to_string()),
        ("limits.query_cache_recent", limits.query_cache_recent.to_string()),
        ("limits.slow_query", limits.slow_query.to_string()),
    ]);
    settings.extend(limits.samples_behind.map(|behind| ("limits.samples_behind", behind.to_string())));
    settings.extend(limits.samples_per_second.map(|rate| ("limits.samples_per_second", rate.to_string())));
    settings
}

/// In single quotes, which nothing but themselves needs an escape in.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn unquoted(value: &str) -> String {
    value
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
        .map_or(value.to_owned(), |text| text.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_described_reads_back_as_the_same_settings() {
        let mut config = Config { data: "it's here".into(), admin_api: true, ..Config::default() };
        config.limits.query_series = 7;
        config.promql.metricsql = true;
        let text = "retention_rules: [{match: 'up{job=\"it''s\"}', keep: 7d}]\ntenants: {a: {retention: 30d, retention_size: 1GB}, b: {limits: {samples_burst: 7.5, samples_behind: 1h}, ha: {replica_label: 'it''s'}, dedup_interval: 15s}}\nha: {enabled: false}\ndownsample: [{after: 30d, resolution: 5m}]\nkeep_raw: 60d";
        let read: Config = bongsu_config::parse(text, "keeping").unwrap();
        (config.retention_rules, config.tenants, config.ha) = (read.retention_rules, read.tenants, read.ha);
        (config.downsample, config.keep_raw) = (read.downsample, read.keep_raw);
        config.limits.samples_per_second = Some(0.5);
        config.store =
            bongsu_config::parse("bucket: {url: 's3://m/x', endpoint: 'http://a'}\nlocal_size: 1GB", "a.yml").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bongsu.yml");
        std::fs::write(&file, yaml(&config)).unwrap();
        let read: Config = bongsu_config::load(&file).unwrap();
        assert_eq!(settings(&read), settings(&config));
        assert_eq!(yaml(&read), yaml(&config));
        let flags = flags(&config);
        assert!(flags.contains(&("data".to_owned(), "it's here".to_owned())));
        assert!(flags.contains(&("limits.query-series".to_owned(), "7".to_owned())));
    }
}
