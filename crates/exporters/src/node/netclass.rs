//! Network devices: the attributes of /sys/class/net.

use regex::Regex;

use super::host::parse_integer;
use super::options::{OptionsError, pattern};
use super::{CollectError, Collector, Host, Options};
use crate::family::{Description, Family, counter, described, gauge};

const DIRECTORY: &str = "class/net";
const BYTES_PER_MEGABIT: f64 = 125_000.0;
/// IFF_UP of `flags`.
const FLAG_UP: u64 = 1;

/// Attributes that are whole numbers, for each metric of the same place.
const ATTRIBUTES: [&str; 17] = [
    "addr_assign_type",
    "carrier",
    "carrier_changes",
    "carrier_up_count",
    "carrier_down_count",
    "dev_id",
    "dormant",
    "flags",
    "ifindex",
    "iflink",
    "link_mode",
    "mtu",
    "name_assign_type",
    "netdev_group",
    "tx_queue_len",
    "type",
    "speed",
];
const METRICS: [Description; ATTRIBUTES.len() + 2] = [
    gauge("node_network_address_assign_type", "How the device got its address."),
    gauge("node_network_carrier", "Whether the link is up."),
    counter("node_network_carrier_changes_total", "Times the link went up or down."),
    counter("node_network_carrier_up_changes_total", "Times the link went up."),
    counter("node_network_carrier_down_changes_total", "Times the link went down."),
    gauge("node_network_device_id", "Number of the device among those that share an address."),
    gauge("node_network_dormant", "Whether the device waits for an event before it is up."),
    gauge("node_network_flags", "Flags of the device."),
    gauge("node_network_iface_id", "Index of the device."),
    gauge("node_network_iface_link", "Index of the device this one is linked to."),
    gauge("node_network_iface_link_mode", "Link mode of the device."),
    gauge("node_network_mtu_bytes", "Largest transfer unit."),
    gauge("node_network_name_assign_type", "How the device got its name."),
    gauge("node_network_net_dev_group", "Group of the device."),
    gauge("node_network_transmit_queue_length", "Length of the transmit queue in packets."),
    gauge("node_network_protocol_type", "Type of the link layer."),
    gauge("node_network_speed_bytes", "Speed in bytes per second, negative when not known."),
    gauge("node_network_up", "1 when the operational state is up."),
    gauge("node_network_info", "Words about the device, always 1."),
];
const FLAGS: usize = 7;
const SPEED: usize = 16;
const UP: usize = 17;
const INFO: usize = 18;

pub(super) struct NetClass {
    ignored_devices: Regex,
}

impl NetClass {
    pub(super) fn new(options: &Options) -> Result<Self, OptionsError> {
        Ok(Self { ignored_devices: pattern("netclass_ignored_devices", &options.netclass_ignored_devices)? })
    }
}

impl Collector for NetClass {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let families = described(families, &METRICS);
        for device in host.sys_directories(DIRECTORY)? {
            if !self.ignored_devices.is_match(&device) {
                collect_device(host, &device, families);
            }
        }
        Ok(())
    }
}

fn collect_device(host: &Host, device: &str, families: &mut [Family]) {
    let attribute = |name: &str| host.sys(&format!("{DIRECTORY}/{device}/{name}"));
    let mut flags = None;
    for (at, name) in ATTRIBUTES.iter().enumerate() {
        let Some(value) = attribute(name).and_then(|text| parse_integer(&text)) else { continue };
        if at == FLAGS {
            flags = Some(value as u64);
        }
        families[at].push(&[("device", device)], if at == SPEED { value * BYTES_PER_MEGABIT } else { value });
    }
    let word = |name: &str| attribute(name).unwrap_or_default();
    let operstate = word("operstate");
    families[UP].push(&[("device", device)], if operstate == "up" { 1.0 } else { 0.0 });
    let adminstate = match flags {
        None => "unknown",
        Some(flags) if flags & FLAG_UP != 0 => "up",
        Some(_) => "down",
    };
    let info = [
        ("address", &*word("address")),
        ("adminstate", adminstate),
        ("broadcast", &word("broadcast")),
        ("device", device),
        ("duplex", &word("duplex")),
        ("ifalias", &word("ifalias")),
        ("operstate", &operstate),
    ];
    families[INFO].push(&info, 1.0);
}
