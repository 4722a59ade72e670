//! Input and output of block devices.

use std::collections::BTreeMap;

use regex::Regex;

use super::host::column;
use super::options::{OptionsError, pattern};
use super::{CollectError, Collector, Host, Options};
use crate::family::{Description, Family, counter, described, gauge};

const FILE: &str = "diskstats";
/// From the kernel's unit to the metric's.
type Scale = fn(f64) -> f64;
const COUNT: Scale = |count| count;
/// Of 512 bytes in these counters, whatever the device's own sectors are.
const SECTORS: Scale = |sectors| sectors * 512.0;
/// Divided, not multiplied by 0.001: the result is the nearest to three decimals, and so compresses.
const MILLISECONDS: Scale = |milliseconds| milliseconds / 1000.0;

/// The columns of /proc/diskstats after the device's name, in its order, with their scale. Old kernels have fewer.
const COLUMNS: [(Description, Scale); 17] = [
    (counter("node_disk_reads_completed_total", "Reads completed."), COUNT),
    (counter("node_disk_reads_merged_total", "Reads merged."), COUNT),
    (counter("node_disk_read_bytes_total", "Bytes read."), SECTORS),
    (counter("node_disk_read_time_seconds_total", "Seconds spent by all reads."), MILLISECONDS),
    (counter("node_disk_writes_completed_total", "Writes completed."), COUNT),
    (counter("node_disk_writes_merged_total", "Writes merged."), COUNT),
    (counter("node_disk_written_bytes_total", "Bytes written."), SECTORS),
    (counter("node_disk_write_time_seconds_total", "Seconds spent by all writes."), MILLISECONDS),
    (gauge("node_disk_io_now", "Requests under way."), COUNT),
    (counter("node_disk_io_time_seconds_total", "Seconds spent doing I/O."), MILLISECONDS),
    (
        counter("node_disk_io_time_weighted_seconds_total", "Seconds spent doing I/O, times requests under way."),
        MILLISECONDS,
    ),
    (counter("node_disk_discards_completed_total", "Discards completed."), COUNT),
    (counter("node_disk_discards_merged_total", "Discards merged."), COUNT),
    (counter("node_disk_discarded_sectors_total", "Sectors discarded."), COUNT),
    (counter("node_disk_discard_time_seconds_total", "Seconds spent by all discards."), MILLISECONDS),
    (counter("node_disk_flush_requests_total", "Flushes completed."), COUNT),
    (counter("node_disk_flush_requests_time_seconds_total", "Seconds spent by all flushes."), MILLISECONDS),
];

/// What udev adds.
const PROPERTIES: [Description; 6] = [
    gauge("node_disk_info", "Words about the device, always 1."),
    gauge("node_disk_filesystem_info", "The file system on the device, always 1."),
    gauge("node_disk_device_mapper_info", "The device mapper's words about the device, always 1."),
    gauge("node_disk_ata_write_cache", "Whether the ATA disk has a write cache."),
    gauge("node_disk_ata_write_cache_enabled", "Whether the ATA disk's write cache is on."),
    gauge("node_disk_ata_rotation_rate_rpm", "Rotations per minute of the ATA disk, 0 of a solid one."),
];
const ATA_PROPERTIES: [&str; 3] = ["ID_ATA_WRITE_CACHE", "ID_ATA_WRITE_CACHE_ENABLED", "ID_ATA_ROTATION_RATE_RPM"];

pub(super) struct DiskStats {
    device_exclude: Regex,
}

impl DiskStats {
    pub(super) fn new(options: &Options) -> Result<Self, OptionsError> {
        Ok(Self { device_exclude: pattern("diskstats_device_exclude", &options.diskstats_device_exclude)? })
    }
}

impl Collector for DiskStats {
    fn collect(&mut self, host: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let start = families.len();
        families.extend(COLUMNS.iter().map(|(description, _)| Family::from(description)));
        described(families, &PROPERTIES);
        let (counters, properties) = families[start..].split_at_mut(COLUMNS.len());
        for line in host.proc(FILE)?.lines() {
            let columns: Vec<&str> = line.split_ascii_whitespace().collect();
            let [major, minor, device, counts @ ..] = &columns[..] else {
                return Err(CollectError::format(FILE, "two numbers and a name", line));
            };
            if self.device_exclude.is_match(device) {
                continue;
            }
            // Newer kernels may append columns that nobody has named yet.
            for (at, family) in counters.iter_mut().enumerate().take(counts.len()) {
                family.push(&[("device", device)], (COLUMNS[at].1)(column(FILE, counts, at)?));
            }
            collect_properties(host, &Device { name: device, major, minor }, properties);
        }
        Ok(())
    }
}

struct Device<'a> {
    name: &'a str,
    major: &'a str,
    minor: &'a str,
}

fn collect_properties(host: &Host, device: &Device<'_>, families: &mut [Family]) {
    let [info, filesystem, device_mapper, ata @ ..] = families else { return };
    let text = host.udev_block_device(device.major, device.minor).unwrap_or_default();
    let properties: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('=')).collect();
    let property = |name: &str| properties.get(name).copied().unwrap_or("");
    let serials = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"].map(property);
    let labels = [
        ("device", device.name),
        ("major", device.major),
        ("minor", device.minor),
        ("model", property("ID_MODEL")),
        ("path", property("ID_PATH")),
        ("revision", property("ID_REVISION")),
        ("rotational", &*host.sys(&format!("block/{}/queue/rotational", device.name)).unwrap_or_default()),
        ("serial", serials.into_iter().find(|serial| !serial.is_empty()).unwrap_or("")),
        ("wwn", property("ID_WWN")),
    ];
    info.push(&labels, 1.0);
    if !property("ID_FS_TYPE").is_empty() {
        let labels = [
            ("device", device.name),
            ("type", property("ID_FS_TYPE")),
            ("usage", property("ID_FS_USAGE")),
            ("uuid", property("ID_FS_UUID")),
            ("version", property("ID_FS_VERSION")),
        ];
        filesystem.push(&labels, 1.0);
    }
    if !property("DM_NAME").is_empty() {
        let labels = [
            ("device", device.name),
            ("lv_layer", property("DM_LV_LAYER")),
            ("lv_name", property("DM_LV_NAME")),
            ("name", property("DM_NAME")),
            ("uuid", property("DM_UUID")),
            ("vg_name", property("DM_VG_NAME")),
        ];
        device_mapper.push(&labels, 1.0);
    }
    if !property("ID_ATA").is_empty() {
        for (family, name) in ata.iter_mut().zip(ATA_PROPERTIES) {
            if let Ok(value) = property(name).parse() {
                family.push(&[("device", device.name)], value);
            }
        }
    }
}
