//! The contract between a sender and a receiver of batches.

use crate::batch::Batch;
use crate::logs::Logs;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// The future of an `accept`. Dropping it before it resolves takes the offer back: the receiver may or may not have
/// delivered some of the records, so a sender that offers them again may repeat them but loses none.
pub type Accepting = Pin<Box<dyn Future<Output = Result<(), Refused>> + Send>>;

/// A component, or part of one, that takes batches of a signal; of logs if none is named.
pub trait Sink<P = Logs>: Send + Sync + 'static {
    /// Takes responsibility for a batch. Resolves when all its records are delivered or durable, or were dropped by a named
    /// rule. The place in the order is taken at the first poll (see the crate's page).
    fn accept(self: Arc<Self>, batch: Batch<P>) -> Accepting;
}

/// Why a batch was not taken. The sender still has the responsibility for all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    retryable: bool,
    reason: Cow<'static, str>,
    message: Cow<'static, str>,
}

impl Refused {
    /// The same batch may be taken later.
    pub fn retry(message: impl Into<Cow<'static, str>>) -> Self {
        Refused {
            retryable: true,
            reason: Cow::Borrowed("unavailable"),
            message: message.into(),
        }
    }

    /// The batch will never be taken; `reason` is a short name for counters, `message` is for people.
    pub fn permanent(reason: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Refused {
            retryable: false,
            reason: reason.into(),
            message: message.into(),
        }
    }

    /// Whether offering the batch again may help.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// A short name for counters.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}
