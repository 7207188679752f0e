//! The zones of memory.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use promtext::Kind::{self, Counter, Gauge};

/// A line of `/proc/zoneinfo`, the end of the name, and the help text.
const LINES: [(Kind, &str, &str, &str); 34] = [
    (
        Gauge,
        "nr_free_pages",
        "nr_free_pages",
        "Total number of free pages in the zone",
    ),
    (Gauge, "min", "min_pages", "Zone watermark pages_min"),
    (Gauge, "low", "low_pages", "Zone watermark pages_low"),
    (Gauge, "high", "high_pages", "Zone watermark pages_high"),
    (Gauge, "scanned", "scanned_pages", "Pages scanned since last reclaim"),
    (
        Gauge,
        "spanned",
        "spanned_pages",
        "Total pages spanned by the zone, including holes",
    ),
    (
        Gauge,
        "present",
        "present_pages",
        "Physical pages existing within the zone",
    ),
    (
        Gauge,
        "managed",
        "managed_pages",
        "Present pages managed by the buddy system",
    ),
    (
        Gauge,
        "nr_active_anon",
        "nr_active_anon_pages",
        "Number of anonymous pages recently more used",
    ),
    (
        Gauge,
        "nr_inactive_anon",
        "nr_inactive_anon_pages",
        "Number of anonymous pages recently less used",
    ),
    (
        Gauge,
        "nr_isolated_anon",
        "nr_isolated_anon_pages",
        "Temporary isolated pages from anon lru",
    ),
    (
        Gauge,
        "nr_anon_pages",
        "nr_anon_pages",
        "Number of anonymous pages currently used by the system",
    ),
    (
        Gauge,
        "nr_anon_transparent_hugepages",
        "nr_anon_transparent_hugepages",
        "Number of anonymous transparent huge pages currently used by the system",
    ),
    (
        Gauge,
        "nr_active_file",
        "nr_active_file_pages",
        "Number of active pages with file-backing",
    ),
    (
        Gauge,
        "nr_inactive_file",
        "nr_inactive_file_pages",
        "Number of inactive pages with file-backing",
    ),
    (
        Gauge,
        "nr_isolated_file",
        "nr_isolated_file_pages",
        "Temporary isolated pages from file lru",
    ),
    (Gauge, "nr_file_pages", "nr_file_pages", "Number of file pages"),
    (
        Gauge,
        "nr_slab_reclaimable",
        "nr_slab_reclaimable_pages",
        "Number of reclaimable slab pages",
    ),
    (
        Gauge,
        "nr_slab_unreclaimable",
        "nr_slab_unreclaimable_pages",
        "Number of unreclaimable slab pages",
    ),
    (
        Gauge,
        "nr_mlock_stack",
        "nr_mlock_stack_pages",
        "mlock()ed pages found and moved off LRU",
    ),
    (Gauge, "nr_kernel_stack", "nr_kernel_stacks", "Number of kernel stacks"),
    (Gauge, "nr_mapped", "nr_mapped_pages", "Number of mapped pages"),
    (Gauge, "nr_dirty", "nr_dirty_pages", "Number of dirty pages"),
    (Gauge, "nr_writeback", "nr_writeback_pages", "Number of writeback pages"),
    (
        Gauge,
        "nr_unevictable",
        "nr_unevictable_pages",
        "Number of unevictable pages",
    ),
    (
        Gauge,
        "nr_shmem",
        "nr_shmem_pages",
        "Number of shmem pages (included tmpfs/GEM pages)",
    ),
    (Counter, "nr_dirtied", "nr_dirtied_total", "Page dirtyings since bootup"),
    (Counter, "nr_written", "nr_written_total", "Page writings since bootup"),
    (Counter, "numa_hit", "numa_hit_total", "Allocated in intended node"),
    (
        Counter,
        "numa_miss",
        "numa_miss_total",
        "Allocated in non intended node",
    ),
    (
        Counter,
        "numa_foreign",
        "numa_foreign_total",
        "Was intended here, hit elsewhere",
    ),
    (
        Counter,
        "numa_interleave",
        "numa_interleave_total",
        "Interleaver preferred this zone",
    ),
    (Counter, "numa_local", "numa_local_total", "Allocation from local node"),
    (Counter, "numa_other", "numa_other_total", "Allocation from other node"),
];

/// `zoneinfo`
pub(super) fn zoneinfo(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.proc("zoneinfo");
    let text = read::text(&path)?;
    let (mut node, mut zone) = ("", "");
    for line in text.lines() {
        // Node 0, zone      DMA
        if let Some(heading) = line.strip_prefix("Node ") {
            (node, zone) = heading
                .split_once(", zone")
                .ok_or_else(|| Failure::parse(&path, line))?;
            zone = zone.trim();
            continue;
        }
        let labels = [("node", node), ("zone", zone)];
        let mut words = line.split_ascii_whitespace();
        let (Some(key), Some(value)) = (words.next(), words.next()) else {
            continue;
        };
        if key == "protection:" {
            // protection: (0, 2504, 7792)
            let list = line.split(':').nth(1).unwrap_or_default().trim();
            for (index, value) in list.trim_matches(['(', ')']).split(", ").enumerate() {
                let name = format!("node_zoneinfo_protection_{index}");
                let help = format!("Protection array {index}. field");
                sink.gauge(&name, &help, &labels, read::number(&path, value)?);
            }
        } else if let Some((kind, _, name, help)) = LINES.into_iter().find(|(_, known, _, _)| *known == key) {
            // Lines of CPUs below have the same words, but with a colon.
            sink.number(
                kind,
                &format!("node_zoneinfo_{name}"),
                help,
                &labels,
                read::number(&path, value)?,
            );
        }
    }
    Ok(())
}
