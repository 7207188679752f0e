//! What `/sys/class/net` says of network devices.

use crate::error::{Error, Failure};
use crate::filter;
use crate::options::{NetclassOptions, Options};
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use goregex::Regex;
use promtext::Kind::{self, Counter, Gauge};
use std::io::ErrorKind;
use std::path::Path;

/// Files, and the ends of the names that their numbers have.
const NUMBERS: [(Kind, &str, &str); 16] = [
    (Gauge, "addr_assign_type", "address_assign_type"),
    (Gauge, "carrier", "carrier"),
    (Counter, "carrier_changes", "carrier_changes_total"),
    (Counter, "carrier_up_count", "carrier_up_changes_total"),
    (Counter, "carrier_down_count", "carrier_down_changes_total"),
    (Gauge, "dev_id", "device_id"),
    (Gauge, "dormant", "dormant"),
    (Gauge, "flags", "flags"),
    (Gauge, "ifindex", "iface_id"),
    (Gauge, "iflink", "iface_link"),
    (Gauge, "link_mode", "iface_link_mode"),
    (Gauge, "mtu", "mtu_bytes"),
    (Gauge, "name_assign_type", "name_assign_type"),
    (Gauge, "netdev_group", "net_dev_group"),
    (Gauge, "tx_queue_len", "transmit_queue_length"),
    (Gauge, "type", "protocol_type"),
];

/// The bit of `flags` of a device that is switched on.
const UP: i64 = 1;

/// `netclass`
pub(super) struct Netclass {
    ignored: Regex,
    ignore_invalid_speed: bool,
    names: [(String, String); NUMBERS.len()],
}

impl Netclass {
    pub(super) fn new(options: &Options) -> Result<Netclass, Error> {
        let NetclassOptions {
            ignored_devices,
            ignore_invalid_speed,
        } = &options.netclass;
        Ok(Netclass {
            ignored: filter::regex("netclass.ignored_devices", ignored_devices)?,
            ignore_invalid_speed: *ignore_invalid_speed,
            names: NUMBERS.map(|(_, _, end)| named(end)),
        })
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        let class = paths.sys("class/net");
        let devices = read::dirs(&class).map_err(|failure| match failure.kind() {
            Some(ErrorKind::NotFound | ErrorKind::PermissionDenied) => Failure::NoData,
            _ => failure,
        })?;
        for device in devices {
            if !self.ignored.is_match(device.as_bytes()) {
                self.device(&class.join(&device), &device, sink);
            }
        }
        Ok(())
    }

    /// Files that a device has not, or that the kernel refuses to read (the speed of a device without a link), are left out.
    fn device(&self, dir: &Path, device: &str, sink: &mut Sink) {
        let text = |name: &str| read::trimmed(&dir.join(name)).unwrap_or_default();
        let state = text("operstate");
        let flags = read::i64(&dir.join("flags")).ok();
        let labels = [("device", device)];
        sink.gauge(
            "node_network_up",
            "Value is 1 if operstate is 'up', 0 otherwise.",
            &labels,
            f64::from(state == "up"),
        );
        sink.gauge(
            "node_network_info",
            "Non-numeric data from /sys/class/net/<iface>, value is always 1.",
            &[
                ("device", device),
                ("address", &text("address")),
                ("broadcast", &text("broadcast")),
                ("duplex", &text("duplex")),
                ("operstate", &state),
                ("adminstate", admin_state(flags)),
                ("ifalias", &text("ifalias")),
            ],
            1.0,
        );
        for ((kind, file, _), (name, help)) in NUMBERS.into_iter().zip(&self.names) {
            let value = if file == "flags" {
                flags
            } else {
                read::i64(&dir.join(file)).ok()
            };
            if let Some(value) = value {
                sink.number(kind, name, help, &labels, value as f64);
            }
        }
        if let Ok(megabits) = read::i64(&dir.join("speed"))
            && (megabits >= 0 || !self.ignore_invalid_speed)
        {
            let (name, help) = named("speed_bytes");
            // Whole bytes, toward zero.
            sink.gauge(&name, &help, &labels, (megabits.saturating_mul(1000 * 1000) / 8) as f64);
        }
    }
}

fn named(end: &str) -> (String, String) {
    (format!("node_network_{end}"), format!("Network device property: {end}"))
}

fn admin_state(flags: Option<i64>) -> &'static str {
    match flags {
        None => "unknown",
        Some(flags) if flags & UP != 0 => "up",
        Some(_) => "down",
    }
}
