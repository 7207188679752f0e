//! The kernel's cache of slow disks on fast ones.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use promtext::Kind::{self, Counter, Gauge};
use std::path::Path;

/// Files of a set of devices.
const SET: [(&str, Kind, f64, &str, &str); 10] = [
    (
        "average_key_size",
        Gauge,
        1.0,
        "node_bcache_average_key_size_sectors",
        "Average data per key in the btree (sectors).",
    ),
    (
        "btree_cache_size",
        Gauge,
        1.0,
        "node_bcache_btree_cache_size_bytes",
        "Amount of memory currently used by the btree cache.",
    ),
    (
        "cache_available_percent",
        Gauge,
        1.0,
        "node_bcache_cache_available_percent",
        "Percentage of cache device without dirty data, usable for writeback (may contain clean cached data).",
    ),
    ("congested", Gauge, 1.0, "node_bcache_congested", "Congestion."),
    (
        "root_usage_percent",
        Gauge,
        1.0,
        "node_bcache_root_usage_percent",
        "Percentage of the root btree node in use (tree depth increases if too high).",
    ),
    (
        "tree_depth",
        Gauge,
        1.0,
        "node_bcache_tree_depth",
        "Depth of the btree.",
    ),
    (
        "internal/active_journal_entries",
        Gauge,
        1.0,
        "node_bcache_active_journal_entries",
        "Number of journal entries that are newer than the index.",
    ),
    (
        "internal/btree_nodes",
        Gauge,
        1.0,
        "node_bcache_btree_nodes",
        "Total nodes in the btree.",
    ),
    // The file says that these are microseconds; upstream takes them for nanoseconds, and so does who reads its numbers.
    (
        "internal/btree_read_average_duration_us",
        Gauge,
        1e-9,
        "node_bcache_btree_read_average_duration_seconds",
        "Average btree read duration.",
    ),
    (
        "internal/cache_read_races",
        Counter,
        1.0,
        "node_bcache_cache_read_races_total",
        "Counts instances where while data was being read from the cache, the bucket was reused and invalidated - i.e. where the pointer \
         was stale after the read completed.",
    ),
];

/// Files of `stats_total` of a device behind the cache.
const TOTALS: [(&str, &str, &str); 6] = [
    (
        "bypassed",
        "node_bcache_bypassed_bytes_total",
        "Amount of IO (both reads and writes) that has bypassed the cache.",
    ),
    (
        "cache_hits",
        "node_bcache_cache_hits_total",
        "Hits counted per individual IO as bcache sees them.",
    ),
    (
        "cache_misses",
        "node_bcache_cache_misses_total",
        "Misses counted per individual IO as bcache sees them.",
    ),
    (
        "cache_bypass_hits",
        "node_bcache_cache_bypass_hits_total",
        "Hits for IO intended to skip the cache.",
    ),
    (
        "cache_bypass_misses",
        "node_bcache_cache_bypass_misses_total",
        "Misses for IO intended to skip the cache.",
    ),
    (
        "cache_miss_collisions",
        "node_bcache_cache_miss_collisions_total",
        "Instances where data insertion from cache miss raced with write (data already present).",
    ),
];

/// Lines of `writeback_rate_debug`.
const WRITEBACK: [(&str, &str, &str); 5] = [
    (
        "target",
        "node_bcache_dirty_target_bytes",
        "Current dirty data target threshold for this backing device in bytes.",
    ),
    (
        "rate",
        "node_bcache_writeback_rate",
        "Current writeback rate for this backing device in bytes.",
    ),
    (
        "proportional",
        "node_bcache_writeback_rate_proportional_term",
        "Current result of proportional controller, part of writeback rate",
    ),
    (
        "integral",
        "node_bcache_writeback_rate_integral_term",
        "Current result of integral controller, part of writeback rate",
    ),
    (
        "change",
        "node_bcache_writeback_change",
        "Last writeback rate change step for this backing device.",
    ),
];

/// Files of a device that is a cache.
const CACHE: [(&str, Kind, &str, &str); 3] = [
    (
        "io_errors",
        Gauge,
        "node_bcache_io_errors",
        "Number of errors that have occurred, decayed by io_error_halflife.",
    ),
    (
        "metadata_written",
        Counter,
        "node_bcache_metadata_written_bytes_total",
        "Sum of all non data writes (btree writes and all other metadata).",
    ),
    (
        "written",
        Counter,
        "node_bcache_written_bytes_total",
        "Sum of all data that has been written to the cache.",
    ),
];

/// `bcache`
pub(super) fn bcache(paths: &Paths, priority_stats: bool, sink: &mut Sink) -> Result<(), Failure> {
    for (dir, uuid) in read::dashed(&paths.sys("fs/bcache")) {
        for (file, kind, unit, name, help) in SET {
            sink.number(kind, name, help, &[("uuid", &uuid)], value(&dir.join(file))? * unit);
        }
        for (device, number) in read::numbered(&dir, "bdev") {
            backing(&device, &uuid, &format!("bdev{number}"), sink)?;
        }
        for (device, number) in read::numbered(&dir, "cache") {
            cache(&device, &uuid, &format!("cache{number}"), priority_stats, sink)?;
        }
    }
    Ok(())
}

fn backing(dir: &Path, uuid: &str, device: &str, sink: &mut Sink) -> Result<(), Failure> {
    let labels = [("uuid", uuid), ("backing_device", device)];
    sink.gauge(
        "node_bcache_dirty_data_bytes",
        "Amount of dirty data for this backing device in the cache.",
        &labels,
        value(&dir.join("dirty_data"))?,
    );
    let path = dir.join("writeback_rate_debug");
    let text = read::text(&path)?;
    for (key, name, help) in WRITEBACK {
        let line = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(known, _)| *known == key);
        let value = match line {
            Some((_, value)) => {
                human(value.trim().trim_end_matches("/sec")).ok_or_else(|| Failure::parse(&path, value))?
            }
            None => 0.0,
        };
        sink.gauge(name, help, &labels, value);
    }
    let total = dir.join("stats_total");
    for (file, name, help) in TOTALS {
        sink.counter(name, help, &labels, value(&total.join(file))?);
    }
    // Linux 5.13 took it away; before, it is told once it happened.
    let readaheads = value(&total.join("cache_readaheads"))?;
    if readaheads != 0.0 {
        sink.counter(
            "node_bcache_cache_readaheads_total",
            "Count of times readahead occurred.",
            &labels,
            readaheads,
        );
    }
    Ok(())
}

fn cache(dir: &Path, uuid: &str, device: &str, priority_stats: bool, sink: &mut Sink) -> Result<(), Failure> {
    let labels = [("uuid", uuid), ("cache_device", device)];
    for (file, kind, name, help) in CACHE {
        sink.number(kind, name, help, &labels, value(&dir.join(file))?);
    }
    if !priority_stats {
        return Ok(());
    }
    let path = dir.join("priority_stats");
    let text = read::text(&path)?;
    for (key, name, help) in [
        (
            "Unused",
            "node_bcache_priority_stats_unused_percent",
            "The percentage of the cache that doesn't contain any data.",
        ),
        (
            "Metadata",
            "node_bcache_priority_stats_metadata_percent",
            "Bcache's metadata overhead.",
        ),
    ] {
        let line = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(known, _)| *known == key);
        let percent = line.map_or("0", |(_, value)| value.trim().trim_end_matches('%'));
        sink.gauge(name, help, &labels, read::number(&path, percent)?);
    }
    Ok(())
}

/// The number in a file; 0 if there is none.
fn value(path: &Path) -> Result<f64, Failure> {
    let Some(text) = read::optional(read::trimmed(path))? else {
        return Ok(0.0);
    };
    human(&text).ok_or_else(|| Failure::parse(path, &text))
}

/// Reads a number like `1.5k`. What follows the point are 1024ths in disguise: the kernel writes a tenth of a unit as 102/1024 of it.
fn human(text: &str) -> Option<f64> {
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let unit = text.chars().last()?;
    let Some(power) = "kMGTPEZY".find(unit) else {
        return text.parse::<f64>().ok().map(|value| sign * value.trunc());
    };
    let number = &text[..text.len() - 1];
    let value = match number.split_once('.') {
        Some((whole, part)) => whole.parse::<f64>().ok()? + part.parse::<f64>().ok()? / 10.24,
        None => number.parse().ok()?,
    };
    Some(sign * (value * 1024_f64.powi(power as i32 + 1)).trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_humans() {
        assert_eq!(human("289"), Some(289.0));
        assert_eq!(human("20.0M"), Some(20_971_520.0));
        assert_eq!(human("1.1k"), Some(1124.0));
        assert_eq!(human("-1.1k"), Some(-1124.0));
        assert_eq!(human(""), None);
        assert_eq!(human("k"), None);
    }
}
