//! What differs from signal to signal.

use crate::request::Request;
use crate::spec::Target;
use bytes::Bytes;
use net::Body;
use serde_json::{Map, Value};
use signals::{Amount, Labels, Payload, Refused};
use std::ops::Range;
use std::sync::Arc;

/// How one signal is cut into requests and written for its destinations.
///
/// The value itself is what a component's arguments say of all its destinations, and caches: it works where batches come in, in
/// [`cut`](Protocol::cut), and is replaced when the arguments change. Everything after that must work without it, also for what an earlier
/// program left in the queue: those functions have no `self` and know the [`Target`].
///
/// # Selections
///
/// A batch is not copied. A piece of it is a *selection*, such as "stream 3" or "the samples whose series falls into lane 2 of 8", and a
/// range of indices. Only the protocol knows which indices of the range the selection has: [`entries`](Protocol::entries) lists them. All
/// counting, filling, splitting and bisecting follows from that list.
pub trait Protocol: Sized + Send + Sync + 'static {
    /// The records that a batch carries.
    type Payload: Payload;
    /// What the entries of a piece have in common. Their order is kept among pieces of the same stream.
    type Stream: StreamKey;
    /// Which entries of a payload belong to a piece, apart from its range.
    type Selection: Clone + Send + Sync + 'static;
    /// What the protocol wants to know of one endpoint beyond its [`Spec`](crate::Spec). When it changes the endpoint is replaced, so
    /// the arguments of the transport are part of it.
    type Settings: PartialEq + Send + Sync + 'static;
    /// Reused buffers of an encoder.
    type Encoding: Default + Send + 'static;
    /// Families of metrics of the component.
    type Metrics: Send + Sync + 'static;
    /// Counts what goes to one tenant of one endpoint.
    type Meter: Meter<Self>;
    /// Why a request cannot be written or read.
    type Error: std::error::Error + Send + 'static;

    /// How messages for people call things.
    const WORDS: Words;

    /// Whether parts are kept whole: one that does not fit behind others begins a request of its own, and is cut only if it alone is too large.
    const WHOLE: bool = false;

    /// Puts the records of a batch into an order in which it is cut more easily; those of one stream stay in theirs. Nothing is added or left out.
    fn arrange(payload: Arc<Self::Payload>) -> Arc<Self::Payload> {
        payload
    }

    /// Whether a batch can be cut at all, before it takes its place in the order.
    ///
    /// # Errors
    /// What its sender is told.
    fn admit(&self, _: &Self::Payload, _: &[Arc<Target<Self>>]) -> Result<(), Refused> {
        Ok(())
    }

    /// Cuts a batch: calls `give` with the number of a target and a piece for it, for each target in the order in which its entries
    /// are to go. An entry that no piece of a target has is not for that target. Works without waiting: this is where a batch takes
    /// its place in the order.
    ///
    /// Returns what is for no target at all, by the rule that says so; those entries count as filtered. None, for most protocols.
    fn cut(
        &self,
        payload: &Self::Payload,
        targets: &[Arc<Target<Self>>],
        give: impl FnMut(usize, Piece<Self>),
    ) -> Vec<(&'static str, Amount)>;

    /// Gives up caches; see [`signals::Cache`].
    fn shrink(&self) {}

    /// The indices within the slice's range that its selection has, from first to last, each with the size in bytes by which requests
    /// are filled.
    fn entries<'a>(slice: Slice<'a, Self>) -> impl Iterator<Item = (usize, u64)> + 'a;

    /// Number and size of the entries of a slice.
    fn count(slice: Slice<'_, Self>) -> Amount {
        let mut amount = Amount::default();
        for (_, size) in Self::entries(slice) {
            amount += Amount::one(size);
        }
        amount
    }

    /// Which list of the payload the indices of a selection count in. The same index of the same list is the same entry, whatever the
    /// selection, so that an entry which two endpoints refuse is refused once.
    fn list(selection: &Self::Selection) -> usize;

    /// Size of an entry in bytes, as [`Payload::amount`] counts it.
    fn size(payload: &Self::Payload, list: usize, index: usize) -> u64;

    /// The body of a request, as a transport takes it and the queue keeps it. It may be sent much later, when the target's
    /// arguments are others: what a receiver has to know to read it must be in it (see
    /// [`HttpSettings::unpack`](crate::HttpSettings::unpack)). An error is taken for a request that is too large.
    fn encode(
        target: &Target<Self>,
        encoding: &mut Self::Encoding,
        request: &Request<Self>,
    ) -> Result<Body, Self::Error>;

    /// Gives memory of an encoder back: all of it if `keep` is 0, else what an unusually large request took beyond `keep` bytes.
    fn shrink_encoding(encoding: &mut Self::Encoding, keep: usize);

    /// The entries of a body that [`encode`](Protocol::encode) made, joined if it was in pieces, perhaps of an earlier program, for finding out which of them an endpoint
    /// refuses.
    fn decode(target: &Target<Self>, body: &Bytes, tenant: &Arc<str>) -> Result<Decoded<Self>, Self::Error>;

    /// What a dead letter says of an entry: names and values that stand behind those of every dead letter (`at`, `endpoint`,
    /// `tenant`, `status`, `message`).
    fn letter(entry: EntryRef<'_, Self>) -> Map<String, Value>;

    /// Labels and text of an entry, as an example in the ledger.
    fn example(entry: EntryRef<'_, Self>) -> (Labels, Bytes);

    /// What people may read of a tenant, and meters tell apart: all of it, unless a protocol keeps something secret in it. There are only so many.
    fn label(tenant: &str) -> &str {
        tenant
    }

    /// The meter for the [`label`](Protocol::label) of a tenant of a target. Its series exist from now on.
    fn meter(metrics: &Arc<Self::Metrics>, target: &Target<Self>, tenant: &str) -> Self::Meter;
}

/// What the entries of a piece have in common.
pub trait StreamKey: Clone + Send + Sync + 'static {
    /// A hash by which shards are chosen and what waits in the queue on disk is found. It must depend on nothing but what the stream
    /// is: not on the machine, the version, or the number of shards. [`stable_hash`] makes one.
    fn hash(&self) -> u64;
    /// Whether another stream with the same hash is the same.
    fn same(&self, other: &Self) -> bool;
    /// The tenant that the entries name; if none, the endpoint's.
    fn tenant(&self) -> Option<&Arc<str>>;
}

impl<S: StreamKey> StreamKey for Arc<S> {
    fn hash(&self) -> u64 {
        (**self).hash()
    }

    fn same(&self, other: &Self) -> bool {
        (**self).same(other)
    }

    fn tenant(&self) -> Option<&Arc<str>> {
        (**self).tenant()
    }
}

/// Counts what goes to one tenant of one endpoint.
pub trait Meter<P: Protocol>: Send + Sync + 'static {
    /// An attempt was answered with a status, or with none, after so many seconds.
    fn attempted(&self, status: Option<u16>, seconds: f64);
    /// An attempt is not the first one of its request.
    fn retried(&self);
    /// The endpoint has so many entries, in a body of so many bytes. The request is at hand if it did not come from the queue on disk.
    fn delivered(&self, entries: u64, body_bytes: u64, request: Option<&Request<P>>);
    /// So many entries, of so many bytes as requests are filled by, were given up. The request is at hand if there is one that is not
    /// on disk.
    fn dropped(&self, reason: &str, entries: u64, bytes: u64, request: Option<&Request<P>>);
    /// A request was encoded.
    fn request_size(&self, bytes: u64);
    /// A part was delivered so many seconds after it came.
    fn latency(&self, seconds: f64);
}

/// How messages for people, and reasons in counters, call things.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// What entries are: `entries`, `samples`.
    pub entries: &'static str,
    /// Reason under which entries are counted that an endpoint refused for good: `ingester_error`.
    pub refused: &'static str,
    /// The argument that bounds requests: `batch_size`.
    pub batch_bytes: &'static str,
    /// The argument that bounds attempts: `max_backoff_retries`.
    pub max_retries: &'static str,
}

/// A piece of a payload for one target.
pub struct Piece<P: Protocol> {
    /// What its entries have in common.
    pub stream: P::Stream,
    /// Which entries it has within the range.
    pub selection: P::Selection,
    /// From which to which index.
    pub range: Range<usize>,
    /// How many entries these are and their size, as [`Protocol::entries`] lists them; a protocol that knows need not count.
    pub amount: Amount,
}

/// Some of the entries of a payload.
pub struct Slice<'a, P: Protocol> {
    /// The payload.
    pub payload: &'a P::Payload,
    /// Which entries of the range.
    pub selection: &'a P::Selection,
    /// From which to which index.
    pub range: Range<usize>,
}

/// One entry of a payload.
pub struct EntryRef<'a, P: Protocol> {
    /// What it has in common with others of its piece.
    pub stream: &'a P::Stream,
    /// The payload.
    pub payload: &'a P::Payload,
    /// The selection that has it.
    pub selection: &'a P::Selection,
    /// Its index.
    pub index: usize,
}

/// What a body held.
pub struct Decoded<P: Protocol> {
    /// The entries.
    pub payload: P::Payload,
    /// All of them, by stream, in order.
    pub pieces: Vec<Piece<P>>,
}

/// FNV-1a with its bits mixed: queues on disk hold it, so it may not depend on a version or a machine.
pub fn stable_hash(text: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325, fold);
    // Shards are chosen by its low bits.
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (hash >> 29)
}

impl<P: Protocol> Clone for Slice<'_, P> {
    fn clone(&self) -> Self {
        Slice {
            payload: self.payload,
            selection: self.selection,
            range: self.range.clone(),
        }
    }
}

impl<P: Protocol> Clone for EntryRef<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Protocol> Copy for EntryRef<'_, P> {}

impl<P: Protocol> Clone for Piece<P> {
    fn clone(&self) -> Self {
        Piece {
            stream: self.stream.clone(),
            selection: self.selection.clone(),
            range: self.range.clone(),
            amount: self.amount,
        }
    }
}
