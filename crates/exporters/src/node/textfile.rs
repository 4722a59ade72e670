//! Metrics that jobs of the host leave behind in files: `*.prom` of chosen directories, in the text format.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bongsu_model::{Labels, MetricType};
use bongsu_wire::exposition::{Entry, Format, Parser};

use super::host::read_text;
use super::{CollectError, Collector, Host, Options};
use crate::family::{Description, Family, described, gauge};

const METRICS: [Description; 2] = [
    gauge("node_textfile_mtime_seconds", "When the file was last written, in Unix seconds."),
    gauge("node_textfile_scrape_error", "Whether a file or directory could not be read."),
];
/// Files read of one directory.
const FILES_MAX: usize = 1000;
/// What a family is called that comes without a `# HELP` line.
const HELP: &str = "Metric read from a text file.";

pub(super) struct TextFile {
    directories: Vec<PathBuf>,
}

impl TextFile {
    pub(super) fn new(options: &Options) -> Self {
        Self { directories: options.textfile_directories.clone() }
    }
}

impl Collector for TextFile {
    /// A bad file is left out, whole, and told by the error metric; it fails neither the others nor the collector.
    fn collect(&mut self, _: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let mut read = BTreeMap::new();
        let mut errors = Vec::new();
        let mut mtimes = Vec::new();
        for directory in &self.directories {
            let files = list(directory).unwrap_or_else(|error| {
                errors.push(format!("{}: {error}", directory.display()));
                Vec::new()
            });
            for file in files {
                match read_file(&file, &mut read) {
                    Ok(mtime) => mtimes.push((file, mtime)),
                    Err(error) => errors.push(error),
                }
            }
        }
        let [mtime_seconds, scrape_error] = described(families, &METRICS);
        for (file, mtime) in mtimes {
            mtime_seconds.push(&[("file", &file.display().to_string())], mtime);
        }
        scrape_error.push(&[], if errors.is_empty() { 0.0 } else { 1.0 });
        families.extend(read.into_values());
        for error in errors {
            tracing::debug!(%error, "text file left out");
        }
        Ok(())
    }
}

/// The `*.prom` files of a directory, sorted.
fn list(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory)?.take(FILES_MAX).filter_map(Result::ok).map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "prom")).collect();
    files.sort_unstable();
    Ok(files)
}

/// Adds a file's families to those read before and returns when it was written.
fn read_file(file: &Path, families: &mut BTreeMap<String, Family>) -> Result<f64, String> {
    let text = read_text(file).map_err(|error| error.to_string())?;
    let modified =
        std::fs::metadata(file).and_then(|metadata| metadata.modified()).map_err(|error| error.to_string())?;
    for (name, family) in parse(&text).map_err(|error| format!("{}: {error}", file.display()))? {
        match families.get_mut(&name) {
            Some(known) => known.samples.extend(family.samples),
            None => drop(families.insert(name, family)),
        }
    }
    Ok(modified.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()))
}

fn parse(text: &str) -> Result<BTreeMap<String, Family>, String> {
    let mut families = BTreeMap::new();
    for entry in Parser::new(text, Format::Text) {
        match entry.map_err(|error| error.to_string())? {
            Entry::Type { metric, metric_type } => family(&mut families, &metric).metric_type = metric_type,
            Entry::Help { metric, help } => family(&mut families, &metric).help = help.into_owned().into(),
            Entry::Sample(sample) if sample.timestamp_ms.is_some() => {
                return Err(format!("{} has a timestamp, which text files must not have", sample.series.text()));
            }
            Entry::Sample(sample) => {
                let labels = Labels::from_pairs(sample.series.labels());
                let name = family_name(labels.metric_name(), &families);
                family(&mut families, &name).samples.push((labels, sample.value));
            }
            Entry::Unit { .. } | Entry::Comment(_) => {}
        }
    }
    Ok(families)
}

fn family<'f>(families: &'f mut BTreeMap<String, Family>, name: &str) -> &'f mut Family {
    families.entry(name.to_owned()).or_insert_with(|| Family::new(name.to_owned(), MetricType::Unknown, HELP))
}

/// The family of a sample: of its own name, or the histogram or summary that it is a part of.
fn family_name(sample: &str, families: &BTreeMap<String, Family>) -> String {
    let parts = ["_bucket", "_count", "_sum"].into_iter().filter_map(|part| sample.strip_suffix(part));
    let compound = |name: &&str| {
        let kind = families.get(*name).map(|family| family.metric_type);
        matches!(kind, Some(MetricType::Histogram | MetricType::Summary))
    };
    parts.into_iter().find(compound).unwrap_or(sample).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_histogram_stay_with_it() {
        let families =
            parse("# TYPE took histogram\ntook_bucket{le=\"+Inf\"} 2\ntook_sum 3\ntook_count 2\nplain_sum 1\n");
        let families = families.expect("a text");
        let names: Vec<_> = families.values().map(|family| (&*family.name, family.samples.len())).collect();
        assert_eq!(names, [("plain_sum", 1), ("took", 3)]);
    }

    #[test]
    fn a_bad_file_is_left_out_whole_and_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("written");
        write(
            "good.prom",
            "# HELP backup_ok Whether the backup was made.\n# TYPE backup_ok gauge\nbackup_ok{job=\"db\"} 1\n",
        );
        write("bad.prom", "half 1\nhalf{ 2\n");
        write("stamped.prom", "stamped 1 1795293077250\n");
        write("other.txt", "other 1\n");
        let options = Options { textfile_directories: vec![directory.path().to_owned()], ..Options::default() };
        let mut families = Vec::new();
        TextFile::new(&options).collect(&Host::new(&options), &mut families).expect("never fails");
        let samples: Vec<_> = families.iter().skip(1).flat_map(|family| &family.samples).collect();
        let samples: Vec<_> = samples.into_iter().map(|(labels, value)| format!("{labels} {value}")).collect();
        assert_eq!(samples, ["node_textfile_scrape_error 1", "backup_ok{job=\"db\"} 1"]);
        assert_eq!(families[0].samples.len(), 1, "only the good file has a time");
        assert_eq!(families[2].help, "Whether the backup was made.");
    }
}
