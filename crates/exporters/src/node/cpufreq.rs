//! Clock rates of each CPU, from the kernel's cpufreq drivers.

use super::{CollectError, Collector, Host};
use crate::family::{Description, Family, described, gauge};

/// Attribute below cpufreq/, in kHz, for each metric of the same place.
const ATTRIBUTES: [&str; 6] = [
    "cpuinfo_cur_freq",
    "cpuinfo_min_freq",
    "cpuinfo_max_freq",
    "scaling_cur_freq",
    "scaling_min_freq",
    "scaling_max_freq",
];
const METRICS: [Description; 7] = [
    gauge("node_cpu_frequency_hertz", "Current frequency of the CPU."),
    gauge("node_cpu_frequency_min_hertz", "Lowest frequency of the CPU."),
    gauge("node_cpu_frequency_max_hertz", "Highest frequency of the CPU."),
    gauge("node_cpu_scaling_frequency_hertz", "Current scaled frequency of the CPU."),
    gauge("node_cpu_scaling_frequency_min_hertz", "Lowest scaled frequency of the CPU."),
    gauge("node_cpu_scaling_frequency_max_hertz", "Highest scaled frequency of the CPU."),
    gauge("node_cpu_scaling_governor", "Which of the governors scales the CPU."),
];
const HERTZ_PER_KILOHERTZ: f64 = 1000.0;

pub(super) struct CpuFreq;

impl Collector for CpuFreq {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let families = described(families, &METRICS);
        for cpu in host.cpus()? {
            let label = cpu.to_string();
            let path = |attribute: &str| format!("devices/system/cpu/cpu{cpu}/cpufreq/{attribute}");
            for (family, attribute) in families.iter_mut().zip(ATTRIBUTES) {
                if let Some(kilohertz) = host.sys_number(&path(attribute)) {
                    family.push(&[("cpu", &label)], kilohertz * HERTZ_PER_KILOHERTZ);
                }
            }
            let Some(current) = host.sys(&path("scaling_governor")) else { continue };
            let available = host.sys(&path("scaling_available_governors")).unwrap_or_default();
            for governor in available.split_ascii_whitespace() {
                let on = if governor == current { 1.0 } else { 0.0 };
                families[ATTRIBUTES.len()].push(&[("cpu", &label), ("governor", governor)], on);
            }
        }
        Ok(())
    }
}
