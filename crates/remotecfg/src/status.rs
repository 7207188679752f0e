//! What people see.

use collectorapi::ConfigState;
use serde::Serialize;
use std::collections::BTreeMap;

/// The state of the remote configuration, as `/api/v0/invar/remotecfg` answers it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether there is a server to ask.
    pub configured: bool,
    /// Its URL, without credentials.
    pub url: String,
    /// Id of this collector.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the server is told of it.
    pub attributes: BTreeMap<String, String>,
    /// What became of the last configuration: `unset`, `applied`, `applying`, `failed`.
    pub status: State,
    /// Why it failed, and why the server cannot be asked, if it cannot.
    pub message: String,
    /// Hash of what runs, as the server names it; our own of what comes from disk.
    pub hash: String,
    /// When the server was asked last, RFC 3339; `None` if it never was.
    pub last_poll: Option<String>,
    /// When a configuration was loaded last, RFC 3339; `None` if none was.
    pub last_load: Option<String>,
    /// How often the server is asked, in seconds.
    pub poll_frequency_seconds: f64,
    /// What runs, without its secrets.
    pub source: String,
}

/// What became of a configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// There was none.
    #[default]
    Unset,
    /// It runs.
    Applied,
    /// It runs on trial.
    Applying,
    /// It was refused, or its components were unhealthy.
    Failed,
}

impl From<ConfigState> for State {
    fn from(state: ConfigState) -> Self {
        match state {
            ConfigState::Unset => State::Unset,
            ConfigState::Applied => State::Applied,
            ConfigState::Applying => State::Applying,
            ConfigState::Failed => State::Failed,
        }
    }
}
