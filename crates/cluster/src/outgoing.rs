//! Packets on their way to other members.

use crate::metrics::Metrics;
use crate::options::Options;
use crate::service::{CLUSTER_HEADER, CONTENT_TYPE, MESSAGE_PATH};
use bytes::Bytes;
use component::Error;
use host::Fs;
use net::{Channel, ChannelConfig, HeaderMap, HeaderValue, PathAndQuery, StatusCode, TlsConfig, TlsExtras};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// Packets that wait for one member.
const QUEUE: usize = 64;
/// How long a packet may take; it is worth nothing after that.
const PATIENCE: Duration = Duration::from_secs(5);
/// After this time without a packet the connection to a member is closed.
const IDLE: Duration = Duration::from_secs(60);
/// Connections to members, old and new: packets name addresses, and not all of them need be members'.
const MAX_LINKS: usize = 2 * gossip::MAX_MEMBERS;

/// Connections and queues by address.
pub(crate) struct Outgoing {
    tls: Option<(TlsConfig, TlsExtras)>,
    fs: Arc<dyn Fs>,
    cluster: HeaderValue,
    metrics: Metrics,
    links: Mutex<HashMap<SocketAddr, Link>>,
    /// Packets that are queued or being sent.
    pending: AtomicUsize,
}

struct Link {
    queue: mpsc::Sender<(Instant, Bytes)>,
    channel: Arc<Channel>,
}

impl Outgoing {
    pub(crate) fn new(options: &Options, fs: Arc<dyn Fs>, metrics: Metrics) -> Result<Outgoing, Error> {
        let tls = options.enable_tls.then(|| {
            let tls = TlsConfig {
                ca_file: options.tls_ca_path.clone(),
                cert_file: options.tls_cert_path.clone(),
                key_file: options.tls_key_path.clone(),
                server_name: options.tls_server_name.clone(),
                ..TlsConfig::default()
            };
            (tls, TlsExtras::default())
        });
        let cluster = HeaderValue::from_bytes(options.name.as_bytes())
            .map_err(|_| Error::new(format!("--cluster.name {:?} cannot be sent", options.name)))?;
        let outgoing = Outgoing {
            tls,
            fs,
            cluster,
            metrics,
            links: Mutex::default(),
            pending: AtomicUsize::new(0),
        };
        // Certificates that cannot be read show up now.
        outgoing
            .connect(([127, 0, 0, 1], 1).into())
            .map_err(|error| Error::new(format!("--cluster.enable-tls: {error}")))?;
        Ok(outgoing)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Link>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self, to: SocketAddr) -> Result<Arc<Channel>, net::ConfigError> {
        let config = ChannelConfig {
            host: to.ip().to_string(),
            port: to.port(),
            authority: String::new(),
            tls: self.tls.clone(),
            spread: false,
            ping_every: None,
            ping_timeout: PATIENCE,
            ping_idle: false,
        };
        Channel::new(config, self.fs.clone()).map(Arc::new)
    }

    /// Says which cluster a request comes from.
    pub(crate) fn sign(&self, headers: &mut HeaderMap) {
        headers.insert(CLUSTER_HEADER, self.cluster.clone());
    }

    /// The connection to a member.
    pub(crate) fn channel(self: &Arc<Self>, to: SocketAddr) -> Result<Arc<Channel>, net::ConfigError> {
        let mut links = self.lock();
        match links.get(&to) {
            Some(link) => Ok(link.channel.clone()),
            None => Ok(self.link(&mut links, to)?.channel.clone()),
        }
    }

    fn link<'a>(
        self: &Arc<Self>,
        links: &'a mut HashMap<SocketAddr, Link>,
        to: SocketAddr,
    ) -> Result<&'a mut Link, net::ConfigError> {
        let channel = self.connect(to)?;
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(self.clone().work(to, waiting));
        Ok(links.entry(to).insert_entry(Link { queue, channel }).into_mut())
    }

    /// Sends a packet, some time. It is dropped if too many wait.
    pub(crate) fn send(self: &Arc<Self>, to: SocketAddr, data: Bytes) {
        let mut links = self.lock();
        let link = match links.get(&to) {
            Some(link) => link,
            None if links.len() >= MAX_LINKS => return self.metrics.tx_failed.inc(),
            None => match self.link(&mut links, to) {
                Ok(link) => link,
                Err(error) => {
                    tracing::warn!(service = "cluster", peer = %to, err = %error, "cannot send a packet");
                    return self.metrics.tx_failed.inc();
                }
            },
        };
        match link.queue.try_send((Instant::now(), data)) {
            Ok(()) => self.count(1),
            Err(_) => self.metrics.tx_failed.inc(),
        }
    }

    fn count(&self, by: isize) {
        let before = self.pending.fetch_add(by.cast_unsigned(), Ordering::AcqRel);
        self.metrics.tx_queue.set(before.wrapping_add_signed(by) as f64);
    }

    /// Sends what is queued for one member, in order.
    async fn work(self: Arc<Self>, to: SocketAddr, mut waiting: mpsc::Receiver<(Instant, Bytes)>) {
        loop {
            match timeout(IDLE, waiting.recv()).await {
                Ok(Some((since, data))) => {
                    let sent = since.elapsed() < PATIENCE && self.deliver(to, data).await;
                    if !sent {
                        self.metrics.tx_failed.inc();
                    }
                    self.count(-1);
                }
                Ok(None) => return,
                Err(_) => {
                    // Nothing is queued while the lock is held.
                    let mut links = self.lock();
                    if waiting.is_empty() {
                        links.remove(&to);
                        return;
                    }
                }
            }
        }
    }

    async fn deliver(&self, to: SocketAddr, data: Bytes) -> bool {
        let Some(channel) = self.lock().get(&to).map(|link| link.channel.clone()) else {
            return false;
        };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(CONTENT_TYPE));
        self.sign(&mut headers);
        let length = data.len() as u64;
        let path = PathAndQuery::from_static(MESSAGE_PATH);
        let why = match timeout(PATIENCE, channel.call(path, headers, data.into(), 1024)).await {
            Ok(Ok(reply)) if reply.status == StatusCode::NO_CONTENT => {
                self.metrics.tx_packets.inc();
                self.metrics.tx_bytes.add(length);
                return true;
            }
            Ok(Ok(reply)) => format!("it answers {}: {}", reply.status, String::from_utf8_lossy(&reply.body)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => {
                // Whatever holds it up, a new connection may get through.
                if let Ok(channel) = self.connect(to)
                    && let Some(link) = self.lock().get_mut(&to)
                {
                    link.channel = channel;
                }
                "it does not answer".to_owned()
            }
        };
        tracing::debug!(service = "cluster", peer = %to, err = why, "a packet was not delivered");
        false
    }

    /// Waits until everything is sent or given up.
    pub(crate) async fn flush(&self) {
        while self.pending.load(Ordering::Acquire) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Closes all connections.
    pub(crate) fn close(&self) {
        self.lock().clear();
    }
}
