//! What the kernel says of itself in a line: load, random numbers, open files, connections that are tracked, hung tasks, SELinux, its name.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;

/// `loadavg`
pub(super) fn loadavg(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.proc("loadavg");
    let text = read::text(&path)?;
    let mut fields = text.split_ascii_whitespace();
    for (name, help) in [
        ("node_load1", "1m load average."),
        ("node_load5", "5m load average."),
        ("node_load15", "15m load average."),
    ] {
        let field = fields.next().ok_or_else(|| Failure::parse(&path, &text))?;
        sink.gauge(name, help, &[], read::number(&path, field)?);
    }
    Ok(())
}

/// `entropy`
pub(super) fn entropy(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let value = |name: &str| read::u64(&paths.proc(&format!("sys/kernel/random/{name}")));
    sink.gauge(
        "node_entropy_available_bits",
        "Bits of available entropy.",
        &[],
        value("entropy_avail")? as f64,
    );
    sink.gauge(
        "node_entropy_pool_size_bits",
        "Bits of entropy pool.",
        &[],
        value("poolsize")? as f64,
    );
    Ok(())
}

/// `filefd`
pub(super) fn filefd(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.proc("sys/fs/file-nr");
    let text = read::text(&path)?;
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let &[allocated, _, maximum, ..] = fields.as_slice() else {
        return Err(Failure::parse(&path, &text));
    };
    sink.gauge(
        "node_filefd_allocated",
        "File descriptor statistics: allocated.",
        &[],
        read::number(&path, allocated)?,
    );
    sink.gauge(
        "node_filefd_maximum",
        "File descriptor statistics: maximum.",
        &[],
        read::number(&path, maximum)?,
    );
    Ok(())
}

/// The columns of `/proc/net/stat/nf_conntrack` that are told, by position.
const CONNTRACK: [(usize, &str, &str); 8] = [
    (
        2,
        "node_nf_conntrack_stat_found",
        "Number of searched entries which were successful.",
    ),
    (
        4,
        "node_nf_conntrack_stat_invalid",
        "Number of packets seen which can not be tracked.",
    ),
    (
        5,
        "node_nf_conntrack_stat_ignore",
        "Number of packets seen which are already connected to a conntrack entry.",
    ),
    (
        8,
        "node_nf_conntrack_stat_insert",
        "Number of entries inserted into the list.",
    ),
    (
        9,
        "node_nf_conntrack_stat_insert_failed",
        "Number of entries for which list insertion was attempted but failed.",
    ),
    (
        10,
        "node_nf_conntrack_stat_drop",
        "Number of packets dropped due to conntrack failure.",
    ),
    (
        11,
        "node_nf_conntrack_stat_early_drop",
        "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached.",
    ),
    (
        16,
        "node_nf_conntrack_stat_search_restart",
        "Number of conntrack table lookups which had to be restarted due to hashtable resizes.",
    ),
];

/// `conntrack`
pub(super) fn conntrack(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let limit = |name: &str| read::u64(&paths.proc(&format!("sys/net/netfilter/{name}"))).map_err(Failure::or_no_data);
    sink.gauge(
        "node_nf_conntrack_entries",
        "Number of currently allocated flow entries for connection tracking.",
        &[],
        limit("nf_conntrack_count")? as f64,
    );
    sink.gauge(
        "node_nf_conntrack_entries_limit",
        "Maximum size of connection tracking table.",
        &[],
        limit("nf_conntrack_max")? as f64,
    );
    let path = paths.proc("net/stat/nf_conntrack");
    let text = read::text(&path).map_err(Failure::or_no_data)?;
    let mut sums = [0_u64; 17];
    for line in text.lines().skip(1) {
        for (sum, field) in sums.iter_mut().zip(line.split_ascii_whitespace()) {
            *sum = sum.wrapping_add(read::hex(&path, field)?);
        }
    }
    for (column, name, help) in CONNTRACK {
        sink.gauge(name, help, &[], sums[column] as f64);
    }
    Ok(())
}

/// `kernel_hung`
pub(super) fn kernel_hung(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let count = read::u64(&paths.proc("sys/kernel/hung_task_detect_count")).map_err(Failure::or_no_data)?;
    sink.counter(
        "node_kernel_hung_tasks_total",
        "Total number of tasks that have been detected as hung since the system booted.",
        &[],
        count as f64,
    );
    Ok(())
}

/// `uname`
pub(super) fn uname(_: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let uname = rustix::system::uname();
    sink.gauge(
        "node_uname_info",
        "Labeled system information as provided by the uname system call.",
        &[
            ("sysname", &uname.sysname().to_string_lossy()),
            ("release", &uname.release().to_string_lossy()),
            ("version", &uname.version().to_string_lossy()),
            ("machine", &uname.machine().to_string_lossy()),
            ("nodename", &uname.nodename().to_string_lossy()),
            ("domainname", &uname.domainname().to_string_lossy()),
        ],
        1.0,
    );
    Ok(())
}

/// `selinux`
pub(super) fn selinux(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let mount = paths.sys("fs/selinux");
    let enabled = mount.join("enforce").exists();
    sink.gauge(
        "node_selinux_enabled",
        "SELinux is enabled, 1 is true, 0 is false",
        &[],
        f64::from(enabled),
    );
    if !enabled {
        return Ok(());
    }
    let config = read::text(&paths.root("/etc/selinux/config")).unwrap_or_default();
    let configured = config.lines().find_map(|line| line.trim().strip_prefix("SELINUX="));
    let configured = match configured.map(str::trim) {
        Some("enforcing") => 1.0,
        Some("permissive") => 0.0,
        _ => -1.0,
    };
    // What cannot be read is not enforced.
    let current = read::i64(&mount.join("enforce")).unwrap_or(-1);
    sink.gauge(
        "node_selinux_config_mode",
        "Configured SELinux enforcement mode",
        &[],
        configured,
    );
    sink.gauge(
        "node_selinux_current_mode",
        "Current SELinux enforcement mode",
        &[],
        current as f64,
    );
    Ok(())
}

/// `pressure`
pub(super) fn pressure(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    const WAITING: &str = "some";
    const STALLED: &str = "full";
    let mut found = false;
    for (resource, line, name, help) in [
        (
            "cpu",
            WAITING,
            "node_pressure_cpu_waiting_seconds_total",
            "Total time in seconds that processes have waited for CPU time",
        ),
        (
            "io",
            WAITING,
            "node_pressure_io_waiting_seconds_total",
            "Total time in seconds that processes have waited due to IO congestion",
        ),
        (
            "io",
            STALLED,
            "node_pressure_io_stalled_seconds_total",
            "Total time in seconds no process could make progress due to IO congestion",
        ),
        (
            "memory",
            WAITING,
            "node_pressure_memory_waiting_seconds_total",
            "Total time in seconds that processes have waited for memory",
        ),
        (
            "memory",
            STALLED,
            "node_pressure_memory_stalled_seconds_total",
            "Total time in seconds no process could make progress due to memory congestion",
        ),
        (
            "irq",
            STALLED,
            "node_pressure_irq_stalled_seconds_total",
            "Total time in seconds no process could make progress due to IRQ congestion",
        ),
    ] {
        let path = paths.proc(&format!("pressure/{resource}"));
        let text = match read::text(&path) {
            Ok(text) => text,
            Err(failure) if failure.kind() == Some(std::io::ErrorKind::NotFound) => continue,
            // A kernel that was started with psi=0 has the files and refuses to read them.
            Err(failure) if failure.kind() == Some(std::io::ErrorKind::Unsupported) => return Err(Failure::NoData),
            Err(failure) => return Err(failure),
        };
        let total = text
            .lines()
            .find(|text| text.split_ascii_whitespace().next() == Some(line))
            .and_then(|line| {
                line.split_ascii_whitespace()
                    .find_map(|field| field.strip_prefix("total="))
            });
        let Some(total) = total else {
            return Err(Failure::NoData);
        };
        let microseconds: u64 = read::number(&path, total)?;
        sink.counter(name, help, &[], microseconds as f64 / 1000.0 / 1000.0);
        found = true;
    }
    if found { Ok(()) } else { Err(Failure::NoData) }
}

/// `schedstat`
pub(super) fn schedstat(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.proc("schedstat");
    let text = read::text(&path).map_err(Failure::or_no_data)?;
    for line in text.lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let Some(cpu) = fields.first().and_then(|first| first.strip_prefix("cpu")) else {
            continue;
        };
        if fields.len() < 10 {
            continue;
        }
        let labels = [("cpu", cpu)];
        let seconds = |field: &str| read::number::<u64>(&path, field).map(|nanoseconds| nanoseconds as f64 / 1e9);
        sink.counter(
            "node_schedstat_running_seconds_total",
            "Number of seconds CPU spent running a process.",
            &labels,
            seconds(fields[7])?,
        );
        sink.counter(
            "node_schedstat_waiting_seconds_total",
            "Number of seconds spent by processing waiting for this CPU.",
            &labels,
            seconds(fields[8])?,
        );
        sink.counter(
            "node_schedstat_timeslices_total",
            "Number of timeslices executed by CPU.",
            &labels,
            read::number(&path, fields[9])?,
        );
    }
    Ok(())
}

/// `cgroups`
pub(super) fn cgroups(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.proc("cgroups");
    for line in read::text(&path)?.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let &[name, _, cgroups, enabled, ..] = fields.as_slice() else {
            return Err(Failure::parse(&path, line));
        };
        // Both help texts are the same upstream.
        let help = "Current cgroup number of the subsystem.";
        let labels = [("subsys_name", name)];
        sink.gauge("node_cgroups_cgroups", help, &labels, read::number(&path, cgroups)?);
        sink.gauge("node_cgroups_enabled", help, &labels, read::number(&path, enabled)?);
    }
    Ok(())
}
