//! What can be set, with node_exporter's defaults.

use std::collections::BTreeSet;
use std::path::PathBuf;

use regex::Regex;

use super::collector_names;

/// Settings of the node exporter. Each field is named after the node_exporter flag of the same meaning.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--path.procfs`.
    pub procfs: PathBuf,
    /// `--path.sysfs`.
    pub sysfs: PathBuf,
    /// `--path.rootfs`: where the host's root is seen from here; mount points are reported without it.
    pub rootfs: PathBuf,
    /// `--path.udev.data`.
    pub udev_data: PathBuf,
    /// `--collector.filesystem.mount-points-exclude`, a regular expression.
    pub filesystem_mount_points_exclude: String,
    /// `--collector.filesystem.fs-types-exclude`, a regular expression.
    pub filesystem_fs_types_exclude: String,
    /// `--collector.filesystem.mount-timeout`: after this a mount point counts as stuck and is left alone until it answers.
    pub filesystem_mount_timeout_ms: u64,
    /// `--collector.diskstats.device-exclude`, a regular expression.
    pub diskstats_device_exclude: String,
    /// `--collector.netdev.device-exclude`, a regular expression.
    pub netdev_device_exclude: String,
    /// `--collector.netclass.ignored-devices`, a regular expression.
    pub netclass_ignored_devices: String,
    /// `--collector.netstat.fields`, a regular expression of the fields to keep.
    pub netstat_fields: String,
    /// `--collector.textfile.directory`: where jobs of the host leave `*.prom` files.
    pub textfile_directories: Vec<PathBuf>,
    /// `--collector.vmstat.fields`, a regular expression of the fields to keep.
    pub vmstat_fields: String,
    /// Names of the collectors that run; see [`Options::set_enabled`].
    pub enabled: BTreeSet<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            procfs: "/proc".into(),
            sysfs: "/sys".into(),
            rootfs: "/".into(),
            udev_data: "/run/udev/data".into(),
            filesystem_mount_points_exclude:
                r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)".into(),
            filesystem_fs_types_exclude: concat!(
                r"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|erofs|fusectl|hugetlbfs|iso9660",
                r"|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$",
            )
            .into(),
            filesystem_mount_timeout_ms: 5_000,
            diskstats_device_exclude: r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$".into(),
            netdev_device_exclude: "^$".into(),
            netclass_ignored_devices: "^$".into(),
            netstat_fields: concat!(
                r"^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)",
                r"|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)",
                r"|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)",
                r"|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$",
            )
            .into(),
            textfile_directories: Vec::new(),
            vmstat_fields: r"^(oom_kill|pgpg|pswp|pg.*fault).*".into(),
            enabled: collector_names().collect(),
        }
    }
}

impl Options {
    /// Switches a collector on or off, as `--collector.<name>` and `--no-collector.<name>` do.
    ///
    /// # Errors
    /// No collector has this name.
    pub fn set_enabled(&mut self, name: &str, enabled: bool) -> Result<(), OptionsError> {
        let Some(known) = collector_names().find(|known| *known == name) else {
            return Err(OptionsError::UnknownCollector { name: name.to_owned() });
        };
        if enabled {
            self.enabled.insert(known)
        } else {
            self.enabled.remove(known)
        };
        Ok(())
    }
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// A name that no collector has.
    #[error("no collector is named {name:?}; there are {}", collector_names().collect::<Vec<_>>().join(", "))]
    UnknownCollector {
        /// The name given.
        name: String,
    },
    /// A pattern that does not compile.
    #[error("{option} is not a regular expression")]
    Pattern {
        /// The field of [`Options`].
        option: &'static str,
        /// Where and why.
        #[source]
        source: Box<regex::Error>,
    },
}

/// Compiles the pattern of `option`.
pub(super) fn pattern(option: &'static str, pattern: &str) -> Result<Regex, OptionsError> {
    Regex::new(pattern).map_err(|source| OptionsError::Pattern { option, source: Box::new(source) })
}
