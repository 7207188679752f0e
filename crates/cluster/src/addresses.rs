//! `--cluster.join-addresses`: from entries to addresses.

use crate::advertise::split;
use crate::dns::Dns;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// How an entry is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Addresses,
    Targets,
    /// Whatever it is.
    Any,
}

/// The addresses of all entries, each once and in order. Entries that give nothing are left out.
///
/// # Errors
/// No entry gives anything: what is wrong with each.
pub(crate) async fn resolve(entries: &[String], port: u16, dns: &dyn Dns) -> Result<Vec<SocketAddr>, String> {
    let mut found = BTreeSet::new();
    let mut errors = Vec::new();
    for entry in entries
        .iter()
        .map(|entry| entry.trim())
        .filter(|entry| !entry.is_empty())
    {
        match one(entry, port, dns).await {
            Ok(addresses) => found.extend(addresses),
            Err(error) => errors.push(error),
        }
    }
    if found.is_empty() {
        return Err(format!(
            "static peer discovery: failed to find any valid join addresses: {}",
            errors.join("; ")
        ));
    }
    for error in errors {
        tracing::debug!(service = "cluster", err = error, "a join address was left out");
    }
    Ok(found.into_iter().collect())
}

async fn one(entry: &str, port: u16, dns: &dyn Dns) -> Result<Vec<SocketAddr>, String> {
    let prefixes = [
        ("dns+", How::Addresses),
        ("dnssrv+", How::Targets),
        ("dnssrvnoa+", How::Targets),
    ];
    let marked = prefixes
        .iter()
        .find_map(|(prefix, how)| Some((entry.strip_prefix(prefix)?, *how)));
    let (rest, how) = marked.unwrap_or((entry, How::Any));
    let (name, port) = split(rest, port).ok_or_else(|| format!("{entry:?} is not host[:port]"))?;
    if how == How::Any
        && let Ok(ip) = name.parse()
    {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let mut errors = Vec::new();
    if how != How::Targets {
        match dns.addresses(name).await {
            Ok(ips) if !ips.is_empty() => return Ok(with_port(ips, port)),
            Ok(_) => errors.push("no addresses".to_owned()),
            Err(error) => errors.push(error),
        }
    }
    if how != How::Addresses {
        match srv(name, dns).await {
            // The port is the entry's: that of the record may be for something else.
            Ok(ips) if !ips.is_empty() => return Ok(with_port(ips, port)),
            Ok(_) => errors.push("no SRV records".to_owned()),
            Err(error) => errors.push(error),
        }
    }
    Err(format!("{entry:?}: {}", errors.join(", ")))
}

pub(crate) fn with_port(ips: Vec<IpAddr>, port: u16) -> Vec<SocketAddr> {
    ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()
}

/// The addresses of the targets of a name's SRV records.
pub(crate) async fn srv(name: &str, dns: &dyn Dns) -> Result<Vec<IpAddr>, String> {
    let mut ips = Vec::new();
    let mut failed = None;
    for target in dns.targets(name).await? {
        match target.parse() {
            Ok(ip) => ips.push(ip),
            Err(_) => match dns.addresses(&target).await {
                Ok(found) => ips.extend(found),
                Err(error) => failed = Some(error),
            },
        }
    }
    match failed {
        Some(error) if ips.is_empty() => Err(error),
        _ => Ok(ips),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use component::BoxFuture;

    /// `a.test` has two addresses, `_g._tcp.test` leads to it and to one that fails, `odd.test` has only SRV records.
    pub(crate) struct Scripted;

    impl Dns for Scripted {
        fn addresses(&self, name: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, String>> {
            let ips = |texts: &[&str]| Ok(texts.iter().map(|text| text.parse().unwrap()).collect());
            let answer = match name {
                "a.test" => ips(&["10.0.0.1", "fd00::1"]),
                "b.test" => ips(&["10.0.0.2"]),
                "odd.test" => ips(&[]),
                _ => Err(format!("no such host {name}")),
            };
            Box::pin(std::future::ready(answer))
        }

        fn targets(&self, name: &str) -> BoxFuture<'static, Result<Vec<String>, String>> {
            let answer = match name {
                "_g._tcp.test" => Ok(vec!["a.test".to_owned(), "gone.test".to_owned()]),
                "odd.test" => Ok(vec!["b.test".to_owned()]),
                "dead.test" => Ok(vec!["gone.test".to_owned()]),
                "a.test" => Ok(Vec::new()),
                _ => Err("server failure".to_owned()),
            };
            Box::pin(std::future::ready(answer))
        }
    }

    async fn shown(entries: &[&str]) -> Result<String, String> {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        let found = resolve(&entries, 12345, &Scripted).await?;
        Ok(found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    #[tokio::test]
    async fn entries_have_many_forms() {
        for (entries, expected) in [
            (&["10.0.0.9"] as &[&str], "10.0.0.9:12345"),
            (&["10.0.0.9:80"], "10.0.0.9:80"),
            (&["[fd00::9]:80"], "[fd00::9]:80"),
            (&["fd00::9"], "[fd00::9]:12345"),
            (&["", " a.test "], "10.0.0.1:12345 [fd00::1]:12345"),
            (&["a.test:80"], "10.0.0.1:80 [fd00::1]:80"),
            (&["dns+a.test:80"], "10.0.0.1:80 [fd00::1]:80"),
            // What one target lacks another may have, and the port is that of the entry.
            (&["dnssrv+_g._tcp.test"], "10.0.0.1:12345 [fd00::1]:12345"),
            (&["dnssrvnoa+_g._tcp.test:80"], "10.0.0.1:80 [fd00::1]:80"),
            // No addresses, but SRV records.
            (&["odd.test"], "10.0.0.2:12345"),
            // Each once; what fails is left out.
            (&["b.test", "none.test", "odd.test", "10.0.0.2:12345"], "10.0.0.2:12345"),
        ] {
            assert_eq!(shown(entries).await.as_deref(), Ok(expected), "{entries:?}");
        }
    }

    #[tokio::test]
    async fn entries_that_give_nothing_say_why() {
        for (entries, expected) in [
            (
                &["none.test"] as &[&str],
                "\"none.test\": no such host none.test, server failure",
            ),
            (&["dns+odd.test"], "\"dns+odd.test\": no addresses"),
            (&["dnssrv+a.test"], "\"dnssrv+a.test\": no SRV records"),
            (&["dnssrv+dead.test"], "\"dnssrv+dead.test\": no such host gone.test"),
            (&["a:b"], "\"a:b\" is not host[:port]"),
        ] {
            let error = shown(entries).await.unwrap_err();
            let expected = format!("static peer discovery: failed to find any valid join addresses: {expected}");
            assert_eq!(error, expected);
        }
    }
}
