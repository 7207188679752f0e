//! What to collect, and from where.

use crate::filter::Filter;
use std::path::PathBuf;
use std::time::Duration;

/// What to collect, and from where. The defaults are those of Grafana Alloy's `prometheus.exporter.unix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where procfs is mounted.
    pub procfs_path: PathBuf,
    /// Where sysfs is mounted.
    pub sysfs_path: PathBuf,
    /// Where the root of the machine is mounted; mount points are looked for below it, and named without it.
    pub rootfs_path: PathBuf,
    /// Where udev keeps what it knows of devices.
    pub udev_data_path: PathBuf,
    /// Which collectors run.
    pub collectors: Selection,
    /// Devices of `arp`.
    pub arp: Filter,
    /// Whether `bcache` reads the priority statistics, which cost the kernel a walk over all buckets.
    pub bcache_priority_stats: bool,
    /// What `cpu` tells.
    pub cpu: CpuOptions,
    /// Devices of `diskstats`.
    pub diskstats: Filter,
    /// File systems of `filesystem`.
    pub filesystem: FilesystemOptions,
    /// Chips of `hwmon`.
    pub hwmon_chips: Filter,
    /// Sensors of `hwmon`, as `chip;sensor`.
    pub hwmon_sensors: Filter,
    /// Devices of `infiniband`.
    pub infiniband: Filter,
    /// Names (`irq;info;devices`) of `interrupts`.
    pub interrupts: Filter,
    /// Whether `interrupts` has those that never happened.
    pub interrupts_zeros: bool,
    /// The labels of IPVS backends, of [`Options::IPVS_LABELS`]. Backends that they do not tell apart are summed.
    pub ipvs_backend_labels: Vec<String>,
    /// What `netclass` tells.
    pub netclass: NetclassOptions,
    /// What `netdev` tells.
    pub netdev: NetdevOptions,
    /// Fields of `netstat`, as `TcpExt_SyncookiesSent`.
    pub netstat_fields: String,
    /// Supplies that `powersupplyclass` leaves out.
    pub powersupply_ignored: String,
    /// Whether the zone of `rapl` is a label instead of a part of the name.
    pub rapl_zone_label: bool,
    /// Slabs of `slabinfo`.
    pub slabs: Filter,
    /// Whether `stat` tells software interrupts by vector.
    pub stat_softirq: bool,
    /// Settings whose numbers `sysctl` tells, as `kernel.threads-max`, or `fs.file-nr:total,current,max` with names for its numbers.
    pub sysctl_include: Vec<String>,
    /// Settings whose words `sysctl` tells.
    pub sysctl_include_info: Vec<String>,
    /// Devices that `tapestats` leaves out.
    pub tape_ignored: String,
    /// Directories of `textfile`; file patterns.
    pub textfile_directories: Vec<String>,
    /// Fields of `vmstat`.
    pub vmstat_fields: String,
    /// What `node_exporter_build_info` says.
    pub build: BuildInfo,
}

impl Options {
    /// All labels that a backend of IPVS can have, in their order.
    pub const IPVS_LABELS: [&str; 6] = [
        "local_address",
        "local_port",
        "remote_address",
        "remote_port",
        "proto",
        "local_mark",
    ];

    /// The devices that `diskstats` leaves out unless told otherwise: RAM disks, loop devices, floppies and partitions.
    pub const DISK_DEVICES_EXCLUDED: &str = r"^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$";

    /// The mount points that `filesystem` leaves out unless told otherwise.
    pub const MOUNT_POINTS_EXCLUDED: &str = "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+)($|/)";

    /// The file system types that `filesystem` leaves out unless told otherwise: those that store nothing.
    pub const FS_TYPES_EXCLUDED: &str = "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|\
         mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$";

    /// The fields that `netstat` tells unless told otherwise.
    pub const NETSTAT_FIELDS: &str = "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|\
         TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts)|\
         Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|\
         Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$";

    /// The fields that `vmstat` tells unless told otherwise.
    pub const VMSTAT_FIELDS: &str = "^(oom_kill|pgpg|pswp|pg.*fault).*";
}

impl Default for Options {
    fn default() -> Options {
        Options {
            procfs_path: "/proc".into(),
            sysfs_path: "/sys".into(),
            rootfs_path: "/".into(),
            udev_data_path: "/run/udev/data".into(),
            collectors: Selection::default(),
            arp: Filter::default(),
            bcache_priority_stats: false,
            cpu: CpuOptions::default(),
            diskstats: Filter::exclude(Options::DISK_DEVICES_EXCLUDED),
            filesystem: FilesystemOptions::default(),
            hwmon_chips: Filter::default(),
            hwmon_sensors: Filter::default(),
            infiniband: Filter::default(),
            interrupts: Filter::default(),
            interrupts_zeros: true,
            ipvs_backend_labels: Options::IPVS_LABELS.map(str::to_owned).to_vec(),
            netclass: NetclassOptions::default(),
            netdev: NetdevOptions::default(),
            netstat_fields: Options::NETSTAT_FIELDS.to_owned(),
            powersupply_ignored: "^$".to_owned(),
            rapl_zone_label: false,
            slabs: Filter::default(),
            stat_softirq: false,
            sysctl_include: Vec::new(),
            sysctl_include_info: Vec::new(),
            tape_ignored: "^$".to_owned(),
            textfile_directories: Vec::new(),
            vmstat_fields: Options::VMSTAT_FIELDS.to_owned(),
            build: BuildInfo::default(),
        }
    }
}

/// Which collectors run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// If not empty, these instead of those that are on by default.
    pub set: Vec<String>,
    /// These too.
    pub enable: Vec<String>,
    /// But not these.
    pub disable: Vec<String>,
}

/// What `cpu` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuOptions {
    /// Time spent in guests.
    pub guest: bool,
    /// `node_cpu_info`. An expression below implies it.
    pub info: bool,
    /// The flags of the processor to tell, a Go expression.
    pub flags_include: String,
    /// The bugs of the processor to tell, a Go expression.
    pub bugs_include: String,
}

impl Default for CpuOptions {
    fn default() -> CpuOptions {
        CpuOptions {
            guest: true,
            info: false,
            flags_include: String::new(),
            bugs_include: String::new(),
        }
    }
}

/// File systems of `filesystem`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesystemOptions {
    /// By mount point.
    pub mount_points: Filter,
    /// By type.
    pub fs_types: Filter,
    /// How long a mount may take to answer before it counts as stuck.
    pub mount_timeout: Duration,
}

impl Default for FilesystemOptions {
    fn default() -> FilesystemOptions {
        FilesystemOptions {
            mount_points: Filter::exclude(Options::MOUNT_POINTS_EXCLUDED),
            fs_types: Filter::exclude(Options::FS_TYPES_EXCLUDED),
            mount_timeout: Duration::from_secs(5),
        }
    }
}

/// What `netclass` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetclassOptions {
    /// Devices to leave out, a Go expression.
    pub ignored_devices: String,
    /// Whether to leave out a speed below zero, which is what a device without a link says.
    pub ignore_invalid_speed: bool,
}

impl Default for NetclassOptions {
    fn default() -> NetclassOptions {
        NetclassOptions {
            ignored_devices: "^$".to_owned(),
            ignore_invalid_speed: false,
        }
    }
}

/// What `netdev` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetdevOptions {
    /// Devices.
    pub devices: Filter,
    /// Whether to tell the addresses of devices.
    pub address_info: bool,
}

/// The labels of `node_exporter_build_info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildInfo {
    /// The branch it was built from.
    pub branch: String,
    /// The revision it was built from.
    pub revision: String,
    /// The version.
    pub version: String,
    /// What stands where Go's version would.
    pub goversion: String,
}

impl Default for BuildInfo {
    fn default() -> BuildInfo {
        BuildInfo {
            branch: String::new(),
            revision: String::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            goversion: concat!("rustc", env!("CARGO_PKG_RUST_VERSION")).to_owned(),
        }
    }
}
