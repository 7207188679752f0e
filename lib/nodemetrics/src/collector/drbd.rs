//! Disks that are mirrored over the network.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use promtext::Kind::{self, Counter, Gauge};

/// The numbers of a device, what one of the unit is worth, and what they mean. (Upstream takes what was received for bytes.)
const NUMBERS: [(&str, Kind, f64, &str, &str); 12] = [
    (
        "ns",
        Counter,
        1024.0,
        "network_sent_bytes_total",
        "Total number of bytes sent via the network.",
    ),
    (
        "nr",
        Counter,
        1.0,
        "network_received_bytes_total",
        "Total number of bytes received via the network.",
    ),
    (
        "dw",
        Counter,
        1024.0,
        "disk_written_bytes_total",
        "Net data written on local hard disk; in bytes.",
    ),
    (
        "dr",
        Counter,
        1024.0,
        "disk_read_bytes_total",
        "Net data read from local hard disk; in bytes.",
    ),
    (
        "al",
        Counter,
        1.0,
        "activitylog_writes_total",
        "Number of updates of the activity log area of the meta data.",
    ),
    (
        "bm",
        Counter,
        1.0,
        "bitmap_writes_total",
        "Number of updates of the bitmap area of the meta data.",
    ),
    (
        "lo",
        Gauge,
        1.0,
        "local_pending",
        "Number of open requests to the local I/O sub-system.",
    ),
    (
        "pe",
        Gauge,
        1.0,
        "remote_pending",
        "Number of requests sent to the peer, but that have not yet been answered by the latter.",
    ),
    (
        "ua",
        Gauge,
        1.0,
        "remote_unacknowledged",
        "Number of requests received by the peer via the network connection, but that have not yet been answered.",
    ),
    (
        "ap",
        Gauge,
        1.0,
        "application_pending",
        "Number of block I/O requests forwarded to DRBD, but not yet answered by DRBD.",
    ),
    ("ep", Gauge, 1.0, "epochs", "Number of Epochs currently on the fly."),
    (
        "oos",
        Gauge,
        1024.0,
        "out_of_sync_bytes",
        "Amount of data known to be out of sync; in bytes.",
    ),
];

/// The states of this node and of the other, and which of them is the good one.
const STATES: [(&str, &str, &str, &str); 2] = [
    (
        "ro",
        "Primary",
        "node_role_is_primary",
        "Whether the role of the node is in the primary state.",
    ),
    (
        "ds",
        "UpToDate",
        "disk_state_is_up_to_date",
        "Whether the disk of the node is up to date.",
    ),
];

/// `drbd`
pub(super) fn drbd(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.proc("drbd");
    let text = read::text(&path).map_err(Failure::or_no_data)?;
    let mut device = "unknown".to_owned();
    //  1: cs:Connected ro:Primary/Primary ds:UpToDate/UpToDate C r-----
    //     ns:17324442 nr:10961011 dw:28263521 dr:118696670 ...
    for (key, value) in text.split_ascii_whitespace().filter_map(|word| word.split_once(':')) {
        if value.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit()) {
            device = format!("drbd{key}");
        } else if let Some((_, kind, unit, name, help)) = NUMBERS.into_iter().find(|(known, ..)| *known == key) {
            let value: f64 = read::number(&path, value)?;
            sink.number(
                kind,
                &format!("node_drbd_{name}"),
                help,
                &[("device", &device)],
                value * unit,
            );
        } else if let Some((_, good, name, help)) = STATES.into_iter().find(|(known, ..)| *known == key) {
            let (local, remote) = value.split_once('/').ok_or_else(|| Failure::parse(&path, value))?;
            for (node, state) in [("local", local), ("remote", remote)] {
                let labels = [("device", device.as_str()), ("node", node)];
                sink.gauge(&format!("node_drbd_{name}"), help, &labels, f64::from(state == good));
            }
        } else if key == "cs" {
            sink.gauge(
                "node_drbd_connected",
                "Whether DRBD is connected to the peer.",
                &[("device", &device)],
                f64::from(value == "Connected"),
            );
        }
    }
    Ok(())
}
