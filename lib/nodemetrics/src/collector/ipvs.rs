//! The kernel's load balancer.

use crate::error::{Error, Failure};
use crate::options::Options;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// The columns of the totals.
const TOTALS: [(&str, &str); 5] = [
    ("node_ipvs_connections_total", "The total number of connections made."),
    (
        "node_ipvs_incoming_packets_total",
        "The total number of incoming packets.",
    ),
    (
        "node_ipvs_outgoing_packets_total",
        "The total number of outgoing packets.",
    ),
    ("node_ipvs_incoming_bytes_total", "The total amount of incoming data."),
    ("node_ipvs_outgoing_bytes_total", "The total amount of outgoing data."),
];

/// `ipvs`
pub(super) struct Ipvs {
    /// Positions in [`Options::IPVS_LABELS`].
    labels: Vec<usize>,
}

/// A service, and the servers' part of the labels.
#[derive(Clone, Default)]
struct Labels([String; 6]);

impl Ipvs {
    pub(super) fn new(options: &Options) -> Result<Ipvs, Error> {
        let wanted = &options.ipvs_backend_labels;
        let known = |label: &&String| label.is_empty() || Options::IPVS_LABELS.contains(&label.as_str());
        if let Some(unknown) = wanted.iter().find(|label| !known(label)) {
            return Err(Error::UnknownIpvsLabel(unknown.clone()));
        }
        let is_wanted = |index: &usize| wanted.iter().any(|label| label == Options::IPVS_LABELS[*index]);
        Ok(Ipvs {
            labels: (0..Options::IPVS_LABELS.len()).filter(is_wanted).collect(),
        })
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        let path = paths.proc("net/ip_vs_stats");
        let text = read::text(&path).map_err(Failure::or_no_data)?;
        let totals: Vec<&str> = text
            .lines()
            .nth(2)
            .unwrap_or_default()
            .split_ascii_whitespace()
            .collect();
        if totals.len() != TOTALS.len() {
            return Err(Failure::parse(&path, &text));
        }
        for ((name, help), total) in TOTALS.into_iter().zip(totals) {
            sink.counter(name, help, &[], read::hex(&path, total)? as f64);
        }
        self.backends(&paths.proc("net/ip_vs"), sink)
    }

    fn backends(&self, path: &Path, sink: &mut Sink) -> Result<(), Failure> {
        let text = read::text(path)?;
        let mut service = Labels::default();
        let mut sums: BTreeMap<Vec<String>, [u64; 3]> = BTreeMap::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            match words.as_slice() {
                ["->", "RemoteAddress:Port", ..] => {}
                [protocol @ ("TCP" | "UDP"), address, ..] => {
                    let (address, port) = address_and_port(address).ok_or_else(|| Failure::parse(path, line))?;
                    service = Labels::default();
                    service.0[0] = address.to_string();
                    service.0[1] = port.to_string();
                    service.0[4] = (*protocol).to_owned();
                }
                [protocol @ "FWM", mark, ..] => {
                    service = Labels::default();
                    service.0[1] = "0".to_owned();
                    service.0[4] = (*protocol).to_owned();
                    service.0[5] = (*mark).to_owned();
                }
                ["->", address, _, weight, active, inactive, ..] => {
                    let (address, port) = address_and_port(address).ok_or_else(|| Failure::parse(path, line))?;
                    let mut backend = service.clone();
                    backend.0[2] = address.to_string();
                    backend.0[3] = port.to_string();
                    let key = self.labels.iter().map(|&index| backend.0[index].clone()).collect();
                    let sum = sums.entry(key).or_default();
                    for (sum, value) in sum.iter_mut().zip([active, inactive, weight]) {
                        *sum = sum.saturating_add(read::number(path, value)?);
                    }
                }
                _ => {}
            }
        }
        for (values, sums) in sums {
            let names = self.labels.iter().map(|&index| Options::IPVS_LABELS[index]);
            let labels: Vec<(&str, &str)> = names.zip(values.iter().map(String::as_str)).collect();
            for ((name, help), sum) in [
                (
                    "node_ipvs_backend_connections_active",
                    "The current active connections by local and remote address.",
                ),
                (
                    "node_ipvs_backend_connections_inactive",
                    "The current inactive connections by local and remote address.",
                ),
                (
                    "node_ipvs_backend_weight",
                    "The current backend weight by local and remote address.",
                ),
            ]
            .into_iter()
            .zip(sums)
            {
                sink.gauge(name, help, &labels, sum as f64);
            }
        }
        Ok(())
    }
}

/// Reads `C0A80016:0CEA`, or `[2620:0000:0000:0000:0000:0000:0000:0001]:0050`.
fn address_and_port(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.rsplit_once(':')?;
    let address = match address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => IpAddr::V6(v6.parse().ok()?),
        None => IpAddr::V4(Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?)),
    };
    Some((address, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hexadecimal() {
        let (address, port) = address_and_port("C0A80016:0CEA").unwrap();
        assert_eq!((address.to_string().as_str(), port), ("192.168.0.22", 3306));
        let (address, port) = address_and_port("[2620:0000:0000:0000:0000:0000:0000:0001]:0050").unwrap();
        assert_eq!((address.to_string().as_str(), port), ("2620::1", 80));
        assert_eq!(address_and_port("C0A80016"), None);
        assert_eq!(address_and_port("nonsense:0050"), None);
    }
}
