//! From a request to the fate of each of its entries: a refused one is halved until those at fault are alone.

use super::Worker;
use super::attempt::Attempted;
use crate::protocol::{Meter, Protocol};
use crate::request::Request;
use crate::transport::Outcome;
use signals::Fate;

/// How often a refused request may be split to find out which entries are at fault. Enough for dozens of bad ones among thousands.
pub(super) const MOST_SPLITS: u32 = 512;
/// Least splits, after requests in which even the most did not suffice.
const LEAST_SPLITS: u32 = 8;
/// Requests do not become smaller than so many bytes because a server found one too large.
const LEAST_BATCH: u64 = 16 << 10;

impl<P: Protocol> Worker<P> {
    /// Sends a request, or stores what must not be sent yet, until all of its entries have their fate; what is left if the worker is to leave.
    pub(super) async fn deliver(&mut self, request: Request<P>) -> Vec<Request<P>> {
        let mut stack = vec![request];
        let mut splits = self.splits;
        let (mut refused, mut given_up) = (false, false);
        while let Some(request) = stack.pop() {
            // A part of it may have gone to the queue meanwhile.
            let request = match self.sort(request).await {
                Ok(Some(request)) => request,
                Ok(None) => continue,
                Err(request) => {
                    stack.push(request);
                    stack.reverse();
                    return stack;
                }
            };
            let (request, outcome, too_large) = match self.attempt(request).await {
                Attempted::Settled => continue,
                Attempted::Leave(request) => {
                    stack.push(request);
                    stack.reverse();
                    return stack;
                }
                Attempted::Refused {
                    request,
                    outcome,
                    too_large,
                } => (request, outcome, too_large),
            };
            refused = true;
            if too_large && request.entries() > 1 {
                self.send_less(&request);
            } else if request.entries() > 1 && splits > 0 {
                splits -= 1;
            } else {
                given_up |= request.entries() > 1;
                self.bury(request, &outcome).await;
                continue;
            }
            let (first, second) = request.split();
            stack.push(second);
            stack.push(first);
        }
        if given_up {
            // A server that refuses nearly everything is not asked a thousand times for each request.
            self.splits = (self.splits / 2).max(LEAST_SPLITS);
        } else if !refused {
            self.splits = (self.splits * 2).min(MOST_SPLITS);
        }
        Vec::new()
    }

    /// Makes later requests smaller after one was too large.
    fn send_less(&mut self, request: &Request<P>) {
        let less = (request.bytes() / 2).max(LEAST_BATCH);
        if less < self.limits.bytes {
            tracing::warn!(
                endpoint = self.endpoint.title(),
                bytes = request.bytes(),
                "the endpoint finds requests too large, smaller ones are sent; set {} to its limit",
                P::WORDS.batch_bytes
            );
            self.limits.bytes = less;
        }
    }

    pub(super) fn delivered(&mut self, request: Request<P>, size: u64) {
        self.settle_pending(request.amount());
        let meter = self.meter(&request.tenant);
        meter.delivered(request.entries(), size, Some(&request));
        request.delivered(|arrived| meter.latency(arrived.elapsed().as_secs_f64()));
        self.endpoint.troubles().over(self.endpoint.title(), self.number);
    }

    /// The endpoint has thrown away so many entries of a request, which it does not name: the last ones are counted, and there is neither
    /// a dead letter nor an example.
    pub(super) fn partly(&mut self, request: Request<P>, size: u64, rejected: u64, outcome: &Outcome) {
        let kept = request.entries().saturating_sub(rejected);
        let (kept, gone) = request.divide(kept);
        if gone.entries() > 0 {
            self.settle_pending(gone.amount());
            let (entries, reason) = (gone.entries(), P::WORDS.refused);
            self.meter(&gone.tenant)
                .dropped(reason, entries, gone.bytes(), Some(&gone));
            self.endpoint
                .troubles()
                .rejected(self.endpoint.title(), &outcome.message, entries);
            gone.rejected(Fate::Rejected, reason);
        }
        self.delivered(kept, size);
    }

    /// The endpoint refuses the entries of a request for what they are: they go to the dead-letter log.
    pub(super) async fn bury(&mut self, request: Request<P>, outcome: &Outcome) {
        let fate = match self.endpoint.bury(&request, outcome).await {
            Ok(true) => Fate::DeadLettered,
            Ok(false) => Fate::Rejected,
            Err(error) => {
                tracing::error!(
                    endpoint = self.endpoint.title(),
                    error = %error,
                    "refused entries cannot be kept in the dead-letter log"
                );
                Fate::Rejected
            }
        };
        self.end(request, fate, P::WORDS.refused, outcome);
    }

    pub(super) fn reject(&mut self, request: Request<P>, reason: &'static str, outcome: &Outcome) {
        self.end(request, Fate::Rejected, reason, outcome);
    }

    fn end(&mut self, request: Request<P>, fate: Fate, reason: &'static str, outcome: &Outcome) {
        self.settle_pending(request.amount());
        let entries = request.entries();
        let meter = self.meter(&request.tenant);
        meter.dropped(reason, entries, request.bytes(), Some(&request));
        self.endpoint
            .troubles()
            .rejected(self.endpoint.title(), &outcome.message, entries);
        self.endpoint.note(&request, fate, reason, outcome);
        request.rejected(fate, reason);
    }
}
