//! Btrfs file systems.

use super::btrfs_devices::{self, Device};
use super::mounts::mounts;
use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use promtext::Kind::{Counter, Gauge};
use std::collections::{HashMap, HashSet};
use std::path::Path;

const SECTOR_BYTES: f64 = 512.0;

const DEVICE_SIZE: (&str, &str) = (
    "node_btrfs_device_size_bytes",
    "Size of a device that is part of the filesystem.",
);

/// `btrfs`
pub(super) fn btrfs(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let found = read::dashed(&paths.sys("fs/btrfs"));
    // Most machines have none, and need not be asked for their mounts.
    if found.is_empty() {
        return Ok(());
    }
    let devices = devices(paths);
    for (dir, name) in found {
        let uuid = read::trimmed(&dir.join("metadata_uuid"))
            .ok()
            .filter(|uuid| !uuid.is_empty());
        let uuid = uuid.as_ref().unwrap_or(&name);
        file_system(&dir, uuid, devices.get(&uuid.replace('-', "")), sink)?;
    }
    Ok(())
}

/// The devices of file systems that are mounted, by UUID without dashes. What cannot be asked is left out: sysfs knows the sizes at least.
fn devices(paths: &Paths) -> HashMap<String, Vec<Device>> {
    let mut found = HashMap::new();
    let mut seen = HashSet::new();
    for mount in mounts(paths).unwrap_or_default() {
        // Subvolumes are mounted from the same device.
        if mount.fs_type == "btrfs"
            && seen.insert(mount.device)
            && let Ok((uuid, devices)) = btrfs_devices::devices(&paths.root(&mount.point))
        {
            found.insert(uuid, devices);
        }
    }
    found
}

fn file_system(dir: &Path, uuid: &str, asked: Option<&Vec<Device>>, sink: &mut Sink) -> Result<(), Failure> {
    let label = read::trimmed(&dir.join("label")).unwrap_or_default();
    sink.gauge(
        "node_btrfs_info",
        "Filesystem information",
        &[("uuid", uuid), ("label", &label)],
        1.0,
    );
    let reserve = read::optional(read::u64(&dir.join("allocation/global_rsv_size")))?.unwrap_or(0);
    sink.gauge(
        "node_btrfs_global_rsv_size_bytes",
        "Size of global reserve.",
        &[("uuid", uuid)],
        reserve as f64,
    );
    commits(dir, uuid, sink)?;
    let devices = read::names(&dir.join("devices"))?;
    match asked {
        Some(asked) => asked.iter().for_each(|device| tell(sink, uuid, device)),
        None => {
            for device in &devices {
                let sectors = read::u64(&dir.join("devices").join(device).join("size")).unwrap_or(0);
                let labels = [("uuid", uuid), ("device", device.as_str())];
                sink.gauge(DEVICE_SIZE.0, DEVICE_SIZE.1, &labels, sectors as f64 * SECTOR_BYTES);
            }
        }
    }
    for kind in ["data", "metadata", "system"] {
        allocation(&dir.join("allocation").join(kind), uuid, kind, devices.len(), sink)?;
    }
    Ok(())
}

/// What a device says of itself.
fn tell(sink: &mut Sink, uuid: &str, device: &Device) {
    let labels = [
        ("uuid", uuid),
        ("device", device.name.as_str()),
        ("btrfs_dev_uuid", &device.uuid),
    ];
    sink.gauge(DEVICE_SIZE.0, DEVICE_SIZE.1, &labels, device.size as f64);
    sink.gauge(
        "node_btrfs_device_unused_bytes",
        "Unused bytes unused on a device that is part of the filesystem.",
        &labels,
        device.size.saturating_sub(device.used) as f64,
    );
    for (kind, errors) in ["write", "read", "flush", "corruption", "generation"]
        .into_iter()
        .zip(device.errors)
    {
        let [uuid, name, device_uuid] = labels;
        sink.counter(
            "node_btrfs_device_errors_total",
            "Errors reported for the device",
            &[uuid, name, device_uuid, ("type", kind)],
            errors as f64,
        );
    }
}

/// How long commits took, as Linux 6.0 and later tell.
fn commits(dir: &Path, uuid: &str, sink: &mut Sink) -> Result<(), Failure> {
    let path = dir.join("commit_stats");
    let text = read::optional(read::text(&path))?.unwrap_or_default();
    let values: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    for (key, kind, unit, name, help) in [
        (
            "commits",
            Counter,
            1.0,
            "node_btrfs_commits_total",
            "The total number of commits that have occurred.",
        ),
        (
            "last_commit_ms",
            Gauge,
            1000.0,
            "node_btrfs_last_commit_seconds",
            "Duration of the most recent commit, in seconds.",
        ),
        (
            "max_commit_ms",
            Gauge,
            1000.0,
            "node_btrfs_max_commit_seconds",
            "Duration of the slowest commit, in seconds.",
        ),
        (
            "total_commit_ms",
            Counter,
            1000.0,
            "node_btrfs_commit_seconds_total",
            "Sum of the duration of all commits, in seconds.",
        ),
    ] {
        let value: u64 = values
            .get(key)
            .map_or(Ok(0), |value| read::number(&path, value.trim()))?;
        sink.number(kind, name, help, &[("uuid", uuid)], value as f64 / unit);
    }
    Ok(())
}

/// The space for a type of data, by how it is spread over devices.
fn allocation(dir: &Path, uuid: &str, kind: &str, devices: usize, sink: &mut Sink) -> Result<(), Failure> {
    let value = |path: &Path| Ok(read::optional(read::u64(path))?.unwrap_or(0) as f64);
    sink.gauge(
        "node_btrfs_reserved_bytes",
        "Amount of space reserved for a data type",
        &[("uuid", uuid), ("block_group_type", kind)],
        value(&dir.join("bytes_reserved"))?,
    );
    for mode in read::dirs(dir)? {
        let layout = dir.join(&mode);
        let labels = [("uuid", uuid), ("block_group_type", kind), ("mode", mode.as_str())];
        sink.gauge(
            "node_btrfs_used_bytes",
            "Amount of used space by a layout/data type",
            &labels,
            value(&layout.join("used_bytes"))?,
        );
        sink.gauge(
            "node_btrfs_size_bytes",
            "Amount of space allocated for a layout/data type",
            &labels,
            value(&layout.join("total_bytes"))?,
        );
        sink.gauge(
            "node_btrfs_allocation_ratio",
            "Data allocation ratio for a layout/data type",
            &labels,
            ratio(&mode, devices as f64),
        );
    }
    Ok(())
}

/// Bytes on devices for a byte of data.
fn ratio(mode: &str, devices: f64) -> f64 {
    match mode {
        "single" | "raid0" => 1.0,
        "dup" | "raid1" | "raid10" => 2.0,
        "raid1c3" => 3.0,
        "raid1c4" => 4.0,
        "raid5" => devices / (devices - 1.0),
        "raid6" => devices / (devices - 2.0),
        _ => 0.0,
    }
}
