//! The same host asked through Debian's prometheus-node-exporter and through ours, in the same moment: names, types,
//! labels and values must agree. Skipped, saying so, where that program is not installed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bongsu_exporters::node::{NodeExporter, Options};
use bongsu_exporters::{Exporter, Family};
use bongsu_model::{Clock, Labels, MetricType, SystemClock};

/// What node_exporter tells since 1.6 and Debian's 1.5.0 not yet.
const METRICS_SINCE_1_5: [&str; 6] = [
    "node_pressure_irq_stalled_seconds_total",
    "node_cpu_isolated",
    "node_softnet_cpu_collision_total",
    "node_softnet_received_rps_total",
    "node_softnet_flow_limit_count_total",
    "node_softnet_backlog_len",
];
const LABELS_SINCE_1_5: [(&str, &str); 2] = [("node_network_info", "adminstate"), ("node_disk_info", "rotational")];
/// The version is each program's own.
const NOT_COMPARED: [&str; 2] = ["node_exporter_build_info", "node_scrape_collector_duration_seconds"];

/// Counters and gauges of a busy machine move between the two scrapes: they may differ by this part, or by this much.
const RELATIVE_MAX: f64 = 0.2;
const COUNT_MAX: f64 = 100.0;
const BYTES_MAX: f64 = 256.0 * 1024.0 * 1024.0;

/// Debian's program, ended with the test.
struct Reference {
    child: Child,
    address: String,
}

impl Reference {
    /// Starts it on a port that it chooses, with the defaults of node_exporter where Debian's or 1.5's differ; `None`
    /// when it is not installed.
    fn start(options: &Options) -> Option<Self> {
        let mut child = Command::new("prometheus-node-exporter")
            .arg("--web.listen-address=127.0.0.1:0")
            .arg("--collector.netdev.device-exclude=^$")
            .arg(format!("--collector.filesystem.mount-points-exclude={}", options.filesystem_mount_points_exclude))
            .arg(format!("--collector.filesystem.fs-types-exclude={}", options.filesystem_fs_types_exclude))
            .arg(format!("--collector.diskstats.device-exclude={}", options.diskstats_device_exclude))
            .arg(format!("--collector.netstat.fields={}", options.netstat_fields))
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        let mut log = BufReader::new(child.stderr.take().expect("piped")).lines();
        let address = log
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("msg=\"Listening on\" address=")?.1.to_owned()))
            .expect("it says where it listens");
        // Read on, so that its log never blocks it.
        std::thread::spawn(move || log.for_each(drop));
        Some(Self { child, address })
    }

    fn scrape(&self) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Types by metric name, and values by label set.
#[derive(Default)]
struct Scrape {
    types: BTreeMap<String, String>,
    samples: BTreeMap<Labels, f64>,
}

impl Scrape {
    /// Reads what node_exporter prints: no timestamps, and no quotes or escapes inside of label values.
    fn of_text(text: &str) -> Self {
        let mut scrape = Self::default();
        for line in text.lines() {
            if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                scrape.types.insert(name.to_owned(), kind.to_owned());
            } else if line.starts_with("node_")
                && let Some((series, value)) = line.rsplit_once(' ')
            {
                scrape.samples.insert(parse_series(series), value.parse().expect("a number"));
            }
        }
        scrape
    }

    fn of_families(families: &[Family]) -> Self {
        let mut scrape = Self::default();
        for family in families {
            let kind = if family.metric_type == MetricType::Unknown { "untyped" } else { family.metric_type.as_str() };
            scrape.types.insert(family.name.to_string(), kind.to_owned());
            for (labels, value) in &family.samples {
                let newer = LABELS_SINCE_1_5.iter().find(|(name, _)| *name == family.name);
                scrape.samples.insert(newer.map_or(labels.clone(), |(_, label)| labels.without(label)), *value);
            }
        }
        scrape
    }
}

fn parse_series(series: &str) -> Labels {
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let pairs = labels.trim_end_matches('}').split("\",").filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once("=\"").expect("a label")).map(|(n, v)| (n, v.trim_end_matches('"')));
    Labels::from_pairs(pairs.chain([("__name__", name)]))
}

/// The collector that a metric belongs to, as far as the reference has more of them than we do.
fn is_ours(labels: &Labels, ours: &BTreeSet<&str>) -> bool {
    const OTHERS: [&str; 2] = ["node_selinux_", "node_udp_queues"];
    !OTHERS.iter().any(|prefix| labels.metric_name().starts_with(prefix))
        && labels.get("collector").is_none_or(|collector| ours.contains(collector))
}

fn close(name: &str, a: f64, b: f64) -> bool {
    let absolute_max = if name.contains("bytes") { BYTES_MAX } else { COUNT_MAX };
    (a - b).abs() <= absolute_max.max(RELATIVE_MAX * a.abs().max(b.abs()))
}

/// Metrics that do not move between two scrapes.
fn is_constant(name: &str) -> bool {
    let exact =
        ["node_boot_time_seconds", "node_memory_MemTotal_bytes", "node_filefd_maximum", "node_network_mtu_bytes"];
    name.ends_with("_info") || name.ends_with("_limit") || name.ends_with("_size_bytes") || exact.contains(&name)
}

fn differences(reference: &Scrape, ours: &Scrape) -> Vec<String> {
    let collectors: BTreeSet<&str> = bongsu_exporters::node::collector_names().collect();
    let compared = |labels: &&Labels| !NOT_COMPARED.contains(&labels.metric_name()) && is_ours(labels, &collectors);
    let mut differences = Vec::new();
    for labels in reference.samples.keys().filter(compared) {
        let (theirs, name) = (reference.samples[labels], labels.metric_name());
        match ours.samples.get(labels) {
            None => differences.push(format!("only the reference has {labels} {theirs}")),
            Some(value) if !close(name, theirs, *value) || (is_constant(name) && theirs != *value) => {
                differences.push(format!("{labels}: reference {theirs}, ours {value}"));
            }
            Some(_) if reference.types.get(name) != ours.types.get(name) => {
                let (theirs, ours) = (reference.types.get(name), ours.types.get(name));
                differences.push(format!("type of {name}: reference {theirs:?}, ours {ours:?}"));
            }
            Some(_) => {}
        }
    }
    for (labels, value) in &ours.samples {
        let known = METRICS_SINCE_1_5.contains(&labels.metric_name()) || NOT_COMPARED.contains(&labels.metric_name());
        if !known && !reference.samples.contains_key(labels) {
            differences.push(format!("only ours has {labels} {value}"));
        }
    }
    differences
}

#[test]
fn tells_what_node_exporter_tells() {
    let options = Options::default();
    let Some(reference) = Reference::start(&options) else {
        println!("skipped: prometheus-node-exporter is not installed");
        return;
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut exporter = NodeExporter::new(&options, &clock).expect("the defaults are patterns");
    let mut families = Vec::new();
    let text = reference.scrape();
    exporter.collect(&mut families);
    let (reference, ours) = (Scrape::of_text(&text), Scrape::of_families(&families));
    let differences = differences(&reference, &ours);
    println!("{} series of the reference, {} of ours", reference.samples.len(), ours.samples.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
