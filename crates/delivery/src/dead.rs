//! Entries that an endpoint refused for good: kept on disk, bounded, with what the endpoint said.

use crate::protocol::Protocol;
use crate::request::Request;
use crate::transport::Outcome;
use component::{QueuePolicy, QueueSync};
use host::Clock;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use wal::{Append, Durability, OnFull, Options, RealDisk, Targets, Wal};

/// Records that are a dead letter in JSON.
const LETTER: u16 = 2;
/// Bytes that dead letters may take; beyond that the oldest make room.
const MOST: u64 = 64 << 20;
/// The cursor that nobody acknowledges for.
const CURSOR: &str = "letters";

/// The dead-letter log of a component. Its calls block.
pub(crate) struct DeadLetters {
    dir: PathBuf,
    policy: QueuePolicy,
    clock: Arc<dyn Clock>,
    log: Mutex<Option<Wal>>,
}

impl DeadLetters {
    /// A log in `dir`, which is made with the first letter.
    pub(crate) fn new(dir: PathBuf, policy: QueuePolicy, clock: Arc<dyn Clock>) -> Arc<DeadLetters> {
        Arc::new(DeadLetters {
            dir,
            policy,
            clock,
            log: Mutex::new(None),
        })
    }

    /// Whether letters are kept.
    pub(crate) fn is_enabled(&self) -> bool {
        self.policy.max_bytes > 0
    }

    fn open(&self) -> Result<Wal, wal::Error> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = &*log {
            return Ok(log.clone());
        }
        let options = Options {
            max_bytes: MOST.min(self.policy.max_bytes.max(1 << 20)),
            segment_bytes: 4 << 20,
            on_full: OnFull::DropOldest,
            durability: match self.policy.sync {
                QueueSync::Always => Durability::Always,
                QueueSync::Every(interval) => Durability::Every(interval),
                QueueSync::Never => Durability::Never,
            },
            ..Options::default()
        };
        let opened = Wal::open(Arc::new(RealDisk), self.clock.clone(), &self.dir, options)?;
        opened.cursor(CURSOR)?;
        *log = Some(opened.clone());
        Ok(opened)
    }

    /// Keeps letters.
    pub(crate) fn keep(&self, letters: &[Letter]) -> Result<(), wal::Error> {
        let log = self.open()?;
        for letter in letters {
            log.append(&Append {
                kind: LETTER,
                items: 1,
                bytes: letter.bytes,
                targets: Targets::Named(&[CURSOR]),
                keys: &[],
                payload: &[letter.json.as_bytes()],
            })?;
        }
        Ok(())
    }

    /// Gives the log up.
    pub(crate) fn close(&self) {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(log) = log
            && let Err(error) = log.close()
        {
            tracing::error!(error = %error, "the dead-letter log could not be closed");
        }
    }
}

/// An entry and why it is dead.
pub(crate) struct Letter {
    json: String,
    bytes: u64,
}

/// The entries of a request as letters.
pub(crate) fn letters<P: Protocol>(request: &Request<P>, endpoint: &str, outcome: &Outcome, now: i64) -> Vec<Letter> {
    let mut letters = Vec::with_capacity(usize::try_from(request.entries()).unwrap_or_default());
    for entry in request.each_entry() {
        let mut letter = Map::new();
        for (name, value) in [
            ("at", Value::from(gotime::format_rfc3339_nano(now))),
            ("endpoint", Value::from(endpoint)),
            ("tenant", Value::from(P::label(&request.tenant))),
            ("status", Value::from(outcome.status.map(|status| status.as_u16()))),
            ("message", Value::from(outcome.message.as_str())),
        ] {
            letter.insert(name.to_owned(), value);
        }
        letter.append(&mut P::letter(entry));
        letters.push(Letter {
            json: Value::Object(letter).to_string(),
            bytes: P::size(entry.payload, P::list(entry.selection), entry.index),
        });
    }
    letters
}
