//! NFS, as client and as server.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use promtext::Kind::{self, Counter, Gauge};
use std::collections::HashMap;
use std::path::Path;

const V2: [&str; 18] = [
    "Null", "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write", "Create", "Remove",
    "Rename", "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat",
];

const V3: [&str; 22] = [
    "Null",
    "GetAttr",
    "SetAttr",
    "Lookup",
    "Access",
    "ReadLink",
    "Read",
    "Write",
    "Create",
    "MkDir",
    "SymLink",
    "MkNod",
    "Remove",
    "RmDir",
    "Rename",
    "Link",
    "ReadDir",
    "ReadDirPlus",
    "FsStat",
    "FsInfo",
    "PathConf",
    "Commit",
];

const CLIENT_V4: [&str; 59] = [
    "Null",
    "Read",
    "Write",
    "Commit",
    "Open",
    "OpenConfirm",
    "OpenNoattr",
    "OpenDowngrade",
    "Close",
    "Setattr",
    "FsInfo",
    "Renew",
    "SetClientID",
    "SetClientIDConfirm",
    "Lock",
    "Lockt",
    "Locku",
    "Access",
    "Getattr",
    "Lookup",
    "LookupRoot",
    "Remove",
    "Rename",
    "Link",
    "Symlink",
    "Create",
    "Pathconf",
    "StatFs",
    "ReadLink",
    "ReadDir",
    "ServerCaps",
    "DelegReturn",
    "GetACL",
    "SetACL",
    "FsLocations",
    "ReleaseLockowner",
    "Secinfo",
    "FsidPresent",
    "ExchangeID",
    "CreateSession",
    "DestroySession",
    "Sequence",
    "GetLeaseTime",
    "ReclaimComplete",
    "GetDeviceInfo",
    "LayoutGet",
    "LayoutCommit",
    "LayoutReturn",
    "SecinfoNoName",
    "TestStateID",
    "FreeStateID",
    "GetDeviceList",
    "BindConnToSession",
    "DestroyClientID",
    "Seek",
    "Allocate",
    "DeAllocate",
    "LayoutStats",
    "Clone",
];

/// The operations of a server from the fourth on; the first three mean nothing.
const SERVER_V4: [&str; 40] = [
    "",
    "",
    "",
    "Access",
    "Close",
    "Commit",
    "Create",
    "DelegPurge",
    "DelegReturn",
    "GetAttr",
    "GetFH",
    "Link",
    "Lock",
    "Lockt",
    "Locku",
    "Lookup",
    "LookupRoot",
    "Nverify",
    "Open",
    "OpenAttr",
    "OpenConfirm",
    "OpenDgrd",
    "PutFH",
    "",
    "",
    "Read",
    "ReadDir",
    "ReadLink",
    "Remove",
    "Rename",
    "Renew",
    "RestoreFH",
    "SaveFH",
    "SecInfo",
    "SetAttr",
    "SetClientID",
    "SetClientIDConfirm",
    "Verify",
    "Write",
    "RelLockOwner",
];

/// The lines of a file of statistics by their first word.
struct Lines(HashMap<String, Vec<u64>>);

impl Lines {
    fn read(path: &Path) -> Result<Lines, Failure> {
        let text = read::text(path).map_err(Failure::or_no_data)?;
        let mut lines = HashMap::new();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let Some(key) = words.next() else {
                continue;
            };
            // Threads are followed by fractions of time that no kernel fills any more.
            let words = words.take(if key == "th" { 2 } else { usize::MAX });
            let values = words
                .map(|word| read::number(path, word))
                .collect::<Result<Vec<u64>, Failure>>()?;
            lines.insert(key.to_owned(), values);
        }
        Ok(Lines(lines))
    }

    /// What a kernel does not count is 0.
    fn value(&self, key: &str, column: usize) -> f64 {
        self.0
            .get(key)
            .and_then(|values| values.get(column))
            .map_or(0.0, |&value| value as f64)
    }

    /// The procedures of a version. Their number comes first.
    fn procedures(&self, sink: &mut Sink, of: (&str, &str), key: &str, version: &str, names: &[&str]) {
        let (name, help) = of;
        for (index, method) in names.iter().enumerate().filter(|(_, method)| !method.is_empty()) {
            let labels = [("proto", version), ("method", method)];
            sink.counter(name, help, &labels, self.value(key, index + 1));
        }
    }
}

/// `nfs`
pub(super) fn nfs(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let lines = Lines::read(&paths.proc("net/rpc/nfs"))?;
    for (protocol, column) in [("udp", 1), ("tcp", 2)] {
        sink.counter(
            "node_nfs_packets_total",
            "Total NFSd network packets (sent+received) by protocol type.",
            &[("protocol", protocol)],
            lines.value("net", column),
        );
    }
    for (key, column, name, help) in [
        (
            "net",
            3,
            "node_nfs_connections_total",
            "Total number of NFSd TCP connections.",
        ),
        ("rpc", 0, "node_nfs_rpcs_total", "Total number of RPCs performed."),
        (
            "rpc",
            1,
            "node_nfs_rpc_retransmissions_total",
            "Number of RPC transmissions performed.",
        ),
        (
            "rpc",
            2,
            "node_nfs_rpc_authentication_refreshes_total",
            "Number of RPC authentication refreshes performed.",
        ),
    ] {
        sink.counter(name, help, &[], lines.value(key, column));
    }
    let of = ("node_nfs_requests_total", "Number of NFS procedures invoked.");
    lines.procedures(sink, of, "proc2", "2", &V2);
    lines.procedures(sink, of, "proc3", "3", &V3);
    lines.procedures(sink, of, "proc4", "4", &CLIENT_V4);
    Ok(())
}

/// Lines and columns of a server, and what they mean.
const SERVER: [(&str, usize, Kind, &str, &str); 11] = [
    (
        "rc",
        0,
        Counter,
        "node_nfsd_reply_cache_hits_total",
        "Total number of NFSd Reply Cache hits (client lost server response).",
    ),
    (
        "rc",
        1,
        Counter,
        "node_nfsd_reply_cache_misses_total",
        "Total number of NFSd Reply Cache an operation that requires caching (idempotent).",
    ),
    (
        "rc",
        2,
        Counter,
        "node_nfsd_reply_cache_nocache_total",
        "Total number of NFSd Reply Cache non-idempotent operations (rename/delete/…).",
    ),
    (
        "fh",
        0,
        Counter,
        "node_nfsd_file_handles_stale_total",
        "Total number of NFSd stale file handles",
    ),
    (
        "io",
        0,
        Counter,
        "node_nfsd_disk_bytes_read_total",
        "Total NFSd bytes read.",
    ),
    (
        "io",
        1,
        Counter,
        "node_nfsd_disk_bytes_written_total",
        "Total NFSd bytes written.",
    ),
    (
        "th",
        0,
        Gauge,
        "node_nfsd_server_threads",
        "Total number of NFSd kernel threads that are running.",
    ),
    (
        "ra",
        0,
        Gauge,
        "node_nfsd_read_ahead_cache_size_blocks",
        "How large the read ahead cache is in blocks.",
    ),
    (
        "ra",
        11,
        Counter,
        "node_nfsd_read_ahead_cache_not_found_total",
        "Total number of NFSd read ahead cache not found.",
    ),
    (
        "net",
        3,
        Counter,
        "node_nfsd_connections_total",
        "Total number of NFSd TCP connections.",
    ),
    (
        "rpc",
        0,
        Counter,
        "node_nfsd_server_rpcs_total",
        "Total number of NFSd RPCs.",
    ),
];

/// `nfsd`
pub(super) fn nfsd(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let lines = Lines::read(&paths.proc("net/rpc/nfsd"))?;
    for (key, column, kind, name, help) in SERVER {
        sink.number(kind, name, help, &[], lines.value(key, column));
    }
    for (protocol, column) in [("udp", 1), ("tcp", 2)] {
        sink.counter(
            "node_nfsd_packets_total",
            "Total NFSd network packets (sent+received) by protocol type.",
            &[("proto", protocol)],
            lines.value("net", column),
        );
    }
    for (error, column) in [("fmt", 2), ("auth", 3), ("cInt", 4)] {
        sink.counter(
            "node_nfsd_rpc_errors_total",
            "Total number of NFSd RPC errors by error type.",
            &[("error", error)],
            lines.value("rpc", column),
        );
    }
    let of = (
        "node_nfsd_requests_total",
        "Total number NFSd Requests by method and protocol.",
    );
    // A server does not count the procedure that does nothing.
    let without_null = |names: &[&'static str]| {
        let mut names = names.to_vec();
        names[0] = "";
        names
    };
    lines.procedures(sink, of, "proc2", "2", &without_null(&V2));
    lines.procedures(sink, of, "proc3", "3", &without_null(&V3));
    lines.procedures(sink, of, "proc4ops", "4", &SERVER_V4);
    let labels = [("proto", "4"), ("method", "WdelegGetattr")];
    sink.counter(of.0, of.1, &labels, lines.value("wdeleg_getattr", 0));
    Ok(())
}
