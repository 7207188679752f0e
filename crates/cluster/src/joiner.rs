//! Finds peers and joins them, again and again.

use crate::addresses;
use crate::discover::Discover;
use crate::dns::Dns;
use crate::options::Options;
use crate::service::Shared;
use host::{Host, Random};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long finding peers may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How soon a process that is alone tries again; twice as long each time.
const FIRST: Duration = Duration::from_secs(1);

/// How long it waits at most if there is no interval.
const LONGEST: Duration = Duration::from_secs(60);

/// How often peers are asked in vain until it is worth a warning.
const UNANSWERED: u32 = 3;

pub(crate) struct Joiner {
    entries: Vec<String>,
    discover: Option<Discover>,
    interval: Duration,
    most: usize,
    /// The port where none is given.
    port: u16,
    dns: Arc<dyn Dns>,
    host: Host,
}

impl Joiner {
    pub(crate) fn new(
        options: &Options,
        port: u16,
        dns: Arc<dyn Dns>,
        host: &Host,
    ) -> Result<Joiner, component::Error> {
        Ok(Joiner {
            entries: options.join_addresses.clone(),
            discover: Discover::parse(&options.discover_peers)?,
            interval: options.rejoin_interval,
            most: options.max_join_peers,
            port,
            dns,
            host: host.clone(),
        })
    }

    async fn find(&self) -> Result<Vec<SocketAddr>, String> {
        let found = async {
            match &self.discover {
                Some(discover) => discover.find(self.port, &*self.dns, &self.host).await,
                None => addresses::resolve(&self.entries, self.port, &*self.dns).await,
            }
        };
        timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| Err("finding peers takes too long".to_owned()))
    }

    pub(crate) async fn run(self, shared: Arc<Shared>) {
        if self.entries.is_empty() && self.discover.is_none() {
            return;
        }
        let mut sizes = shared.size.subscribe();
        let (mut first, mut soon, mut unanswered) = (true, FIRST, 0);
        let longest = match self.interval.is_zero() {
            true => LONGEST,
            false => self.interval,
        };
        loop {
            match self.find().await {
                Ok(peers) => {
                    let me = shared.address;
                    let peers: Vec<SocketAddr> = peers.into_iter().filter(|peer| *peer != me).collect();
                    unanswered = match *sizes.borrow() == 1 && !peers.is_empty() {
                        true => unanswered + 1,
                        false => 0,
                    };
                    if unanswered == UNANSWERED {
                        tracing::warn!(
                            service = "cluster",
                            peers = peers.len(),
                            "no peer answers; this is a cluster of one until one does"
                        );
                    }
                    shared.join(sample(peers, self.most, &*self.host.random));
                }
                Err(error) if first => {
                    tracing::warn!(
                        service = "cluster",
                        err = error,
                        "failed to get peers to join; starting a new cluster"
                    );
                }
                Err(error) => tracing::warn!(service = "cluster", err = error, "failed to get peers to join"),
            }
            first = false;
            // Whoever is alone, from the start or again, does not wait as long as the interval.
            let alone = *sizes.borrow_and_update() < 2;
            let pause = match alone {
                true => soon,
                false if self.interval.is_zero() => Duration::MAX,
                false => self.interval,
            };
            tokio::select! {
                () = sleep(pause) => {}
                changed = sizes.wait_for(|size| (*size < 2) != alone) => if changed.is_err() { return },
            }
            soon = match *sizes.borrow() < 2 {
                true if alone => (soon * 2).min(longest),
                // It has just lost the others, or found some: the list is complete soon.
                _ => FIRST,
            };
        }
    }
}

/// Some of the peers at random; all if `most` is zero.
fn sample(mut peers: Vec<SocketAddr>, most: usize, random: &dyn Random) -> Vec<SocketAddr> {
    if most == 0 || peers.len() <= most {
        return peers;
    }
    (0..most)
        .map(|_| {
            let at = (random.unit() * peers.len() as f64) as usize;
            peers.swap_remove(at.min(peers.len() - 1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::SeededRandom;

    #[test]
    fn a_sample_has_each_peer_once() {
        let peers: Vec<SocketAddr> = (1..=9).map(|port| ([10, 0, 0, 1], port).into()).collect();
        let random = SeededRandom::new(1);
        for most in [1, 5, 8] {
            let mut sample = sample(peers.clone(), most, &random);
            sample.sort();
            sample.dedup();
            assert_eq!(sample.len(), most);
        }
        assert_eq!(sample(peers.clone(), 0, &random), peers);
        assert_eq!(sample(peers.clone(), 20, &random), peers);
    }
}
