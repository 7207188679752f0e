//! What the cluster measures of itself: the names are those of Alloy's dashboards.

use crate::view::Seen;
use gossip::{Gossip, News, State, Stats, VERSION};
use promtext::{Counter, CounterVec, Gauge, GaugeVec, Histogram, RegisterError, Registry};
use std::time::Duration;

#[derive(Clone)]
pub(crate) struct Metrics {
    /// Without it the metrics are gone.
    _registry: Registry,
    info: GaugeVec,
    peers: GaugeVec,
    events: CounterVec,
    broadcasts: Counter,
    lamport: Gauge,
    pub(crate) observers: Gauge,
    update: Histogram,
    pub(crate) updating: Gauge,
    health: Gauge,
    alive: Gauge,
    pub(crate) rx_packets: Counter,
    pub(crate) rx_bytes: Counter,
    pub(crate) tx_packets: Counter,
    pub(crate) tx_bytes: Counter,
    pub(crate) tx_failed: Counter,
    pub(crate) rx_queue: Gauge,
    pub(crate) tx_queue: Gauge,
    ready: Gauge,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry, cluster: &str, minimum: usize) -> Result<Metrics, RegisterError> {
        let registry = registry.scoped(&[("cluster_name", cluster)])?;
        let counter = |name: &str, help: &str| registry.counter(name, help);
        let gauge = |name: &str, help: &str| registry.gauge(name, help);
        gauge(
            "cluster_node_gossip_proto_version",
            "Version of the gossip protocol that this node speaks.",
        )?
        .set(f64::from(VERSION));
        gauge("cluster_minimum_size", "The configured minimum cluster size.")?.set(minimum as f64);
        Ok(Metrics {
            _registry: registry.clone(),
            info: registry.gauge_vec(
                "cluster_node_info",
                "Info about the local node, by its state.",
                &["state"],
            )?,
            peers: registry.gauge_vec(
                "cluster_node_peers",
                "Current number of healthy peers by state, this node included.",
                &["state"],
            )?,
            events: registry.counter_vec(
                "cluster_node_gossip_received_events_total",
                "Total number of gossip events handled by the node.",
                &["event"],
            )?,
            broadcasts: counter(
                "cluster_node_gossip_broadcasts_total",
                "Total number of gossip messages broadcast by the node.",
            )?,
            lamport: gauge("cluster_node_lamport_time", "The current lamport time of the node.")?,
            observers: gauge(
                "cluster_node_update_observers",
                "Number of observers waiting for changes of the cluster.",
            )?,
            update: registry.histogram(
                "cluster_node_update_duration_seconds",
                "Time it takes to compute who is responsible for what after a change.",
                &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
            )?,
            updating: gauge(
                "cluster_node_updating",
                "1 while observers have yet to be told of a change.",
            )?,
            health: gauge(
                "cluster_node_gossip_health_score",
                "Health of the local node: 0 is healthy, more means that others suspected it.",
            )?,
            alive: gauge(
                "cluster_node_gossip_alive_peers",
                "How many peers are alive, this node included.",
            )?,
            rx_packets: counter(
                "cluster_transport_rx_packets_total",
                "Total number of packets received.",
            )?,
            rx_bytes: counter(
                "cluster_transport_rx_bytes_total",
                "Total number of bytes received in packets.",
            )?,
            tx_packets: counter("cluster_transport_tx_packets_total", "Total number of packets sent.")?,
            tx_bytes: counter(
                "cluster_transport_tx_bytes_total",
                "Total number of bytes sent in packets.",
            )?,
            tx_failed: counter(
                "cluster_transport_tx_packets_failed_total",
                "Total number of packets that could not be sent.",
            )?,
            rx_queue: gauge(
                "cluster_transport_rx_packet_queue_length",
                "Number of received packets that wait to be handled.",
            )?,
            tx_queue: gauge(
                "cluster_transport_tx_packet_queue_length",
                "Number of packets that wait to be sent.",
            )?,
            ready: gauge(
                "cluster_ready_for_traffic",
                "1 if the cluster is ready to admit traffic, 0 if it waits for members.",
            )?,
        })
    }

    pub(crate) fn seen(&self, seen: &Seen, took: Duration) {
        for state in State::ALL {
            let count = seen.members.iter().filter(|member| member.state == state).count();
            self.peers.with(&[state.as_str()]).set(count as f64);
        }
        self.alive.set(seen.members.len() as f64);
        self.ready.set(f64::from(u8::from(seen.ready)));
        self.update.observe(took.as_secs_f64());
    }

    pub(crate) fn state(&self, state: State) {
        self.info.clear();
        self.info.with(&[state.as_str()]).set(1.0);
    }

    pub(crate) fn news(&self, news: &News) {
        let event = match news {
            News::Up(_) => "node_join",
            News::Down(_) => "node_leave",
            News::Changed(_) => "state_change",
            News::Conflict { .. } => "node_conflict",
            News::Renewed(_) | News::Restored => "node_update",
        };
        self.events.with(&[event]).inc();
    }

    /// Adds what happened since `before`.
    pub(crate) fn gossip(&self, gossip: &Gossip, before: Stats) {
        let stats = gossip.stats();
        self.lamport.set(gossip.lamport_time() as f64);
        self.health.set(f64::from(stats.health_score));
        self.broadcasts.add(stats.broadcasts - before.broadcasts);
        let refused = |stats: Stats| stats.malformed + stats.versions + stats.foreign;
        for (event, now, before) in [
            ("merge_remote_state", stats.lists, before.lists),
            ("get_local_state", stats.requests, before.requests),
            ("unknown_message", refused(stats), refused(before)),
        ] {
            if now > before {
                self.events.with(&[event]).add(now - before);
            }
        }
    }
}
