//! What the firmware says of the machine.

use bongsu_model::MetricType;

use super::{CollectError, Collector, Host};
use crate::family::Family;

/// Labels in order, and the attributes of /sys/class/dmi/id they hold; serial numbers are there for root only.
const ATTRIBUTES: [(&str, &str); 20] = [
    ("bios_date", "bios_date"),
    ("bios_release", "bios_release"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("product_family", "product_family"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_sku", "product_sku"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("system_vendor", "sys_vendor"),
];

pub(super) struct Dmi;

impl Collector for Dmi {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let values = ATTRIBUTES.map(|(_, attribute)| host.sys(&format!("class/dmi/id/{attribute}")));
        if values.iter().all(Option::is_none) {
            return Err(CollectError::NoData { what: "class/dmi/id".to_owned() });
        }
        let labels: Vec<(&str, &str)> = ATTRIBUTES
            .iter()
            .zip(&values)
            .map(|((label, _), value)| (*label, value.as_deref().unwrap_or("")))
            .collect();
        families.push(
            Family::new("node_dmi_info", MetricType::Gauge, "Machine and firmware, always 1.").with(&labels, 1.0),
        );
        Ok(())
    }
}
