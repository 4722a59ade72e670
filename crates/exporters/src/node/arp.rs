//! Entries of the ARP table, by device.

use std::collections::BTreeMap;

use bongsu_model::MetricType;

use super::{CollectError, Collector, Host};
use crate::family::Family;

pub(super) struct Arp;

impl Collector for Arp {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = host.proc("net/arp")?;
        let mut counts = BTreeMap::<&str, f64>::new();
        for device in text.lines().skip(1).filter_map(|line| line.split_ascii_whitespace().last()) {
            *counts.entry(device).or_default() += 1.0;
        }
        let mut entries = Family::new("node_arp_entries", MetricType::Gauge, "ARP entries by device.");
        for (device, count) in counts {
            entries.push(&[("device", device)], count);
        }
        families.push(entries);
        Ok(())
    }
}
