//! What the scheduler did on each CPU.

use super::host::column;
use super::{CollectError, Collector, Host};
use crate::family::{Description, Family, counter, described};

const FILE: &str = "schedstat";
const NANOSECONDS_PER_SECOND: f64 = 1e9;
const METRICS: [Description; 3] = [
    counter("node_schedstat_running_seconds_total", "Seconds the CPU spent running a task."),
    counter("node_schedstat_waiting_seconds_total", "Seconds tasks waited for the CPU."),
    counter("node_schedstat_timeslices_total", "Time slices run on the CPU."),
];

pub(super) struct SchedStat;

impl Collector for SchedStat {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let families = described(families, &METRICS);
        for line in host.proc(FILE)?.lines() {
            let columns: Vec<&str> = line.split_ascii_whitespace().collect();
            let Some(cpu) = columns.first().and_then(|name| name.strip_prefix("cpu")) else { continue };
            for (at, family) in families.iter_mut().enumerate() {
                let scale = if at == 2 { 1.0 } else { NANOSECONDS_PER_SECOND };
                family.push(&[("cpu", cpu)], column(FILE, &columns, 7 + at)? / scale);
            }
        }
        Ok(())
    }
}
