//! Traffic of network devices.

use regex::Regex;

use super::host::column;
use super::options::{OptionsError, pattern};
use super::{CollectError, Collector, Host, Options};
use crate::family::{Description, Family, counter, described};

const FILE: &str = "net/dev";

/// The columns of /proc/net/dev, in its order, and one from sysfs that it lacks.
const METRICS: [Description; 17] = [
    counter("node_network_receive_bytes_total", "Bytes received."),
    counter("node_network_receive_packets_total", "Packets received."),
    counter("node_network_receive_errs_total", "Errors while receiving."),
    counter("node_network_receive_drop_total", "Received packets dropped or missed."),
    counter("node_network_receive_fifo_total", "Overruns of the receive queue."),
    counter("node_network_receive_frame_total", "Framing errors while receiving."),
    counter("node_network_receive_compressed_total", "Compressed packets received."),
    counter("node_network_receive_multicast_total", "Multicast packets received."),
    counter("node_network_transmit_bytes_total", "Bytes sent."),
    counter("node_network_transmit_packets_total", "Packets sent."),
    counter("node_network_transmit_errs_total", "Errors while sending."),
    counter("node_network_transmit_drop_total", "Packets dropped instead of sent."),
    counter("node_network_transmit_fifo_total", "Overruns of the transmit queue."),
    counter("node_network_transmit_colls_total", "Collisions while sending."),
    counter("node_network_transmit_carrier_total", "Losses of the carrier while sending."),
    counter("node_network_transmit_compressed_total", "Compressed packets sent."),
    counter("node_network_receive_nohandler_total", "Received packets that nothing wanted."),
];
const COLUMN_COUNT: usize = 16;

pub(super) struct NetDev {
    device_exclude: Regex,
}

impl NetDev {
    pub(super) fn new(options: &Options) -> Result<Self, OptionsError> {
        Ok(Self { device_exclude: pattern("netdev_device_exclude", &options.netdev_device_exclude)? })
    }
}

impl Collector for NetDev {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let families = described(families, &METRICS);
        for line in host.proc(FILE)?.lines().skip(2) {
            // The last colon: names of alias devices hold one themselves.
            let Some((device, counts)) = line.rsplit_once(':') else {
                return Err(CollectError::format(FILE, "a device and a colon", line));
            };
            let device = device.trim();
            if self.device_exclude.is_match(device) {
                continue;
            }
            let columns: Vec<&str> = counts.split_ascii_whitespace().collect();
            for (at, family) in families[..COLUMN_COUNT].iter_mut().enumerate() {
                family.push(&[("device", device)], column(FILE, &columns, at)?);
            }
            if let Some(count) = host.sys_number(&format!("class/net/{device}/statistics/rx_nohandler")) {
                families[COLUMN_COUNT].push(&[("device", device)], count);
            }
        }
        Ok(())
    }
}
