//! Arguments, and what of them the library takes.

use component::prelude::*;
use nodemetrics::{CpuOptions, FilesystemOptions, Filter, NetclassOptions, NetdevOptions, Options, Selection};
use std::path::PathBuf;
use value::GoDuration;

/// Exposes metrics of the machine: processors, memory, disks, file systems, network and more, as node exporter does.
///
/// Each collector reads files of the kernel below `procfs_path` and `sysfs_path`. In a container these, and the root of the machine, have to
/// be mounted and named here.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Whether to expose how often the metrics were asked for, too.
    #[arg(default)]
    pub include_exporter_metrics: bool,
    /// Where procfs is mounted.
    #[arg(default = "/proc".to_owned())]
    pub procfs_path: String,
    /// Where sysfs is mounted.
    #[arg(default = "/sys".to_owned())]
    pub sysfs_path: String,
    /// Where the root of the machine is mounted. Mount points are named without it.
    #[arg(default = "/".to_owned())]
    pub rootfs_path: String,
    /// Where udev keeps what it knows of devices.
    #[arg(default = "/run/udev/data".to_owned())]
    pub udev_data_path: String,
    /// Collectors that run besides those that run anyway.
    #[arg(default)]
    pub enable_collectors: Vec<String>,
    /// Collectors that do not run, whatever else is said of them.
    #[arg(default)]
    pub disable_collectors: Vec<String>,
    /// Collectors that run instead of those that run anyway.
    #[arg(default)]
    pub set_collectors: Vec<String>,
    /// Neighbours in the network.
    #[arg(block, default)]
    pub arp: Arp,
    /// Caches of block devices.
    #[arg(block, default)]
    pub bcache: Bcache,
    /// Processors.
    #[arg(block, default)]
    pub cpu: Cpu,
    /// Disks.
    #[arg(block, default)]
    pub disk: Disk,
    /// Statistics of network drivers. Accepted, and without effect: this collector is not supported.
    #[arg(block, default)]
    pub ethtool: Ethtool,
    /// File systems.
    #[arg(block, default)]
    pub filesystem: Filesystem,
    /// Sensors of the hardware.
    #[arg(block, default)]
    pub hwmon: Hwmon,
    /// Load balancing in the kernel.
    #[arg(block, default)]
    pub ipvs: Ipvs,
    /// Network devices and their state.
    #[arg(block, default)]
    pub netclass: Netclass,
    /// Network devices and their traffic.
    #[arg(block, default)]
    pub netdev: Netdev,
    /// Network protocols.
    #[arg(block, default)]
    pub netstat: Netstat,
    /// The clock, as a time server sees it. Accepted, and without effect: this collector is not supported.
    #[arg(block, default)]
    pub ntp: Ntp,
    /// Counters of the processor. Accepted, and without effect: this collector is not supported.
    #[arg(block, default)]
    pub perf: Perf,
    /// Batteries and mains.
    #[arg(block, default)]
    pub powersupply: Powersupply,
    /// Services of runit. Accepted, and without effect: this collector is not supported.
    #[arg(block, default)]
    pub runit: Runit,
    /// Services of supervisord. Accepted, and without effect: this collector is not supported.
    #[arg(block, default)]
    pub supervisord: Supervisord,
    /// Settings of the kernel.
    #[arg(block, default)]
    pub sysctl: Sysctl,
    /// Units of systemd. Accepted, and without effect: this collector is not supported.
    #[arg(block, default)]
    pub systemd: Systemd,
    /// Tape drives.
    #[arg(block, default)]
    pub tapestats: Tapestats,
    /// Metrics in files.
    #[arg(block, default)]
    pub textfile: Textfile,
    /// Virtual memory.
    #[arg(block, default)]
    pub vmstat: Vmstat,
}

/// Neighbours in the network.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arp {
    /// Devices to leave out, a regular expression.
    #[arg(default)]
    pub device_exclude: String,
    /// Devices to tell, a regular expression; all if empty.
    #[arg(default)]
    pub device_include: String,
    /// Accepted, and without effect: what the kernel's file says is what netlink says.
    #[arg(default)]
    pub netlink: bool,
}

/// Caches of block devices.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Bcache {
    /// Whether to read statistics of priorities, which are expensive for the kernel.
    #[arg(default)]
    pub priority_stats: bool,
}

/// Processors.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Cpu {
    /// Whether to tell the time spent in guests, `node_cpu_guest_seconds_total`.
    #[arg(default)]
    pub guest: bool,
    /// Whether to tell what processors there are, `node_cpu_info`.
    #[arg(default)]
    pub info: bool,
    /// Bugs of the processor to tell, a regular expression; none if empty.
    #[arg(default)]
    pub bugs_include: String,
    /// Flags of the processor to tell, a regular expression; none if empty.
    #[arg(default)]
    pub flags_include: String,
}

/// Disks.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Disk {
    /// Devices to leave out, a regular expression. Excludes `device_include`.
    #[arg(default = Options::DISK_DEVICES_EXCLUDED.to_owned())]
    pub device_exclude: String,
    /// Devices to tell, a regular expression; all if empty.
    #[arg(default)]
    pub device_include: String,
}

/// Statistics of network drivers.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Ethtool {
    /// Has no effect.
    #[arg(default)]
    pub device_exclude: String,
    /// Has no effect.
    #[arg(default)]
    pub device_include: String,
    /// Has no effect.
    #[arg(default = ".*".to_owned())]
    pub metrics_include: String,
}

/// File systems.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Filesystem {
    /// Types to leave out, a regular expression.
    #[arg(default = Options::FS_TYPES_EXCLUDED.to_owned())]
    pub fs_types_exclude: String,
    /// Mount points to leave out, a regular expression.
    #[arg(default = Options::MOUNT_POINTS_EXCLUDED.to_owned())]
    pub mount_points_exclude: String,
    /// How long a file system may take to answer. One that takes longer is told as stuck, and not asked again until it answers.
    #[arg(default = GoDuration::seconds(5))]
    pub mount_timeout: GoDuration,
}

/// Sensors of the hardware.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Hwmon {
    /// Chips to leave out, a regular expression.
    #[arg(default)]
    pub chip_exclude: String,
    /// Chips to tell, a regular expression; all if empty.
    #[arg(default)]
    pub chip_include: String,
}

/// Load balancing in the kernel.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Ipvs {
    /// Labels of backends: `local_address`, `local_port`, `remote_address`, `remote_port`, `proto` and `local_mark`. Backends that they
    /// do not tell apart are summed.
    #[arg(default = Options::IPVS_LABELS.map(str::to_owned).to_vec())]
    pub backend_labels: Vec<String>,
}

/// Network devices and their state.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Netclass {
    /// Whether to leave out the speed of devices that have none.
    #[arg(default)]
    pub ignore_invalid_speed_device: bool,
    /// Devices to leave out, a regular expression.
    #[arg(default = "^$".to_owned())]
    pub ignored_devices: String,
}

/// Network devices and their traffic.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Netdev {
    /// Whether to tell the addresses of devices.
    #[arg(default)]
    pub address_info: bool,
    /// Devices to leave out, a regular expression. Excludes `device_include`.
    #[arg(default)]
    pub device_exclude: String,
    /// Devices to tell, a regular expression; all if empty.
    #[arg(default)]
    pub device_include: String,
}

/// Network protocols.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Netstat {
    /// Fields to tell, a regular expression.
    #[arg(default = Options::NETSTAT_FIELDS.to_owned())]
    pub fields: String,
}

/// The clock, as a time server sees it.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Ntp {
    /// Has no effect.
    #[arg(default = 1)]
    pub ip_ttl: i64,
    /// Has no effect.
    #[arg(default = GoDuration(1_000_000))]
    pub local_offset_tolerance: GoDuration,
    /// Has no effect.
    #[arg(default = GoDuration(3_466_080_000))]
    pub max_distance: GoDuration,
    /// Has no effect.
    #[arg(default = 4)]
    pub protocol_version: i64,
    /// Has no effect.
    #[arg(default = "127.0.0.1".to_owned())]
    pub server: String,
    /// Has no effect.
    #[arg(default)]
    pub server_is_local: bool,
}

/// Counters of the processor.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Perf {
    /// Has no effect.
    #[arg(default)]
    pub cache_profilers: Vec<String>,
    /// Has no effect.
    #[arg(default)]
    pub cpus: String,
    /// Has no effect.
    #[arg(default)]
    pub disable_cache_profilers: bool,
    /// Has no effect.
    #[arg(default)]
    pub disable_hardware_profilers: bool,
    /// Has no effect.
    #[arg(default)]
    pub disable_software_profilers: bool,
    /// Has no effect.
    #[arg(default)]
    pub hardware_profilers: Vec<String>,
    /// Has no effect.
    #[arg(default)]
    pub software_profilers: Vec<String>,
    /// Has no effect.
    #[arg(default)]
    pub tracepoint: Vec<String>,
}

/// Batteries and mains.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Powersupply {
    /// Supplies to leave out, a regular expression.
    #[arg(default = "^$".to_owned())]
    pub ignored_supplies: String,
}

/// Services of runit.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Runit {
    /// Has no effect.
    #[arg(default = "/etc/service".to_owned())]
    pub service_dir: String,
}

/// Services of supervisord.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Supervisord {
    /// Has no effect.
    #[arg(default = "http://localhost:9001/RPC2".to_owned())]
    pub url: String,
}

/// Settings of the kernel.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Sysctl {
    /// Settings whose numbers to tell: `kernel.threads-max`, or `fs.file-nr:total,current,max` with names for the numbers.
    #[arg(default)]
    pub include: Vec<String>,
    /// Settings whose words to tell, as labels.
    #[arg(default)]
    pub include_info: Vec<String>,
}

/// Units of systemd.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Systemd {
    /// Has no effect.
    #[arg(default)]
    pub enable_restarts: bool,
    /// Has no effect.
    #[arg(default)]
    pub start_time: bool,
    /// Has no effect.
    #[arg(default)]
    pub task_metrics: bool,
    /// Has no effect.
    #[arg(default = r".+\.(automount|device|mount|scope|slice)".to_owned())]
    pub unit_exclude: String,
    /// Has no effect.
    #[arg(default = ".+".to_owned())]
    pub unit_include: String,
}

/// Tape drives.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Tapestats {
    /// Drives to leave out, a regular expression.
    #[arg(default = "^$".to_owned())]
    pub ignored_devices: String,
}

/// Metrics in files.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Textfile {
    /// Directory of the files, which end with `.prom`; a file pattern. Nothing is read if it is empty.
    #[arg(default)]
    pub directory: String,
}

/// Virtual memory.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Vmstat {
    /// Fields to tell, a regular expression.
    #[arg(default = Options::VMSTAT_FIELDS.to_owned())]
    pub fields: String,
}

fn filter(include: &str, exclude: &str) -> Filter {
    Filter {
        include: include.to_owned(),
        exclude: exclude.to_owned(),
    }
}

impl Arguments {
    /// As the library takes it.
    pub(super) fn options(&self) -> Options {
        let directory = Some(&self.textfile.directory).filter(|name| !name.is_empty());
        Options {
            procfs_path: PathBuf::from(&self.procfs_path),
            sysfs_path: PathBuf::from(&self.sysfs_path),
            rootfs_path: PathBuf::from(&self.rootfs_path),
            udev_data_path: PathBuf::from(&self.udev_data_path),
            collectors: Selection {
                set: self.set_collectors.clone(),
                enable: self.enable_collectors.clone(),
                disable: self.disable_collectors.clone(),
            },
            arp: filter(&self.arp.device_include, &self.arp.device_exclude),
            bcache_priority_stats: self.bcache.priority_stats,
            cpu: CpuOptions {
                guest: self.cpu.guest,
                info: self.cpu.info,
                flags_include: self.cpu.flags_include.clone(),
                bugs_include: self.cpu.bugs_include.clone(),
            },
            diskstats: filter(&self.disk.device_include, &self.disk.device_exclude),
            filesystem: FilesystemOptions {
                mount_points: Filter::exclude(&self.filesystem.mount_points_exclude),
                fs_types: Filter::exclude(&self.filesystem.fs_types_exclude),
                mount_timeout: self.filesystem.mount_timeout.as_std(),
            },
            hwmon_chips: filter(&self.hwmon.chip_include, &self.hwmon.chip_exclude),
            ipvs_backend_labels: self.ipvs.backend_labels.clone(),
            netclass: NetclassOptions {
                ignored_devices: self.netclass.ignored_devices.clone(),
                ignore_invalid_speed: self.netclass.ignore_invalid_speed_device,
            },
            netdev: NetdevOptions {
                devices: filter(&self.netdev.device_include, &self.netdev.device_exclude),
                address_info: self.netdev.address_info,
            },
            netstat_fields: self.netstat.fields.clone(),
            powersupply_ignored: self.powersupply.ignored_supplies.clone(),
            sysctl_include: self.sysctl.include.clone(),
            sysctl_include_info: self.sysctl.include_info.clone(),
            tape_ignored: self.tapestats.ignored_devices.clone(),
            textfile_directories: directory.cloned().into_iter().collect(),
            vmstat_fields: self.vmstat.fields.clone(),
            ..Options::default()
        }
    }
}
