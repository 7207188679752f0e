//! Storage that is not a plain disk: NVMe, tapes, Fibre Channel.

use crate::error::{Error, Failure};
use crate::filter;
use crate::options::Options;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use goregex::Regex;
use promtext::Kind::{self, Counter, Gauge};
use std::path::Path;

/// `nvme`
pub(super) fn nvme(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let class = paths.sys("class/nvme");
    for device in read::names(&class).map_err(Failure::or_no_data)? {
        let dir = class.join(&device);
        let text = |file: &str| read::trimmed(&dir.join(file));
        sink.gauge(
            "node_nvme_info",
            "Non-numeric data from /sys/class/nvme/<device>, value is always 1.",
            &[
                ("device", &device),
                ("firmware_revision", &text("firmware_rev")?),
                ("model", &text("model")?),
                ("serial", &text("serial")?),
                ("state", &text("state")?),
                ("cntlid", &text("cntlid").unwrap_or_default()),
            ],
            1.0,
        );
        for namespace in read::names(&dir)? {
            if let Some(number) = namespace_number(&namespace) {
                self::namespace(&dir.join(&namespace), &device, number, sink);
            }
        }
    }
    Ok(())
}

/// The number in `nvme0n1` or, of a namespace with several paths, `nvme0c0n1`.
fn namespace_number(name: &str) -> Option<&str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (controller, number) = name.strip_prefix("nvme")?.rsplit_once('n')?;
    (digits(number) && controller.split('c').all(digits)).then_some(number)
}

fn namespace(dir: &Path, device: &str, number: &str, sink: &mut Sink) {
    let value = |file: &str| read::u64(&dir.join(file)).unwrap_or(0);
    let block = value("queue/logical_block_size");
    let size = value("size").wrapping_mul(block) as f64;
    let state = read::trimmed(&dir.join("ana_state")).unwrap_or_else(|_| "unknown".to_owned());
    let labels = [("device", device), ("nsid", number)];
    sink.gauge(
        "node_nvme_namespace_info",
        "Information about NVMe namespaces. Value is always 1",
        &[("device", device), ("nsid", number), ("ana_state", &state)],
        1.0,
    );
    for (name, help, value) in [
        (
            "node_nvme_namespace_capacity_bytes",
            "Capacity of the NVMe namespace in bytes. Computed as namespace_size * namespace_logical_block_size",
            size,
        ),
        (
            "node_nvme_namespace_size_bytes",
            "Size of the NVMe namespace in bytes. Available in /sys/class/nvme/<device>/<namespace>/size",
            size,
        ),
        (
            "node_nvme_namespace_used_bytes",
            "Used space of the NVMe namespace in bytes. Available in /sys/class/nvme/<device>/<namespace>/nuse",
            value("nuse").wrapping_mul(block) as f64,
        ),
        (
            "node_nvme_namespace_logical_block_size_bytes",
            "Logical block size of the NVMe namespace in bytes. Usually 4Kb. Available in \
             /sys/class/nvme/<device>/<namespace>/queue/logical_block_size",
            block as f64,
        ),
    ] {
        sink.gauge(name, help, &labels, value);
    }
}

const NANOSECOND: f64 = 0.000000001;

/// The files of a tape's statistics.
const TAPE: [(&str, Kind, f64, &str, &str); 10] = [
    (
        "in_flight",
        Gauge,
        1.0,
        "node_tape_io_now",
        "The number of I/Os currently outstanding to this device.",
    ),
    (
        "io_ns",
        Counter,
        NANOSECOND,
        "node_tape_io_time_seconds_total",
        "The amount of time spent waiting for all I/O to complete (including read and write). This includes tape movement commands such \
         as seeking between file or set marks and implicit tape movement such as when rewind on close tape devices are used.",
    ),
    (
        "other_cnt",
        Counter,
        1.0,
        "node_tape_io_others_total",
        "The number of I/Os issued to the tape drive other than read or write commands. The time taken to complete these commands uses \
         the following calculation io_time_seconds_total-read_time_seconds_total-write_time_seconds_total",
    ),
    (
        "read_byte_cnt",
        Counter,
        1.0,
        "node_tape_read_bytes_total",
        "The number of bytes read from the tape drive.",
    ),
    (
        "read_cnt",
        Counter,
        1.0,
        "node_tape_reads_completed_total",
        "The number of read requests issued to the tape drive.",
    ),
    (
        "read_ns",
        Counter,
        NANOSECOND,
        "node_tape_read_time_seconds_total",
        "The amount of time spent waiting for read requests to complete.",
    ),
    (
        "resid_cnt",
        Counter,
        1.0,
        "node_tape_residual_total",
        "The number of times during a read or write we found the residual amount to be non-zero. This should mean that a program is \
         issuing a read larger thean the block size on tape. For write not all data made it to tape.",
    ),
    (
        "write_byte_cnt",
        Counter,
        1.0,
        "node_tape_written_bytes_total",
        "The number of bytes written to the tape drive.",
    ),
    (
        "write_cnt",
        Counter,
        1.0,
        "node_tape_writes_completed_total",
        "The number of write requests issued to the tape drive.",
    ),
    (
        "write_ns",
        Counter,
        NANOSECOND,
        "node_tape_write_time_seconds_total",
        "The amount of time spent waiting for write requests to complete.",
    ),
];

/// `tapestats`
pub(super) struct Tapes {
    ignored: Regex,
}

impl Tapes {
    pub(super) fn new(options: &Options) -> Result<Tapes, Error> {
        let ignored = filter::regex("tapestats.ignored_devices", &options.tape_ignored)?;
        Ok(Tapes { ignored })
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        let class = paths.sys("class/scsi_tape");
        for device in read::names(&class).map_err(Failure::or_no_data)? {
            // st0 is a drive; st0a, nst0 and the like are ways to use it.
            let number = device.strip_prefix("st").unwrap_or_default();
            let drive = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            if !drive || self.ignored.is_match(device.as_bytes()) {
                continue;
            }
            let stats = class.join(&device).join("stats");
            for (file, kind, unit, name, help) in TAPE {
                let value = read::optional(read::u64(&stats.join(file)))?.unwrap_or(0);
                sink.number(kind, name, help, &[("device", &device)], value as f64 * unit);
            }
        }
        Ok(())
    }
}

/// The files of a Fibre Channel host's statistics.
const FIBRE: [(&str, &str, &str); 14] = [
    ("dumped_frames", "dumped_frames_total", "Number of dumped frames"),
    (
        "loss_of_signal_count",
        "loss_of_signal_total",
        "Number of times signal has been lost",
    ),
    (
        "loss_of_sync_count",
        "loss_of_sync_total",
        "Number of failures on either bit or transmission word boundaries",
    ),
    ("rx_frames", "rx_frames_total", "Number of frames received"),
    ("error_frames", "error_frames_total", "Number of errors in frames"),
    (
        "invalid_tx_word_count",
        "invalid_tx_words_total",
        "Number of invalid words transmitted by host port",
    ),
    (
        "seconds_since_last_reset",
        "seconds_since_last_reset_total",
        "Number of seconds since last host port reset",
    ),
    ("tx_words", "tx_words_total", "Number of words transmitted by host port"),
    (
        "invalid_crc_count",
        "invalid_crc_total",
        "Invalid Cyclic Redundancy Check count",
    ),
    (
        "nos_count",
        "nos_total",
        "Number Not_Operational Primitive Sequence received by host port",
    ),
    (
        "fcp_packet_aborts",
        "fcp_packet_aborts_total",
        "Number of aborted packets",
    ),
    ("rx_words", "rx_words_total", "Number of words received by host port"),
    (
        "tx_frames",
        "tx_frames_total",
        "Number of frames transmitted by host port",
    ),
    (
        "link_failure_count",
        "link_failure_total",
        "Number of times the host port link has failed",
    ),
];

/// `fibrechannel`
pub(super) fn fibrechannel(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let class = paths.sys("class/fc_host");
    for host in read::names(&class).map_err(Failure::or_no_data)? {
        let dir = class.join(&host);
        let text = |file: &str| read::trimmed(&dir.join(file)).unwrap_or_default();
        // Names and the id are written with 0x in front.
        let number = |file: &str| text(file).get(2..).unwrap_or_default().to_owned();
        let state = text("port_state");
        sink.gauge(
            "node_fibrechannel_info",
            "Non-numeric data from /sys/class/fc_host/<host>, value is always 1.",
            &[
                ("fc_host", &host),
                ("speed", &text("speed")),
                ("port_state", &state),
                ("port_type", &text("port_type")),
                ("port_id", &number("port_id")),
                ("port_name", &number("port_name")),
                ("fabric_name", &number("fabric_name")),
                ("symbolic_name", &text("symbolic_name")),
                ("supported_classes", &text("supported_classes")),
                ("supported_speeds", &text("supported_speeds")),
                ("dev_loss_tmo", &text("dev_loss_tmo")),
            ],
            1.0,
        );
        for (file, name, help) in FIBRE {
            let value = match state.as_str() {
                // A port that is down has no counters, and counts as 0.
                "" | "Unknown" => Ok(0),
                _ => read::u64(&dir.join("statistics").join(file)),
            };
            // All ones is what a driver says that does not count this.
            if let Some(value) = value.ok().filter(|&value| value != u64::MAX) {
                sink.counter(
                    &format!("node_fibrechannel_{name}"),
                    help,
                    &[("fc_host", &host)],
                    value as f64,
                );
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_of_nvme() {
        assert_eq!(namespace_number("nvme0n1"), Some("1"));
        assert_eq!(namespace_number("nvme1c2n13"), Some("13"));
        for other in ["nvme0", "nvme0n", "nvmen1", "nvme0n1p1", "ng0n1", "model"] {
            assert_eq!(namespace_number(other), None, "{other}");
        }
    }
}
