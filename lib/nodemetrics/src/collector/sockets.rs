//! Sockets, their queues, and the packets on their way to them.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use std::path::Path;

/// `sockstat`
pub(super) fn sockstat(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    for (file, ipv6) in [("net/sockstat", false), ("net/sockstat6", true)] {
        let path = paths.proc(file);
        let Some(text) = read::optional(read::text(&path))? else {
            continue;
        };
        for line in text.lines() {
            let (protocol, pairs) = line.split_once(": ").ok_or_else(|| Failure::parse(&path, line))?;
            let words: Vec<&str> = pairs.split_ascii_whitespace().collect();
            for pair in words.chunks(2) {
                let &[state, value] = pair else {
                    return Err(Failure::parse(&path, line));
                };
                let value: i64 = read::number(&path, value)?;
                socket(sink, protocol, state, value, ipv6);
            }
        }
    }
    Ok(())
}

fn socket(sink: &mut Sink, protocol: &str, state: &str, value: i64, ipv6: bool) {
    if protocol == "sockets" {
        if state == "used" && !ipv6 {
            sink.gauge(
                "node_sockstat_sockets_used",
                "Number of IPv4 sockets in use.",
                &[],
                value as f64,
            );
        }
        return;
    }
    let mut tell = |state: &str, value: i64| {
        sink.gauge(
            &format!("node_sockstat_{protocol}_{state}"),
            &format!("Number of {protocol} sockets in state {state}."),
            &[],
            value as f64,
        );
    };
    match state {
        "inuse" | "orphan" | "tw" | "alloc" | "memory" => tell(state, value),
        "mem" => {
            tell("mem", value);
            tell("mem_bytes", value.saturating_mul(rustix::param::page_size() as i64));
        }
        _ => {}
    }
}

/// The columns of `/proc/net/softnet_stat` that are told.
const SOFTNET: [(usize, &str, &str); 6] = [
    (0, "node_softnet_processed_total", "Number of processed packets"),
    (1, "node_softnet_dropped_total", "Number of dropped packets"),
    (
        2,
        "node_softnet_times_squeezed_total",
        "Number of times processing packets ran out of quota",
    ),
    (
        8,
        "node_softnet_cpu_collision_total",
        "Number of collision occur while obtaining device lock while transmitting",
    ),
    (
        9,
        "node_softnet_received_rps_total",
        "Number of times cpu woken up received_rps",
    ),
    (
        10,
        "node_softnet_flow_limit_count_total",
        "Number of times flow limit has been reached",
    ),
];

/// `softnet`
pub(super) fn softnet(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.proc("net/softnet_stat");
    for (line, row) in read::text(&path)?.lines().enumerate() {
        let fields: Vec<&str> = row.split_ascii_whitespace().collect();
        if fields.len() < 9 {
            return Err(Failure::parse(&path, row));
        }
        // Old kernels have fewer columns, and rows in the order of CPUs.
        let column = |index: usize| fields.get(index).map_or(Ok(0), |field| read::hex(&path, field));
        let (backlog, cpu) = if fields.len() >= 13 {
            (column(11)?, column(12)?)
        } else {
            (0, line as u64)
        };
        let cpu = cpu.to_string();
        let labels = [("cpu", cpu.as_str())];
        for (index, name, help) in SOFTNET {
            sink.counter(name, help, &labels, column(index)? as f64);
        }
        sink.gauge(
            "node_softnet_backlog_len",
            "Softnet backlog status",
            &labels,
            backlog as f64,
        );
    }
    Ok(())
}

/// A row of `/proc/net/udp` or `/proc/net/tcp`.
struct Socket {
    state: u64,
    sending: u64,
    receiving: u64,
}

/// The sockets of such a file; `None` if the kernel has not got the protocol.
fn sockets(path: &Path) -> Result<Option<Vec<Socket>>, Failure> {
    let Some(text) = read::optional(read::text(path))? else {
        return Ok(None);
    };
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let &[_, _, _, state, queues, ..] = fields.as_slice() else {
            return Err(Failure::parse(path, line));
        };
        let (sending, receiving) = queues.split_once(':').ok_or_else(|| Failure::parse(path, line))?;
        Ok(Socket {
            state: read::hex(path, state)?,
            sending: read::hex(path, sending)?,
            receiving: read::hex(path, receiving)?,
        })
    };
    text.lines()
        .skip(1)
        .map(row)
        .collect::<Result<Vec<Socket>, Failure>>()
        .map(Some)
}

/// `udp_queues`
pub(super) fn udp_queues(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let mut found = false;
    for (file, ip) in [("net/udp", "v4"), ("net/udp6", "v6")] {
        let Some(sockets) = sockets(&paths.proc(file))? else {
            continue;
        };
        found = true;
        let sending: f64 = sockets.iter().map(|socket| socket.sending as f64).sum();
        let receiving: f64 = sockets.iter().map(|socket| socket.receiving as f64).sum();
        for (queue, bytes) in [("tx", sending), ("rx", receiving)] {
            sink.gauge(
                "node_udp_queues",
                "Number of allocated memory in the kernel for UDP datagrams in bytes.",
                &[("queue", queue), ("ip", ip)],
                bytes,
            );
        }
    }
    if found { Ok(()) } else { Err(Failure::NoData) }
}

/// The states of a TCP socket from 1 on, as the kernel numbers them.
const TCP_STATES: [&str; 11] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
];

/// The kernel's number of a socket that waits in an accept queue's place, which is a `syn_recv` elsewhere.
const NEW_SYN_RECV: u64 = 12;

/// `tcpstat`
pub(super) fn tcpstat(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let mut sockets4 = sockets(&paths.proc("net/tcp"))?.ok_or(Failure::NoData)?;
    sockets4.extend(sockets(&paths.proc("net/tcp6"))?.unwrap_or_default());
    let mut counts = [0_u64; TCP_STATES.len()];
    let (mut sending, mut receiving) = (0_u64, 0_u64);
    for socket in &sockets4 {
        let state = if socket.state == NEW_SYN_RECV { 3 } else { socket.state };
        let index = usize::try_from(state).ok().and_then(|state| state.checked_sub(1));
        if let Some(count) = index.and_then(|index| counts.get_mut(index)) {
            *count += 1;
        }
        sending = sending.saturating_add(socket.sending);
        receiving = receiving.saturating_add(socket.receiving);
    }
    let mut tell = |state: &str, value: u64| {
        sink.gauge(
            "node_tcp_connection_states",
            "Number of connection states.",
            &[("state", state)],
            value as f64,
        );
    };
    for (state, count) in TCP_STATES.into_iter().zip(counts) {
        if count > 0 {
            tell(state, count);
        }
    }
    if !sockets4.is_empty() {
        tell("rx_queued_bytes", receiving);
        tell("tx_queued_bytes", sending);
    }
    Ok(())
}
