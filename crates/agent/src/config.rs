//! What the agent is told: the file that people have for Prometheus, and one section of our own.

mod scrape_files;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_config::{Duration, EnvError, expand_env, nullable};
use bongsu_exporters::node;
use bongsu_forward::config::RemoteWrite;
use bongsu_model::Labels;
use bongsu_scrape::discovery::TargetGroup;
use bongsu_scrape::{GlobalConfig, Job, ScrapeConfig, resolve};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::fetch::EXPORTER_SCHEME;
use scrape_files::Jobs;

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

impl ConfigError {
    fn in_file(file: &Path, reason: String) -> Self {
        Self::Section { file: file.display().to_string(), reason }
    }
}

/// The file as written. Sections that belong to other roles are accepted, so that a prometheus.yml can be used as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    #[serde(deserialize_with = "nullable")]
    global: GlobalConfig,
    #[serde(deserialize_with = "nullable")]
    scrape_configs: Vec<Option<ScrapeConfig>>,
    #[serde(deserialize_with = "nullable")]
    scrape_config_files: Vec<PathBuf>,
    #[serde(deserialize_with = "nullable")]
    remote_write: Vec<Option<RemoteWrite>>,
    #[serde(deserialize_with = "nullable")]
    exporters: Exporters,
    rule_files: Option<IgnoredAny>,
    alerting: Option<IgnoredAny>,
    remote_read: Option<IgnoredAny>,
    storage: Option<IgnoredAny>,
    tracing: Option<IgnoredAny>,
    otlp: Option<IgnoredAny>,
    runtime: Option<IgnoredAny>,
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
        Self::resolve(bongsu_config::load(path).map_err(ConfigError::File)?, path)
    }

    /// The built-in node exporter every 10 s, pushed to `url`: a newcomer sees rates within half a minute.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub fn for_this_host(url: &str) -> Result<Self, ConfigError> {
        let section = NodeSection { interval: Duration::from_secs(10), ..NodeSection::default() };
        let file = File { exporters: Exporters { node: Some(section) }, ..File::default() };
        Self::resolve(file, Path::new(""))?.with_remote_write(url)
    }

    /// One more destination.
    ///
    /// # Errors
    /// When the URL cannot be used, or stands among the destinations already.
    pub fn with_remote_write(mut self, url: &str) -> Result<Self, ConfigError> {
        let invalid = |reason| ConfigError::Section { file: "remote write URL".to_owned(), reason };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(invalid(format!("{url:?} does not start with http:// or https://")));
        }
        self.remote_write.push(RemoteWrite { url: url.to_owned(), ..RemoteWrite::default() });
        RemoteWrite::check_all(&self.remote_write).map_err(|error| invalid(error.to_string()))?;
        Ok(self)
    }

    /// Also scrapes the `/metrics` of a Bongsu at `address` (`host:port`), as job `bongsu`.
    ///
    /// # Errors
    /// When the address cannot be a target.
    pub fn scrape_self(&mut self, address: &str) -> Result<(), ConfigError> {
        let config = ScrapeConfig {
            job_name: "bongsu".to_owned(),
            scrape_interval: Some(Duration::from_secs(15)),
            static_configs: one_target(address, host_name()),
            ..ScrapeConfig::default()
        };
        let jobs = resolve(&GlobalConfig::default(), &[config], Path::new(""));
        let invalid = |error: bongsu_scrape::ConfigError| ConfigError::Section {
            file: "own metrics".to_owned(),
            reason: error.to_string(),
        };
        self.jobs.extend(jobs.map_err(invalid)?);
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

    fn resolve(file: File, path: &Path) -> Result<Self, ConfigError> {
        let fail = |reason| ConfigError::in_file(path, reason);
        let ignored = ignored_sections(&file);
        let external_labels =
            expand_labels(&file.global).map_err(|error| fail(format!("global external_labels: {error}")))?;
        let remote_write = items(file.remote_write, "remote write").map_err(fail)?;
        RemoteWrite::check_all(&remote_write).map_err(|error| fail(error.to_string()))?;
        let mut configs = items(file.scrape_configs, "scrape").map_err(fail)?;
        let node = match &file.exporters.node {
            Some(section) => {
                configs.push(node_job(section));
                Some(node_options(section).map_err(fail)?)
            }
            None => None,
        };
        let mut jobs = Jobs::new(&file.global);
        jobs.add(path, &configs)?;
        jobs.add_files(path, &file.scrape_config_files)?;
        let jobs = jobs.into_jobs();
        Ok(Self { jobs, remote_write, external_labels, node, base_dir: folder(path).to_owned(), ignored })
    }
}

/// The folder of a file.
fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// The items of a section that is a list, in which nothing may be empty.
fn items<T>(list: Vec<Option<T>>, section: &str) -> Result<Vec<T>, String> {
    let items: Option<Vec<T>> = list.into_iter().collect();
    items.ok_or_else(|| format!("empty or null {section} config section"))
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
    ];
    sections.into_iter().filter(|(_, section)| section.is_some()).map(|(name, _)| name).collect()
}

/// The scrape job of the built-in node exporter: a target whose scheme only our fetcher knows.
fn node_job(section: &NodeSection) -> ScrapeConfig {
    ScrapeConfig {
        job_name: "node".to_owned(),
        scheme: Some(EXPORTER_SCHEME.to_owned()),
        scrape_interval: Some(section.interval),
        scrape_timeout: Some(section.interval),
        static_configs: one_target("node", section.instance.clone().unwrap_or_else(host_name)),
        ..ScrapeConfig::default()
    }
}

fn one_target(address: &str, instance: String) -> Option<Vec<Option<TargetGroup>>> {
    let labels = [("instance".to_owned(), instance)].into();
    Some(vec![Some(TargetGroup { targets: vec![address.to_owned()], labels })])
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
