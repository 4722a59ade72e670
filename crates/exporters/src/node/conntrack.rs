//! Connection tracking: how full its table is, and what became of packets.

use super::host::{hex_column, number};
use super::{CollectError, Collector, Host};
use crate::family::{Description, Family, described, gauge};

const ENTRIES: [Description; 2] = [
    gauge("node_nf_conntrack_entries", "Flow entries in the connection tracking table."),
    gauge("node_nf_conntrack_entries_limit", "Size of the connection tracking table."),
];

/// Columns of /proc/net/stat/nf_conntrack that are told, and their metrics.
const COLUMNS: [usize; 8] = [2, 4, 5, 8, 9, 10, 11, 16];
const STATISTICS: [Description; 8] = [
    gauge("node_nf_conntrack_stat_found", "Searched entries that were found."),
    gauge("node_nf_conntrack_stat_invalid", "Packets that cannot be tracked."),
    gauge("node_nf_conntrack_stat_ignore", "Packets that already belong to an entry."),
    gauge("node_nf_conntrack_stat_insert", "Entries inserted into the table."),
    gauge("node_nf_conntrack_stat_insert_failed", "Entries that could not be inserted."),
    gauge("node_nf_conntrack_stat_drop", "Packets dropped for want of an entry."),
    gauge("node_nf_conntrack_stat_early_drop", "Entries dropped to make room for new ones."),
    gauge("node_nf_conntrack_stat_search_restart", "Lookups begun anew because the table was resized."),
];

const FILE: &str = "net/stat/nf_conntrack";

pub(super) struct Conntrack;

impl Collector for Conntrack {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let entries = described(families, &ENTRIES);
        for (family, file) in entries.iter_mut().zip(["nf_conntrack_count", "nf_conntrack_max"]) {
            let text = host.proc(&format!("sys/net/netfilter/{file}"))?;
            family.push(&[], number("sys/net/netfilter", text.trim())?);
        }
        let sums = sum_over_cpus(&host.proc(FILE)?)?;
        for (family, sum) in described(families, &STATISTICS).iter_mut().zip(sums) {
            family.push(&[], sum);
        }
        Ok(())
    }
}

/// One line of hexadecimal counters a CPU, after a line of names.
fn sum_over_cpus(text: &str) -> Result<[f64; COLUMNS.len()], CollectError> {
    let mut sums = [0.0; COLUMNS.len()];
    for line in text.lines().skip(1) {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        for (sum, at) in sums.iter_mut().zip(COLUMNS) {
            *sum += hex_column(FILE, &columns, at)?;
        }
    }
    Ok(sums)
}
