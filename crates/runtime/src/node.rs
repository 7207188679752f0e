//! A component of the running graph.

use component::{Health, HealthState, Instance};
use std::sync::{Arc, Mutex, MutexGuard};

/// A built component: its instance and what is known of its health. Lives as long as its id and its kind stay in the
/// configuration.
pub struct Node {
    /// The component.
    pub instance: Arc<dyn Instance>,
    /// The span in which it logs.
    pub span: tracing::Span,
    evaluation: Mutex<Health>,
    running: Mutex<Health>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Node {
    /// A node that was built just now.
    pub fn new(instance: Arc<dyn Instance>, span: tracing::Span, now: i64) -> Self {
        Node {
            instance,
            span,
            evaluation: Mutex::new(Health::new(HealthState::Healthy, "component evaluated", now)),
            running: Mutex::new(Health::new(HealthState::Unknown, "component created", now)),
        }
    }

    /// The last evaluation succeeded, or failed with a message.
    pub fn evaluated(&self, outcome: Result<(), &str>, now: i64) {
        *lock(&self.evaluation) = match outcome {
            Ok(()) => Health::new(HealthState::Healthy, "component evaluated", now),
            Err(error) => {
                let message = format!("component evaluation failed: {error}");
                Health::new(HealthState::Unhealthy, message, now)
            }
        };
    }

    /// Whether the last evaluation succeeded.
    pub fn is_evaluated(&self) -> bool {
        lock(&self.evaluation).state == HealthState::Healthy
    }

    /// It was started.
    pub fn started(&self, now: i64) {
        *lock(&self.running) = Health::new(HealthState::Healthy, "started component", now);
    }

    /// It ended.
    pub fn exited(&self, outcome: &Result<(), String>, now: i64) {
        let message = match outcome {
            Ok(()) => "component shut down cleanly".to_owned(),
            Err(error) => format!("component shut down with error: {error}"),
        };
        *lock(&self.running) = Health::new(HealthState::Exited, message, now);
    }

    /// The worst of evaluation, running, and what the component says itself.
    pub fn health(&self) -> Health {
        let own = lock(&self.evaluation).clone().worst(lock(&self.running).clone());
        match self.instance.health() {
            Some(reported) => own.worst(reported),
            None => own,
        }
    }
}
