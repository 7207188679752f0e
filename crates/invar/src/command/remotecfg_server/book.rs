//! Which collectors there are.

use collectorapi::{ConfigStatus, EffectiveConfig};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// More are refused.
const MOST_COLLECTORS: usize = 10_000;
/// What they run is kept up to this size, all together.
const MOST_EFFECTIVE: usize = 256 << 20;
/// Longest message of a collector that is kept, in characters.
const MOST_MESSAGE: usize = 64 << 10;

/// A collector as it is listed.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Collector {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it says of itself.
    pub attributes: BTreeMap<String, String>,
    /// Whether it registered and did not say goodbye.
    pub registered: bool,
    /// When it was heard of last.
    #[serde(serialize_with = "time")]
    pub last_seen: i64,
    /// The file that it was sent last; empty if none was.
    pub file: String,
    /// Hash of that.
    pub hash: String,
    /// What became of it: `unset`, `applied`, `applying`, `failed`.
    pub status: String,
    /// Why it failed.
    pub message: String,
    /// Size of what it runs, in bytes.
    pub effective_bytes: usize,
    #[serde(skip)]
    effective: Option<String>,
}

fn time<S: Serializer>(at: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&gotime::format_rfc3339_nano(*at))
}

/// All collectors that were heard of.
#[derive(Default)]
pub struct Book(Mutex<BTreeMap<String, Collector>>);

impl Book {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Collector>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A collector says who it is; false if there are too many.
    pub fn register(&self, id: &str, name: String, attributes: BTreeMap<String, String>, now: i64) -> bool {
        let mut book = self.lock();
        if !book.contains_key(id) && book.len() >= MOST_COLLECTORS {
            return false;
        }
        let one = book.entry(id.to_owned()).or_insert_with(|| Collector {
            id: id.to_owned(),
            status: "unset".to_owned(),
            ..Collector::default()
        });
        (one.name, one.attributes, one.registered, one.last_seen) = (name, attributes, true, now);
        true
    }

    /// A collector goes; false if nobody knew it.
    pub fn unregister(&self, id: &str, now: i64) -> bool {
        let mut book = self.lock();
        let Some(one) = book.get_mut(id) else { return false };
        (one.registered, one.last_seen) = (false, now);
        true
    }

    /// The name of a collector that is here.
    pub fn name(&self, id: &str) -> Option<String> {
        let book = self.lock();
        let one = book.get(id).filter(|one| one.registered)?;
        Some(one.name.clone())
    }

    /// A collector was sent a file.
    pub fn sent(&self, id: &str, file: String, hash: &str) {
        if let Some(one) = self.lock().get_mut(id) {
            (one.file, one.hash) = (file, hash.to_owned());
        }
    }

    /// A collector asked, and said this.
    pub fn asked(&self, id: &str, status: Option<ConfigStatus>, effective: Option<EffectiveConfig>, now: i64) {
        let mut book = self.lock();
        let others: usize = book
            .values()
            .filter(|one| one.id != id)
            .map(|one| one.effective.as_ref().map_or(0, String::len))
            .sum();
        let Some(one) = book.get_mut(id) else { return };
        one.last_seen = now;
        if let Some(status) = status {
            one.status = status.state.as_str().to_owned();
            one.message = status.error_message.chars().take(MOST_MESSAGE).collect();
        }
        if let Some(effective) = effective {
            let bodies = effective.files.into_values().map(|(body, _)| body);
            let text: String = bodies.map(|body| String::from_utf8_lossy(&body).into_owned()).collect();
            one.effective_bytes = text.len();
            one.effective = (others + text.len() <= MOST_EFFECTIVE).then_some(text);
        }
    }

    /// What a collector runs.
    pub fn effective(&self, id: &str) -> Option<String> {
        self.lock().get(id)?.effective.clone()
    }

    /// All of them by id.
    pub fn list(&self) -> Vec<Collector> {
        let book = self.lock();
        let shown = book.values().map(|one| Collector {
            effective: None,
            ..one.clone()
        });
        shown.collect()
    }
}
