//! Processors: the time they spent, what they are, how often they were throttled.

use crate::error::{Error, Failure};
use crate::filter;
use crate::options::{CpuOptions, Options};
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use goregex::Regex;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The ticks of `/proc/stat` are hundredths of a second on every architecture.
const TICKS: f64 = 100.0;

/// The columns of a CPU in `/proc/stat`; the last two are of guests.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const IDLE: usize = 3;
const GUEST: usize = 8;
const COLUMNS: usize = 10;

/// A CPU whose idle time fell by more than this was away and came back.
const JUMP_BACK_SECONDS: f64 = 3.0;

const CPUS: &str = "devices/system/cpu";

/// `cpu`
pub(super) struct Cpu {
    options: CpuOptions,
    flags: Option<Regex>,
    bugs: Option<Regex>,
    seen: Mutex<BTreeMap<u32, [f64; COLUMNS]>>,
    frequency: bool,
}

impl Cpu {
    /// `frequency` is whether the frequency of `/proc/cpuinfo` is told, too.
    pub(super) fn new(options: &Options, frequency: bool) -> Result<Cpu, Error> {
        Ok(Cpu {
            options: options.cpu.clone(),
            flags: filter::optional("cpu.flags_include", &options.cpu.flags_include)?,
            bugs: filter::optional("cpu.bugs_include", &options.cpu.bugs_include)?,
            seen: Mutex::default(),
            frequency,
        })
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        if self.options.info || self.flags.is_some() || self.bugs.is_some() {
            self.info(&paths.proc("cpuinfo"), sink)?;
        }
        self.times(&paths.proc("stat"), sink)?;
        isolated(paths, sink)?;
        throttles(paths, sink);
        online(paths, sink);
        Ok(())
    }

    fn times(&self, path: &Path, sink: &mut Sink) -> Result<(), Failure> {
        let text = read::text(path)?;
        let mut now: BTreeMap<u32, [f64; COLUMNS]> = BTreeMap::new();
        for line in text.lines() {
            let mut fields = line.split_ascii_whitespace();
            let cpu = fields.next().and_then(|name| name.strip_prefix("cpu"));
            let Some(cpu) = cpu.filter(|cpu| !cpu.is_empty()) else {
                continue;
            };
            let mut seconds = [0.0; COLUMNS];
            for (value, field) in seconds.iter_mut().zip(fields) {
                *value = read::number::<f64>(path, field)? / TICKS;
            }
            now.insert(read::number(path, cpu)?, seconds);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|cpu, _| now.contains_key(cpu));
        for (cpu, seconds) in now {
            forward(seen.entry(cpu).or_default(), &seconds);
        }
        for (cpu, seconds) in seen.iter() {
            let cpu = cpu.to_string();
            for (mode, value) in MODES.iter().zip(seconds) {
                let labels = [("cpu", cpu.as_str()), ("mode", mode)];
                sink.counter(
                    "node_cpu_seconds_total",
                    "Seconds the CPUs spent in each mode.",
                    &labels,
                    *value,
                );
            }
            if self.options.guest {
                for (mode, value) in ["user", "nice"].iter().zip(&seconds[GUEST..]) {
                    sink.counter(
                        "node_cpu_guest_seconds_total",
                        "Seconds the CPUs spent in guests (VMs) for each mode.",
                        &[("cpu", cpu.as_str()), ("mode", mode)],
                        *value,
                    );
                }
            }
        }
        Ok(())
    }

    fn info(&self, path: &Path, sink: &mut Sink) -> Result<(), Failure> {
        let text = read::text(path)?;
        for (index, block) in text
            .split("\n\n")
            .filter(|block| block.contains("processor"))
            .enumerate()
        {
            let field = |name: &str| field(block, name);
            sink.gauge(
                "node_cpu_info",
                "CPU information from /proc/cpuinfo.",
                &[
                    ("package", field("physical id")),
                    ("core", field("core id")),
                    ("cpu", field("processor")),
                    ("vendor", field("vendor_id")),
                    ("family", field("cpu family")),
                    ("model", field("model")),
                    ("model_name", field("model name")),
                    ("microcode", field("microcode")),
                    ("stepping", field("stepping")),
                    ("cachesize", field("cache size")),
                ],
                1.0,
            );
            if self.frequency {
                sink.gauge(
                    "node_cpu_frequency_hertz",
                    "CPU frequency in hertz from /proc/cpuinfo.",
                    &[
                        ("package", field("physical id")),
                        ("core", field("core id")),
                        ("cpu", field("processor")),
                    ],
                    field("cpu MHz").parse::<f64>().unwrap_or(0.0) * 1e6,
                );
            }
            if index > 0 {
                continue;
            }
            for flag in matching(field("flags"), self.flags.as_ref()) {
                sink.gauge(
                    "node_cpu_flag_info",
                    "The `flags` field of CPU information from /proc/cpuinfo taken from the first core.",
                    &[("flag", flag)],
                    1.0,
                );
            }
            for bug in matching(field("bugs"), self.bugs.as_ref()) {
                sink.gauge(
                    "node_cpu_bug_info",
                    "The `bugs` field of CPU information from /proc/cpuinfo taken from the first core.",
                    &[("bug", bug)],
                    1.0,
                );
            }
        }
        Ok(())
    }
}

/// Takes over what did not go back: the kernel's idle and I/O times sometimes do, and a counter must not. A long way back is a CPU that
/// was taken out and came back, which starts anew.
fn forward(seen: &mut [f64; COLUMNS], now: &[f64; COLUMNS]) {
    if seen[IDLE] - now[IDLE] >= JUMP_BACK_SECONDS {
        *seen = [0.0; COLUMNS];
    }
    for (seen, now) in seen.iter_mut().zip(now) {
        *seen = seen.max(*now);
    }
}

/// The value of a line `name : value`.
fn field<'b>(block: &'b str, name: &str) -> &'b str {
    let value = block.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim_end() == name).then(|| value.trim())
    });
    value.unwrap_or_default()
}

fn matching<'f>(words: &'f str, wanted: Option<&Regex>) -> impl Iterator<Item = &'f str> {
    let words = words.split_ascii_whitespace();
    words.filter(move |word| wanted.is_some_and(|wanted| wanted.is_match(word.as_bytes())))
}

fn isolated(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.sys("devices/system/cpu/isolated");
    let Some(text) = read::optional(read::text(&path))? else {
        return Ok(());
    };
    for cpu in read::cpu_list(&path, &text)? {
        sink.gauge(
            "node_cpu_isolated",
            "Whether each core is isolated, information from /sys/devices/system/cpu/isolated.",
            &[("cpu", &cpu.to_string())],
            1.0,
        );
    }
    Ok(())
}

/// How often cores and packages were throttled. Threads of a core, and cores of a package, tell the same number.
fn throttles(paths: &Paths, sink: &mut Sink) {
    let mut cores: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let mut packages: BTreeMap<u64, u64> = BTreeMap::new();
    for (cpu, _) in read::numbered(&paths.sys(CPUS), "cpu") {
        let counts = cpu.join("thermal_throttle");
        // Virtual machines have none; this is one call instead of four.
        if !counts.exists() {
            continue;
        }
        let topology = cpu.join("topology");
        let (Ok(package), Ok(core)) = (
            read::u64(&topology.join("physical_package_id")),
            read::u64(&topology.join("core_id")),
        ) else {
            continue;
        };
        if let Ok(count) = read::u64(&counts.join("core_throttle_count")) {
            cores.entry((package, core)).or_insert(count);
        }
        if let Ok(count) = read::u64(&counts.join("package_throttle_count")) {
            packages.entry(package).or_insert(count);
        }
    }
    for (package, count) in packages {
        sink.counter(
            "node_cpu_package_throttles_total",
            "Number of times this CPU package has been throttled.",
            &[("package", &package.to_string())],
            count as f64,
        );
    }
    for ((package, core), count) in cores {
        sink.counter(
            "node_cpu_core_throttles_total",
            "Number of times this CPU core has been throttled.",
            &[("package", &package.to_string()), ("core", &core.to_string())],
            count as f64,
        );
    }
}

/// Which CPUs are in use. A kernel that cannot take out its first CPU has no such file for it; one that has none for any CPU tells nothing.
fn online(paths: &Paths, sink: &mut Sink) {
    let cpus = read::numbered(&paths.sys(CPUS), "cpu");
    if !cpus.first().is_some_and(|(cpu, _)| cpu.join("online").exists()) {
        return;
    }
    for (cpu, number) in cpus {
        let online = read::trimmed(&cpu.join("online")).is_ok_and(|text| text == "1");
        sink.gauge(
            "node_cpu_online",
            "CPUs that are online and being scheduled.",
            &[("cpu", &number)],
            f64::from(online),
        );
    }
}

/// `cpufreq`
pub(super) fn cpufreq(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let offline = paths.sys("devices/system/cpu/offline");
    let away = read::cpu_list(&offline, &read::text(&offline)?)?;
    for (cpu, number) in read::numbered(&paths.sys(CPUS), "cpu") {
        let dir = cpu.join("cpufreq");
        if number.parse().is_ok_and(|number: u32| away.contains(&number)) || !dir.exists() {
            continue;
        }
        for (file, name, help) in [
            (
                "cpuinfo_cur_freq",
                "node_cpu_frequency_hertz",
                "Current CPU thread frequency in hertz.",
            ),
            (
                "cpuinfo_avg_freq",
                "node_cpu_frequency_avg_hertz",
                "Average CPU thread frequency in hertz.",
            ),
            (
                "cpuinfo_min_freq",
                "node_cpu_frequency_min_hertz",
                "Minimum CPU thread frequency in hertz.",
            ),
            (
                "cpuinfo_max_freq",
                "node_cpu_frequency_max_hertz",
                "Maximum CPU thread frequency in hertz.",
            ),
            (
                "scaling_cur_freq",
                "node_cpu_scaling_frequency_hertz",
                "Current scaled CPU thread frequency in hertz.",
            ),
            (
                "scaling_min_freq",
                "node_cpu_scaling_frequency_min_hertz",
                "Minimum scaled CPU thread frequency in hertz.",
            ),
            (
                "scaling_max_freq",
                "node_cpu_scaling_frequency_max_hertz",
                "Maximum scaled CPU thread frequency in hertz.",
            ),
        ] {
            // Not every driver has all of them, and some are for root alone.
            if let Ok(kilohertz) = read::u64(&dir.join(file)) {
                sink.gauge(name, help, &[("cpu", &number)], kilohertz as f64 * 1000.0);
            }
        }
        let governor = read::trimmed(&dir.join("scaling_governor")).unwrap_or_default();
        let available = read::trimmed(&dir.join("scaling_available_governors")).unwrap_or_default();
        if governor.is_empty() {
            continue;
        }
        for name in available.split_ascii_whitespace() {
            sink.gauge(
                "node_cpu_scaling_governor",
                "Current enabled CPU frequency governor.",
                &[("cpu", &number), ("governor", name)],
                f64::from(name == governor),
            );
        }
    }
    Ok(())
}

/// `cpu_vulnerabilities`
pub(super) fn vulnerabilities(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let dir = paths.sys("devices/system/cpu/vulnerabilities");
    for name in read::names(&dir).unwrap_or_default() {
        let text = read::trimmed(&dir.join(&name))?;
        let lower = text.to_ascii_lowercase();
        let states = ["not affected", "vulnerable", "mitigation", "unknown"];
        let state = states.into_iter().find(|state| lower.starts_with(state));
        // "Mitigation: Retpolines, IBPB: conditional": what follows the first word.
        let mitigation = match state {
            Some("not affected") => String::new(),
            Some(_) => text.split_ascii_whitespace().skip(1).collect::<Vec<_>>().join(" "),
            None => text,
        };
        sink.gauge(
            "node_cpu_vulnerabilities_info",
            "Details of each CPU vulnerability reported by sysfs. The value of the series is an int encoded state of the vulnerability. The \
             same state is stored as a string in the label",
            &[
                ("codename", &name),
                ("state", state.unwrap_or("unknown")),
                ("mitigation", &mitigation),
            ],
            1.0,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_goes_back_only_with_its_cpu() {
        let mut seen = [0.0; COLUMNS];
        forward(&mut seen, &[5.0; COLUMNS]);
        let mut now = [6.0; COLUMNS];
        now[IDLE] = 4.9;
        forward(&mut seen, &now);
        assert_eq!((seen[0], seen[IDLE]), (6.0, 5.0));
        forward(&mut seen, &[1.0; COLUMNS]);
        assert_eq!(seen, [1.0; COLUMNS]);
    }
}
