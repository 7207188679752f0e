//! Software RAID.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use std::path::Path;

/// An array as `/proc/mdstat` shows it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Array {
    name: String,
    state: String,
    active: u64,
    required: u64,
    failed: u64,
    spare: u64,
    blocks: u64,
    synced: u64,
}

/// `mdadm`
pub(super) fn mdadm(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.proc("mdstat");
    let text = read::text(&path).map_err(Failure::or_no_data)?;
    for array in parse(&path, &text)? {
        let device = ("device", array.name.as_str());
        for (label, state) in [
            ("active", "active"),
            ("inactive", "inactive"),
            ("recovering", "recovering"),
            ("resync", "resyncing"),
            ("check", "checking"),
        ] {
            sink.gauge(
                "node_md_state",
                "Indicates the state of md-device.",
                &[device, ("state", label)],
                f64::from(array.state == state),
            );
        }
        for (state, disks) in [
            ("active", array.active),
            ("failed", array.failed),
            ("spare", array.spare),
        ] {
            sink.gauge(
                "node_md_disks",
                "Number of active/failed/spare disks of device.",
                &[device, ("state", state)],
                disks as f64,
            );
        }
        for (name, help, value) in [
            (
                "node_md_disks_required",
                "Total number of disks of device.",
                array.required,
            ),
            ("node_md_blocks", "Total number of blocks on device.", array.blocks),
            (
                "node_md_blocks_synced",
                "Number of blocks synced on device.",
                array.synced,
            ),
        ] {
            sink.gauge(name, help, &[device], value as f64);
        }
    }
    let blocks = paths.sys("block");
    for device in read::names(&blocks)
        .unwrap_or_default()
        .iter()
        .filter(|name| name.starts_with("md"))
    {
        let dir = blocks.join(device).join("md");
        if dir.exists() {
            raid(&dir, device, sink)?;
        }
    }
    Ok(())
}

/// What sysfs says of an array.
fn raid(dir: &Path, device: &str, sink: &mut Sink) -> Result<(), Failure> {
    let labels = [("device", device)];
    let level = read::trimmed(&dir.join("level"))?;
    // Those that only hold other arrays have no disks of their own. While an array is reshaped, its file has the old number in
    // parentheses.
    let path = dir.join("raid_disks");
    if !matches!(level.as_str(), "container" | "imsm" | "ddf" | "")
        && let Some(disks) = read::trimmed(&path)?
            .split(' ')
            .next()
            .filter(|disks| !disks.is_empty())
    {
        sink.gauge(
            "node_md_raid_disks",
            "Number of raid disks on device.",
            &labels,
            read::number(&path, disks)?,
        );
    }
    let degraded = match level.as_str() {
        "raid1" | "raid4" | "raid5" | "raid6" | "raid10" => read::u64(&dir.join("degraded"))?,
        _ => 0,
    };
    sink.gauge(
        "node_md_degraded",
        "Number of degraded disks on device.",
        &labels,
        degraded as f64,
    );
    Ok(())
}

/// Reads arrays of three lines or more:
///
/// ```text
/// md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]
///       195310144 blocks [2/1] [U_]
///       [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec
/// ```
fn parse(path: &Path, text: &str) -> Result<Vec<Array>, Failure> {
    let mut arrays = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (index, &line) in lines.iter().enumerate() {
        let skip = ["Personalities", "unused", " "]
            .iter()
            .any(|start| line.starts_with(start));
        if skip || line.trim().is_empty() {
            continue;
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let &[name, _, state, ..] = words.as_slice() else {
            return Err(Failure::parse(path, line));
        };
        let status = lines.get(index + 1).copied().unwrap_or_default();
        let mut array = Array {
            name: name.to_owned(),
            state: state.to_owned(),
            failed: line.matches("(F)").count() as u64,
            spare: line.matches("(S)").count() as u64,
            ..Array::default()
        };
        disks(path, line, status, &mut array)?;
        let mut below = lines.iter().skip(index + 2).take_while(|line| line.starts_with(' '));
        let sync = below.find(|line| !line.contains("bitmap")).copied().unwrap_or_default();
        array.synced = array.blocks;
        let does = ["recovery", "reshape", "check", "resync"]
            .into_iter()
            .find(|word| sync.contains(word));
        if let Some(word) = does {
            array.state = match word {
                "recovery" => "recovering",
                "reshape" => "reshaping",
                "check" => "checking",
                _ => "resyncing",
            }
            .to_owned();
            array.synced = match sync.contains("PENDING") || sync.contains("DELAYED") {
                true => 0,
                false => progress(sync).ok_or_else(|| Failure::parse(path, sync))?,
            };
        }
        arrays.push(array);
    }
    Ok(arrays)
}

/// Reads `195310144 blocks super 1.2 [2/1] [U_]`.
fn disks(path: &Path, line: &str, status: &str, array: &mut Array) -> Result<(), Failure> {
    let malformed = || Failure::parse(path, status);
    let size = status.split_ascii_whitespace().next().ok_or_else(malformed)?;
    array.blocks = read::number(path, size)?;
    // These lose everything with a disk, and so say nothing of how many work.
    if line.contains("raid0") || line.contains("linear") {
        array.required = line.matches('[').count() as u64;
        array.active = array.required;
        return Ok(());
    }
    if line.contains("inactive") {
        return Ok(());
    }
    let counts = status.split(['[', ']']).find_map(|part| {
        let (required, active) = part.split_once('/')?;
        Some((required.parse().ok()?, active.parse().ok()?))
    });
    (array.required, array.active) = counts.ok_or_else(malformed)?;
    Ok(())
}

/// The first number of `(16775552/195310144)`.
fn progress(line: &str) -> Option<u64> {
    let (synced, _) = line.split_once('(')?.1.split_once('/')?;
    synced.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_of_all_states() {
        let text = "Personalities : [raid1] [raid0]\n\
            md0 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]\n      100 blocks [2/1] [U_]\n      \
            [=>...]  recovery =  8.5% (17/100) finish=17.0min speed=259783K/sec\n\n\
            md1 : active raid6 sdb1[0] sdc1[1]\n      200 blocks super 1.2 level 6 [4/3] [U_UU]\n      \
            bitmap: 0/30 pages [0KB], 65536KB chunk\n      resync=DELAYED\n\n\
            md2 : active raid0 sda1[0] sdb1[1]\n      300 blocks 64k chunks\n\n\
            md3 : inactive raid1 sda3[0](S)\n      400 blocks super 1.2\n\nunused devices: <none>\n";
        let arrays = parse(Path::new("mdstat"), text).unwrap();
        let told: Vec<_> = arrays
            .iter()
            .map(|a| (&*a.state, a.required, a.active, a.failed, a.spare, a.synced))
            .collect();
        assert_eq!(
            told,
            [
                ("recovering", 2, 1, 1, 1, 17),
                ("resyncing", 4, 3, 0, 0, 0),
                ("active", 2, 2, 0, 0, 300),
                ("inactive", 0, 0, 0, 1, 400),
            ]
        );
        assert!(parse(Path::new("mdstat"), "md0 : active\n").is_err());
        assert!(parse(Path::new("mdstat"), "md0\n").is_err());
    }
}
