//! How much memory the process may use.

use std::fs;

/// What the process needs whatever it carries: code, an idle graph, read buffers, requests being encoded and compressed.
const BASE: u64 = 72 << 20;
/// Least budget for records, however small the limit.
const LEAST: u64 = 4 << 20;

/// A quarter of the memory of the cgroup or the machine, in bytes; the default of `--memory-limit`.
pub fn default_limit() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let kib = text.lines().find_map(|line| {
            line.strip_prefix("MemTotal:")?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse()
                .ok()
        });
        kib.map(|kib: u64| kib * 1024)
    });
    let cgroup = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ]
    .iter()
    .filter_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok())
    .min();
    let total = match (machine, cgroup) {
        (Some(machine), Some(cgroup)) => machine.min(cgroup),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => 2 << 30,
    };
    (total / 4).max(BASE + LEAST)
}

/// The budget for admitted records under a limit for the whole process. A record in flight costs more than its own bytes: its entry, the
/// request that it is encoded into, that request compressed, and what the allocator keeps.
pub fn budget(limit: u64) -> u64 {
    (limit.saturating_sub(BASE) * 2 / 5).max(LEAST)
}
