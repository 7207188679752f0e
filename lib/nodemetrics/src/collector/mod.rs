//! The collectors, a file for each or for a few that are alike.

mod address;
mod bcache;
mod btrfs;
mod btrfs_devices;
mod clock;
mod cpu;
mod disk;
mod drbd;
mod drm;
mod edac;
mod filesystem;
mod hwmon;
mod infiniband;
mod ipvs;
mod kernel;
mod mdadm;
mod memory;
mod mounts;
mod mountstats;
mod net;
mod netclass;
mod netstat;
mod nfs;
mod os;
mod power;
mod processes;
mod sockets;
mod stat;
mod storage;
mod sysctl;
mod textfile;
mod xfs;
mod zfs;
mod zoneinfo;

use crate::error::{Error, Failure};
use crate::names;
use crate::options::Options;
use crate::paths::Paths;
use crate::sink::Sink;
use std::sync::Arc;

/// Puts what it finds into the sink. What it put there before it failed stays.
pub(crate) type Collector = Box<dyn Fn(&mut Sink) -> Result<(), Failure> + Send + Sync>;

/// Makes the collector of this name, which must be one of [`names::DEFAULT`] or [`names::OPTIONAL`].
pub(crate) fn build(name: &str, options: &Options, paths: &Arc<Paths>) -> Result<Collector, Error> {
    let paths = paths.clone();
    let simple = |collect: fn(&Paths, &mut Sink) -> Result<(), Failure>| -> Collector {
        let paths = paths.clone();
        Box::new(move |sink| collect(&paths, sink))
    };
    /// A collector that has state of its own.
    macro_rules! with {
        ($collector:expr) => {{
            let collector = $collector;
            Box::new(move |sink: &mut Sink| collector.collect(&paths, sink)) as Collector
        }};
    }
    Ok(match name {
        "arp" => with!(net::Arp::new(options)?),
        "bcache" => {
            let priority_stats = options.bcache_priority_stats;
            Box::new(move |sink| bcache::bcache(&paths, priority_stats, sink))
        }
        "bonding" => simple(net::bonding),
        "btrfs" => simple(btrfs::btrfs),
        "buddyinfo" => simple(memory::buddyinfo),
        "cgroups" => simple(kernel::cgroups),
        "conntrack" => simple(kernel::conntrack),
        // The frequency of /proc/cpuinfo is told where the collector of frequencies is on, too.
        "cpu" => with!(cpu::Cpu::new(
            options,
            names::resolve(&options.collectors)?.contains("cpufreq")
        )?),
        "cpu_vulnerabilities" => simple(cpu::vulnerabilities),
        "cpufreq" => simple(cpu::cpufreq),
        "diskstats" => with!(disk::Disks::new(options)?),
        "dmi" => simple(os::dmi),
        "drbd" => simple(drbd::drbd),
        "drm" => simple(drm::drm),
        "edac" => simple(edac::edac),
        "entropy" => simple(kernel::entropy),
        "fibrechannel" => simple(storage::fibrechannel),
        "filefd" => simple(kernel::filefd),
        "filesystem" => with!(filesystem::Filesystems::new(options)?),
        "hwmon" => with!(hwmon::Hwmon::new(options)?),
        "infiniband" => with!(infiniband::Infiniband::new(options)?),
        "interrupts" => with!(stat::Interrupts::new(options)?),
        "ipvs" => with!(ipvs::Ipvs::new(options)?),
        "kernel_hung" => simple(kernel::kernel_hung),
        "ksmd" => simple(memory::ksmd),
        "lnstat" => simple(net::lnstat),
        "loadavg" => simple(kernel::loadavg),
        "mdadm" => simple(mdadm::mdadm),
        "meminfo" => simple(memory::meminfo),
        "meminfo_numa" => simple(memory::meminfo_numa),
        "mountstats" => simple(mountstats::mountstats),
        "netclass" => with!(netclass::Netclass::new(options)?),
        "netdev" => with!(net::Netdev::new(options)?),
        "netstat" => with!(netstat::Netstat::new(options)?),
        "nfs" => simple(nfs::nfs),
        "nfsd" => simple(nfs::nfsd),
        "nvme" => simple(storage::nvme),
        "os" => simple(os::os),
        "powersupplyclass" => with!(power::Supplies::new(options)?),
        "pressure" => simple(kernel::pressure),
        "processes" => simple(processes::processes),
        "rapl" => {
            let zone_label = options.rapl_zone_label;
            Box::new(move |sink| power::rapl(&paths, zone_label, sink))
        }
        "schedstat" => simple(kernel::schedstat),
        "selinux" => simple(kernel::selinux),
        "slabinfo" => with!(memory::Slabs::new(options)?),
        "sockstat" => simple(sockets::sockstat),
        "softirqs" => simple(stat::softirqs),
        "softnet" => simple(sockets::softnet),
        "stat" => {
            let softirq = options.stat_softirq;
            Box::new(move |sink| stat::stat(&paths, softirq, sink))
        }
        "swap" => simple(memory::swap),
        "sysctl" => with!(sysctl::Sysctl::new(options)),
        "tapestats" => with!(storage::Tapes::new(options)?),
        "tcpstat" => simple(sockets::tcpstat),
        "textfile" => {
            let textfiles = textfile::Textfiles::new(options);
            Box::new(move |sink| textfiles.collect(sink))
        }
        "thermal_zone" => simple(power::thermal_zone),
        "time" => simple(clock::time),
        "timex" => simple(clock::timex),
        "udp_queues" => simple(sockets::udp_queues),
        "uname" => simple(kernel::uname),
        "vmstat" => with!(memory::Vmstat::new(options)?),
        "watchdog" => simple(power::watchdog),
        "xfs" => simple(xfs::xfs),
        "zfs" => simple(zfs::zfs),
        "zoneinfo" => simple(zoneinfo::zoneinfo),
        _ => return Err(Error::UnknownCollector(name.to_owned())),
    })
}
