//! Whole-host counters of /proc/stat: interrupts, context switches, forks, boot time, processes.

use super::host::number;
use super::{CollectError, Collector, Host};
use crate::family::{Description, Family, counter, described, gauge};

const FILE: &str = "stat";
const KEYS: [&str; 6] = ["intr", "ctxt", "processes", "btime", "procs_running", "procs_blocked"];
const METRICS: [Description; KEYS.len()] = [
    counter("node_intr_total", "Interrupts served."),
    counter("node_context_switches_total", "Context switches."),
    counter("node_forks_total", "Forks."),
    gauge("node_boot_time_seconds", "Time of boot, in Unix seconds."),
    gauge("node_procs_running", "Processes that could run."),
    gauge("node_procs_blocked", "Processes waiting for I/O."),
];

pub(super) struct Stat;

impl Collector for Stat {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let families = described(families, &METRICS);
        for line in host.proc(FILE)?.lines() {
            // Only the first number: the line of interrupts goes on with one for each source.
            let mut columns = line.splitn(3, ' ');
            let (Some(key), Some(value)) = (columns.next(), columns.next()) else { continue };
            if let Some(at) = KEYS.iter().position(|known| *known == key) {
                families[at].push(&[], number(FILE, value)?);
            }
        }
        Ok(())
    }
}
