//! Load averages.

use super::host::column;
use super::{CollectError, Collector, Host};
use crate::family::{Description, Family, described, gauge};

const FILE: &str = "loadavg";
const METRICS: [Description; 3] = [
    gauge("node_load1", "1 minute load average."),
    gauge("node_load5", "5 minutes load average."),
    gauge("node_load15", "15 minutes load average."),
];

pub(super) struct LoadAvg;

impl Collector for LoadAvg {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = host.proc(FILE)?;
        let columns: Vec<&str> = text.split_ascii_whitespace().collect();
        for (at, family) in described(families, &METRICS).iter_mut().enumerate() {
            family.push(&[], column(FILE, &columns, at)?);
        }
        Ok(())
    }
}
