//! The collectors by name, and which of them run.

use crate::error::Error;
use crate::options::Selection;
use std::collections::BTreeSet;

/// On Linux by default.
pub(crate) const DEFAULT: [&str; 45] = [
    "arp",
    "bcache",
    "bonding",
    "btrfs",
    "conntrack",
    "cpu",
    "cpufreq",
    "diskstats",
    "dmi",
    "edac",
    "entropy",
    "fibrechannel",
    "filefd",
    "filesystem",
    "hwmon",
    "infiniband",
    "ipvs",
    "loadavg",
    "mdadm",
    "meminfo",
    "netclass",
    "netdev",
    "netstat",
    "nfs",
    "nfsd",
    "nvme",
    "os",
    "powersupplyclass",
    "pressure",
    "rapl",
    "schedstat",
    "selinux",
    "sockstat",
    "softnet",
    "stat",
    "tapestats",
    "textfile",
    "thermal_zone",
    "time",
    "timex",
    "udp_queues",
    "uname",
    "vmstat",
    "xfs",
    "zfs",
];

/// On Linux only where they are asked for.
pub(crate) const OPTIONAL: [&str; 19] = [
    "buddyinfo",
    "cgroups",
    "cpu_vulnerabilities",
    "drbd",
    "drm",
    "interrupts",
    "kernel_hung",
    "ksmd",
    "lnstat",
    "meminfo_numa",
    "mountstats",
    "processes",
    "slabinfo",
    "softirqs",
    "swap",
    "sysctl",
    "tcpstat",
    "watchdog",
    "zoneinfo",
];

/// Collectors of node exporter that are not in this crate: those of other systems, and on Linux those that talk to services or need more
/// than files. They can be named, and do nothing.
const ELSEWHERE: [&str; 20] = [
    "bcachefs",
    "boottime",
    "devstat",
    "dmmultipath",
    "ethtool",
    "exec",
    "logind",
    "netisr",
    "network_route",
    "ntp",
    "nvmesubsystem",
    "pcidevice",
    "perf",
    "qdisc",
    "runit",
    "supervisord",
    "systemd",
    "thermal",
    "wifi",
    "xfrm",
];

/// The collectors that run, sorted.
pub(crate) fn resolve(selection: &Selection) -> Result<BTreeSet<&'static str>, Error> {
    let mut chosen: BTreeSet<&'static str> = BTreeSet::new();
    if selection.set.is_empty() {
        chosen.extend(DEFAULT);
    }
    for name in selection.set.iter().chain(&selection.enable) {
        chosen.extend(known(name)?);
    }
    for name in &selection.disable {
        if let Some(name) = known(name)? {
            chosen.remove(name);
        }
    }
    Ok(chosen)
}

/// The name, if the collector is in this crate.
fn known(name: &str) -> Result<Option<&'static str>, Error> {
    let ours = DEFAULT.into_iter().chain(OPTIONAL).find(|&known| known == name);
    if ours.is_none() && !ELSEWHERE.contains(&name) {
        return Err(Error::UnknownCollector(name.to_owned()));
    }
    Ok(ours)
}

/// Those of the selection that node exporter has and this crate has not, as a caller may want to say.
pub fn unsupported(selection: &Selection) -> Vec<String> {
    let named = selection.set.iter().chain(&selection.enable);
    let unsupported = named.filter(|name| ELSEWHERE.contains(&name.as_str()) && !selection.disable.contains(name));
    unsupported.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(set: &[&str], enable: &[&str], disable: &[&str]) -> Selection {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Selection {
            set: owned(set),
            enable: owned(enable),
            disable: owned(disable),
        }
    }

    #[test]
    fn the_set_replaces_enable_adds_disable_wins() {
        let names = |set: &[&str], enable: &[&str], disable: &[&str]| {
            resolve(&selection(set, enable, disable)).map(|names| names.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(names(&[], &[], &[]).unwrap().len(), DEFAULT.len());
        assert_eq!(
            names(&["cpu", "arp"], &["processes", "cpu"], &["arp"]).unwrap(),
            ["cpu", "processes"]
        );
        assert_eq!(names(&["boottime", "cpu"], &[], &[]).unwrap(), ["cpu"]);
        let nope = Error::UnknownCollector("nope".to_owned());
        assert_eq!(names(&[], &["nope"], &[]), Err(nope.clone()));
        assert_eq!(names(&[], &[], &["nope"]), Err(nope));
    }

    #[test]
    fn what_is_not_here_can_be_told() {
        let asked = selection(&[], &["systemd", "wifi", "cpu"], &["wifi"]);
        assert_eq!(unsupported(&asked), ["systemd"]);
    }
}
