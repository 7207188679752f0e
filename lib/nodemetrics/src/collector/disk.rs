//! Block devices.

use crate::error::{Error, Failure};
use crate::filter::Compiled;
use crate::options::Options;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use promtext::Kind::{self, Counter, Gauge};

const SECTOR_BYTES: f64 = 512.0;
const MILLISECOND: f64 = 1.0 / 1000.0;

/// The columns of `/proc/diskstats` after the name of the device. Old kernels have fewer.
const COLUMNS: [(Kind, f64, &str, &str); 17] = [
    (
        Counter,
        1.0,
        "node_disk_reads_completed_total",
        "The total number of reads completed successfully.",
    ),
    (
        Counter,
        1.0,
        "node_disk_reads_merged_total",
        "The total number of reads merged.",
    ),
    (
        Counter,
        SECTOR_BYTES,
        "node_disk_read_bytes_total",
        "The total number of bytes read successfully.",
    ),
    (
        Counter,
        MILLISECOND,
        "node_disk_read_time_seconds_total",
        "The total number of seconds spent by all reads.",
    ),
    (
        Counter,
        1.0,
        "node_disk_writes_completed_total",
        "The total number of writes completed successfully.",
    ),
    (
        Counter,
        1.0,
        "node_disk_writes_merged_total",
        "The number of writes merged.",
    ),
    (
        Counter,
        SECTOR_BYTES,
        "node_disk_written_bytes_total",
        "The total number of bytes written successfully.",
    ),
    (
        Counter,
        MILLISECOND,
        "node_disk_write_time_seconds_total",
        "This is the total number of seconds spent by all writes.",
    ),
    (
        Gauge,
        1.0,
        "node_disk_io_now",
        "The number of I/Os currently in progress.",
    ),
    (
        Counter,
        MILLISECOND,
        "node_disk_io_time_seconds_total",
        "Total seconds spent doing I/Os.",
    ),
    (
        Counter,
        MILLISECOND,
        "node_disk_io_time_weighted_seconds_total",
        "The weighted # of seconds spent doing I/Os.",
    ),
    (
        Counter,
        1.0,
        "node_disk_discards_completed_total",
        "The total number of discards completed successfully.",
    ),
    (
        Counter,
        1.0,
        "node_disk_discards_merged_total",
        "The total number of discards merged.",
    ),
    (
        Counter,
        1.0,
        "node_disk_discarded_sectors_total",
        "The total number of sectors discarded successfully.",
    ),
    (
        Counter,
        MILLISECOND,
        "node_disk_discard_time_seconds_total",
        "This is the total number of seconds spent by all discards.",
    ),
    (
        Counter,
        1.0,
        "node_disk_flush_requests_total",
        "The total number of flush requests completed successfully",
    ),
    (
        Counter,
        MILLISECOND,
        "node_disk_flush_requests_time_seconds_total",
        "This is the total number of seconds spent by all flush requests.",
    ),
];

/// What udev knows of an ATA disk.
const ATA: [(&str, &str, &str); 3] = [
    (
        "ID_ATA_WRITE_CACHE",
        "node_disk_ata_write_cache",
        "ATA disk has a write cache.",
    ),
    (
        "ID_ATA_WRITE_CACHE_ENABLED",
        "node_disk_ata_write_cache_enabled",
        "ATA disk has its write cache enabled.",
    ),
    (
        "ID_ATA_ROTATION_RATE_RPM",
        "node_disk_ata_rotation_rate_rpm",
        "ATA disk rotation rate in RPMs (0 for SSDs).",
    ),
];

/// `diskstats`
pub(super) struct Disks {
    devices: Compiled,
}

impl Disks {
    pub(super) fn new(options: &Options) -> Result<Disks, Error> {
        let mut filter = options.diskstats.clone();
        // To include devices is to replace the default, as upstream has it.
        if !filter.include.is_empty() && filter.exclude == Options::DISK_DEVICES_EXCLUDED {
            filter.exclude.clear();
        }
        let devices = Compiled::exclusive(&filter, "disk.device_include", "disk.device_exclude")?;
        Ok(Disks { devices })
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        let path = paths.proc("diskstats");
        for line in read::text(&path)?.lines() {
            let mut fields = line.split_ascii_whitespace();
            let (Some(major), Some(minor), Some(device)) = (fields.next(), fields.next(), fields.next()) else {
                return Err(Failure::parse(&path, line));
            };
            if self.devices.ignores(device) {
                continue;
            }
            // Without udev, or for a device that it does not know, all properties are empty.
            let udev = read::text(&paths.udev(&format!("b{major}:{minor}"))).unwrap_or_default();
            properties(paths, sink, device, major, minor, &udev);
            for ((kind, unit, name, help), field) in COLUMNS.into_iter().zip(fields) {
                let value: u64 = read::number(&path, field)?;
                sink.number(kind, name, help, &[("device", device)], value as f64 * unit);
            }
        }
        Ok(())
    }
}

fn properties(paths: &Paths, sink: &mut Sink, device: &str, major: &str, minor: &str, udev: &str) {
    let optional = |name: &str| {
        let mut properties = udev.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
        properties.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let property = |name: &str| optional(name).unwrap_or_default();
    let serial = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"];
    let serial = serial
        .iter()
        .map(|name| property(name))
        .find(|serial| !serial.is_empty());
    let rotational = read::u64(&paths.sys(&format!("block/{device}/queue/rotational"))).is_ok_and(|value| value == 1);
    sink.gauge(
        "node_disk_info",
        "Info of /sys/block/<block_device>.",
        &[
            ("device", device),
            ("major", major),
            ("minor", minor),
            ("path", property("ID_PATH")),
            ("wwn", property("ID_WWN")),
            ("model", property("ID_MODEL")),
            ("serial", serial.unwrap_or_default()),
            ("revision", property("ID_REVISION")),
            ("rotational", if rotational { "1" } else { "0" }),
        ],
        1.0,
    );
    if !property("ID_FS_TYPE").is_empty() {
        sink.gauge(
            "node_disk_filesystem_info",
            "Info about disk filesystem.",
            &[
                ("device", device),
                ("type", property("ID_FS_TYPE")),
                ("usage", property("ID_FS_USAGE")),
                ("uuid", property("ID_FS_UUID")),
                ("version", property("ID_FS_VERSION")),
            ],
            1.0,
        );
    }
    if !property("DM_NAME").is_empty() {
        sink.gauge(
            "node_disk_device_mapper_info",
            "Info about disk device mapper.",
            &[
                ("device", device),
                ("name", property("DM_NAME")),
                ("uuid", property("DM_UUID")),
                ("vg_name", property("DM_VG_NAME")),
                ("lv_name", property("DM_LV_NAME")),
                ("lv_layer", property("DM_LV_LAYER")),
            ],
            1.0,
        );
    }
    if property("ID_ATA").is_empty() {
        return;
    }
    for (key, name, help) in ATA {
        if let Some(value) = optional(key).and_then(|value| value.parse().ok()) {
            sink.gauge(name, help, &[("device", device)], value);
        }
    }
}
