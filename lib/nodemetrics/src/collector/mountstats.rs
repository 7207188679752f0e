//! Mounted NFS file systems.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use promtext::Kind::{self, Counter, Gauge};
use std::collections::HashSet;
use std::path::Path;

/// The columns of the line `bytes:`.
const BYTES: [(&str, &str); 8] = [
    ("read_bytes_total", "Number of bytes read using the read() syscall."),
    (
        "write_bytes_total",
        "Number of bytes written using the write() syscall.",
    ),
    (
        "direct_read_bytes_total",
        "Number of bytes read using the read() syscall in O_DIRECT mode.",
    ),
    (
        "direct_write_bytes_total",
        "Number of bytes written using the write() syscall in O_DIRECT mode.",
    ),
    (
        "total_read_bytes_total",
        "Number of bytes read from the NFS server, in total.",
    ),
    (
        "total_write_bytes_total",
        "Number of bytes written to the NFS server, in total.",
    ),
    ("read_pages_total", "Number of pages read directly via mmap()'d files."),
    (
        "write_pages_total",
        "Number of pages written directly via mmap()'d files.",
    ),
];

/// The columns of the line `events:`. One is not told.
const EVENTS: [(&str, &str); 27] = [
    (
        "event_inode_revalidate_total",
        "Number of times cached inode attributes are re-validated from the server.",
    ),
    (
        "event_dnode_revalidate_total",
        "Number of times cached dentry nodes are re-validated from the server.",
    ),
    (
        "event_data_invalidate_total",
        "Number of times an inode cache is cleared.",
    ),
    (
        "event_attribute_invalidate_total",
        "Number of times cached inode attributes are invalidated.",
    ),
    (
        "event_vfs_open_total",
        "Number of times cached inode attributes are invalidated.",
    ),
    (
        "event_vfs_lookup_total",
        "Number of times a directory lookup has occurred.",
    ),
    (
        "event_vfs_access_total",
        "Number of times permissions have been checked.",
    ),
    (
        "event_vfs_update_page_total",
        "Number of updates (and potential writes) to pages.",
    ),
    (
        "event_vfs_read_page_total",
        "Number of pages read directly via mmap()'d files.",
    ),
    (
        "event_vfs_read_pages_total",
        "Number of times a group of pages have been read.",
    ),
    (
        "event_vfs_write_page_total",
        "Number of pages written directly via mmap()'d files.",
    ),
    (
        "event_vfs_write_pages_total",
        "Number of times a group of pages have been written.",
    ),
    (
        "event_vfs_getdents_total",
        "Number of times directory entries have been read with getdents().",
    ),
    (
        "event_vfs_setattr_total",
        "Number of times directory entries have been read with getdents().",
    ),
    (
        "event_vfs_flush_total",
        "Number of pending writes that have been forcefully flushed to the server.",
    ),
    (
        "event_vfs_fsync_total",
        "Number of times fsync() has been called on directories and files.",
    ),
    (
        "event_vfs_lock_total",
        "Number of times locking has been attempted on a file.",
    ),
    (
        "event_vfs_file_release_total",
        "Number of times files have been closed and released.",
    ),
    ("", ""),
    ("event_truncation_total", "Number of times files have been truncated."),
    (
        "event_write_extension_total",
        "Number of times a file has been grown due to writes beyond its existing end.",
    ),
    (
        "event_silly_rename_total",
        "Number of times a file was removed while still open by another process.",
    ),
    (
        "event_short_read_total",
        "Number of times the NFS server gave less data than expected while reading.",
    ),
    (
        "event_short_write_total",
        "Number of times the NFS server wrote less data than expected while writing.",
    ),
    (
        "event_jukebox_delay_total",
        "Number of times the NFS server indicated EJUKEBOX; retrieving data from offline storage.",
    ),
    ("event_pnfs_read_total", "Number of NFS v4.1+ pNFS reads."),
    ("event_pnfs_write_total", "Number of NFS v4.1+ pNFS writes."),
];

/// The columns of a line `xprt:` that are told.
const TRANSPORT: [(usize, Kind, &str, &str); 10] = [
    (
        1,
        Counter,
        "transport_bind_total",
        "Number of times the client has had to establish a connection from scratch to the NFS server.",
    ),
    (
        2,
        Counter,
        "transport_connect_total",
        "Number of times the client has made a TCP connection to the NFS server.",
    ),
    (
        4,
        Gauge,
        "transport_idle_time_seconds",
        "Duration since the NFS mount last saw any RPC traffic, in seconds.",
    ),
    (
        5,
        Counter,
        "transport_sends_total",
        "Number of RPC requests for this mount sent to the NFS server.",
    ),
    (
        6,
        Counter,
        "transport_receives_total",
        "Number of RPC responses for this mount received from the NFS server.",
    ),
    (
        7,
        Counter,
        "transport_bad_transaction_ids_total",
        "Number of times the NFS server sent a response with a transaction ID unknown to this client.",
    ),
    (
        9,
        Counter,
        "transport_backlog_queue_total",
        "Total number of items added to the RPC backlog queue.",
    ),
    (
        10,
        Gauge,
        "transport_maximum_rpc_slots",
        "Maximum number of simultaneously active RPC requests ever used.",
    ),
    (
        11,
        Counter,
        "transport_sending_queue_total",
        "Total number of items added to the RPC transmission sending queue.",
    ),
    (
        12,
        Counter,
        "transport_pending_queue_total",
        "Total number of items added to the RPC transmission pending queue.",
    ),
];

/// The columns of an operation; the last three are milliseconds.
const OPERATION: [(&str, &str); 8] = [
    (
        "operations_requests_total",
        "Number of requests performed for a given operation.",
    ),
    (
        "operations_transmissions_total",
        "Number of times an actual RPC request has been transmitted for a given operation.",
    ),
    (
        "operations_major_timeouts_total",
        "Number of times a request has had a major timeout for a given operation.",
    ),
    (
        "operations_sent_bytes_total",
        "Number of bytes sent for a given operation, including RPC headers and payload.",
    ),
    (
        "operations_received_bytes_total",
        "Number of bytes received for a given operation, including RPC headers and payload.",
    ),
    (
        "operations_queue_time_seconds_total",
        "Duration all requests spent queued for transmission for a given operation before they were sent, in seconds.",
    ),
    (
        "operations_response_time_seconds_total",
        "Duration all requests took to get a reply back after a request for a given operation was transmitted, in seconds.",
    ),
    (
        "operations_request_time_seconds_total",
        "Duration all requests took from when a request was enqueued to when it was completely handled for a given operation, in seconds.",
    ),
];

/// The first column of [`OPERATION`] that is a time.
const TIMES: usize = 5;

/// The column of [`TRANSPORT`] that is a time.
const IDLE: usize = 4;

/// Times wrap where a float would lose seconds; the kernel has counted some of them below zero.
const WRAP: u64 = 1 << 53;

/// What the kernel says of a mount.
#[derive(Default)]
struct Statistics<'t> {
    age: f64,
    bytes: Vec<u64>,
    events: Vec<u64>,
    /// The protocol and the columns as for TCP.
    transports: Vec<(&'t str, Vec<u64>)>,
    operations: Vec<(&'t str, Vec<u64>)>,
}

/// `mountstats`
pub(super) fn mountstats(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.proc("self/mountstats");
    let text = read::text(&path)?;
    let mounts = read::text(&paths.proc("self/mountinfo"))?;
    let mut mounts = mounts.lines();
    let mut points: HashSet<[&str; 4]> = HashSet::new();
    let mut devices: HashSet<[&str; 3]> = HashSet::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        // device server:/export mounted on /mnt with fstype nfs4 statvers=1.1
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let &[
            "device",
            device,
            "mounted",
            "on",
            point,
            "with",
            "fstype",
            _,
            ref version @ ..,
        ] = words.as_slice()
        else {
            continue;
        };
        // Both files have the mounts in the same order.
        let address = mounts.next().and_then(address).unwrap_or_default();
        if version.is_empty() {
            continue;
        }
        let statistics = statistics(&path, &mut lines)?;
        for (protocol, _) in &statistics.transports {
            if points.insert([device, protocol, address, point]) {
                sink.gauge(
                    "node_mountstats_nfs_mountpoint_info",
                    "Info metric for an NFS mountpoint.",
                    &[
                        ("export", device),
                        ("protocol", protocol),
                        ("mountaddr", address),
                        ("mountpoint", point),
                    ],
                    1.0,
                );
            }
            // What is mounted twice has one set of numbers.
            if !devices.insert([device, protocol, address]) {
                break;
            }
            tell(
                sink,
                &statistics,
                &[("export", device), ("protocol", protocol), ("mountaddr", address)],
            );
        }
    }
    Ok(())
}

fn tell(sink: &mut Sink, statistics: &Statistics<'_>, labels: &[(&str, &str); 3]) {
    let mut counter = |name: &str, help: &str, labels: &[(&str, &str)], kind: Kind, value: f64| {
        sink.number(kind, &format!("node_mountstats_nfs_{name}"), help, labels, value);
    };
    counter(
        "age_seconds_total",
        "The age of the NFS mount in seconds.",
        labels,
        Counter,
        statistics.age,
    );
    for ((name, help), value) in BYTES.into_iter().zip(&statistics.bytes) {
        counter(name, help, labels, Counter, *value as f64);
    }
    for ((name, help), value) in EVENTS
        .into_iter()
        .zip(&statistics.events)
        .filter(|((name, _), _)| !name.is_empty())
    {
        counter(name, help, labels, Counter, *value as f64);
    }
    let [export, protocol, address] = *labels;
    for (index, (_, columns)) in statistics.transports.iter().enumerate() {
        let index = index.to_string();
        for (column, kind, name, help) in TRANSPORT {
            let value = columns.get(column).copied().unwrap_or(0);
            let value = if column == IDLE { value % WRAP } else { value } as f64;
            counter(
                name,
                help,
                &[export, protocol, address, ("transport", &index)],
                kind,
                value,
            );
        }
    }
    for (operation, columns) in &statistics.operations {
        for (index, ((name, help), value)) in OPERATION.into_iter().zip(columns).enumerate() {
            let value = if index < TIMES {
                *value as f64
            } else {
                (*value % WRAP) as f64 / 1000.0
            };
            counter(
                name,
                help,
                &[export, protocol, address, ("operation", operation)],
                Counter,
                value,
            );
        }
    }
}

/// Reads the lines of a mount, which end with an empty one.
fn statistics<'t>(path: &Path, lines: &mut impl Iterator<Item = &'t str>) -> Result<Statistics<'t>, Failure> {
    let mut statistics = Statistics::default();
    let mut operations = false;
    for line in lines.by_ref().take_while(|line| !line.trim().is_empty()) {
        let Some((key, rest)) = line.trim().split_once(|c: char| c.is_ascii_whitespace()) else {
            continue;
        };
        let numbers = |text: &str| -> Result<Vec<u64>, Failure> {
            text.split_ascii_whitespace()
                .map(|word| read::number(path, word))
                .collect()
        };
        match key {
            _ if operations => statistics.operations.push((key.trim_end_matches(':'), numbers(rest)?)),
            "age:" => statistics.age = read::number(path, rest.trim())?,
            "bytes:" => statistics.bytes = numbers(rest)?,
            "events:" => statistics.events = numbers(rest)?,
            "xprt:" => {
                let (protocol, columns) = rest.trim().split_once(' ').ok_or_else(|| Failure::parse(path, line))?;
                let mut columns = numbers(columns)?;
                // Without connections there are no columns of them, and RDMA has its own after the tenth.
                match protocol {
                    "udp" if columns.len() >= 2 => drop(columns.splice(2..2, [0; 3])),
                    "rdma" => columns.truncate(10),
                    _ => {}
                }
                statistics.transports.push((protocol, columns));
            }
            "per-op" => operations = true,
            _ => {}
        }
    }
    Ok(statistics)
}

/// The server's address in the options of a mount.
fn address(line: &str) -> Option<&str> {
    let (_, file_system) = line.split_once(" - ")?;
    let options = file_system.split(' ').nth(2)?;
    options.split(',').find_map(|option| option.strip_prefix("addr="))
}
