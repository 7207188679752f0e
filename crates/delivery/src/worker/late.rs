//! What goes to the queue on disk instead of the endpoint.

use super::Worker;
use super::attempt::SPILL_AFTER;
use crate::protocol::Protocol;
use crate::request::Request;
use crate::shard::Order;
use signals::Amount;
use std::time::Duration;

/// Pause before a request that the queue did not take is offered to it again.
const STORE_AGAIN: Duration = Duration::from_millis(500);

impl<P: Protocol> Worker<P> {
    /// Sends to the queue what has to go behind something there: entries of streams that have a backlog, or everything while the
    /// endpoint is down. Gives back the rest; or, as an error, all of it if the worker is to stop.
    pub(super) async fn sort(&mut self, request: Request<P>) -> Result<Option<Request<P>>, Request<P>> {
        let mut request = Some(request);
        while self.spills
            && let Some(whole) = request.take()
        {
            let endpoint = self.endpoint.clone();
            let backlog = endpoint.backlog();
            let down = backlog.is_down();
            let (late, rest) = if down {
                (Some(whole), None)
            } else {
                whole.partition(|stream| backlog.holds(stream))
            };
            request = rest;
            let Some(late) = late else { break };
            let Err((late, error)) = self.store(late).await else {
                break;
            };
            self.endpoint
                .troubles()
                .store_failed(self.endpoint.title(), &error.to_string());
            // The order forbids to send it before the queue, and the queue does not take it: everything waits.
            let mut whole = late;
            if let Some(rest) = request.take() {
                whole.append(rest);
            }
            self.pause(STORE_AGAIN).await;
            if self.order() > Order::Work {
                return Err(whole);
            }
            if backlog.is_empty() {
                return Ok(Some(whole));
            }
            request = Some(whole);
        }
        Ok(request)
    }

    /// Sends to the queue what somebody has been waiting for in vain: an endpoint that answers each request in time, and takes less than comes, would
    /// make senders give up, and scrapes be left out, with the queue empty.
    pub(super) async fn store_awaited(&mut self) {
        while self.spills
            && let Some(request) = self.ready.pop_front_if(|request| request.keeps_waiting(SPILL_AFTER))
        {
            if let Err((request, error)) = self.store(request).await {
                self.endpoint
                    .troubles()
                    .store_failed(self.endpoint.title(), &error.to_string());
                return self.ready.push_front(request);
            }
        }
    }

    /// Stores a request, which counts as accepted then.
    pub(super) async fn store(&mut self, mut request: Request<P>) -> Result<(), (Request<P>, wal::Error)> {
        let body = match self.encode(&mut request) {
            Ok(Some(body)) => body,
            Ok(None) => return Ok(()),
            Err(_) => return Err((request, wal::Error::Invalid("a request is too large"))),
        };
        match self.endpoint.backlog().store(&request, body, None).await {
            Ok(()) => {
                self.stored(request);
                Ok(())
            }
            Err((error, _)) => Err((request, error)),
        }
    }

    pub(super) fn stored(&self, request: Request<P>) {
        self.settle_pending(request.amount());
        request.stored();
    }

    pub(super) fn settle_pending(&self, amount: Amount) {
        if self.number < self.endpoint.backlog_slot() {
            self.shard().went(amount);
        }
    }
}
