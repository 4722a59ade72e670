//! The kernel's entropy pool.

use super::host::number;
use super::{CollectError, Collector, Host};
use crate::family::{Description, Family, described, gauge};

const FILES: [&str; 2] = ["sys/kernel/random/entropy_avail", "sys/kernel/random/poolsize"];
const METRICS: [Description; 2] = [
    gauge("node_entropy_available_bits", "Bits of available entropy."),
    gauge("node_entropy_pool_size_bits", "Bits of the entropy pool."),
];

pub(super) struct Entropy;

impl Collector for Entropy {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        for (family, file) in described(families, &METRICS).iter_mut().zip(FILES) {
            family.push(&[], number(file, host.proc(file)?.trim())?);
        }
        Ok(())
    }
}
