//! The kernel's name and version.

use bongsu_model::MetricType;

use super::{CollectError, Collector, Host};
use crate::family::Family;

pub(super) struct Uname;

impl Collector for Uname {
    fn collect(&mut self, _: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let uname = rustix::system::uname();
        let labels = [
            ("domainname", uname.domainname()),
            ("machine", uname.machine()),
            ("nodename", uname.nodename()),
            ("release", uname.release()),
            ("sysname", uname.sysname()),
            ("version", uname.version()),
        ];
        let texts = labels.map(|(_, value)| value.to_string_lossy());
        let labels: Vec<(&str, &str)> = labels.iter().zip(&texts).map(|((name, _), text)| (*name, &**text)).collect();
        families.push(Family::new("node_uname_info", MetricType::Gauge, "The kernel, always 1.").with(&labels, 1.0));
        Ok(())
    }
}
