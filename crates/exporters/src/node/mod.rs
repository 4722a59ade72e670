//! The host's metrics, named as Prometheus' node_exporter names them (followed: 1.5 to 1.10).
//!
//! Each collector is one file and one line in [`COLLECTORS`]. A collector that fails takes only itself down:
//! `node_scrape_collector_success` says 0 and the reason is logged once, until it changes.

mod arp;
mod conntrack;
mod cpu;
mod cpufreq;
mod diskstats;
mod dmi;
mod entropy;
mod filefd;
mod filesystem;
mod host;
mod loadavg;
mod meminfo;
mod netclass;
mod netdev;
mod netstat;
mod options;
mod os_release;
mod pressure;
mod schedstat;
mod sockstat;
mod softnet;
mod stat;
mod textfile;
mod thermal_zone;
mod time;
mod timex;
mod uname;
mod vmstat;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use bongsu_model::{Clock, MetricType};

use crate::family::{Exporter, Family};
use host::{CollectError, Host};
pub use options::{Options, OptionsError};

/// One group of metrics, named as in `--collector.<name>`.
trait Collector: Send {
    /// Appends the families measured now. What was appended before an error is kept, as node_exporter does.
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError>;
}

type Constructor = fn(&Options, &Arc<dyn Clock>) -> Result<Box<dyn Collector>, OptionsError>;

/// Every collector there is, in the order it runs; all are enabled unless [`Options`] say otherwise.
const COLLECTORS: &[(&str, Constructor)] = &[
    ("arp", |_, _| Ok(Box::new(arp::Arp))),
    ("conntrack", |_, _| Ok(Box::new(conntrack::Conntrack))),
    ("cpu", |_, _| Ok(Box::new(cpu::Cpu::default()))),
    ("cpufreq", |_, _| Ok(Box::new(cpufreq::CpuFreq))),
    ("diskstats", |options, _| Ok(Box::new(diskstats::DiskStats::new(options)?))),
    ("dmi", |_, _| Ok(Box::new(dmi::Dmi))),
    ("entropy", |_, _| Ok(Box::new(entropy::Entropy))),
    ("filefd", |_, _| Ok(Box::new(filefd::FileFd))),
    ("filesystem", |options, _| Ok(Box::new(filesystem::Filesystem::new(options)?))),
    ("loadavg", |_, _| Ok(Box::new(loadavg::LoadAvg))),
    ("meminfo", |_, _| Ok(Box::new(meminfo::MemInfo))),
    ("netclass", |options, _| Ok(Box::new(netclass::NetClass::new(options)?))),
    ("netdev", |options, _| Ok(Box::new(netdev::NetDev::new(options)?))),
    ("netstat", |options, _| Ok(Box::new(netstat::NetStat::new(options)?))),
    ("os", |_, _| Ok(Box::new(os_release::OsRelease))),
    ("pressure", |_, _| Ok(Box::new(pressure::Pressure))),
    ("schedstat", |_, _| Ok(Box::new(schedstat::SchedStat))),
    ("sockstat", |_, _| Ok(Box::new(sockstat::SockStat))),
    ("softnet", |_, _| Ok(Box::new(softnet::SoftNet))),
    ("stat", |_, _| Ok(Box::new(stat::Stat))),
    ("textfile", |options, _| Ok(Box::new(textfile::TextFile::new(options)))),
    ("thermal_zone", |_, _| Ok(Box::new(thermal_zone::ThermalZone))),
    ("time", |_, clock| Ok(Box::new(time::Time::new(Arc::clone(clock))))),
    ("timex", |_, _| Ok(Box::new(timex::Timex))),
    ("uname", |_, _| Ok(Box::new(uname::Uname))),
    ("vmstat", |options, _| Ok(Box::new(vmstat::VmStat::new(options)?))),
];

/// The names of all collectors.
pub fn collector_names() -> impl Iterator<Item = &'static str> {
    COLLECTORS.iter().map(|(name, _)| *name)
}

/// A collector at work.
struct Running {
    name: &'static str,
    collector: Box<dyn Collector>,
    /// Why it failed last time, so that a standing reason is not logged at every scrape.
    last_error: Option<String>,
}

/// The built-in node exporter.
pub struct NodeExporter {
    host: Host,
    collectors: Vec<Running>,
}

impl NodeExporter {
    /// An exporter with the enabled collectors.
    ///
    /// # Errors
    /// An option that is not a regular expression.
    pub fn new(options: &Options, clock: &Arc<dyn Clock>) -> Result<Self, OptionsError> {
        let enabled = COLLECTORS.iter().filter(|(name, _)| options.enabled.contains(name));
        let collectors = enabled
            .map(|(name, construct)| Ok(Running { name, collector: construct(options, clock)?, last_error: None }))
            .collect::<Result<_, _>>()?;
        Ok(Self { host: Host::new(options), collectors })
    }
}

impl Exporter for NodeExporter {
    fn name(&self) -> &'static str {
        "node"
    }

    fn collect(&mut self, families: &mut Vec<Family>) {
        let start = families.len();
        let mut duration =
            Family::new("node_scrape_collector_duration_seconds", MetricType::Gauge, "How long the collector took.");
        let mut success =
            Family::new("node_scrape_collector_success", MetricType::Gauge, "Whether the collector succeeded.");
        for running in &mut self.collectors {
            let begun = Instant::now();
            let result = running.collector.collect(&self.host, families);
            duration.push(&[("collector", running.name)], begun.elapsed().as_secs_f64());
            success.push(&[("collector", running.name)], if result.is_ok() { 1.0 } else { 0.0 });
            running.note(result.err());
        }
        families.extend([build_info(), duration, success]);
        let mut position = 0;
        families.retain(|family| {
            position += 1;
            position <= start || !family.samples.is_empty()
        });
    }
}

impl Running {
    /// Logs an error when it is not the one of the last time; hardware that is not there is no news to anyone.
    fn note(&mut self, error: Option<CollectError>) {
        let Some(error) = error else {
            self.last_error = None;
            return;
        };
        let reason = error.to_string();
        if self.last_error.as_deref() == Some(&*reason) {
            return;
        }
        match error {
            CollectError::NoData { .. } => tracing::debug!(collector = self.name, %reason, "collector has no data"),
            _ => tracing::warn!(collector = self.name, %reason, "collector failed"),
        }
        self.last_error = Some(reason);
    }
}

/// The version, with the labels of Go's platform names that node_exporter's users know.
fn build_info() -> Family {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let labels = [("goarch", arch), ("goos", std::env::consts::OS), ("version", env!("CARGO_PKG_VERSION"))];
    Family::new("node_exporter_build_info", MetricType::Gauge, "The version of this exporter.").with(&labels, 1.0)
}
