//! Counters of the network protocols, those of a chosen list.

use bongsu_model::MetricType;
use regex::Regex;

use super::host::number;
use super::options::{OptionsError, pattern};
use super::{CollectError, Collector, Host, Options};
use crate::family::Family;

const SNMP6_FILE: &str = "net/snmp6";

pub(super) struct NetStat {
    fields: Regex,
}

impl NetStat {
    pub(super) fn new(options: &Options) -> Result<Self, OptionsError> {
        Ok(Self { fields: pattern("netstat_fields", &options.netstat_fields)? })
    }

    /// Tells one field when it is wanted; `key` is scratch space.
    fn tell(&self, protocol: &str, name: &str, value: f64, families: &mut Vec<Family>) {
        let key = format!("{protocol}_{name}");
        if self.fields.is_match(&key) {
            let help = format!("The statistic {protocol}{name}.");
            families.push(Family::new(format!("node_netstat_{key}"), MetricType::Unknown, help).with(&[], value));
        }
    }

    /// Pairs of lines: `Tcp: ActiveOpens InSegs` and `Tcp: 5 77`.
    fn collect_pairs(&self, file: &'static str, text: &str, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let mut lines = text.lines();
        while let Some(names) = lines.next() {
            let (Some((protocol, names)), Some((again, values))) =
                (names.split_once(": "), lines.next().and_then(|values| values.split_once(": ")))
            else {
                return Err(CollectError::format(file, "a line of names and a line of values", names));
            };
            if protocol != again || names.split(' ').count() != values.split(' ').count() {
                return Err(CollectError::format(file, "as many values as names", values));
            }
            for (name, value) in names.split_ascii_whitespace().zip(values.split_ascii_whitespace()) {
                self.tell(protocol, name, number(file, value)?, families);
            }
        }
        Ok(())
    }

    /// Lines like `Ip6InReceives   12`: the protocol ends at the first 6.
    fn collect_snmp6(&self, text: &str, families: &mut Vec<Family>) -> Result<(), CollectError> {
        for line in text.lines() {
            let mut columns = line.split_ascii_whitespace();
            let (Some(name), Some(value)) = (columns.next(), columns.next()) else { continue };
            if let Some(six) = name.find('6') {
                let (protocol, name) = name.split_at(six + 1);
                self.tell(protocol, name, number(SNMP6_FILE, value)?, families);
            }
        }
        Ok(())
    }
}

impl Collector for NetStat {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        for file in ["net/netstat", "net/snmp"] {
            self.collect_pairs(file, &host.proc(file)?, families)?;
        }
        // Absent where IPv6 is off.
        match host.proc_if_present(SNMP6_FILE)? {
            Some(text) => self.collect_snmp6(&text, families),
            None => Ok(()),
        }
    }
}
