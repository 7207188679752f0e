//! A component of the running graph.

use component::{Health, HealthState, Instance};
use std::sync::{Arc, Mutex, MutexGuard};

/// What is known of a node's health from outside of it.
pub(crate) struct Vitals {
    words: &'static Words,
    evaluation: Mutex<Health>,
    running: Mutex<Health>,
    /// What else may be wrong: the content of an import.
    content: Mutex<Option<Health>>,
}

/// How a kind of node says what happens to it.
pub(crate) struct Words {
    created: &'static str,
    evaluated: &'static str,
    failed: &'static str,
    started: &'static str,
    stopped: &'static str,
}

/// Words of components.
pub(crate) const COMPONENT: Words = Words {
    created: "component created",
    evaluated: "component evaluated",
    failed: "component evaluation failed",
    started: "started component",
    stopped: "component shut down",
};

/// Words of instances of modules.
pub(crate) const CUSTOM: Words = Words {
    created: "node custom component created",
    evaluated: "component evaluated",
    failed: "component evaluation failed",
    started: "started custom component",
    stopped: "custom component shut down",
};

/// Words of imports.
pub(crate) const IMPORT: Words = Words {
    created: "import created",
    evaluated: "source evaluated",
    failed: "source evaluation failed",
    started: "started import",
    stopped: "import shut down",
};

/// Words of `foreach`.
pub(crate) const FOREACH: Words = Words {
    created: "foreach created",
    evaluated: "foreach evaluated",
    failed: "foreach evaluation failed",
    started: "started foreach",
    stopped: "foreach node shut down",
};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Vitals {
    /// Of a node that was evaluated just now.
    pub(crate) fn new(words: &'static Words, now: i64) -> Self {
        Vitals {
            words,
            evaluation: Mutex::new(Health::new(HealthState::Healthy, words.evaluated, now)),
            running: Mutex::new(Health::new(HealthState::Unknown, words.created, now)),
            content: Mutex::new(None),
        }
    }

    /// The last evaluation succeeded, or failed with a message.
    pub(crate) fn evaluated(&self, outcome: Result<(), &str>, now: i64) {
        *lock(&self.evaluation) = match outcome {
            Ok(()) => Health::new(HealthState::Healthy, self.words.evaluated, now),
            Err(error) => {
                let message = format!("{}: {error}", self.words.failed);
                Health::new(HealthState::Unhealthy, message, now)
            }
        };
    }

    /// Whether the last evaluation succeeded.
    pub(crate) fn is_evaluated(&self) -> bool {
        lock(&self.evaluation).state == HealthState::Healthy
    }

    /// It was started.
    pub(crate) fn started(&self, now: i64) {
        *lock(&self.running) = Health::new(HealthState::Healthy, self.words.started, now);
    }

    /// It was started, unless it was before.
    pub(crate) fn started_once(&self, now: i64) {
        if lock(&self.running).state == HealthState::Unknown {
            self.started(now);
        }
    }

    /// It ended.
    pub(crate) fn exited(&self, outcome: &Result<(), String>, now: i64) {
        let message = match outcome {
            Ok(()) => format!("{} cleanly", self.words.stopped),
            Err(error) => format!("{} with error: {error}", self.words.stopped),
        };
        *lock(&self.running) = Health::new(HealthState::Exited, message, now);
    }

    /// What a node is made of is as it should be, or is not.
    pub(crate) fn content(&self, outcome: Result<&str, &str>, now: i64) {
        let (state, message) = match outcome {
            Ok(message) => (HealthState::Healthy, message),
            Err(message) => (HealthState::Unhealthy, message),
        };
        *lock(&self.content) = Some(Health::new(state, message, now));
    }

    /// The worst of all.
    pub(crate) fn health(&self) -> Health {
        let own = lock(&self.evaluation).clone().worst(lock(&self.running).clone());
        match lock(&self.content).clone() {
            Some(content) => own.worst(content),
            None => own,
        }
    }
}

/// A built component: its instance and what is known of its health. Lives as long as its id and its kind stay in the
/// configuration.
pub struct Node {
    /// The component.
    pub instance: Arc<dyn Instance>,
    /// The span in which it logs.
    pub span: tracing::Span,
    pub(crate) vitals: Vitals,
}

impl Node {
    /// A node that was built just now.
    pub(crate) fn new(instance: Arc<dyn Instance>, span: tracing::Span, now: i64) -> Self {
        Node {
            instance,
            span,
            vitals: Vitals::new(&COMPONENT, now),
        }
    }

    /// The worst of evaluation, running, and what the component says itself.
    pub fn health(&self) -> Health {
        let own = self.vitals.health();
        match self.instance.health() {
            Some(reported) => own.worst(reported),
            None => own,
        }
    }
}
