//! A node exporter, and what its page has in common with ours. The tests of the whole program use it, too.

use nodemetrics::Options;
use promtext::{Scrape, parse_text};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub const BINARY: &str = "prometheus-node-exporter";

/// On next to those that are on by default, at both.
pub const ENABLED: [&str; 11] = [
    "buddyinfo",
    "cgroups",
    "interrupts",
    "ksmd",
    "lnstat",
    "meminfo_numa",
    "processes",
    "slabinfo",
    "sysctl",
    "tcpstat",
    "zoneinfo",
];

/// What `sysctl` tells, at both.
pub const SETTINGS: [&str; 3] = [
    "kernel.threads-max",
    "fs.file-nr:total,current,max",
    "net.ipv4.tcp_rmem",
];
pub const SETTINGS_INFO: [&str; 1] = ["kernel.seccomp.actions_avail"];

/// Families that the release on this machine (1.5.0) has not, and the releases that Alloy embeds have.
const NEWER: [&str; 17] = [
    // 1.6
    "node_softnet_cpu_collision_total",
    "node_softnet_flow_limit_count_total",
    "node_softnet_received_rps_total",
    "node_softnet_backlog_len",
    // 1.8
    "node_cpu_online",
    "node_pressure_irq_stalled_seconds_total",
    // 1.9
    "node_filesystem_mount_info",
    "node_btrfs_commits_total",
    "node_btrfs_last_commit_seconds",
    "node_btrfs_max_commit_seconds",
    "node_btrfs_commit_seconds_total",
    "node_md_raid_disks",
    "node_md_degraded",
    "node_nvme_namespace_info",
    // 1.10
    "node_ksmd_general_profit_bytes",
    // Linux of this machine may have them or not.
    "node_cpu_isolated",
    "node_cpu_frequency_avg_hertz",
];

/// Labels that the release on this machine has not: rotational since 1.6, adminstate since 1.6, device_error since 1.9, tags since 1.6.
const NEWER_LABELS: [(&str, &str); 4] = [
    ("node_disk_info", "rotational"),
    ("node_network_info", "adminstate"),
    ("node_exporter_build_info", "tags"),
    ("node_nvme_info", "cntlid"),
];

/// Families whose series come and go between two scrapes, or are different by their nature: states that no process or socket is in at the
/// moment, and what we are built with.
const FLEETING: [&str; 4] = [
    "node_tcp_connection_states",
    "node_processes_state",
    "node_processes_threads_state",
    "node_exporter_build_info",
];

/// Families whose values do not change while the test runs.
pub const STEADY: [&str; 28] = [
    "node_boot_time_seconds",
    "node_cooling_device_max_state",
    "node_cgroups_enabled",
    "node_dmi_info",
    "node_entropy_pool_size_bits",
    "node_filefd_maximum",
    "node_filesystem_device_error",
    "node_filesystem_readonly",
    "node_filesystem_size_bytes",
    "node_memory_Hugepagesize_bytes",
    "node_memory_MemTotal_bytes",
    "node_memory_SwapTotal_bytes",
    "node_memory_VmallocTotal_bytes",
    "node_netstat_Ip_Forwarding",
    "node_network_iface_id",
    "node_network_info",
    "node_network_mtu_bytes",
    "node_network_speed_bytes",
    "node_network_transmit_queue_length",
    "node_network_up",
    "node_nf_conntrack_entries_limit",
    "node_os_info",
    "node_os_version",
    "node_sysctl_info",
    "node_sysctl_kernel_threads_max",
    "node_sysctl_net_ipv4_tcp_rmem",
    "node_time_zone_offset_seconds",
    "node_uname_info",
];

/// A node exporter that ends with the test.
pub struct Peer {
    process: Child,
    pub port: u16,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Peer {
    /// `None` if it is not installed.
    pub fn start() -> Option<Peer> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(BINARY);
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        // Debian's package has other defaults than upstream.
        command.arg(format!(
            "--collector.filesystem.mount-points-exclude={}",
            Options::MOUNT_POINTS_EXCLUDED
        ));
        command.arg(format!(
            "--collector.filesystem.fs-types-exclude={}",
            Options::FS_TYPES_EXCLUDED
        ));
        command.args([
            "--collector.netdev.device-exclude=",
            "--collector.textfile.directory=",
            "--no-collector.systemd",
        ]);
        command.args(SETTINGS.map(|setting| format!("--collector.sysctl.include={setting}")));
        command.args(SETTINGS_INFO.map(|setting| format!("--collector.sysctl.include-info={setting}")));
        command.args(ENABLED.map(|name| format!("--collector.{name}")));
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let peer = Peer { process, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "{BINARY} does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Some(peer)
    }

    pub fn scrape(&self) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
            .split_once("\r\n\r\n")
            .expect("an answer has a head")
            .1
            .to_owned()
    }
}

/// A page in a form that can be compared.
pub struct Page {
    /// Type and help by family.
    pub families: BTreeMap<String, (String, String)>,
    /// Values by name and labels, without empty labels, which are the same as none.
    pub series: BTreeMap<(String, BTreeSet<(String, String)>), f64>,
}

impl Page {
    pub fn new(text: &str) -> Page {
        let Scrape { types, help, samples } = parse_text(text).unwrap();
        // The exporter tells of itself, too.
        let ours = |name: &str| name.starts_with("node_");
        let mut families = BTreeMap::new();
        for (name, kind) in types.into_iter().filter(|(name, _)| ours(name)) {
            let help = help
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, help)| help.clone());
            families.insert(name, (kind, help.unwrap_or_default()));
        }
        let mut series = BTreeMap::new();
        for sample in samples.into_iter().filter(|sample| ours(&sample.name)) {
            let newer = |label: &str| NEWER_LABELS.contains(&(sample.name.as_str(), label));
            let labels = sample
                .labels
                .iter()
                .filter(|(name, value)| !value.is_empty() && !newer(name));
            series.insert((sample.name.clone(), labels.cloned().collect()), sample.value);
        }
        Page { families, series }
    }
}

/// What is different and should not be.
pub fn compare(theirs: &Page, ours: &Page) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, family) in &theirs.families {
        match ours.families.get(name) {
            None if FLEETING.contains(&name.as_str()) => {}
            None => differences.push(format!("family {name}: not ours")),
            // 1.10 gave these files help texts of their own, and 1.6 told the platform of a build.
            Some(_) if name.starts_with("node_ksmd_") || name == "node_exporter_build_info" => {}
            Some(known) if known != family => differences.push(format!("family {name}: {family:?}, ours {known:?}")),
            Some(_) => {}
        }
    }
    for name in ours.families.keys() {
        if !theirs.families.contains_key(name) && !NEWER.contains(&name.as_str()) && !FLEETING.contains(&name.as_str())
        {
            differences.push(format!("family {name}: only ours"));
        }
    }
    let comparable = |name: &str| !NEWER.contains(&name) && !FLEETING.contains(&name);
    for (key, value) in &theirs.series {
        match ours.series.get(key) {
            None if comparable(&key.0) => differences.push(format!("series {key:?}: not ours")),
            Some(ours) if STEADY.contains(&key.0.as_str()) && ours != value => {
                differences.push(format!("series {key:?}: {value}, ours {ours}"));
            }
            _ => {}
        }
    }
    for key in ours.series.keys() {
        if !theirs.series.contains_key(key) && comparable(&key.0) {
            differences.push(format!("series {key:?}: only ours"));
        }
    }
    differences
}
