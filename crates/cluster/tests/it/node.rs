//! A member with a server of its own, and a network between members that can be cut.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use cluster::{Dns, MESSAGE_PATH, Options, POSITIONS_PATH, Service, SystemDns};
use component::{CancellationToken, Cluster};
use host::Host;
use net::server::{Incoming, Limits, Request, ServerTls};
use promtext::Registry;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Which member is on which side of a cut; those that are not named are on side 0.
#[derive(Clone, Default)]
pub struct Network(Arc<Mutex<HashMap<String, u8>>>);

impl Network {
    pub fn cut(&self, name: &str, side: u8) {
        self.0
            .lock()
            .expect("no test panics with the lock")
            .insert(name.to_owned(), side);
    }

    fn passes(&self, from: &str, to: &str) -> bool {
        let sides = self.0.lock().expect("no test panics with the lock");
        sides.get(from) == sides.get(to)
    }
}

/// Fast times, so that tests are short.
pub fn options(name: &str) -> Options {
    Options {
        node_name: name.to_owned(),
        advertise_address: "127.0.0.1".to_owned(),
        rejoin_interval: Duration::from_secs(2),
        grace: Duration::from_millis(500),
        gossip: gossip::Config {
            probe_period: Duration::from_millis(500),
            probe_timeout: Duration::from_millis(200),
            suspicion: Duration::from_secs(2),
            spread: Duration::from_millis(50),
            exchange: Duration::from_secs(2),
            heal: Duration::from_millis(500),
            repair: Duration::from_millis(100),
            contend: Duration::from_millis(300),
            ..gossip::Config::default()
        },
        ..Options::default()
    }
}

pub struct Member {
    pub name: String,
    pub service: Service,
    pub cluster: Cluster,
    pub address: SocketAddr,
    pub registry: Registry,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// What a member may have beside its options.
#[derive(Clone, Default)]
pub struct Extra {
    pub network: Network,
    pub tls: Option<ServerTls>,
    pub dns: Option<Arc<dyn Dns>>,
    pub port: u16,
    /// Requests with positions that were taken.
    pub told: Arc<AtomicUsize>,
}

impl Member {
    pub async fn start(options: Options, extra: &Extra) -> Member {
        let host = Host::real();
        let listener = net::server::bind("127.0.0.1", extra.port).expect("the port is free");
        let listener = tokio::net::TcpListener::from_std(listener).expect("the listener does not block");
        let address = listener.local_addr().expect("it is bound");
        let registry = Registry::new();
        let dns = extra.dns.clone();
        let dns = dns.unwrap_or_else(|| Arc::new(SystemDns::new(host.fs.clone())));
        let service = Service::new(&options, address, &host, dns, &registry)
            .await
            .expect("the options make sense");
        let stop = CancellationToken::new();
        let tls = extra.tls.as_ref();
        let tls =
            tls.map(|tls| Arc::new(net::server::server_config(tls, true, &*host.fs).expect("the files are there")));
        let (answers, extra, name) = (service.clone(), extra.clone(), options.node_name.clone());
        let connection = move || {
            let (answers, extra, name) = (answers.clone(), extra.clone(), name.clone());
            move |request: Request<Incoming>| {
                let (answers, extra, name) = (answers.clone(), extra.clone(), name.clone());
                async move {
                    let (head, body) = request.into_parts();
                    let body = axum::body::to_bytes(Body::new(body), 2 << 20).await.unwrap_or_default();
                    if head.uri.path() == MESSAGE_PATH && !extra.network.passes(&sender(&body), &name) {
                        let mut response = Response::new(Body::empty());
                        *response.status_mut() = StatusCode::BAD_GATEWAY;
                        return response;
                    }
                    let positions = head.uri.path() == POSITIONS_PATH;
                    let answer = answers.answer(Request::from_parts(head, Body::from(body))).await;
                    if positions && answer.status() == StatusCode::NO_CONTENT {
                        extra.told.fetch_add(1, Ordering::SeqCst);
                    }
                    answer
                }
            }
        };
        let limits = Limits {
            connections: 100,
            patience: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            stall: Duration::from_secs(10),
            head: 64 << 10,
            http2: true,
            streams: 128,
            drain: Duration::ZERO,
        };
        let server = net::server::serve(listener, limits, move || tls.clone(), connection, |_| {}, stop.clone());
        let (running, stopped) = (service.clone(), stop.clone());
        Member {
            name: options.node_name,
            cluster: service.cluster(),
            service,
            address,
            registry,
            tasks: vec![
                tokio::spawn(server),
                tokio::spawn(async move { running.run(stopped).await }),
            ],
            stop,
        }
    }

    /// Members that join the first one, and take part.
    pub async fn several(names: &[&str], extra: &Extra) -> Vec<Member> {
        let mut members: Vec<Member> = Vec::new();
        for name in names {
            let mut options = options(name);
            if let Some(first) = members.first() {
                options.join_addresses = vec![first.address.to_string()];
            }
            let member = Member::start(options, extra).await;
            member.service.participate();
            members.push(member);
        }
        until("all have met", || settled(&members)).await;
        members
    }

    /// As `kill -9` does it.
    pub async fn kill(mut self) -> SocketAddr {
        for task in &self.tasks {
            task.abort();
        }
        self.stop.cancel();
        for task in self.tasks.drain(..) {
            let _ = task.await;
        }
        self.address
    }

    /// Names and states of all members, as this one sees them.
    pub fn sees(&self) -> Vec<String> {
        let peers = self.cluster.peers();
        peers
            .iter()
            .map(|peer| format!("{} {}", peer.name, peer.state))
            .collect()
    }

    /// The value of a metric, with its labels in braces.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let text = promtext::encode(&self.registry.gather().families, promtext::Format::Text);
        let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        let (_, value) = lines.find(|(series, _)| *series == name)?;
        value.parse().ok()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Who sent a packet: the name behind version, kind and cluster.
fn sender(packet: &[u8]) -> String {
    let text = |at: usize| {
        let length = usize::from(*packet.get(at)?);
        Some((packet.get(at + 1..at + 1 + length)?, at + 1 + length))
    };
    let name = text(2).and_then(|(_, end)| text(end));
    name.map(|(name, _)| String::from_utf8_lossy(name).into_owned())
        .unwrap_or_default()
}

pub fn keys() -> impl Iterator<Item = u64> + Clone {
    (0..2000u64).map(|number| hashring::text_hash(&number.to_string()))
}

/// Whether these members see each other as participants, and nobody else, and each key has one owner.
pub fn settled(members: &[Member]) -> bool {
    let mut names: Vec<String> = members
        .iter()
        .map(|member| format!("{} participant", member.name))
        .collect();
    names.sort();
    let owners = |key| members.iter().filter(|member| member.cluster.owns(key)).count();
    members.iter().all(|member| member.sees() == names) && keys().all(|key| owners(key) == 1)
}

/// Waits for something that happens, on a slow machine too.
pub async fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !happened() {
        assert!(start.elapsed() < Duration::from_secs(60), "it did not happen: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
