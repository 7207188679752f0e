//! What the command line says.

use crate::discover::Discover;
use component::Error;
use std::time::Duration;

/// The flags `--cluster.*`, without `--cluster.enabled`.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// `--cluster.node-name`; the name of the machine where it is not given.
    pub node_name: String,
    /// `--cluster.advertise-address`: `host[:port]`; empty for the first address of `advertise_interfaces`.
    pub advertise_address: String,
    /// `--cluster.advertise-interfaces`; `all` for all.
    pub advertise_interfaces: Vec<String>,
    /// `--cluster.join-addresses`.
    pub join_addresses: Vec<String>,
    /// `--cluster.discover-peers`: `provider=k8s ...`, `provider=dns ...`.
    pub discover_peers: String,
    /// `--cluster.rejoin-interval`; zero for never.
    pub rejoin_interval: Duration,
    /// `--cluster.max-join-peers`; zero for all.
    pub max_join_peers: usize,
    /// `--cluster.name`.
    pub name: String,
    /// `--cluster.enable-tls`.
    pub enable_tls: bool,
    /// `--cluster.tls-ca-path`.
    pub tls_ca_path: String,
    /// `--cluster.tls-cert-path`.
    pub tls_cert_path: String,
    /// `--cluster.tls-key-path`.
    pub tls_key_path: String,
    /// `--cluster.tls-server-name`.
    pub tls_server_name: String,
    /// `--cluster.wait-for-size`; zero for no waiting.
    pub wait_for_size: usize,
    /// `--cluster.wait-timeout`; zero for no end of the waiting.
    pub wait_timeout: Duration,
    /// Times of the protocol; no flag.
    pub gossip: gossip::Config,
    /// How long a process that is told to stop waits until others have taken over; no flag.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            node_name: String::new(),
            advertise_address: String::new(),
            advertise_interfaces: vec!["eth0".to_owned(), "en0".to_owned()],
            join_addresses: Vec::new(),
            discover_peers: String::new(),
            rejoin_interval: Duration::from_secs(60),
            max_join_peers: 5,
            name: String::new(),
            enable_tls: false,
            tls_ca_path: String::new(),
            tls_cert_path: String::new(),
            tls_key_path: String::new(),
            tls_server_name: String::new(),
            wait_for_size: 0,
            wait_timeout: Duration::ZERO,
            gossip: gossip::Config::default(),
            grace: Duration::from_secs(5),
        }
    }
}

impl Options {
    /// Checks what can be checked without looking anywhere.
    ///
    /// # Errors
    /// The first thing that is wrong, and with which flag.
    pub fn check(&self) -> Result<(), Error> {
        if !self.join_addresses.is_empty() && !self.discover_peers.is_empty() {
            return Err(Error::new(format!(
                "at most one of join peers and discover peers may be set, got --cluster.join-addresses={:?} and \
                 --cluster.discover-peers={:?}",
                self.join_addresses.join(","),
                self.discover_peers
            )));
        }
        for (flag, name) in [("node-name", &self.node_name), ("name", &self.name)] {
            if name.len() > gossip::MAX_NAME || name.chars().any(char::is_control) {
                return Err(Error::new(format!(
                    "--cluster.{flag} must have at most {} bytes and no control characters, got {name:?}",
                    gossip::MAX_NAME
                )));
            }
        }
        if self.node_name.is_empty() {
            return Err(Error::new("--cluster.node-name must not be empty"));
        }
        if self.tls_cert_path.is_empty() != self.tls_key_path.is_empty() {
            return Err(Error::new(
                "--cluster.tls-cert-path and --cluster.tls-key-path must be set together",
            ));
        }
        Discover::parse(&self.discover_peers).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_make_no_sense_are_refused() {
        let valid = Options {
            node_name: "a".to_owned(),
            ..Options::default()
        };
        assert!(valid.check().is_ok());
        let both = Options {
            join_addresses: vec!["a".to_owned(), "b:1".to_owned()],
            discover_peers: "provider=k8s".to_owned(),
            ..valid.clone()
        };
        assert!(both.check().unwrap_err().to_string().starts_with(
            "at most one of join peers and discover peers may be set, got --cluster.join-addresses=\"a,b:1\""
        ));
        let refused = |options: Options| options.check().unwrap_err().to_string();
        assert!(refused(Options::default()).contains("node-name must not be empty"));
        let name = "x\ny".to_owned();
        assert!(refused(Options { name, ..valid.clone() }).contains("--cluster.name"));
        let tls_cert_path = "c".to_owned();
        assert!(
            refused(Options {
                tls_cert_path,
                ..valid.clone()
            })
            .contains("together")
        );
        let discover_peers = "provider=aws tag_key=x".to_owned();
        assert!(
            refused(Options {
                discover_peers,
                ..valid
            })
            .contains("\"aws\"")
        );
    }
}
