//! OTLP requests and batches of them.

use crate::batch::{Batch, Payload};
use crate::ledger::Amount;
use crate::tap::Seen;
pub use otlp_wire::{Rope, Signal};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Who sent a request. Travels with it until records of several requests are put together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Where it came from.
    pub address: Option<SocketAddr>,
    /// Headers of the request, or metadata of the call: names in lower case. Kept only if `include_metadata` is set.
    pub metadata: Vec<(String, String)>,
}

/// The records of an [`OtlpBatch`]: one or more whole export requests of one signal, as bytes.
///
/// Amounts count log records, data points or spans, and the bytes of the requests.
#[derive(Clone)]
pub struct Otlp {
    /// Which signal.
    pub signal: Signal,
    /// The requests: as [`otlp_wire`] has received or written them.
    pub payload: Rope,
    /// Number of log records, data points or spans.
    pub records: u64,
    /// Who sent them, if that is known and one.
    pub client: Option<Arc<Client>>,
}

/// OTLP requests that travel together.
pub type OtlpBatch = Batch<Otlp>;

impl Payload for Otlp {
    fn seen(&self) -> Option<Seen<'_>> {
        Some(Seen::Otlp(self))
    }

    fn amount(&self) -> Amount {
        Amount {
            items: self.records,
            bytes: self.payload.len() as u64,
        }
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp")
            .field("signal", &self.signal)
            .field("records", &self.records)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}
