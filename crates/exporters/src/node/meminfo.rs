//! Memory: every field of /proc/meminfo, in bytes where it has a unit.

use bongsu_model::MetricType;

use super::host::number;
use super::{CollectError, Collector, Host};
use crate::family::Family;

const FILE: &str = "meminfo";

pub(super) struct MemInfo;

impl Collector for MemInfo {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        for line in host.proc(FILE)?.lines().filter(|line| !line.is_empty()) {
            families.push(parse_line(line)?);
        }
        Ok(())
    }
}

/// `Active(anon):  12 kB` becomes `node_memory_Active_anon_bytes 12288`.
fn parse_line(line: &str) -> Result<Family, CollectError> {
    let mut columns = line.split_ascii_whitespace();
    let (Some(field), Some(value)) = (columns.next().and_then(|name| name.strip_suffix(':')), columns.next()) else {
        return Err(CollectError::format(FILE, "a name, a colon and a number", line));
    };
    let value = number(FILE, value)?;
    let name = field.replace('(', "_").replace(')', "");
    let help = format!("The field {field} of /proc/meminfo.");
    Ok(match columns.next() {
        None => Family::new(format!("node_memory_{name}"), MetricType::Gauge, help).with(&[], value),
        Some("kB") => {
            Family::new(format!("node_memory_{name}_bytes"), MetricType::Gauge, help).with(&[], value * 1024.0)
        }
        Some(unit) => return Err(CollectError::format(FILE, "kB or no unit", unit)),
    })
}
