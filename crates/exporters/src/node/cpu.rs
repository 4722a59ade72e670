//! Seconds of each CPU by mode, and thermal throttling.

use std::collections::{BTreeMap, BTreeSet};

use super::host::number;
use super::{CollectError, Collector, Host};
use crate::family::{Description, Family, counter, described, gauge};

const FILE: &str = "stat";
/// Ticks a second of /proc/stat; the kernel's USER_HZ, 100 on every architecture in use.
const TICKS_PER_SECOND: f64 = 100.0;
/// When idle time falls by this much or more, the CPU was unplugged and back, and counts anew.
const IDLE_JUMP_BACK_SECONDS: f64 = 3.0;

/// The columns of /proc/stat, in its order; the last two are guests and already counted in user and nice.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const GUEST_MODES: [&str; 2] = ["user", "nice"];
const IDLE: usize = 3;

type Seconds = [f64; MODES.len() + GUEST_MODES.len()];

const METRICS: [Description; 5] = [
    counter("node_cpu_seconds_total", "Seconds the CPUs spent in each mode."),
    counter("node_cpu_guest_seconds_total", "Seconds the CPUs spent in guests (virtual machines) in each mode."),
    gauge("node_cpu_isolated", "Whether the CPU is isolated from the scheduler."),
    counter("node_cpu_package_throttles_total", "Times this CPU package was throttled."),
    counter("node_cpu_core_throttles_total", "Times this CPU core was throttled."),
];

/// Remembers the last seconds, because the kernel's idle and iowait may step back a little and counters must not.
#[derive(Default)]
pub(super) struct Cpu {
    last: BTreeMap<u32, Seconds>,
}

impl Collector for Cpu {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let [seconds, guest_seconds, isolated, package_throttles, core_throttles] = described(families, &METRICS);
        for line in host.proc(FILE)?.lines() {
            let Some((cpu, now)) = parse_line(line)? else { continue };
            let label = cpu.to_string();
            let told = self.advance(cpu, now);
            for (mode, value) in MODES.iter().zip(told) {
                seconds.push(&[("cpu", &label), ("mode", mode)], value);
            }
            for (mode, value) in GUEST_MODES.iter().zip(&told[MODES.len()..]) {
                guest_seconds.push(&[("cpu", &label), ("mode", mode)], *value);
            }
        }
        for cpu in host.sys("devices/system/cpu/isolated").iter().flat_map(|list| parse_cpu_list(list)) {
            isolated.push(&[("cpu", &cpu.to_string())], 1.0);
        }
        collect_throttles(host, package_throttles, core_throttles)
    }
}

impl Cpu {
    /// Takes in what /proc/stat says now and returns what to tell: never less than before, but after a hotplug.
    fn advance(&mut self, cpu: u32, now: Seconds) -> Seconds {
        let last = self.last.entry(cpu).or_default();
        if last[IDLE] - now[IDLE] >= IDLE_JUMP_BACK_SECONDS {
            *last = now;
        }
        for (last, now) in last.iter_mut().zip(now) {
            *last = last.max(now);
        }
        *last
    }
}

/// `cpu0 <ticks>...`; other lines, the sum over all CPUs among them, are `None`. Old kernels have fewer columns.
fn parse_line(line: &str) -> Result<Option<(u32, Seconds)>, CollectError> {
    let mut columns = line.split_ascii_whitespace();
    let Some(cpu) = columns.next().and_then(|name| name.strip_prefix("cpu")?.parse().ok()) else {
        return Ok(None);
    };
    let mut seconds = Seconds::default();
    for (seconds, ticks) in seconds.iter_mut().zip(columns) {
        *seconds = number(FILE, ticks)? / TICKS_PER_SECOND;
    }
    Ok(Some((cpu, seconds)))
}

/// Counts of each package and of each core, once each, though all their CPUs repeat them.
fn collect_throttles(host: &Host, packages: &mut Family, cores: &mut Family) -> Result<(), CollectError> {
    let (mut packages_seen, mut cores_seen) = (BTreeSet::new(), BTreeSet::new());
    for cpu in host.cpus()? {
        let attribute = |name: &str| host.sys(&format!("devices/system/cpu/cpu{cpu}/{name}"));
        let number = |name: &str| host.sys_number(&format!("devices/system/cpu/cpu{cpu}/thermal_throttle/{name}"));
        let Some(package) = attribute("topology/physical_package_id") else { continue };
        let Some(core) = attribute("topology/core_id") else { continue };
        if !cores_seen.contains(&(package.clone(), core.clone()))
            && let Some(count) = number("core_throttle_count")
        {
            cores.push(&[("core", &core), ("package", &package)], count);
            cores_seen.insert((package.clone(), core));
        }
        if !packages_seen.contains(&package)
            && let Some(count) = number("package_throttle_count")
        {
            packages.push(&[("package", &package)], count);
            packages_seen.insert(package);
        }
    }
    Ok(())
}

/// The CPUs of a list like `1,4-6`; parts that do not read are left out.
fn parse_cpu_list(list: &str) -> impl Iterator<Item = u16> {
    list.split(',')
        .filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.parse().ok()?..=last.parse().ok()?)
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(user: f64, idle: f64) -> Seconds {
        let mut seconds = Seconds::default();
        (seconds[0], seconds[IDLE]) = (user, idle);
        seconds
    }

    #[test]
    fn idle_time_that_steps_back_a_little_stands_still() {
        let mut cpu = Cpu::default();
        cpu.advance(0, seconds(1.0, 100.0));
        assert_eq!(cpu.advance(0, seconds(2.0, 99.5)), seconds(2.0, 100.0));
    }

    #[test]
    fn a_cpu_that_was_unplugged_counts_anew() {
        let mut cpu = Cpu::default();
        cpu.advance(0, seconds(10.0, 100.0));
        assert_eq!(cpu.advance(0, seconds(0.1, 0.2)), seconds(0.1, 0.2));
    }

    #[test]
    fn reads_lists_of_cpus() {
        assert_eq!(parse_cpu_list("1,4-6,x").collect::<Vec<_>>(), [1, 4, 5, 6]);
        assert_eq!(parse_cpu_list("").count(), 0);
    }
}
