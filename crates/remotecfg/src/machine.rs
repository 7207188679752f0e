//! The service at work: asks, looks, and says how things are.

mod load;

use crate::args::RemotecfgArgs;
use crate::cache::Cache;
use crate::graph::Graph;
use crate::metrics::Metrics;
use crate::seed;
use crate::server::Failure;
use crate::service::{Setup, Shared};
use crate::session::{Exchange, Session};
use crate::status::Status;
use crate::trial::Trial;
use collectorapi::{Code, ConfigAnswer, ConfigState, ConfigStatus};
use component::CancellationToken;
use futures_util::future::BoxFuture;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How far a poll may be off, in either direction.
const JITTER: Duration = Duration::from_millis(100);
/// Requests between two polls that tell the server of something.
const MOST_EXTRA: u32 = 4;

/// A configuration that was loaded.
#[derive(Clone)]
struct Loaded {
    text: Arc<str>,
    /// Our own hash of it.
    hash: String,
    /// The server's hash; empty if it is not known.
    name: String,
    /// The text without its secrets.
    shown: Arc<str>,
}

/// A configuration on trial: the one that is loaded.
struct OnTrial {
    trial: Trial,
    /// What runs again if it fails.
    previous: Option<Loaded>,
    /// Where it is kept if it passes.
    cache: Cache,
    /// The session that it is from.
    session: u64,
    /// Whether it failed already, and runs on because there is nothing else.
    failed: bool,
}

/// The service at work.
pub(crate) struct Machine {
    shared: Arc<Shared>,
    graph: Arc<dyn Graph>,
    metrics: Option<Metrics>,
    session: Option<Session>,
    sessions: u64,
    loaded: Option<Loaded>,
    trial: Option<OnTrial>,
    last_load: Option<i64>,
    /// The id in the seed file; it lasts as long as the process, also where the file cannot be written.
    uid: Option<String>,
}

impl Machine {
    pub(crate) fn new(shared: Arc<Shared>, graph: Arc<dyn Graph>) -> Self {
        Machine {
            shared,
            graph,
            metrics: None,
            session: None,
            sessions: 0,
            loaded: None,
            trial: None,
            last_load: None,
            uid: None,
        }
    }

    /// Works until `stop`, and ends between two steps.
    pub(crate) async fn work(&mut self, mut setups: watch::Receiver<Option<Arc<Setup>>>, stop: CancellationToken) {
        let mut asking: Option<BoxFuture<'static, Exchange>> = None;
        // What was set before this was run.
        setups.mark_changed();
        loop {
            let poll = self.session.as_ref().map(|session| session.next_poll);
            let poll = poll.filter(|_| asking.is_none());
            let look = self.trial.as_ref().map(|on| on.trial.next());
            let answer = async {
                match &mut asking {
                    Some(asking) => asking.await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                changed = setups.changed() => {
                    // The sender is in what this works with.
                    let _ = changed;
                    let setup = setups.borrow_and_update().clone();
                    self.set(setup).await;
                    asking = self.poll();
                }
                exchange = answer => {
                    self.received(exchange).await;
                    asking = self.tell();
                }
                () = at(look) => {
                    self.look().await;
                    asking = asking.or_else(|| self.tell());
                }
                () = at(poll) => asking = self.poll(),
            }
        }
    }

    /// Stops what runs and says goodbye.
    pub(crate) async fn end(mut self) {
        let farewell = self.session.take().map(Session::farewell);
        let farewell = async {
            if let Some(farewell) = farewell {
                farewell.await;
            }
        };
        let trial = async {
            if let Some(on) = &self.trial {
                on.cache.end_trial().await;
            }
        };
        tokio::join!(farewell, self.graph.stop(), trial);
    }

    /// Goes on with another block, or with none.
    async fn set(&mut self, setup: Option<Arc<Setup>>) {
        let old = self.session.take();
        let Some(setup) = setup else {
            if let Some(old) = old {
                old.farewell().await;
            }
            self.unload().await;
            self.show();
            return;
        };
        if self.metrics.is_none() {
            match Metrics::new(&self.shared.options.metrics) {
                Ok(metrics) => self.metrics = Some(metrics),
                Err(error) => tracing::error!(service = "remotecfg", err = %error, "no metrics"),
            }
        }
        let id = self.id(&setup.args).await;
        let options = &self.shared.options;
        let cache = Cache::new(&options.host, &options.storage, &setup.args, &id);
        self.sessions += 1;
        let session = Session::new(setup, self.sessions, id, &options.version, cache);
        if let Some(old) = old.filter(|old| !old.is_same_collector(&session)) {
            old.farewell().await;
        }
        self.session = Some(session);
        self.show();
    }

    async fn id(&mut self, args: &RemotecfgArgs) -> String {
        if !args.id.is_empty() {
            return args.id.clone();
        }
        if let Some(uid) = &self.uid {
            return uid.clone();
        }
        let shared = self.shared.clone();
        let seed = move || {
            let options = &shared.options;
            seed::read_or_create(&options.host, &options.storage, &options.version)
        };
        let uid = tokio::task::spawn_blocking(seed).await.unwrap_or_default();
        self.uid = Some(uid.clone());
        uid
    }

    async fn unload(&mut self) {
        if let Some(on) = self.trial.take() {
            on.cache.end_trial().await;
        }
        if self.loaded.take().is_none() {
            return;
        }
        if let Err(refused) = self.graph.load("").await {
            // Nothing cannot be wrong.
            tracing::error!(
                service = "remotecfg",
                err = refused.brief,
                "the remote configuration runs on"
            );
            return;
        }
        tracing::info!(service = "remotecfg", "the remote configuration was unloaded");
        if let Some(metrics) = &self.metrics {
            metrics.runs(None);
        }
    }

    /// The poll that is due.
    fn poll(&mut self) -> Option<BoxFuture<'static, Exchange>> {
        let session = self.session.as_mut()?;
        let off = JITTER.mul_f64(2.0 * self.shared.options.host.random.unit());
        session.next_poll = Instant::now() + session.setup.args.poll_frequency.as_std() + off - JITTER;
        session.extra = 0;
        self.ask()
    }

    /// A request that tells the server what it does not know yet, if there is such a thing and it answers.
    fn tell(&mut self) -> Option<BoxFuture<'static, Exchange>> {
        let running = self.loaded.as_ref().map(|loaded| &loaded.text);
        let session = self.session.as_mut()?;
        if session.trouble.is_some() || session.extra >= MOST_EXTRA || !session.has_news(running) {
            return None;
        }
        session.extra += 1;
        self.ask()
    }

    fn ask(&self) -> Option<BoxFuture<'static, Exchange>> {
        if let Some(metrics) = &self.metrics {
            metrics.attempts.inc();
        }
        let running = self.loaded.as_ref().map(|loaded| &loaded.text);
        Some(self.session.as_ref()?.ask(running))
    }

    async fn received(&mut self, exchange: Exchange) {
        let now = self.now();
        let Some(session) = &mut self.session else { return };
        session.last_poll = Some(now);
        let first = std::mem::take(&mut session.first);
        if let Some(metrics) = &self.metrics {
            metrics.duration.observe(exchange.seconds);
        }
        match &exchange.registered {
            Some(Ok(())) => session.registered = true,
            Some(Err(failure)) => {
                tracing::warn!(service = "remotecfg", err = %failure, "failed to register with the server - will retry");
            }
            None => {}
        }
        if exchange.answer.is_ok() {
            session.told(&exchange);
        }
        match exchange.answer {
            Ok(answer) => {
                if session.trouble.take().is_some() {
                    tracing::info!(service = "remotecfg", "the server answers again");
                    if let (ConfigState::Applied, Some(metrics)) = (session.status.state, &self.metrics) {
                        metrics.good();
                    }
                }
                self.answered(answer).await;
            }
            Err(failure) => {
                session.not_told();
                if matches!(&failure, Failure::Refused(error) if error.code == Code::NotFound) {
                    // It may have forgotten who this is.
                    session.registered = false;
                }
                let trouble = failure.to_string();
                if session.trouble.as_ref() != Some(&trouble) {
                    tracing::error!(
                        service = "remotecfg",
                        err = trouble,
                        "failed to fetch the remote configuration - will retry"
                    );
                }
                session.trouble = Some(trouble);
                if let Some(metrics) = &self.metrics {
                    metrics.failed();
                }
                if first {
                    self.load_kept().await;
                }
            }
        }
        self.show();
    }

    async fn answered(&mut self, answer: ConfigAnswer) {
        let Some(session) = &mut self.session else { return };
        if let Some(metrics) = &self.metrics {
            metrics.not_modified.set(f64::from(u8::from(answer.not_modified)));
        }
        if answer.not_modified {
            return;
        }
        if answer.content.is_empty() {
            tracing::debug!(
                service = "remotecfg",
                "the server has no configuration for this collector"
            );
            return;
        }
        session.hash = answer.hash.clone();
        if session.received.as_deref() == Some(&*answer.content) {
            return;
        }
        let text: Arc<str> = answer.content.into();
        session.received = Some(text.clone());
        if let Some(loaded) = self.loaded.as_mut().filter(|loaded| loaded.text == text) {
            loaded.name = answer.hash;
            session.brief = String::new();
            match &mut self.trial {
                // Another block with the same configuration: whoever it is from now gets to know how it ends.
                Some(on) => {
                    on.session = session.number;
                    on.failed = false;
                    on.trial.again();
                    let before = std::mem::replace(&mut on.cache, session.cache.clone());
                    before.end_trial().await;
                    session.status = state(ConfigState::Applying);
                }
                None => {
                    let cache = session.cache.clone();
                    session.status = state(ConfigState::Applied);
                    if let Some(metrics) = &self.metrics {
                        metrics.good();
                    }
                    cache.write(&text).await;
                }
            }
            return;
        }
        self.apply(text, answer.hash).await;
    }

    fn now(&self) -> i64 {
        self.shared.options.host.clock.now()
    }

    /// Shows how things are.
    fn show(&self) {
        let Some(session) = &self.session else {
            self.shared.show(Status::default());
            return;
        };
        let args = &session.setup.args;
        let messages: Vec<&str> = [session.brief.as_str(), session.trouble.as_deref().unwrap_or_default()]
            .into_iter()
            .filter(|message| !message.is_empty())
            .collect();
        let hash = self.loaded.as_ref().map(|loaded| match loaded.name.as_str() {
            "" => loaded.hash.clone(),
            name => name.to_owned(),
        });
        self.shared.show(Status {
            configured: true,
            url: session.url.clone(),
            id: session.id.clone(),
            name: args.name.clone(),
            attributes: session.attributes.clone(),
            status: session.status.state.into(),
            message: messages.join("; "),
            hash: hash.unwrap_or_default(),
            last_poll: session.last_poll.map(gotime::format_rfc3339_nano),
            last_load: self.last_load.map(gotime::format_rfc3339_nano),
            poll_frequency_seconds: args.poll_frequency.as_std().as_secs_f64(),
            source: self
                .loaded
                .as_ref()
                .map(|loaded| loaded.shown.to_string())
                .unwrap_or_default(),
        });
    }
}

fn state(state: ConfigState) -> ConfigStatus {
    ConfigStatus {
        state,
        error_message: String::new(),
    }
}

/// Sleeps until then; for ever if there is no such time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
