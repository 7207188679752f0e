//! What travels from one component to the next.

use crate::budget::Permit;
use crate::custody::{Custody, Tally};
use crate::ledger::Amount;
use crate::tap::Seen;
use std::fmt;
use std::sync::Arc;

/// The records of a batch, of one signal. Cloning copies the list and what is editable in it, not the bytes of the records.
pub trait Payload: Clone + Send + Sync + 'static {
    /// Number and size of its records.
    fn amount(&self) -> Amount;

    /// The records for those who look; nothing for what is shown to nobody.
    fn seen(&self) -> Option<Seen<'_>> {
        None
    }
}

/// Records that travel together, with the responsibility for them. Not `Clone`: see [`Batch::share`].
pub struct Batch<P> {
    payload: Arc<P>,
    amount: Amount,
    custody: Custody,
}

impl<P: Payload> Batch<P> {
    /// A new batch of records that were admitted under `permit`.
    pub fn new(payload: P, permit: Permit) -> Self {
        Batch::under(Arc::new(payload), Arc::new(permit))
    }

    fn under(payload: Arc<P>, permit: Arc<Permit>) -> Self {
        let amount = payload.amount();
        Batch {
            payload,
            amount,
            custody: Custody::new(permit, None, amount),
        }
    }

    /// A batch of what a component made of records that it holds in custody: it lives under the same memory permit. The
    /// component settles its custody when the batch was accepted.
    pub fn derived(payload: P, from: &Custody) -> Self {
        Batch::under(Arc::new(payload), from.permit().clone())
    }

    /// The records.
    pub fn payload(&self) -> &P {
        &self.payload
    }

    /// Number and size of its records.
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// Takes the batch apart for editing or delivery. The records are copied only if they are shared with another
    /// branch, and then their bytes are not.
    pub fn into_parts(self) -> (P, Custody) {
        let payload = Arc::try_unwrap(self.payload).unwrap_or_else(|shared| (*shared).clone());
        (payload, self.custody)
    }

    /// Takes the batch apart without copying records that are shared with another branch.
    pub fn into_shared_parts(self) -> (Arc<P>, Custody) {
        (self.payload, self.custody)
    }

    /// The same records for another branch, or for offering them again after a refusal. Copies nothing.
    pub fn share(&self) -> Self {
        Batch {
            payload: self.payload.clone(),
            amount: self.amount,
            custody: Custody::new(self.custody.permit().clone(), None, self.amount),
        }
    }

    /// From now on somebody waits for the answer; see [`Permit::awaited`].
    pub(crate) fn hurry(&self) {
        self.custody.permit().hurry();
    }

    pub(crate) fn entering(self, tally: Arc<Tally>) -> Self {
        let custody = Custody::new(self.custody.permit().clone(), Some(tally), self.amount);
        Batch { custody, ..self }
    }
}

impl<P: fmt::Debug> fmt::Debug for Batch<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("payload", &self.payload)
            .finish_non_exhaustive()
    }
}
