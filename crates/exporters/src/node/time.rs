//! The time of day, its zone, and where the kernel takes it from.

use std::sync::Arc;

use bongsu_model::Clock;

use super::{CollectError, Collector, Host};
use crate::family::{Description, Family, described, gauge};

const METRICS: [Description; 4] = [
    gauge("node_time_seconds", "Time of day, in Unix seconds."),
    gauge("node_time_zone_offset_seconds", "Offset of the local time zone from UTC."),
    gauge("node_time_clocksource_available_info", "Clock sources that could be used."),
    gauge("node_time_clocksource_current_info", "The clock source in use."),
];
const DIRECTORY: &str = "devices/system/clocksource";

pub(super) struct Time {
    clock: Arc<dyn Clock>,
}

impl Time {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

impl Collector for Time {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let [now, zone_offset, available, current] = described(families, &METRICS);
        let now_ms = self.clock.now_ms();
        now.push(&[], now_ms as f64 / 1000.0);
        if let Ok(time) = jiff::Timestamp::from_millisecond(now_ms) {
            let local = time.to_zoned(jiff::tz::TimeZone::system());
            let zone = local.strftime("%Z").to_string();
            zone_offset.push(&[("time_zone", &zone)], f64::from(local.offset().seconds()));
        }
        for entry in host.sys_directories(DIRECTORY)? {
            let Some(device) = entry.strip_prefix("clocksource") else { continue };
            let sources = |file: &str| host.sys(&format!("{DIRECTORY}/{entry}/{file}")).unwrap_or_default();
            for source in sources("available_clocksource").split_ascii_whitespace() {
                available.push(&[("clocksource", source), ("device", device)], 1.0);
            }
            current.push(&[("clocksource", &sources("current_clocksource")), ("device", device)], 1.0);
        }
        Ok(())
    }
}
