//! Resources of the process, as Linux tells them in `/proc` (proc(5)). Elsewhere there are none.

use promtext::{Collector, Desc, Family, Kind};
use std::fs;
use std::path::PathBuf;

/// Reads the resources of the process at each scrape.
pub struct Proc {
    root: PathBuf,
    /// Clock ticks in a second and bytes in a page.
    units: Units,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Units {
    ticks: f64,
    page: f64,
}

/// Every family: name, help, type. The order is that of [`Readings::values`].
const FAMILIES: [(&str, &str, Kind); 14] = [
    (
        "alloy_resources_process_start_time_seconds",
        "Start time of the process in seconds since the Unix epoch.",
        Kind::Gauge,
    ),
    (
        "alloy_resources_process_cpu_seconds_total",
        "Total user and system CPU time in seconds.",
        Kind::Counter,
    ),
    (
        "alloy_resources_process_resident_memory_bytes",
        "Current resident memory size in bytes.",
        Kind::Gauge,
    ),
    (
        "alloy_resources_process_virtual_memory_bytes",
        "Current virtual memory size in bytes.",
        Kind::Gauge,
    ),
    (
        "alloy_resources_machine_rx_bytes_total",
        "Total bytes that the machine received over its network interfaces.",
        Kind::Counter,
    ),
    (
        "alloy_resources_machine_tx_bytes_total",
        "Total bytes that the machine sent over its network interfaces.",
        Kind::Counter,
    ),
    (
        "process_start_time_seconds",
        "Start time of the process in seconds since the Unix epoch.",
        Kind::Gauge,
    ),
    (
        "process_cpu_seconds_total",
        "Total user and system CPU time in seconds.",
        Kind::Counter,
    ),
    (
        "process_resident_memory_bytes",
        "Resident memory size in bytes.",
        Kind::Gauge,
    ),
    (
        "process_virtual_memory_bytes",
        "Virtual memory size in bytes.",
        Kind::Gauge,
    ),
    (
        "process_virtual_memory_max_bytes",
        "Most virtual memory that the process may have, in bytes; -1 without a limit.",
        Kind::Gauge,
    ),
    ("process_open_fds", "Number of open file descriptors.", Kind::Gauge),
    (
        "process_max_fds",
        "Most file descriptors that the process may have.",
        Kind::Gauge,
    ),
    ("process_threads", "Number of threads.", Kind::Gauge),
];

/// One reading. What could not be read is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Readings {
    start: Option<f64>,
    cpu: Option<f64>,
    resident: Option<f64>,
    virtual_: Option<f64>,
    virtual_max: Option<f64>,
    received: Option<f64>,
    sent: Option<f64>,
    fds: Option<f64>,
    max_fds: Option<f64>,
    threads: Option<f64>,
}

impl Readings {
    fn values(&self) -> [Option<f64>; FAMILIES.len()] {
        [
            self.start,
            self.cpu,
            self.resident,
            self.virtual_,
            self.received,
            self.sent,
            self.start,
            self.cpu,
            self.resident,
            self.virtual_,
            self.virtual_max,
            self.fds,
            self.max_fds,
            self.threads,
        ]
    }
}

impl Default for Proc {
    fn default() -> Self {
        Proc::at("/proc")
    }
}

impl Proc {
    /// Reads from a `/proc` that is mounted elsewhere.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let units = fs::read(root.join("self/auxv")).map_or_else(|_| Units::default(), |auxv| Units::parse(&auxv));
        Proc { root, units }
    }

    /// CPU seconds of the process since its start, and bytes of memory that it takes; `None` where they cannot be read.
    pub fn usage(&self) -> (Option<f64>, Option<f64>) {
        let readings = self.read();
        (readings.cpu, readings.resident)
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    fn read(&self) -> Readings {
        let mut readings = Readings::default();
        if let Some(stat) = self.text("self/stat") {
            // The name in parentheses may hold spaces; field 3 follows it.
            let fields: Vec<f64> = stat
                .rsplit_once(')')
                .map(|(_, rest)| {
                    rest.split_whitespace()
                        .skip(1)
                        .map(|field| field.parse().unwrap_or(0.0))
                        .collect()
                })
                .unwrap_or_default();
            let field = |number: usize| fields.get(number - 4).copied();
            readings.cpu = field(14)
                .zip(field(15))
                .map(|(user, system)| (user + system) / self.units.ticks);
            readings.threads = field(20);
            readings.virtual_ = field(23);
            readings.resident = field(24).map(|pages| pages * self.units.page);
            let boot = self.text("stat").and_then(|text| {
                text.lines()
                    .find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok())
            });
            readings.start = field(22).zip(boot).map(|(ticks, boot)| boot + ticks / self.units.ticks);
        }
        if let Some(limits) = self.text("self/limits") {
            let soft = |name: &str| {
                let rest = limits.lines().find_map(|line| line.strip_prefix(name))?;
                match rest.split_whitespace().next()? {
                    "unlimited" => Some(-1.0),
                    number => number.parse().ok(),
                }
            };
            readings.max_fds = soft("Max open files");
            readings.virtual_max = soft("Max address space");
        }
        readings.fds = fs::read_dir(self.root.join("self/fd"))
            .ok()
            .map(|entries| entries.count() as f64);
        if let Some(interfaces) = self.text("net/dev") {
            let (mut received, mut sent) = (0.0, 0.0);
            for line in interfaces.lines() {
                let Some((_, counters)) = line.split_once(':') else {
                    continue;
                };
                let counters: Vec<f64> = counters
                    .split_whitespace()
                    .map(|field| field.parse().unwrap_or(0.0))
                    .collect();
                received += counters.first().copied().unwrap_or_default();
                sent += counters.get(8).copied().unwrap_or_default();
            }
            (readings.received, readings.sent) = (Some(received), Some(sent));
        }
        readings
    }
}

impl Default for Units {
    fn default() -> Self {
        Units {
            ticks: 100.0,
            page: 4096.0,
        }
    }
}

impl Units {
    /// From the auxiliary vector (getauxval(3)): pairs of words.
    fn parse(auxv: &[u8]) -> Self {
        const AT_PAGESZ: usize = 6;
        const AT_CLKTCK: usize = 17;
        let mut units = Units::default();
        let mut words = auxv
            .chunks_exact(size_of::<usize>())
            .map(|word| usize::from_ne_bytes(word.try_into().expect("chunks have the size of a word")));
        while let (Some(kind), Some(value)) = (words.next(), words.next()) {
            match (kind, value) {
                (_, 0) => {}
                (AT_PAGESZ, bytes) => units.page = bytes as f64,
                (AT_CLKTCK, ticks) => units.ticks = ticks as f64,
                _ => {}
            }
        }
        units
    }
}

impl Collector for Proc {
    fn describe(&self) -> Vec<Desc> {
        FAMILIES
            .iter()
            .map(|&(name, _, kind)| Desc {
                name: name.into(),
                kind,
            })
            .collect()
    }

    fn collect(&self, families: &mut Vec<Family>) {
        for ((name, help, kind), value) in FAMILIES.into_iter().zip(self.read().values()) {
            if let Some(value) = value {
                let mut family = Family::new(name, help, kind);
                family.push(Vec::new(), value);
                families.push(family);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_proc_are_read_by_their_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("self/fd")).unwrap();
        fs::create_dir_all(root.join("net")).unwrap();
        let fields = "S 1 2 3 4 5 6 7 8 9 10 250 150 13 14 15 16 7 18 1000 40960 3 22";
        fs::write(root.join("self/stat"), format!("42 (a) b (c) {fields}\n")).unwrap();
        fs::write(root.join("stat"), "cpu 1 2\nbtime 1700000000\n").unwrap();
        fs::write(
            root.join("self/limits"),
            "Limit  Soft Limit  Hard Limit  Units\nMax open files  1024  4096  files\nMax address space  unlimited  unlimited  bytes\n",
        )
        .unwrap();
        fs::write(root.join("self/fd/0"), "").unwrap();
        fs::write(
            root.join("net/dev"),
            "Inter-| Receive\n face |bytes\n  lo: 100 1 0 0 0 0 0 0 200 1 0\neth0:5 1 0 0 0 0 0 0 7 1 0\n",
        )
        .unwrap();
        let readings = Proc::at(root).read();
        assert_eq!(
            readings,
            Readings {
                start: Some(1_700_000_010.0),
                cpu: Some(4.0),
                resident: Some(3.0 * 4096.0),
                virtual_: Some(40960.0),
                virtual_max: Some(-1.0),
                received: Some(105.0),
                sent: Some(207.0),
                fds: Some(1.0),
                max_fds: Some(1024.0),
                threads: Some(7.0),
            }
        );
    }

    #[test]
    fn a_machine_without_proc_gives_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut families = Vec::new();
        Proc::at(dir.path()).collect(&mut families);
        assert_eq!(families, []);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_all_of_them() {
        let mut families = Vec::new();
        Proc::default().collect(&mut families);
        assert_eq!(families.len(), FAMILIES.len());
    }
}
