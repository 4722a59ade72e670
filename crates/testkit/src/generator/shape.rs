//! Names, labels and movements of a host's series. The shares of each kind were counted on real node exporters.

use crate::random::Random;

/// How a value moves from scrape to scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Never moves.
    Constant,
    /// A whole number that grows unevenly.
    Counter,
    /// Seconds with two decimals that grow by at most the interval.
    Seconds,
    /// A whole number that drifts, and often stands still.
    IntegerGauge,
    /// A gauge of zero to three decimals.
    DecimalGauge,
    /// A sum of floats: all bits move.
    FloatSum,
    /// Any float.
    Float,
}

impl Kind {
    /// The first value, and how far it moves in one interval.
    pub(super) fn start(self, random: &mut Random) -> (f64, f64) {
        match self {
            // Most constants are 0 or 1; some are sizes.
            Self::Constant => match random.below(10) {
                0..5 => (0.0, 0.0),
                5..8 => (1.0, 0.0),
                _ => (random.below(1 << 34) as f64, 0.0),
            },
            Self::Counter => (random.below(1 << 32) as f64, 10_f64.powf(random.unit() * 6.0)),
            Self::Seconds => ((random.unit() * 1e8).round() / 100.0, random.unit() * 10.0),
            Self::IntegerGauge => (random.below(1 << 31) as f64, 10_f64.powf(1.0 + random.unit() * 4.0)),
            Self::DecimalGauge => (random.below(100) as f64, random.below(4) as f64),
            Self::FloatSum => (random.unit() * 1e6, random.unit() * 10.0),
            Self::Float => (random.unit(), 1.0),
        }
    }

    /// The value of the next scrape.
    pub(super) fn next(self, value: f64, rate: f64, random: &mut Random) -> f64 {
        match self {
            Self::Constant => value,
            Self::Counter => value + (rate * (0.5 + random.unit())).round(),
            Self::Seconds => ((value + rate * (0.5 + random.unit())) * 100.0).round() / 100.0,
            Self::IntegerGauge if random.below(10) < 4 => value,
            Self::IntegerGauge => (value + rate * (random.unit() - 0.5)).round().max(0.0),
            // Here the rate is the number of decimals.
            Self::DecimalGauge => {
                let scale = 10_f64.powi(rate as i32);
                ((value + 4.0 * (random.unit() - 0.5)) * scale).round() / scale
            }
            Self::FloatSum => value + rate * random.unit(),
            Self::Float => random.unit() * rate,
        }
    }
}

/// Metrics that share their labels and movement: each name has `count` series.
pub(super) struct Group {
    pub(super) kind: Kind,
    pub(super) names: &'static [&'static str],
    pub(super) labels: Shape,
    pub(super) count: u32,
}

/// The labels that tell the series of one name apart.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    None,
    Cpu,
    CpuMode,
    NetworkDevice,
    Disk,
    Mount,
    Collector,
    Chip,
    Interrupt,
}

const MODES: [&str; 8] = ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];

impl Shape {
    /// The labels of series number `at`.
    pub(super) fn of(self, at: u32) -> Vec<(&'static str, String)> {
        match self {
            Self::None => Vec::new(),
            Self::Cpu => vec![("cpu", at.to_string())],
            Self::CpuMode => {
                let mode = MODES[at as usize % MODES.len()];
                vec![("cpu", (at / MODES.len() as u32).to_string()), ("mode", mode.to_owned())]
            }
            Self::NetworkDevice => vec![("device", format!("eth{at}"))],
            Self::Disk => vec![("device", format!("nvme{at}n1"))],
            Self::Mount => vec![
                ("device", format!("/dev/mapper/vg0-volume{at}")),
                ("fstype", "ext4".to_owned()),
                ("mountpoint", format!("/srv/volume{at}")),
            ],
            Self::Collector => vec![("collector", format!("collector{at}"))],
            Self::Chip => vec![("chip", "platform_coretemp_0".to_owned()), ("sensor", format!("temp{at}"))],
            Self::Interrupt => vec![("cpu", at.to_string()), ("type", "LOC".to_owned())],
        }
    }
}

const fn group(kind: Kind, labels: Shape, count: u32, names: &'static [&'static str]) -> Group {
    Group { kind, names, labels, count }
}

/// All series of one host.
pub(super) const GROUPS: &[Group] = &[
    group(Kind::Constant, Shape::NetworkDevice, 8, NETWORK_CONSTANTS),
    group(Kind::Constant, Shape::Mount, 12, FILESYSTEM_CONSTANTS),
    group(Kind::Constant, Shape::Cpu, 32, &["node_cpu_guest_seconds_total"]),
    group(Kind::Constant, Shape::Collector, 40, &["node_scrape_collector_success"]),
    group(Kind::Constant, Shape::Disk, 10, DISK_CONSTANTS),
    group(Kind::Constant, Shape::None, 1, SINGLE_CONSTANTS),
    group(Kind::Counter, Shape::NetworkDevice, 8, NETWORK_COUNTERS),
    group(Kind::Counter, Shape::Disk, 10, DISK_COUNTERS),
    group(Kind::Counter, Shape::Cpu, 32, SOFTNET_COUNTERS),
    group(Kind::Counter, Shape::Interrupt, 32, &["node_interrupts_total"]),
    group(Kind::Counter, Shape::None, 1, SINGLE_COUNTERS),
    group(Kind::Seconds, Shape::CpuMode, 112, &["node_cpu_seconds_total"]),
    group(Kind::Seconds, Shape::None, 1, PRESSURE_SECONDS),
    group(Kind::IntegerGauge, Shape::None, 1, SINGLE_GAUGES),
    group(Kind::IntegerGauge, Shape::Mount, 12, FILESYSTEM_GAUGES),
    group(Kind::DecimalGauge, Shape::Chip, 49, &["node_hwmon_temp_celsius"]),
    group(Kind::DecimalGauge, Shape::None, 1, &["node_load1", "node_load15", "node_load5"]),
    group(Kind::FloatSum, Shape::Cpu, 22, SCHEDSTAT_SUMS),
    group(Kind::Float, Shape::None, 1, TIMEX_FLOATS),
];

const NETWORK_CONSTANTS: &[&str] = &[
    "node_network_address_assign_type",
    "node_network_carrier",
    "node_network_carrier_changes_total",
    "node_network_carrier_down_changes_total",
    "node_network_carrier_up_changes_total",
    "node_network_device_id",
    "node_network_dormant",
    "node_network_flags",
    "node_network_iface_id",
    "node_network_iface_link",
    "node_network_iface_link_mode",
    "node_network_info",
    "node_network_mtu_bytes",
    "node_network_name_assign_type",
    "node_network_net_dev_group",
    "node_network_protocol_type",
    "node_network_receive_compressed_total",
    "node_network_receive_drop_total",
    "node_network_receive_errs_total",
    "node_network_receive_fifo_total",
    "node_network_receive_frame_total",
    "node_network_receive_multicast_total",
    "node_network_receive_nohandler_total",
    "node_network_speed_bytes",
    "node_network_transmit_carrier_total",
    "node_network_transmit_colls_total",
    "node_network_transmit_compressed_total",
    "node_network_transmit_drop_total",
    "node_network_transmit_errs_total",
    "node_network_transmit_fifo_total",
    "node_network_up",
];
const FILESYSTEM_CONSTANTS: &[&str] = &[
    "node_filesystem_device_error",
    "node_filesystem_files",
    "node_filesystem_readonly",
    "node_filesystem_size_bytes",
];
const DISK_CONSTANTS: &[&str] = &[
    "node_disk_discard_time_seconds_total",
    "node_disk_discarded_sectors_total",
    "node_disk_discards_completed_total",
    "node_disk_discards_merged_total",
    "node_disk_info",
];
const SINGLE_CONSTANTS: &[&str] = &[
    "node_boot_time_seconds",
    "node_entropy_available_bits",
    "node_entropy_pool_size_bits",
    "node_exporter_build_info",
    "node_filefd_maximum",
    "node_memory_CommitLimit_bytes",
    "node_memory_HugePages_Total",
    "node_memory_Hugepagesize_bytes",
    "node_memory_MemTotal_bytes",
    "node_memory_SwapTotal_bytes",
    "node_memory_VmallocTotal_bytes",
    "node_nf_conntrack_entries_limit",
    "node_os_info",
    "node_os_version",
    "node_selinux_enabled",
    "node_textfile_scrape_error",
    "node_time_zone_offset_seconds",
    "node_timex_status",
    "node_timex_sync_status",
    "node_timex_tick_seconds",
    "node_uname_info",
    "node_vmstat_oom_kill",
    "node_vmstat_pswpin",
];
const NETWORK_COUNTERS: &[&str] = &[
    "node_network_receive_bytes_total",
    "node_network_receive_packets_total",
    "node_network_transmit_bytes_total",
    "node_network_transmit_packets_total",
];
const DISK_COUNTERS: &[&str] = &[
    "node_disk_read_bytes_total",
    "node_disk_reads_completed_total",
    "node_disk_reads_merged_total",
    "node_disk_writes_completed_total",
    "node_disk_writes_merged_total",
    "node_disk_written_bytes_total",
];
const SOFTNET_COUNTERS: &[&str] =
    &["node_softnet_processed_total", "node_softnet_received_rps_total", "node_softnet_times_squeezed_total"];
const SINGLE_COUNTERS: &[&str] = &[
    "node_context_switches_total",
    "node_forks_total",
    "node_intr_total",
    "node_netstat_IpExt_InOctets",
    "node_netstat_IpExt_OutOctets",
    "node_netstat_Tcp_ActiveOpens",
    "node_netstat_Tcp_InSegs",
    "node_netstat_Tcp_OutRsts",
    "node_netstat_Tcp_OutSegs",
    "node_netstat_Tcp_PassiveOpens",
    "node_netstat_Tcp_RetransSegs",
    "node_netstat_Udp_InDatagrams",
    "node_netstat_Udp_NoPorts",
    "node_netstat_Udp_OutDatagrams",
    "node_netstat_Icmp_InMsgs",
    "node_netstat_Icmp_OutMsgs",
    "node_vmstat_pgfault",
    "node_vmstat_pgmajfault",
    "node_vmstat_pgpgin",
    "node_vmstat_pgpgout",
    "node_vmstat_pswpout",
    "node_netstat_TcpExt_SyncookiesSent",
    "node_netstat_TcpExt_TCPTimeouts",
];
const PRESSURE_SECONDS: &[&str] = &[
    "node_pressure_cpu_waiting_seconds_total",
    "node_pressure_io_stalled_seconds_total",
    "node_pressure_io_waiting_seconds_total",
    "node_pressure_memory_stalled_seconds_total",
    "node_pressure_memory_waiting_seconds_total",
];
const FILESYSTEM_GAUGES: &[&str] =
    &["node_filesystem_avail_bytes", "node_filesystem_files_free", "node_filesystem_free_bytes"];
const SINGLE_GAUGES: &[&str] = &[
    "node_arp_entries",
    "node_filefd_allocated",
    "node_memory_Active_anon_bytes",
    "node_memory_Active_bytes",
    "node_memory_Active_file_bytes",
    "node_memory_AnonHugePages_bytes",
    "node_memory_AnonPages_bytes",
    "node_memory_Bounce_bytes",
    "node_memory_Buffers_bytes",
    "node_memory_Cached_bytes",
    "node_memory_Committed_AS_bytes",
    "node_memory_DirectMap1G_bytes",
    "node_memory_DirectMap2M_bytes",
    "node_memory_DirectMap4k_bytes",
    "node_memory_Dirty_bytes",
    "node_memory_FileHugePages_bytes",
    "node_memory_FilePmdMapped_bytes",
    "node_memory_HugePages_Free",
    "node_memory_HugePages_Rsvd",
    "node_memory_HugePages_Surp",
    "node_memory_Hugetlb_bytes",
    "node_memory_Inactive_anon_bytes",
    "node_memory_Inactive_bytes",
    "node_memory_Inactive_file_bytes",
    "node_memory_KReclaimable_bytes",
    "node_memory_KernelStack_bytes",
    "node_memory_Mapped_bytes",
    "node_memory_MemAvailable_bytes",
    "node_memory_MemFree_bytes",
    "node_memory_Mlocked_bytes",
    "node_memory_NFS_Unstable_bytes",
    "node_memory_PageTables_bytes",
    "node_memory_Percpu_bytes",
    "node_memory_SReclaimable_bytes",
    "node_memory_SUnreclaim_bytes",
    "node_memory_ShmemHugePages_bytes",
    "node_memory_ShmemPmdMapped_bytes",
    "node_memory_Shmem_bytes",
    "node_memory_Slab_bytes",
    "node_memory_SwapCached_bytes",
    "node_memory_SwapFree_bytes",
    "node_memory_Unevictable_bytes",
    "node_memory_VmallocUsed_bytes",
    "node_memory_Writeback_bytes",
    "node_memory_WritebackTmp_bytes",
    "node_netstat_Tcp_CurrEstab",
    "node_nf_conntrack_entries",
    "node_procs_blocked",
    "node_procs_running",
    "node_sockstat_TCP_alloc",
    "node_sockstat_TCP_inuse",
    "node_sockstat_TCP_mem",
    "node_sockstat_TCP_mem_bytes",
    "node_sockstat_TCP_orphan",
    "node_sockstat_TCP_tw",
    "node_sockstat_UDP_inuse",
    "node_sockstat_UDP_mem",
    "node_sockstat_UDP_mem_bytes",
    "node_sockstat_RAW_inuse",
    "node_sockstat_FRAG_inuse",
    "node_sockstat_FRAG_memory",
    "node_sockstat_sockets_used",
];
const SCHEDSTAT_SUMS: &[&str] = &["node_schedstat_running_seconds_total", "node_schedstat_waiting_seconds_total"];
const TIMEX_FLOATS: &[&str] = &[
    "node_time_seconds",
    "node_timex_estimated_error_seconds",
    "node_timex_frequency_adjustment_ratio",
    "node_timex_maxerror_seconds",
    "node_timex_offset_seconds",
];
