//! Health of components.

/// How a component is doing, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthState {
    /// It works.
    Healthy,
    /// It did not say yet.
    Unknown,
    /// It runs and does not do its job, or could not take its arguments.
    Unhealthy,
    /// It ended.
    Exited,
}

impl HealthState {
    /// The name in APIs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            HealthState::Healthy => "healthy",
            HealthState::Unknown => "unknown",
            HealthState::Unhealthy => "unhealthy",
            HealthState::Exited => "exited",
        }
    }
}

/// A state with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The state.
    pub state: HealthState,
    /// Why.
    pub message: String,
    /// Since when, in nanoseconds since the Unix epoch.
    pub updated: i64,
}

impl Health {
    /// A state as of `now`, nanoseconds since the Unix epoch.
    pub fn new(state: HealthState, message: impl Into<String>, now: i64) -> Self {
        Health {
            state,
            message: message.into(),
            updated: now,
        }
    }

    /// The worse of the two; of equal ones the newer, then `self`.
    pub fn worst(self, other: Health) -> Health {
        match other.state.cmp(&self.state) {
            std::cmp::Ordering::Greater => other,
            std::cmp::Ordering::Less => self,
            std::cmp::Ordering::Equal if other.updated > self.updated => other,
            std::cmp::Ordering::Equal => self,
        }
    }
}
