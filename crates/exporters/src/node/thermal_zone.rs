//! Temperatures and cooling devices of /sys/class/thermal.

use super::{CollectError, Collector, Host};
use crate::family::{Description, Family, described, gauge};

const DIRECTORY: &str = "class/thermal";
const METRICS: [Description; 3] = [
    gauge("node_thermal_zone_temp", "Temperature of the zone in Celsius."),
    gauge("node_cooling_device_cur_state", "How hard the cooling device works."),
    gauge("node_cooling_device_max_state", "How hard the cooling device can work."),
];

pub(super) struct ThermalZone;

impl Collector for ThermalZone {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let [temperature, state, state_max] = described(families, &METRICS);
        for entry in host.sys_directories(DIRECTORY)? {
            let attribute = |name: &str| format!("{DIRECTORY}/{entry}/{name}");
            let kind = host.sys(&attribute("type")).unwrap_or_default();
            if let Some(zone) = entry.strip_prefix("thermal_zone") {
                if let Some(millidegrees) = host.sys_number(&attribute("temp")) {
                    temperature.push(&[("type", &kind), ("zone", zone)], millidegrees / 1000.0);
                }
            } else if let Some(device) = entry.strip_prefix("cooling_device") {
                for (family, name) in [(&mut *state, "cur_state"), (&mut *state_max, "max_state")] {
                    if let Some(value) = host.sys_number(&attribute(name)) {
                        family.push(&[("name", device), ("type", &kind)], value);
                    }
                }
            }
        }
        Ok(())
    }
}
