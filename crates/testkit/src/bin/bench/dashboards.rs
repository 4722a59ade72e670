//! Twenty questions of dashboards, asked of each program on the same history.
//!
//! Ten hosts have a day of history, a scrape each minute; ninety more have the last hour of it, every 30 s. So questions are about 100 to
//! 100,000 series, and about an hour to a day.

use std::path::Path;

use anyhow::Context;
use bongsu_testkit::generator::Generator;
use bongsu_testkit::replay::replay;
use serde::Serialize;

use crate::contender::Contender;
use crate::queries::Question::{self, Get, Hours, Instant};
use crate::queries::{Answered, ask_these};

const OLD_HOSTS: u32 = 10;
const HOSTS: u32 = 100;
const HOUR_MS: i64 = 3_600_000;

#[rustfmt::skip]
const QUESTIONS: [(&str, Question); 20] = [
    ("series of all hosts", Instant(r#"count({job="node"})"#)),
    ("CPU in use by region", Instant(r#"sum by (region) (rate(node_cpu_seconds_total{mode!="idle"}[5m]))"#)),
    ("ten busiest hosts", Instant(r#"topk(10, 1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])))"#)),
    ("hosts that run full in a day", Instant("count(predict_linear(node_filesystem_avail_bytes[1h], 86400) < 0) or vector(0)")),
    ("growth of a day by host", Instant(r#"sum by (instance) (increase(node_network_receive_bytes_total{instance=~"host-0000.*"}[1d]))"#)),
    ("label values", Get("/api/v1/label/instance/values")),
    ("a host's CPU by mode, 1 h", Hours(1, 15, r#"sum by (mode) (rate(node_cpu_seconds_total{instance=~"host-00003[.].*"}[5m]))"#)),
    ("a host's memory, 6 h", Hours(6, 60, r#"node_memory_MemTotal_bytes{instance=~"host-00003[.].*"} - node_memory_MemAvailable_bytes"#)),
    ("a host's disks, 6 h", Hours(6, 60, r#"rate(node_disk_written_bytes_total{instance=~"host-00003[.].*"}[5m])"#)),
    ("a host's traffic, 24 h", Hours(24, 300, r#"rate(node_network_receive_bytes_total{instance=~"host-00003[.].*",device!~"lo|veth.*"}[10m])"#)),
    ("CPU of ten hosts, 6 h", Hours(6, 60, r#"1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle",instance=~"host-0000.*"}[5m]))"#)),
    ("CPU of ten hosts, 24 h", Hours(24, 300, r#"sum by (instance, mode) (rate(node_cpu_seconds_total{instance=~"host-0000.*"}[10m]))"#)),
    ("memory of ten hosts, 24 h", Hours(24, 120, r#"1 - node_memory_MemAvailable_bytes{instance=~"host-0000.*"} / node_memory_MemTotal_bytes"#)),
    ("highest load of an hour, 24 h", Hours(24, 300, r#"max_over_time(node_load1{instance=~"host-0000.*"}[1h])"#)),
    ("90 % of disk rates, 24 h", Hours(24, 600, r#"quantile by (instance) (0.9, rate(node_disk_read_bytes_total{instance=~"host-0000.*"}[1h]))"#)),
    ("peak of a sum (subquery), 6 h", Hours(6, 300, r#"max_over_time(sum(rate(node_network_transmit_bytes_total{instance=~"host-0000.*"}[5m]))[1h:5m])"#)),
    ("traffic by customer, 100 hosts, 1 h", Hours(1, 30, "sum by (customer) (rate(node_network_receive_bytes_total[5m]))")),
    ("five fullest volumes, 100 hosts, 1 h", Hours(1, 60, "topk(5, 1 - node_filesystem_avail_bytes / node_filesystem_size_bytes)")),
    ("CPU by region, 100 hosts, 1 h", Hours(1, 30, r#"sum by (region) (rate(node_cpu_seconds_total{mode!="idle"}[5m]))"#)),
    ("all series by name, 1 h", Hours(1, 60, r#"count by (__name__) ({job="node"})"#)),
];

/// What one program needed for the questions.
#[derive(Clone, Serialize)]
pub(crate) struct Answers {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    pub(crate) answers: Vec<Answered>,
}

/// Loads the history into a fresh contender and asks.
pub(crate) fn measure(
    contender: &Contender,
    version: String,
    dir: Option<&Path>,
    now_ms: i64,
    connections: usize,
) -> anyhow::Result<Answers> {
    let folder = match dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let running = contender.start(folder.path())?;
    let mut old = Generator::of_hosts(0..OLD_HOSTS, now_ms - 24 * HOUR_MS, 60_000);
    let mut recent = Generator::of_hosts(OLD_HOSTS..HOSTS, now_ms - HOUR_MS, 30_000);
    // By time, as programs take samples that are an hour late in different ways.
    while old.next_ms() < now_ms || recent.next_ms() < now_ms {
        let next = if old.next_ms() <= recent.next_ms() { &mut old } else { &mut recent };
        replay(&running.address, contender.push_path, &[next.next_scrape()?], connections)?;
    }
    contender.settled_bytes(&running)?;
    let answers = ask_these(&QUESTIONS, &running.address, running.server.pid(), now_ms)
        .with_context(|| format!("{} does not answer", contender.name))?;
    Ok(Answers { name: contender.name, version, answers })
}
