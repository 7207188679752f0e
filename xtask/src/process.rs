//! What the operating system says of a running process.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// CPU time and memory of a process so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// User and system time in seconds, all threads.
    pub cpu: f64,
    /// The system's part of it.
    pub system: f64,
    /// Resident memory now, in bytes.
    pub rss: u64,
    /// Resident memory at its peak, in bytes.
    pub peak_rss: u64,
}

/// Reads `/proc` of a process.
pub fn usage(pid: u32) -> Result<Usage> {
    let dir = Path::new("/proc").join(pid.to_string());
    let stat = fs::read_to_string(dir.join("stat")).context("the process is gone")?;
    // The second field is the name in parentheses and may hold blanks: fields count from after it.
    let rest = stat.rsplit_once(')').context("/proc/PID/stat has no name")?.1;
    let field = |number: usize| -> Result<f64> {
        let text = rest
            .split_whitespace()
            .nth(number - 3)
            .context("/proc/PID/stat is short")?;
        Ok(text.parse()?)
    };
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let status = fs::read_to_string(dir.join("status"))?;
    let kib = |name: &str| {
        status
            .lines()
            .find_map(|line| {
                line.strip_prefix(name)?
                    .trim()
                    .strip_suffix(" kB")?
                    .trim()
                    .parse::<u64>()
                    .ok()
            })
            .unwrap_or(0)
    };
    Ok(Usage {
        cpu: (field(14)? + field(15)?) / ticks,
        system: field(15)? / ticks,
        rss: kib("VmRSS:") * 1024,
        peak_rss: kib("VmHWM:") * 1024,
    })
}
