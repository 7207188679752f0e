//! Network devices: traffic, addresses, neighbours, bonds.

use super::address;
use crate::error::{Error, Failure};
use crate::filter::Compiled;
use crate::options::Options;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use std::collections::BTreeMap;

/// The columns of `/proc/net/dev`. They are sums of what netlink tells apart, the same that upstream makes of netlink's numbers.
const COLUMNS: [(&str, &str); 16] = [
    (
        "node_network_receive_bytes_total",
        "Network device statistic receive_bytes.",
    ),
    (
        "node_network_receive_packets_total",
        "Network device statistic receive_packets.",
    ),
    (
        "node_network_receive_errs_total",
        "Network device statistic receive_errs.",
    ),
    (
        "node_network_receive_drop_total",
        "Network device statistic receive_drop.",
    ),
    (
        "node_network_receive_fifo_total",
        "Network device statistic receive_fifo.",
    ),
    (
        "node_network_receive_frame_total",
        "Network device statistic receive_frame.",
    ),
    (
        "node_network_receive_compressed_total",
        "Network device statistic receive_compressed.",
    ),
    (
        "node_network_receive_multicast_total",
        "Network device statistic receive_multicast.",
    ),
    (
        "node_network_transmit_bytes_total",
        "Network device statistic transmit_bytes.",
    ),
    (
        "node_network_transmit_packets_total",
        "Network device statistic transmit_packets.",
    ),
    (
        "node_network_transmit_errs_total",
        "Network device statistic transmit_errs.",
    ),
    (
        "node_network_transmit_drop_total",
        "Network device statistic transmit_drop.",
    ),
    (
        "node_network_transmit_fifo_total",
        "Network device statistic transmit_fifo.",
    ),
    (
        "node_network_transmit_colls_total",
        "Network device statistic transmit_colls.",
    ),
    (
        "node_network_transmit_carrier_total",
        "Network device statistic transmit_carrier.",
    ),
    (
        "node_network_transmit_compressed_total",
        "Network device statistic transmit_compressed.",
    ),
];

/// `netdev`
pub(super) struct Netdev {
    devices: Compiled,
    address_info: bool,
}

impl Netdev {
    pub(super) fn new(options: &Options) -> Result<Netdev, Error> {
        let netdev = &options.netdev;
        Ok(Netdev {
            devices: Compiled::exclusive(&netdev.devices, "netdev.device_include", "netdev.device_exclude")?,
            address_info: netdev.address_info,
        })
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        let path = paths.proc("net/dev");
        for line in read::text(&path)?.lines().skip(2) {
            // A number may follow the colon without a space, and a name may have a colon in it.
            let Some((device, values)) = line.rsplit_once(':') else {
                return Err(Failure::parse(&path, line));
            };
            let device = device.trim();
            if self.devices.ignores(device) {
                continue;
            }
            let labels = [("device", device)];
            for ((name, help), value) in COLUMNS.into_iter().zip(values.split_ascii_whitespace()) {
                let value: u64 = read::number(&path, value)?;
                sink.counter(name, help, &labels, value as f64);
            }
            // The one number that netlink has and this file has not.
            if let Ok(value) = read::u64(&paths.sys(&format!("class/net/{device}/statistics/rx_nohandler"))) {
                sink.counter(
                    "node_network_receive_nohandler_total",
                    "Network device statistic receive_nohandler.",
                    &labels,
                    value as f64,
                );
            }
        }
        if !self.address_info {
            return Ok(());
        }
        for interface in address::addresses()? {
            if self.devices.ignores(&interface.device) {
                continue;
            }
            sink.gauge(
                "node_network_address_info",
                "node network address by device",
                &[
                    ("device", &interface.device),
                    ("address", &interface.address.to_string()),
                    ("netmask", &interface.prefix.to_string()),
                    ("scope", address::scope(interface.address)),
                ],
                1.0,
            );
        }
        Ok(())
    }
}

/// `arp`
pub(super) struct Arp {
    devices: Compiled,
}

impl Arp {
    pub(super) fn new(options: &Options) -> Result<Arp, Error> {
        let devices = Compiled::new(&options.arp, "arp.device_include", "arp.device_exclude")?;
        Ok(Arp { devices })
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        let text = read::text(&paths.proc("net/arp"))?;
        let mut entries: BTreeMap<&str, u32> = BTreeMap::new();
        // The device is the last of six columns; the heading has more words.
        for line in text.lines().skip(1) {
            if let Some(device) = line.split_ascii_whitespace().nth(5) {
                *entries.entry(device).or_default() += 1;
            }
        }
        for (device, count) in entries {
            if !self.devices.ignores(device) {
                sink.gauge(
                    "node_arp_entries",
                    "ARP entries by device",
                    &[("device", device)],
                    f64::from(count),
                );
            }
        }
        Ok(())
    }
}

/// `bonding`
pub(super) fn bonding(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let masters = read::text(&paths.sys("class/net/bonding_masters")).map_err(Failure::or_no_data)?;
    for master in masters.split_ascii_whitespace() {
        let dir = paths.sys("class/net").join(master);
        let slaves = read::text(&dir.join("bonding/slaves")).map_err(Failure::or_no_data)?;
        let (mut all, mut active) = (0, 0);
        for slave in slaves.split_ascii_whitespace() {
            let state = |link: &str| read::trimmed(&dir.join(format!("{link}_{slave}/bonding_slave/mii_status")));
            // Before Linux 3.14 the link was called slave_.
            let state = state("lower")
                .or_else(|_| state("slave"))
                .map_err(Failure::or_no_data)?;
            all += 1;
            active += i32::from(state == "up");
        }
        let labels = [("master", master)];
        sink.gauge(
            "node_bonding_slaves",
            "Number of configured slaves per bonding interface.",
            &labels,
            f64::from(all),
        );
        sink.gauge(
            "node_bonding_active",
            "Number of active slaves per bonding interface.",
            &labels,
            f64::from(active),
        );
    }
    Ok(())
}

/// `lnstat`: the statistics of network caches, a row for each CPU.
pub(super) fn lnstat(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let dir = paths.proc("net/stat");
    for subsystem in read::names(&dir)? {
        let path = dir.join(&subsystem);
        let text = read::text(&path)?;
        let mut rows = text.lines();
        let names: Vec<&str> = rows.next().unwrap_or_default().split_ascii_whitespace().collect();
        for (cpu, row) in rows.enumerate() {
            let cpu = cpu.to_string();
            for (name, value) in names.iter().zip(row.split_ascii_whitespace()) {
                sink.counter(
                    &format!("node_lnstat_{name}_total"),
                    "linux network cache stats",
                    &[("subsystem", &subsystem), ("cpu", &cpu)],
                    read::hex(&path, value)? as f64,
                );
            }
        }
    }
    Ok(())
}
