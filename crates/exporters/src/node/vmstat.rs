//! Counters of the virtual memory system, those of a chosen list.

use bongsu_model::MetricType;
use regex::Regex;

use super::host::number;
use super::options::{OptionsError, pattern};
use super::{CollectError, Collector, Host, Options};
use crate::family::Family;

const FILE: &str = "vmstat";

pub(super) struct VmStat {
    fields: Regex,
}

impl VmStat {
    pub(super) fn new(options: &Options) -> Result<Self, OptionsError> {
        Ok(Self { fields: pattern("vmstat_fields", &options.vmstat_fields)? })
    }
}

impl Collector for VmStat {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        for line in host.proc(FILE)?.lines() {
            let Some((field, value)) = line.split_once(' ') else {
                return Err(CollectError::format(FILE, "a name and a number", line));
            };
            if self.fields.is_match(field) {
                let help = format!("The field {field} of /proc/vmstat.");
                let family = Family::new(format!("node_vmstat_{field}"), MetricType::Unknown, help);
                families.push(family.with(&[], number(FILE, value)?));
            }
        }
        Ok(())
    }
}
