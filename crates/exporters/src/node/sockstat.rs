//! Sockets in use, by protocol.

use bongsu_model::MetricType;

use super::host::number;
use super::{CollectError, Collector, Host};
use crate::family::Family;

pub(super) struct SockStat;

impl Collector for SockStat {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        // Either is absent where that version of IP is off.
        for file in ["net/sockstat", "net/sockstat6"] {
            if let Some(text) = host.proc_if_present(file)? {
                collect_file(file, &text, families)?;
            }
        }
        Ok(())
    }
}

/// Lines like `TCP: inuse 4 orphan 0 mem 290`; memory is in pages.
fn collect_file(file: &'static str, text: &str, families: &mut Vec<Family>) -> Result<(), CollectError> {
    for line in text.lines() {
        let Some((protocol, fields)) = line.split_once(':') else {
            return Err(CollectError::format(file, "a protocol and a colon", line));
        };
        let mut words = fields.split_ascii_whitespace();
        while let (Some(field), Some(value)) = (words.next(), words.next()) {
            let value = number(file, value)?;
            families.push(family(protocol, field, value));
            if field == "mem" {
                families.push(family(protocol, "mem_bytes", value * rustix::param::page_size() as f64));
            }
        }
    }
    Ok(())
}

fn family(protocol: &str, field: &str, value: f64) -> Family {
    let help = format!("The field {field} of {protocol} in /proc/net/sockstat.");
    Family::new(format!("node_sockstat_{protocol}_{field}"), MetricType::Gauge, help).with(&[], value)
}
