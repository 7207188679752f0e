//! The address under which others reach this process.

use crate::options::Options;
use component::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The address to tell others; `listen` is what the HTTP server listens on.
pub(crate) async fn address(options: &Options, listen: SocketAddr) -> Result<SocketAddr, Error> {
    let wanted = options.advertise_address.as_str();
    if !wanted.is_empty() {
        let (host, port) = split(wanted, listen.port()).ok_or_else(|| {
            Error::new(format!(
                "--cluster.advertise-address must be host[:port], got {wanted:?}"
            ))
        })?;
        if let Ok(ip) = host.parse() {
            return Ok(SocketAddr::new(ip, port));
        }
        let found = tokio::net::lookup_host((host, port)).await;
        let first = found.map(|mut addresses| addresses.next());
        return match first {
            Ok(Some(address)) => Ok(address),
            Ok(None) => Err(Error::new(format!(
                "--cluster.advertise-address {wanted:?} has no address"
            ))),
            Err(error) => Err(Error::new(format!(
                "--cluster.advertise-address {wanted:?} has no address: {error}"
            ))),
        };
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let found: Vec<(String, IpAddr)> = interfaces
        .into_iter()
        .map(|interface| (interface.name.clone(), interface.ip()))
        .collect();
    let ip = choose(&options.advertise_interfaces, &found).unwrap_or_else(|| {
        tracing::warn!(
            service = "cluster",
            interfaces = options.advertise_interfaces.join(","),
            "no network interface has an address that can be advertised; using 127.0.0.1, which other machines do not reach: set \
             --cluster.advertise-address or --cluster.advertise-interfaces"
        );
        Ipv4Addr::LOCALHOST.into()
    });
    if listen.ip().is_loopback() && !ip.is_loopback() {
        tracing::warn!(
            service = "cluster",
            %listen,
            advertised = %ip,
            "the HTTP server listens on loopback only, so that other members do not reach it: set --server.http.listen-addr"
        );
    }
    Ok(SocketAddr::new(ip, listen.port()))
}

/// The first usable address of the interfaces in their order: IPv4 before IPv6.
fn choose(wanted: &[String], found: &[(String, IpAddr)]) -> Option<IpAddr> {
    let usable = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unspecified(),
    };
    let all = wanted.len() == 1 && wanted[0] == "all";
    let mut candidates: Vec<(bool, usize, IpAddr)> = found
        .iter()
        .filter(|(_, ip)| usable(ip))
        .filter_map(|(name, ip)| {
            let order = match all {
                true => 0,
                false => wanted.iter().position(|wanted| wanted == name)?,
            };
            Some((ip.is_ipv6(), order, *ip))
        })
        .collect();
    candidates.sort_by_key(|(v6, order, _)| (*v6, *order));
    candidates.first().map(|(_, _, ip)| *ip)
}

/// Host and port of `host`, `host:port`, `[ip]:port` or an IPv6 address.
pub(crate) fn split(text: &str, default: u16) -> Option<(&str, u16)> {
    let bare = |text: &'_ str| !text.is_empty();
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, port.parse().ok()?)),
            None => rest.is_empty().then_some((host, default)),
        };
    }
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return Some((text, default));
    }
    match text.split_once(':') {
        Some((host, port)) if bare(host) => Some((host, port.parse().ok()?)),
        Some(_) => None,
        None => bare(text).then_some((text, default)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_may_have_ports() {
        for (text, expected) in [
            ("a", Some(("a", 9))),
            ("a.b:1", Some(("a.b", 1))),
            ("10.0.0.1", Some(("10.0.0.1", 9))),
            ("10.0.0.1:1", Some(("10.0.0.1", 1))),
            ("::1", Some(("::1", 9))),
            ("[::1]", Some(("::1", 9))),
            ("[::1]:1", Some(("::1", 1))),
            ("", None),
            (":1", None),
            ("a:x", None),
            ("a:70000", None),
            ("[::1", None),
            ("[::1]x", None),
        ] {
            assert_eq!(split(text, 9), expected, "{text}");
        }
    }

    #[test]
    fn interfaces_are_taken_in_order_and_ipv4_first() {
        let found: Vec<(String, IpAddr)> = [
            ("lo", "127.0.0.1"),
            ("eth1", "fd00::1"),
            ("eth0", "fe80::1"),
            ("eth1", "10.0.0.2"),
            ("eth0", "169.254.0.1"),
            ("eth2", "10.0.0.3"),
        ]
        .map(|(name, ip)| (name.to_owned(), ip.parse().unwrap()))
        .to_vec();
        let choose = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
            choose(&wanted, &found).map(|ip| ip.to_string())
        };
        assert_eq!(choose(&["eth0", "en0"]), None);
        assert_eq!(choose(&["eth0", "eth1"]).as_deref(), Some("10.0.0.2"));
        assert_eq!(choose(&["eth2", "eth1"]).as_deref(), Some("10.0.0.3"));
        assert_eq!(choose(&["all"]).as_deref(), Some("10.0.0.2"));
        assert_eq!(choose(&["lo"]), None);
    }
}
