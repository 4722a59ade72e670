//! What the network receive path did on each CPU.

use super::host::hex_column;
use super::{CollectError, Collector, Host};
use crate::family::{Description, Family, counter, described, gauge};

const FILE: &str = "net/softnet_stat";
/// Column of each metric; those past the third are told by kernels that have them.
const COLUMNS: [usize; 7] = [0, 1, 2, 8, 9, 10, 11];
const METRICS: [Description; COLUMNS.len()] = [
    counter("node_softnet_processed_total", "Packets processed."),
    counter("node_softnet_dropped_total", "Packets dropped."),
    counter("node_softnet_times_squeezed_total", "Times processing stopped with work left."),
    counter("node_softnet_cpu_collision_total", "Collisions while taking the lock of a device to send."),
    counter("node_softnet_received_rps_total", "Times the CPU was woken to process received packets."),
    counter("node_softnet_flow_limit_count_total", "Times the flow limit was reached."),
    gauge("node_softnet_backlog_len", "Packets in the backlog."),
];
const CPU_COLUMN: usize = 12;

pub(super) struct SoftNet;

impl Collector for SoftNet {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let families = described(families, &METRICS);
        for (line_number, line) in host.proc(FILE)?.lines().enumerate() {
            let columns: Vec<&str> = line.split_ascii_whitespace().collect();
            // Lines of CPUs that are off are left out, so the number is not the line's where the kernel tells it.
            let cpu = hex_column(FILE, &columns, CPU_COLUMN).unwrap_or(line_number as f64).to_string();
            for (family, at) in families.iter_mut().zip(COLUMNS) {
                if at < 3 || at < columns.len() {
                    family.push(&[("cpu", &cpu)], hex_column(FILE, &columns, at)?);
                }
            }
        }
        Ok(())
    }
}
