//! File handles of the whole host.

use super::host::column;
use super::{CollectError, Collector, Host};
use crate::family::{Description, Family, described, gauge};

const FILE: &str = "sys/fs/file-nr";
const METRICS: [Description; 2] = [
    gauge("node_filefd_allocated", "File descriptors in use."),
    gauge("node_filefd_maximum", "File descriptors there can be."),
];

pub(super) struct FileFd;

impl Collector for FileFd {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = host.proc(FILE)?;
        let columns: Vec<&str> = text.split_ascii_whitespace().collect();
        // The middle column, free handles, is always 0 since Linux 2.6.
        for (family, at) in described(families, &METRICS).iter_mut().zip([0, 2]) {
            family.push(&[], column(FILE, &columns, at)?);
        }
        Ok(())
    }
}
