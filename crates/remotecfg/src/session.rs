//! What is known of one server.

use crate::args::{attributes, shown};
use crate::cache::Cache;
use crate::server::{Failure, Server};
use crate::service::Setup;
use collectorapi::{ConfigAnswer, ConfigRequest, ConfigStatus, EffectiveConfig, Registration};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long the first may take: what is kept on disk waits for it.
const FIRST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the goodbye may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// One server, for as long as the block stays the same.
pub(crate) struct Session {
    pub(crate) setup: Arc<Setup>,
    /// Which one in this process.
    pub(crate) number: u64,
    pub(crate) id: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) url: String,
    pub(crate) cache: Cache,
    pub(crate) registered: bool,
    /// Whether there was no answer yet, nor a failure.
    pub(crate) first: bool,
    /// Hash of the last content, as the server names it.
    pub(crate) hash: String,
    /// The last content.
    pub(crate) received: Option<Arc<str>>,
    /// What became of it.
    pub(crate) status: ConfigStatus,
    /// The message of a failure without snippets of the text.
    pub(crate) brief: String,
    /// What the server was told of it.
    sent: ConfigStatus,
    /// The text that the server was told to run.
    sent_effective: Option<Arc<str>>,
    /// Why the server cannot be asked.
    pub(crate) trouble: Option<String>,
    pub(crate) last_poll: Option<i64>,
    pub(crate) next_poll: Instant,
    /// Requests since then that were not due.
    pub(crate) extra: u32,
}

/// A round of requests that is over.
pub(crate) struct Exchange {
    pub(crate) registered: Option<Result<(), Failure>>,
    pub(crate) answer: Result<ConfigAnswer, Failure>,
    /// How long the answer took, in seconds.
    pub(crate) seconds: f64,
    status: Option<ConfigStatus>,
    effective: Option<Arc<str>>,
}

impl Session {
    pub(crate) fn new(setup: Arc<Setup>, number: u64, id: String, version: &str, cache: Cache) -> Self {
        let url = crate::args::parse_url(&setup.args.url).map(|url| shown(&url));
        Session {
            number,
            attributes: attributes(&setup.args, version),
            // It was parsed when the block was checked.
            url: url.unwrap_or_default(),
            id,
            cache,
            setup,
            registered: false,
            first: true,
            hash: String::new(),
            received: None,
            status: ConfigStatus::default(),
            brief: String::new(),
            sent: ConfigStatus::default(),
            sent_effective: None,
            trouble: None,
            last_poll: None,
            next_poll: Instant::now(),
            extra: 0,
        }
    }

    /// Whether the server knows the collector of the other under the same id.
    pub(crate) fn is_same_collector(&self, other: &Session) -> bool {
        (&self.setup.args.url, &self.id) == (&other.setup.args.url, &other.id)
    }

    /// Whether there is something that the server was not told; `running` is the text that runs.
    pub(crate) fn has_news(&self, running: Option<&Arc<str>>) -> bool {
        self.status != self.sent || (running.is_some() && running != self.sent_effective.as_ref())
    }

    /// Asks for the configuration, and registers before that if need be.
    pub(crate) fn ask(&self, running: Option<&Arc<str>>) -> BoxFuture<'static, Exchange> {
        let registration = (!self.registered).then(|| Registration {
            id: self.id.clone(),
            name: self.setup.args.name.clone(),
            local_attributes: self.attributes.clone(),
            attributes: BTreeMap::new(),
        });
        let status = (self.status != self.sent).then(|| self.status.clone());
        let effective = running
            .filter(|running| self.sent_effective.as_ref() != Some(running))
            .cloned();
        let request = ConfigRequest {
            id: self.id.clone(),
            local_attributes: self.attributes.clone(),
            attributes: BTreeMap::new(),
            hash: self.hash.clone(),
            status: status.clone(),
            effective: effective.as_deref().map(EffectiveConfig::of_text),
        };
        let timeout = if self.first { FIRST_TIMEOUT } else { TIMEOUT };
        let server = self.setup.server.clone();
        Box::pin(async move {
            let registered = match registration {
                Some(message) => Some(server.register(message, timeout).await),
                None => None,
            };
            let started = Instant::now();
            let answer = match &registered {
                // It would take as long again to find out the same.
                Some(Err(failure @ Failure::Unreachable(_))) => Err(failure.clone()),
                _ => server.config(request, timeout).await,
            };
            Exchange {
                registered,
                answer,
                seconds: started.elapsed().as_secs_f64(),
                status,
                effective,
            }
        })
    }

    /// The server got what was sent.
    pub(crate) fn told(&mut self, exchange: &Exchange) {
        if let Some(status) = &exchange.status {
            self.sent = status.clone();
        }
        if let Some(effective) = &exchange.effective {
            self.sent_effective = Some(effective.clone());
        }
    }

    /// Nobody knows what the server got: it is told everything again.
    pub(crate) fn not_told(&mut self) {
        self.sent = ConfigStatus::default();
        self.sent_effective = None;
    }

    /// Says goodbye to the server.
    pub(crate) fn farewell(self) -> impl Future<Output = ()> {
        let server: Arc<dyn Server> = self.setup.server.clone();
        async move {
            if !self.registered {
                return;
            }
            let farewell = server.unregister(&self.id, FAREWELL);
            match tokio::time::timeout(FAREWELL, farewell).await {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => {
                    tracing::warn!(service = "remotecfg", err = %failure, "failed to unregister from the server");
                }
                Err(_) => tracing::warn!(service = "remotecfg", "failed to unregister from the server in time"),
            }
        }
    }
}
