//! Whether there is memory for a profile: a collector must not be killed for being looked at.

use crate::profiles::NoProfile;
use std::fs::read_to_string;

/// What a profile takes at its end, when it takes most, in bytes: 75 MiB, and names for addresses.
const NEEDED: u64 = 96 << 20;

/// Limit, use, and what the use is made of, in a container: of cgroups 2, then 1.
const FILES: [[&str; 3]; 2] = [
    [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory.current",
        "/sys/fs/cgroup/memory.stat",
    ],
    [
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
    ],
];

/// Refuses if the container's limit would be exceeded.
pub(super) fn check() -> Result<(), NoProfile> {
    let contents = FILES.map(|files| files.map(|file| read_to_string(file).unwrap_or_default()));
    let left = contents
        .iter()
        .find_map(|[max, current, stat]| left(max, current, stat));
    match left {
        Some(left) if left < NEEDED => Err(NoProfile::NoRoom(format!(
            "a CPU profile takes {} MiB for a moment, and the memory limit of this container leaves {} MiB: raise the limit, or use perf record",
            NEEDED >> 20,
            left >> 20
        ))),
        _ => Ok(()),
    }
}

/// Bytes until the limit; nothing if there is none. Pages of files do not count: they go when memory is needed.
fn left(max: &str, current: &str, stat: &str) -> Option<u64> {
    let max: u64 = max.trim().parse().ok()?;
    let current: u64 = current.trim().parse().ok()?;
    let files = |line: &str| {
        let (name, bytes) = line.split_once(' ')?;
        matches!(name, "file" | "cache").then(|| bytes.trim().parse::<u64>().ok())?
    };
    let files = stat.lines().find_map(files).unwrap_or(0);
    Some(max.saturating_sub(current.saturating_sub(files)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_counts_without_files() {
        assert_eq!(left("max\n", "1\n", "file 1\n"), None);
        assert_eq!(left("", "", ""), None);
        assert_eq!(left("1000\n", "900\n", ""), Some(100));
        assert_eq!(
            left("1000\n", "900\n", "anon 400\nfile 500\nfile_mapped 7\n"),
            Some(600)
        );
        assert_eq!(left("1000\n", "900\n", "cache 300\nrss 600\n"), Some(400));
        assert_eq!(left("1000\n", "2000\n", "file 5\n"), Some(0));
    }
}
