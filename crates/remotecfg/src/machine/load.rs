//! Configurations on their way in, and out again.

use super::{Loaded, Machine, OnTrial, state};
use crate::cache::fnv;
use crate::trial::{Trial, Verdict};
use collectorapi::{ConfigState, ConfigStatus};
use std::sync::Arc;

/// How often a configuration is tried with which the program ends.
const MOST_TRIES: u32 = 3;
/// No session has this number: nobody asks how a trial ends.
const NOBODY: u64 = 0;

impl Machine {
    /// Loads a configuration that is new.
    pub(super) async fn apply(&mut self, text: Arc<str>, name: String) {
        let grace = self.shared.options.grace;
        let Some(session) = &mut self.session else { return };
        session.status = state(ConfigState::Applying);
        session.brief = String::new();
        let (number, cache) = (session.number, session.cache.clone());
        self.show();
        let kept = cache.read().await;
        let before_trial = self.trial.as_ref().and_then(|on| on.previous.as_ref());
        // What was good before needs no trial.
        let is_known = kept.as_deref() == Some(&*text) || before_trial.is_some_and(|previous| previous.text == text);
        let is_tried = !is_known && !grace.is_zero();
        if is_tried && cache.begin_trial(&text).await > MOST_TRIES {
            let message = format!("the program ended {MOST_TRIES} times while it tried this configuration");
            self.refuse(number, message.clone(), message);
            self.load_kept().await;
            return;
        }
        let ill_before = self.graph.ill();
        if let Err(refused) = self.graph.load(&text).await {
            tracing::error!(
                service = "remotecfg",
                err = refused.brief,
                "the remote configuration was refused, what ran before runs on"
            );
            cache.end_trial().await;
            self.refuse(number, refused.report, refused.brief);
            self.load_kept().await;
            return;
        }
        let loaded = self.loaded(text, name);
        if let Some(metrics) = &self.metrics {
            metrics.runs(Some(&loaded.hash));
        }
        let before = self.loaded.replace(loaded);
        let (previous, trial) = match self.trial.take() {
            // What is on trial is nothing to go back to, and what it broke does not count as broken before.
            Some(on) => (on.previous, on.trial.following()),
            None => (before, Trial::new(grace, ill_before)),
        };
        let previous = previous.or_else(|| kept.map(|text| self.loaded(text.into(), String::new())));
        self.trial = Some(OnTrial {
            trial,
            previous,
            cache,
            session: number,
            failed: false,
        });
        if !is_tried {
            self.confirm().await;
        }
    }

    fn loaded(&mut self, text: Arc<str>, name: String) -> Loaded {
        self.last_load = Some(self.now());
        Loaded {
            hash: fnv(text.as_bytes()),
            shown: self.graph.redact(&text).into(),
            text,
            name,
        }
    }

    /// What runs is good.
    async fn confirm(&mut self) {
        let (Some(on), Some(loaded)) = (self.trial.take(), &self.loaded) else {
            return;
        };
        if let Some(session) = self.session.as_mut().filter(|session| session.number == on.session) {
            session.status = state(ConfigState::Applied);
            session.brief = String::new();
        }
        if let Some(metrics) = &self.metrics {
            metrics.loaded(&loaded.hash, self.shared.options.host.clock.now());
        }
        tracing::info!(
            service = "remotecfg",
            hash = loaded.name,
            "the remote configuration was applied"
        );
        on.cache.write(&loaded.text).await;
        on.cache.end_trial().await;
    }

    /// What the server sent is not loaded. How the trial of what runs ends is not what the server asks about any more.
    fn refuse(&mut self, session: u64, report: String, brief: String) {
        if let Some(on) = &mut self.trial {
            on.session = NOBODY;
        }
        self.fail(session, report, brief);
    }

    /// What was loaded last is not.
    fn fail(&mut self, session: u64, report: String, brief: String) {
        if let Some(session) = self.session.as_mut().filter(|one| one.number == session) {
            session.status = ConfigStatus {
                state: ConfigState::Failed,
                error_message: report,
            };
            session.brief = brief;
        }
        if let Some(metrics) = &self.metrics {
            metrics.failed();
        }
    }

    /// Loads what ran last, unless something runs.
    pub(super) async fn load_kept(&mut self) {
        let Some(session) = self.session.as_ref().filter(|_| self.loaded.is_none()) else {
            return;
        };
        let Some(text) = session.cache.read().await else {
            return;
        };
        let text: Arc<str> = text.into();
        if let Err(refused) = self.graph.load(&text).await {
            tracing::error!(
                service = "remotecfg",
                err = refused.brief,
                "the remote configuration that is kept on disk was refused"
            );
            return;
        }
        let loaded = self.loaded(text, String::new());
        tracing::info!(
            service = "remotecfg",
            hash = loaded.hash,
            "the remote configuration that is kept on disk was loaded"
        );
        if let Some(metrics) = &self.metrics {
            metrics.loaded(&loaded.hash, self.now());
        }
        self.loaded = Some(loaded);
        if let Some(session) = self
            .session
            .as_mut()
            .filter(|session| session.status.state == ConfigState::Unset)
        {
            session.status = state(ConfigState::Applied);
        }
    }

    /// Looks at how the components of what is on trial are doing.
    pub(super) async fn look(&mut self) {
        let Some(on) = &mut self.trial else { return };
        match on.trial.look(&self.graph.ill()) {
            Verdict::Wait => return,
            Verdict::Well => self.confirm().await,
            Verdict::Ill(what) => self.take_back(&what).await,
        }
        self.show();
    }

    async fn take_back(&mut self, what: &str) {
        let Some(on) = &mut self.trial else { return };
        let session = on.session;
        let Some(previous) = on.previous.take() else {
            let told = std::mem::replace(&mut on.failed, true);
            on.trial.again();
            if !told {
                // It is known to be ill, and not to be the end of the program.
                let cache = on.cache.clone();
                cache.end_trial().await;
                self.tell_of_failure(
                    session,
                    format!("{what}; there is no configuration before this one, so that it runs on"),
                );
            }
            return;
        };
        let cache = on.cache.clone();
        self.trial = None;
        let message = match self.graph.load(&previous.text).await {
            Ok(()) => {
                if let Some(metrics) = &self.metrics {
                    metrics.runs(Some(&previous.hash));
                }
                self.loaded = Some(previous);
                self.last_load = Some(self.now());
                format!("{what}; the configuration before this one runs again")
            }
            Err(refused) => {
                let why = refused.brief;
                format!(
                    "{what}; the configuration before this one cannot be loaded again, so that this one runs on: {why}"
                )
            }
        };
        cache.end_trial().await;
        self.tell_of_failure(session, message);
    }

    fn tell_of_failure(&mut self, session: u64, message: String) {
        tracing::error!(
            service = "remotecfg",
            err = message,
            "components of the remote configuration are unhealthy"
        );
        self.fail(session, message.clone(), message);
    }
}
