//! Receipts for records that a component holds back: a multiline block that is not finished, a partial line.
//!
//! The `accept` that brought the records waits on the [`Receipt`]; the [`Held`] travels with the records into whatever
//! batch takes them on, and is told their fate when that batch has one.

use crate::sink::Refused;
use tokio::sync::oneshot;

/// Waits for the fate of records that were held back.
pub struct Receipt(oneshot::Receiver<Result<(), Refused>>);

/// The other end of a [`Receipt`]. Dropping it without [`done`](Held::done) is a refusal: the sender offers the
/// records again.
#[must_use = "dropping it refuses the records"]
pub struct Held(oneshot::Sender<Result<(), Refused>>);

/// A receipt and its other end.
pub fn receipt() -> (Held, Receipt) {
    let (sender, receiver) = oneshot::channel();
    (Held(sender), Receipt(receiver))
}

impl Held {
    /// The records have their fate.
    pub fn done(self, fate: Result<(), Refused>) {
        // Whoever waited may have been cancelled; then its own sender still has the records.
        let _ = self.0.send(fate);
    }
}

impl Receipt {
    /// Resolves when the records have their fate.
    pub async fn settled(self) -> Result<(), Refused> {
        self.0
            .await
            .unwrap_or_else(|_| Err(Refused::retry("the component stopped while it held the records")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_receipt_tells_the_fate_and_a_forgotten_one_refuses() {
        let (held, receipt_) = receipt();
        held.done(Ok(()));
        assert_eq!(receipt_.settled().await, Ok(()));
        let (held, receipt_) = receipt();
        drop(held);
        assert!(receipt_.settled().await.is_err_and(|refused| refused.is_retryable()));
    }
}
