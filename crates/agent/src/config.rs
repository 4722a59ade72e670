//! What the agent is told: the file that people have for Prometheus, and one section of our own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_config::{Duration, EnvError, expand_env};
use bongsu_exporters::node;
use bongsu_forward::config::{InvalidSection, RemoteWrite};
use bongsu_model::Labels;
use bongsu_scrape::{GlobalConfig, Job, ScrapeConfig, resolve};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::fetch::EXPORTER_SCHEME;

/// Why a configuration cannot be used.
#[derive(Debug)]
pub enum ConfigError {
    /// The file, or its form; the text names file, line and column.
    File(bongsu_config::ConfigError),
    /// A section that is well formed and cannot work.
    Section {
        /// Which file.
        file: String,
        /// Which section and why.
        reason: String,
    },
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(error) => write!(f, "{error}"),
            Self::Section { file, reason } => write!(f, "{file}: {reason}"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// The file as written. Sections that belong to other roles are accepted, so that a prometheus.yml can be used as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    global: GlobalConfig,
    scrape_configs: Vec<ScrapeConfig>,
    remote_write: Vec<RemoteWrite>,
    exporters: Exporters,
    rule_files: Option<IgnoredAny>,
    alerting: Option<IgnoredAny>,
    remote_read: Option<IgnoredAny>,
    storage: Option<IgnoredAny>,
    tracing: Option<IgnoredAny>,
    otlp: Option<IgnoredAny>,
    runtime: Option<IgnoredAny>,
    scrape_config_files: Option<IgnoredAny>,
}

/// Our own section `exporters`: each exporter that is named runs.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Exporters {
    node: Option<NodeSection>,
}

/// `exporters.node`: the built-in node exporter.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeSection {
    /// Time between collections; default 15s.
    pub interval: Duration,
    /// The `instance` label; default the host's name.
    pub instance: Option<String>,
    /// Collectors to switch off, by their node_exporter names.
    pub disable: Vec<String>,
    /// Where the host's root is seen from here, as `--path.rootfs`.
    pub rootfs: Option<PathBuf>,
}

impl Default for NodeSection {
    fn default() -> Self {
        Self { interval: Duration::from_secs(15), instance: None, disable: Vec::new(), rootfs: None }
    }
}

/// A configuration that can be run.
#[derive(Debug)]
pub struct Config {
    pub(crate) jobs: Vec<Arc<Job>>,
    pub(crate) remote_write: Vec<RemoteWrite>,
    pub(crate) external_labels: Labels,
    pub(crate) node: Option<node::Options>,
    /// Files that the configuration names are relative to this.
    pub(crate) base_dir: PathBuf,
    /// Sections that are there and that the agent does not act on.
    pub(crate) ignored: Vec<&'static str>,
}

impl Config {
    /// Reads a prometheus.yml.
    ///
    /// # Errors
    /// When it cannot be read, is not of the form, or cannot work; the text says where and why.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let file = bongsu_config::load(path).map_err(ConfigError::File)?;
        let base_dir = path.parent().unwrap_or(Path::new("")).to_owned();
        Self::resolve(file, base_dir)
            .map_err(|reason| ConfigError::Section { file: path.display().to_string(), reason })
    }

    /// The built-in node exporter, pushed to `url`.
    #[must_use]
    pub fn for_this_host(url: &str) -> Self {
        let file = File { exporters: Exporters { node: Some(NodeSection::default()) }, ..File::default() };
        let config = Self::resolve(file, PathBuf::new()).expect("the built-in configuration is valid");
        config.with_remote_write(url)
    }

    /// One more destination.
    #[must_use]
    pub fn with_remote_write(mut self, url: &str) -> Self {
        self.remote_write.push(RemoteWrite { url: url.to_owned(), ..RemoteWrite::default() });
        self
    }

    /// Also scrapes the `/metrics` of a Bongsu at `url` (`http://host:port`), as job `bongsu`.
    ///
    /// # Errors
    /// When the URL is not of that form.
    pub fn scrape_self(&mut self, url: &str) -> anyhow::Result<()> {
        let address =
            url.strip_prefix("http://").ok_or_else(|| anyhow::anyhow!("{url:?} does not start with http://"))?;
        let yaml = format!(
            "job_name: bongsu\nscrape_interval: 15s\nstatic_configs: [{{targets: [{address:?}], labels: {{instance: {:?}}}}}]",
            host_name()
        );
        let config = bongsu_config::parse(&yaml, "bongsu")?;
        self.jobs.extend(resolve(&GlobalConfig::default(), &[config], Path::new(""))?);
        Ok(())
    }

    /// One line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = format!("{} scrape jobs, {} remote_write", self.jobs.len(), self.remote_write.len());
        if !self.ignored.is_empty() {
            text += &format!(", not acted on by the agent: {}", self.ignored.join(", "));
        }
        text
    }

    fn resolve(file: File, base_dir: PathBuf) -> Result<Self, String> {
        let ignored = ignored_sections(&file);
        let external_labels = expand_labels(&file.global).map_err(|e| format!("global external_labels: {e}"))?;
        RemoteWrite::check_all(&file.remote_write).map_err(|e: InvalidSection| e.to_string())?;
        let mut configs = file.scrape_configs;
        let node = match &file.exporters.node {
            Some(section) => {
                configs.push(node_job(section)?);
                Some(node_options(section)?)
            }
            None => None,
        };
        let jobs = resolve(&file.global, &configs, &base_dir).map_err(|e| e.to_string())?;
        Ok(Self { jobs, remote_write: file.remote_write, external_labels, node, base_dir, ignored })
    }
}

/// External labels may hold `${NAME}`, as with Prometheus; an unset variable is empty there, and so here.
fn expand_labels(global: &GlobalConfig) -> Result<Labels, EnvError> {
    let lookup = |name: &str| Some(std::env::var(name).unwrap_or_default());
    let pairs = global.external_labels.iter().map(|(name, value)| Ok((name.clone(), expand_env(value, lookup)?)));
    Ok(Labels::from_pairs(pairs.collect::<Result<Vec<_>, EnvError>>()?))
}

fn ignored_sections(file: &File) -> Vec<&'static str> {
    let sections = [
        ("rule_files", &file.rule_files),
        ("alerting", &file.alerting),
        ("remote_read", &file.remote_read),
        ("storage", &file.storage),
        ("tracing", &file.tracing),
        ("otlp", &file.otlp),
        ("runtime", &file.runtime),
        ("scrape_config_files", &file.scrape_config_files),
    ];
    sections.into_iter().filter(|(_, section)| section.is_some()).map(|(name, _)| name).collect()
}

/// The scrape job of the built-in node exporter: a target whose scheme only our fetcher knows.
fn node_job(section: &NodeSection) -> Result<ScrapeConfig, String> {
    let instance = section.instance.clone().unwrap_or_else(host_name);
    let yaml = format!(
        "job_name: node\nscheme: {EXPORTER_SCHEME}\nscrape_interval: {interval}\nscrape_timeout: {interval}\n\
         static_configs: [{{targets: [node], labels: {{instance: {instance:?}}}}}]",
        interval = section.interval
    );
    bongsu_config::parse(&yaml, "exporters.node").map_err(|e| e.to_string())
}

fn node_options(section: &NodeSection) -> Result<node::Options, String> {
    let mut options = node::Options::default();
    if let Some(rootfs) = &section.rootfs {
        options.procfs = rootfs.join("proc");
        options.sysfs = rootfs.join("sys");
        options.udev_data = rootfs.join("run/udev/data");
        options.rootfs.clone_from(rootfs);
    }
    for name in &section.disable {
        options.set_enabled(name, false).map_err(|e| format!("exporters.node.disable: {e}"))?;
    }
    Ok(options)
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(yaml: &str, expect: Expect) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.yml");
        std::fs::write(&path, yaml).unwrap();
        let shown = match Config::load(&path) {
            Ok(config) => config.summary(),
            Err(error) => error.to_string().replace(&format!("{}/", dir.path().display()), ""),
        };
        expect.assert_eq(&shown);
    }

    #[test]
    fn a_prometheus_file_is_taken_as_it_is() {
        check(
            "global: {scrape_interval: 15s, external_labels: {dc: seoul}}\n\
             rule_files: [a.rules]\n\
             scrape_configs: [{job_name: a, static_configs: [{targets: ['localhost:9100']}]}]\n\
             remote_write: [{url: 'http://centre/api/v1/push'}]\n",
            expect![[""]],
        );
        check("exporters: {node: {disable: [arp]}}", expect![[""]]);
    }

    #[test]
    fn faults_are_told_with_their_place() {
        check("scrape_configs:\n  - job_nam: a\n", expect![[""]]);
        check("scrape_configs: [{job_name: a}, {job_name: a}]", expect![[""]]);
        check("exporters: {node: {disable: [nope]}}", expect![[""]]);
        check("remote_write: [{url: ''}]", expect![[""]]);
    }
}
