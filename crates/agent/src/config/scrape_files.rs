//! `scrape_config_files`: scrape jobs in files of their own, so that each team or package can bring its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_config::{glob, nullable};
use bongsu_scrape::{GlobalConfig, Job, ScrapeConfig, resolve};
use serde::Deserialize;

use super::{ConfigError, items};

/// One of the files.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ScrapeFile {
    #[serde(deserialize_with = "nullable")]
    scrape_configs: Vec<Option<ScrapeConfig>>,
}

/// The jobs of a configuration, file by file. A job name is used once in all of them.
pub(super) struct Jobs<'a> {
    global: &'a GlobalConfig,
    jobs: Vec<Arc<Job>>,
    /// Where each name was found first.
    found_in: HashMap<String, String>,
}

impl<'a> Jobs<'a> {
    pub(super) fn new(global: &'a GlobalConfig) -> Self {
        Self { global, jobs: Vec::new(), found_in: HashMap::new() }
    }

    /// Adds the jobs that were written in `file`; the files that they name are relative to its folder.
    pub(super) fn add(&mut self, file: &Path, configs: &[ScrapeConfig]) -> Result<(), ConfigError> {
        let fail = |reason| ConfigError::in_file(file, reason);
        let jobs = resolve(self.global, configs, super::folder(file)).map_err(|error| fail(error.to_string()))?;
        for job in &jobs {
            let place = format!("{:?}", file.display().to_string());
            if let Some(first) = self.found_in.insert(job.name.clone(), place) {
                let name = &job.name;
                return Err(fail(format!(
                    "found multiple scrape configs with job name {name:?}, first found in {first}"
                )));
            }
        }
        self.jobs.extend(jobs);
        Ok(())
    }

    /// Adds the jobs of all files that the patterns name; patterns are relative to `base_dir`, the folder of `config`.
    pub(super) fn add_files(&mut self, config: &Path, patterns: &[PathBuf]) -> Result<(), ConfigError> {
        if let Some(pattern) = patterns.iter().find(|pattern| !is_valid_pattern(pattern)) {
            let pattern = pattern.display().to_string();
            let reason = format!("invalid scrape config file path {pattern:?}; a * may be in its last element only");
            return Err(ConfigError::in_file(config, reason));
        }
        for path in patterns.iter().flat_map(|pattern| glob(&super::folder(config).join(pattern))) {
            let file: ScrapeFile = bongsu_config::load(&path).map_err(ConfigError::File)?;
            let configs = items(file.scrape_configs, "scrape").map_err(|reason| ConfigError::in_file(&path, reason))?;
            self.add(&path, &configs)?;
        }
        Ok(())
    }

    pub(super) fn into_jobs(self) -> Vec<Arc<Job>> {
        self.jobs
    }
}

fn is_valid_pattern(pattern: &Path) -> bool {
    pattern.parent().is_none_or(|folder| !folder.to_string_lossy().contains('*'))
}
