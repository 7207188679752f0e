//! What the kernel counts since it started: interrupts, context switches, forks.

use crate::error::{Error, Failure};
use crate::filter::Compiled;
use crate::options::Options;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use promtext::Kind::{self, Counter, Gauge};

/// The lines of `/proc/stat` that are not of CPUs.
const LINES: [(&str, Kind, &str, &str); 6] = [
    (
        "intr",
        Counter,
        "node_intr_total",
        "Total number of interrupts serviced.",
    ),
    (
        "ctxt",
        Counter,
        "node_context_switches_total",
        "Total number of context switches.",
    ),
    ("processes", Counter, "node_forks_total", "Total number of forks."),
    ("btime", Gauge, "node_boot_time_seconds", "Node boot time, in unixtime."),
    (
        "procs_running",
        Gauge,
        "node_procs_running",
        "Number of processes in runnable state.",
    ),
    (
        "procs_blocked",
        Gauge,
        "node_procs_blocked",
        "Number of processes blocked waiting for I/O to complete.",
    ),
];

/// The vectors of software interrupts in the order of `/proc/stat`: labels of `stat`, and of `softirqs`.
const VECTORS: [(&str, &str); 10] = [
    ("hi", "HI"),
    ("timer", "TIMER"),
    ("net_tx", "NET_TX"),
    ("net_rx", "NET_RX"),
    ("block", "BLOCK"),
    ("block_iopoll", "IRQ_POLL"),
    ("tasklet", "TASKLET"),
    ("sched", "SCHED"),
    ("hrtimer", "HRTIMER"),
    ("rcu", "RCU"),
];

/// `stat`
pub(super) fn stat(paths: &Paths, softirq: bool, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.proc("stat");
    let text = read::text(&path)?;
    let line = |name: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
    };
    for (key, kind, name, help) in LINES {
        // What a kernel does not count is 0, as upstream.
        let first = line(key).and_then(|values| values.split_ascii_whitespace().next());
        let value: u64 = first.map_or(Ok(0), |value| read::number(&path, value))?;
        sink.number(kind, name, help, &[], value as f64);
    }
    if !softirq {
        return Ok(());
    }
    let counts = line("softirq").unwrap_or_default().split_ascii_whitespace().skip(1);
    for ((vector, _), count) in VECTORS.into_iter().zip(counts) {
        let count: u64 = read::number(&path, count)?;
        sink.counter(
            "node_softirqs_total",
            "Number of softirq calls.",
            &[("vector", vector)],
            count as f64,
        );
    }
    Ok(())
}

/// `softirqs`
pub(super) fn softirqs(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.proc("softirqs");
    for line in read::text(&path)?.lines().skip(1) {
        let (kind, counts) = line.split_once(':').ok_or_else(|| Failure::parse(&path, line))?;
        let Some((_, kind)) = VECTORS.into_iter().find(|(_, known)| *known == kind.trim()) else {
            continue;
        };
        for (cpu, count) in counts.split_ascii_whitespace().enumerate() {
            let count: u64 = read::number(&path, count)?;
            sink.counter(
                "node_softirqs_functions_total",
                "Softirq counts per CPU.",
                &[("cpu", &cpu.to_string()), ("type", kind)],
                count as f64,
            );
        }
    }
    Ok(())
}

/// `interrupts`
pub(super) struct Interrupts {
    names: Compiled,
    zeros: bool,
}

impl Interrupts {
    pub(super) fn new(options: &Options) -> Result<Interrupts, Error> {
        Ok(Interrupts {
            names: Compiled::new(
                &options.interrupts,
                "interrupts.name_include",
                "interrupts.name_exclude",
            )?,
            zeros: options.interrupts_zeros,
        })
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        let path = paths.proc("interrupts");
        let text = read::text(&path)?;
        let mut lines = text.lines();
        let heading = lines.next().ok_or_else(|| Failure::parse(&path, ""))?;
        let cpus = heading.split_ascii_whitespace().count();
        for line in lines {
            let Some((kind, rest)) = line.split_once(':') else {
                continue;
            };
            let kind = kind.trim_start();
            let words: Vec<&str> = rest.split_ascii_whitespace().collect();
            // ERR and MIS are not counted by CPU.
            if words.len() <= cpus {
                continue;
            }
            let (counts, details) = words.split_at(cpus);
            // A device's interrupt has a number, then the chip, then what uses it; others have a description.
            let (info, devices) = match kind.parse::<i64>() {
                Ok(_) => (details[0].to_owned(), details[1..].join(" ")),
                Err(_) => (details.join(" "), String::new()),
            };
            if self.names.ignores(&format!("{kind};{info};{devices}")) {
                continue;
            }
            for (cpu, count) in counts.iter().enumerate() {
                let count: f64 = read::number(&path, count)?;
                if count == 0.0 && !self.zeros {
                    continue;
                }
                sink.counter(
                    "node_interrupts_total",
                    "Interrupt details.",
                    &[
                        ("cpu", &cpu.to_string()),
                        ("type", kind),
                        ("info", &info),
                        ("devices", &devices),
                    ],
                    count,
                );
            }
        }
        Ok(())
    }
}
