//! Memory.

use crate::error::{Error, Failure};
use crate::filter::{self, Compiled};
use crate::options::Options;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use goregex::Regex;
use promtext::Kind::{Counter, Gauge};

/// `meminfo`: every line, as older releases of node exporter tell it. Newer ones leave out those that they do not know.
pub(super) fn meminfo(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.proc("meminfo");
    for line in read::text(&path)?.lines() {
        let (name, rest) = line.split_once(':').ok_or_else(|| Failure::parse(&path, line))?;
        let mut words = rest.split_ascii_whitespace();
        let value: f64 = read::number(&path, words.next().unwrap_or_default())?;
        let field = name.replace('(', "_").replace(')', "");
        let (field, value) = match words.next() {
            Some("kB") => (format!("{field}_bytes"), value * 1024.0),
            _ => (field, value),
        };
        sink.gauge(
            &format!("node_memory_{field}"),
            &format!("Memory information field {field}."),
            &[],
            value,
        );
    }
    Ok(())
}

/// `meminfo_numa`
pub(super) fn meminfo_numa(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    for (dir, node) in read::numbered(&paths.sys("devices/system/node"), "node") {
        let labels = [("node", node.as_str())];
        let mut tell = |kind, field: &str, value: f64| {
            let name = format!("node_memory_numa_{field}");
            let help = format!("Memory information field {field}.");
            sink.number(kind, &name, &help, &labels, value);
        };
        let path = dir.join("meminfo");
        for line in read::text(&path)?.lines().filter(|line| !line.trim().is_empty()) {
            // Node 0 MemTotal:       134182340 kB
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let &[_, _, name, value, ref unit @ ..] = words.as_slice() else {
                return Err(Failure::parse(&path, line));
            };
            let value: f64 = read::number(&path, value)?;
            let value = if unit == ["kB"] { value * 1024.0 } else { value };
            let field = name.trim_end_matches(':').replace('(', "_").replace(')', "");
            tell(Gauge, &field, value);
        }
        let path = dir.join("numastat");
        for line in read::text(&path)?.lines().filter(|line| !line.trim().is_empty()) {
            let (name, value) = line.split_once(' ').ok_or_else(|| Failure::parse(&path, line))?;
            tell(Counter, &format!("{name}_total"), read::number(&path, value.trim())?);
        }
    }
    Ok(())
}

/// `vmstat`
pub(super) struct Vmstat {
    fields: Regex,
}

impl Vmstat {
    pub(super) fn new(options: &Options) -> Result<Vmstat, Error> {
        let fields = filter::regex("vmstat.fields", &options.vmstat_fields)?;
        Ok(Vmstat { fields })
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        let path = paths.proc("vmstat");
        for line in read::text(&path)?.lines() {
            let (field, value) = line.split_once(' ').ok_or_else(|| Failure::parse(&path, line))?;
            if self.fields.is_match(field.as_bytes()) {
                sink.untyped(
                    &format!("node_vmstat_{field}"),
                    &format!("/proc/vmstat information field {field}."),
                    &[],
                    read::number(&path, value.trim())?,
                );
            }
        }
        Ok(())
    }
}

/// `swap`
pub(super) fn swap(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.proc("swaps");
    for line in read::text(&path)?.lines().skip(1) {
        // Filename Type Size Used Priority, in kibibytes.
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let &[device, swap_type, size, used, priority] = words.as_slice() else {
            return Err(Failure::parse(&path, line));
        };
        let labels = [("device", device), ("swap_type", swap_type)];
        let bytes = |text: &str| read::number::<f64>(&path, text).map(|kibibytes| kibibytes * 1024.0);
        sink.gauge(
            "node_swap_size_bytes",
            "Swap device size in bytes.",
            &labels,
            bytes(size)?,
        );
        sink.gauge(
            "node_swap_used_bytes",
            "Swap device used in bytes.",
            &labels,
            bytes(used)?,
        );
        sink.gauge(
            "node_swap_priority",
            "Swap device priority.",
            &labels,
            read::number(&path, priority)?,
        );
    }
    Ok(())
}

/// `ksmd`
pub(super) fn ksmd(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    for (file, kind, unit, name, help) in [
        (
            "full_scans",
            Counter,
            1.0,
            "node_ksmd_full_scans_total",
            "How many times all mergeable areas have been scanned.",
        ),
        (
            "merge_across_nodes",
            Gauge,
            1.0,
            "node_ksmd_merge_across_nodes",
            "Specifies if pages from different NUMA nodes can be merged.",
        ),
        (
            "pages_shared",
            Gauge,
            1.0,
            "node_ksmd_pages_shared",
            "How many shared pages are being used.",
        ),
        (
            "pages_sharing",
            Gauge,
            1.0,
            "node_ksmd_pages_sharing",
            "How many more sites are sharing them i.e. how much saved.",
        ),
        (
            "pages_to_scan",
            Gauge,
            1.0,
            "node_ksmd_pages_to_scan",
            "How many pages to scan before ksmd goes to sleep.",
        ),
        (
            "pages_unshared",
            Gauge,
            1.0,
            "node_ksmd_pages_unshared",
            "How many pages unique but repeatedly checked for merging.",
        ),
        (
            "pages_volatile",
            Gauge,
            1.0,
            "node_ksmd_pages_volatile",
            "How many pages changing too fast to be placed in a tree.",
        ),
        (
            "run",
            Gauge,
            1.0,
            "node_ksmd_run",
            "The status of ksmd. stopped = 0, running = 1",
        ),
        (
            "sleep_millisecs",
            Gauge,
            1000.0,
            "node_ksmd_sleep_seconds",
            "How many seconds ksmd should sleep before next scan.",
        ),
        (
            "general_profit",
            Gauge,
            1.0,
            "node_ksmd_general_profit_bytes",
            "How effective is KSM. ksm_saved_pages * sizeof(page) - (all_rmap_items) * sizeof(rmap_item)",
        ),
    ] {
        if let Some(value) = read::optional(read::i64(&paths.sys("kernel/mm/ksm").join(file)))? {
            sink.number(kind, name, help, &[], value as f64 / unit);
        }
    }
    Ok(())
}

/// `buddyinfo`
pub(super) fn buddyinfo(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.proc("buddyinfo");
    for line in read::text(&path)?.lines() {
        // Node 0, zone      DMA      1      0      1
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let &[_, node, _, zone, ref blocks @ ..] = words.as_slice() else {
            return Err(Failure::parse(&path, line));
        };
        for (size, count) in blocks.iter().enumerate() {
            sink.gauge(
                "node_buddyinfo_blocks",
                "Count of free blocks according to size.",
                &[
                    ("node", node.trim_end_matches(',')),
                    ("zone", zone),
                    ("size", &size.to_string()),
                ],
                read::number(&path, count)?,
            );
        }
    }
    Ok(())
}

/// `slabinfo`
pub(super) struct Slabs {
    slabs: Compiled,
}

impl Slabs {
    pub(super) fn new(options: &Options) -> Result<Slabs, Error> {
        let slabs = Compiled::new(&options.slabs, "slabinfo.slabs_include", "slabinfo.slabs_exclude")?;
        Ok(Slabs { slabs })
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        let path = paths.proc("slabinfo");
        // Two lines of heading.
        for line in read::text(&path)?.lines().skip(2) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let &[slab, active, objects, size, per_slab, pages, ..] = words.as_slice() else {
                return Err(Failure::parse(&path, line));
            };
            if self.slabs.ignores(slab) {
                continue;
            }
            for (name, help, value) in [
                (
                    "node_slabinfo_active_objects",
                    "The number of objects that are currently active (i.e., in use).",
                    active,
                ),
                (
                    "node_slabinfo_objects",
                    "The total number of allocated objects (i.e., objects that are both in use and not in use).",
                    objects,
                ),
                (
                    "node_slabinfo_object_size_bytes",
                    "The size of objects in this slab, in bytes.",
                    size,
                ),
                (
                    "node_slabinfo_objects_per_slab",
                    "The number of objects stored in each slab.",
                    per_slab,
                ),
                (
                    "node_slabinfo_pages_per_slab",
                    "The number of pages allocated for each slab.",
                    pages,
                ),
            ] {
                sink.gauge(name, help, &[("slab", slab)], read::number(&path, value)?);
            }
        }
        Ok(())
    }
}
