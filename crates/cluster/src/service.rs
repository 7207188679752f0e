//! The service as the program sees it, and what its parts share.

use crate::copies::Copies;
use crate::driver::{Command, Driver};
use crate::handover::{self, Offers};
use crate::joiner::Joiner;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::outgoing::Outgoing;
use crate::publisher::{self, Publisher};
use crate::pulse::Pulse;
use crate::readiness::Readiness;
use crate::view::{Past, Previous, Seen};
use crate::{Dns, advertise, incoming};
use arc_swap::ArcSwap;
use axum::body::Body;
use axum::http::{Request, Response};
use bytes::Bytes;
use component::{BoxFuture, CancellationToken, Cluster, ClusterView, Error, HandOver, Offer, Op, Peer, Published};
use gossip::{Gossip, Node, State};
use host::Host;
use promtext::Registry;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

/// Where packets arrive.
pub const MESSAGE_PATH: &str = "/api/v1/ckit/transport/message";
/// Where previous owners are asked.
pub const HANDOVER_PATH: &str = "/api/v1/ckit/transport/handover";
/// Where positions of others arrive.
pub const POSITIONS_PATH: &str = "/api/v1/ckit/transport/positions";
/// What packets are.
pub(crate) const CONTENT_TYPE: &str = "application/x.invar-gossip";
/// Which cluster a request comes from.
pub(crate) const CLUSTER_HEADER: &str = "x-invar-cluster";

/// Packets that wait to be handled.
const INBOX: usize = 1024;
/// Bytes of them.
const INBOX_BYTES: usize = 16 << 20;
/// How long the farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the parts of the service share.
pub(crate) struct Shared {
    pub(crate) cluster: String,
    pub(crate) address: SocketAddr,
    pub(crate) seen: ArcSwap<Seen>,
    past: Mutex<Past>,
    pub(crate) changes: watch::Sender<u64>,
    /// How many members there are.
    pub(crate) size: watch::Sender<usize>,
    pub(crate) offers: Arc<Offers>,
    pub(crate) copies: Copies,
    pub(crate) publisher: Publisher,
    pub(crate) pulse: Pulse,
    pub(crate) outgoing: Arc<Outgoing>,
    pub(crate) metrics: Metrics,
    packets: mpsc::Sender<Bytes>,
    /// Bytes of the packets that wait.
    pub(crate) waiting: AtomicUsize,
    commands: mpsc::UnboundedSender<Command>,
    /// Who was told lately who is there.
    exchanged: Mutex<HashMap<SocketAddr, Instant>>,
}

impl Shared {
    /// Puts a packet in the queue; says whether there was room.
    pub(crate) fn receive(&self, packet: Bytes) -> bool {
        let length = packet.len();
        let before = self.waiting.fetch_add(length, Ordering::AcqRel);
        let queued = before <= INBOX_BYTES && self.packets.try_send(packet).is_ok();
        if !queued {
            self.waiting.fetch_sub(length, Ordering::AcqRel);
        }
        queued
    }

    pub(crate) fn join(&self, peers: Vec<SocketAddr>) {
        self.command(Command::Join(peers));
    }

    /// Tells a member who is there, and asks it; once for all who want that at about the same time.
    pub(crate) fn exchange(&self, with: SocketAddr) {
        let now = Instant::now();
        let mut exchanged = self.exchanged.lock().unwrap_or_else(PoisonError::into_inner);
        exchanged.retain(|_, at| now.duration_since(*at) < handover::AGAIN);
        if let Entry::Vacant(place) = exchanged.entry(with) {
            place.insert(now);
            self.command(Command::Exchange(with));
        }
    }

    fn command(&self, command: Command) {
        // After the end of the driver nobody does anything.
        let _ = self.commands.send(command);
    }

    pub(crate) fn past(&self, seen: Arc<Seen>, now: Instant) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.push(seen, now);
    }

    /// Not if it may have been declared down while it did not run, and does not know it yet.
    fn owns(&self, key: u64) -> bool {
        // The pulse before the view: see the driver.
        let late = self.pulse.gap().is_some();
        let seen = self.seen.load();
        seen.owns(key) && !(late && seen.members.len() > 1)
    }

    /// Whether this process is the one that is responsible, and not for want of another.
    pub(crate) fn is_owner(&self, key: u64) -> bool {
        let late = self.pulse.gap().is_some();
        let seen = self.seen.load();
        seen.is_owner(key) && !(late && seen.members.len() > 1)
    }

    /// Who had a key before.
    pub(crate) fn previous(&self, key: u64) -> Vec<Previous> {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.owners(key, &self.seen.load(), Instant::now())
    }
}

/// This process's part in the cluster.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
    grace: Duration,
    parts: Arc<Mutex<Option<(Driver, Joiner)>>>,
}

impl Service {
    /// Prepares everything; `listen` is the address that the HTTP server listens on, with its real port. Nothing is sent before [`Service::run`].
    ///
    /// # Errors
    /// Options that make no sense, an advertised address that is none, certificates that cannot be read.
    pub async fn new(
        options: &Options,
        listen: SocketAddr,
        host: &Host,
        dns: Arc<dyn Dns>,
        registry: &Registry,
    ) -> Result<Service, Error> {
        options.check()?;
        let address = advertise::address(options, listen).await?;
        let metrics = Metrics::new(registry, &options.name, options.wait_for_size)
            .map_err(|error| Error::new(format!("cannot register the metrics of the cluster: {error}")))?;
        // Later lives have higher generations.
        let generation = u64::try_from(host.clock.now() / 1_000_000).unwrap_or(0).max(1);
        let wrong = |error: gossip::Invalid| Error::new(error.to_string());
        let node = Node::new(&options.node_name, address, generation).map_err(wrong)?;
        let gossip = Gossip::new(options.gossip, &options.name, node, host.random.next_u64()).map_err(wrong)?;
        let readiness = Readiness::new(options.wait_for_size, options.wait_timeout, Instant::now());
        let (packets, incoming) = mpsc::channel(INBOX);
        let (commands, ordered) = mpsc::unbounded_channel();
        // Whoever joins others does not know yet what is left to it.
        let joins = !options.join_addresses.is_empty() || !options.discover_peers.is_empty();
        let seen = Seen::new(gossip.me().name.clone(), !joins, readiness.ready(), gossip.members());
        metrics.state(gossip.state());
        metrics.seen(&seen, Duration::ZERO);
        let shared = Shared {
            cluster: options.name.clone(),
            address,
            seen: ArcSwap::from_pointee(seen),
            past: Mutex::default(),
            changes: watch::channel(0).0,
            size: watch::channel(1).0,
            offers: Arc::default(),
            copies: Copies::default(),
            publisher: Publisher::new(generation),
            pulse: Pulse::new(options.gossip.suspicion),
            outgoing: Arc::new(Outgoing::new(options, host.fs.clone(), metrics.clone())?),
            metrics,
            packets,
            waiting: AtomicUsize::new(0),
            commands,
            exchanged: Mutex::default(),
        };
        let driver = Driver {
            gossip,
            readiness,
            packets: incoming,
            commands: ordered,
            joins,
        };
        let joiner = Joiner::new(options, listen.port(), dns, host)?;
        Ok(Service {
            shared: Arc::new(shared),
            grace: options.grace,
            parts: Arc::new(Mutex::new(Some((driver, joiner)))),
        })
    }

    /// Joins the cluster and stays in it until `stop`; [`Service::leave`] comes before that. The first call counts.
    pub async fn run(&self, stop: CancellationToken) {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((driver, joiner)) = parts else { return };
        tracing::info!(service = "cluster", addr = %self.shared.address, name = %driver.gossip.me().name, "starting cluster node");
        let join = joiner.run(self.shared.clone());
        let drive = driver.run(self.shared.clone(), stop.clone());
        tokio::select! {
            () = drive => {}
            // Joining may be over for good; the membership is not.
            () = async { join.await; stop.cancelled().await } => {}
        }
        self.shared.outgoing.close();
    }

    /// The configuration is loaded: this process takes its share from now on.
    pub fn participate(&self) {
        self.shared.command(Command::SetState(State::Participant));
    }

    /// Takes nothing new, gives the others time to take over, if there are any, and says goodbye.
    pub async fn leave(&self) {
        self.shared.command(Command::SetState(State::Terminating));
        if *self.shared.size.borrow() > 1 {
            tokio::time::sleep(self.grace).await;
        }
        let (done, left) = oneshot::channel();
        self.shared.command(Command::Leave(done));
        let farewell = async {
            // Without a driver there is nothing to wait for.
            let _ = left.await;
            self.shared.outgoing.flush().await;
        };
        if timeout(FAREWELL, farewell).await.is_err() {
            tracing::debug!(service = "cluster", "not everybody heard the farewell");
        }
    }

    /// Answers a request to one of the paths below `/api/v1/ckit/transport/`.
    pub fn answer(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        Box::pin(incoming::answer(self.shared.clone(), request))
    }

    /// The cluster as components see it.
    pub fn cluster(&self) -> Cluster {
        Cluster::new(Arc::new(View(self.shared.clone())))
    }
}

struct View(Arc<Shared>);

impl ClusterView for View {
    fn owner(&self, key: u64, op: Op) -> Option<Peer> {
        self.0.seen.load().owner(key, op)
    }

    fn owns(&self, key: u64) -> bool {
        self.0.owns(key)
    }

    fn ready(&self) -> bool {
        self.0.seen.load().ready
    }

    fn peers(&self) -> Vec<Peer> {
        self.0.seen.load().peers()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        let receiver = self.0.changes.subscribe();
        self.0.metrics.observers.set(self.0.changes.receiver_count() as f64);
        receiver
    }

    fn offer(&self, component: &str, source: Arc<dyn HandOver>) -> Offer {
        self.0.offers.insert(component, source)
    }

    fn ask_previous(&self, component: &str, hash: u64, key: &str) -> BoxFuture<'static, Option<Vec<u8>>> {
        let (shared, component, key) = (self.0.clone(), component.to_owned(), key.to_owned());
        Box::pin(handover::ask(shared, component, hash, key))
    }

    fn publish(&self, component: &str, positions: Vec<Published>) {
        publisher::publish(&self.0, component, positions);
    }
}
