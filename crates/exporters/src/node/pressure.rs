//! Pressure stall information: how long work waited for CPU, memory and disk.

use super::host::number;
use super::{CollectError, Collector, Host};
use crate::family::{Description, Family, counter, described};

const MICROSECONDS_PER_SECOND: f64 = 1_000_000.0;

/// File, kind of line and metric. The CPU's `full` line means nothing for a whole host.
const LINES: [(&str, &str); 6] = [
    ("pressure/cpu", "some"),
    ("pressure/io", "some"),
    ("pressure/io", "full"),
    ("pressure/memory", "some"),
    ("pressure/memory", "full"),
    ("pressure/irq", "full"),
];
const METRICS: [Description; LINES.len()] = [
    counter("node_pressure_cpu_waiting_seconds_total", "Seconds that some task waited for a CPU."),
    counter("node_pressure_io_waiting_seconds_total", "Seconds that some task waited for disk or network storage."),
    counter("node_pressure_io_stalled_seconds_total", "Seconds that no task ran because all waited for storage."),
    counter("node_pressure_memory_waiting_seconds_total", "Seconds that some task waited for memory."),
    counter("node_pressure_memory_stalled_seconds_total", "Seconds that no task ran because all waited for memory."),
    counter("node_pressure_irq_stalled_seconds_total", "Seconds that no task ran because of interrupts."),
];

pub(super) struct Pressure;

impl Collector for Pressure {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let families = described(families, &METRICS);
        let mut opened = ("", None);
        for (family, (file, kind)) in families.iter_mut().zip(LINES) {
            if opened.0 != file {
                // Interrupt pressure is there since Linux 6.1 only.
                opened =
                    (file, if file == "pressure/irq" { host.proc_if_present(file)? } else { Some(host.proc(file)?) });
            }
            if let Some(total) = opened.1.as_deref().and_then(|text| total_of(text, kind)) {
                family.push(&[], number(file, total)? / MICROSECONDS_PER_SECOND);
            }
        }
        Ok(())
    }
}

/// The total, in microseconds, of a line like `some avg10=0.00 avg60=0.00 avg300=0.00 total=123`.
fn total_of<'t>(text: &'t str, kind: &str) -> Option<&'t str> {
    let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
    line.split_ascii_whitespace().find_map(|field| field.strip_prefix("total="))
}
