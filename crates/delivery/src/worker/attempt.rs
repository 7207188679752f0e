//! Attempts to send one request, until there is an answer that decides it or the queue on disk has it.

use super::{LOOK_AT_BUDGET, Worker};
use crate::RATE_LIMITED;
use crate::endpoint::Endpoint;
use crate::protocol::{Meter, Protocol};
use crate::request::Request;
use crate::shard::Order;
use crate::transport::{Outcome, Verdict};
use futures_util::future::FutureExt;
use net::{Backoff, Body};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::Instrument;

/// A request that is not delivered this long after its first attempt began goes to the queue on disk.
pub(crate) const SPILL_AFTER: Duration = Duration::from_secs(1);
/// A server may ask for a pause of at most so long, or of `max_backoff_period` if that is longer.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// What became of a request.
pub(super) enum Attempted<P: Protocol> {
    Settled,
    Refused {
        request: Request<P>,
        outcome: Outcome,
        too_large: bool,
    },
    Leave(Request<P>),
}

impl<P: Protocol> Worker<P> {
    /// Sends a request until it is delivered, refused or given up.
    pub(super) async fn attempt(&mut self, mut request: Request<P>) -> Attempted<P> {
        let bound = self.endpoint.spec().max_retries;
        let longest = self.endpoint.spec().max_elapsed;
        let mut attempts = 0;
        let mut encoded = None;
        let first = Instant::now();
        self.backoff.reset();
        loop {
            let body = match encoded.take() {
                Some(body) if !request.has_unwanted() => body,
                _ => match self.encode(&mut request) {
                    Ok(Some(body)) => body,
                    Ok(None) => return Attempted::Settled,
                    Err(outcome) => {
                        return Attempted::Refused {
                            request,
                            outcome,
                            too_large: true,
                        };
                    }
                },
            };
            attempts += 1;
            if attempts > 1 {
                self.meter(&request.tenant).retried();
            }
            let started = Instant::now();
            let outcome = match self.push(&request, &body, first).await {
                Pushed::Answer(outcome) => outcome,
                Pushed::Leave => return Attempted::Leave(request),
                Pushed::Stored => {
                    self.stored(request);
                    return Attempted::Settled;
                }
            };
            let status = outcome.status.map(|status| status.as_u16());
            let took = started.elapsed();
            self.longest = self.longest.max(took);
            self.meter(&request.tenant).attempted(status, took.as_secs_f64());
            let (hold, wait) = match outcome.verdict {
                Verdict::Delivered => {
                    self.delivered(request, body.len() as u64);
                    return Attempted::Settled;
                }
                Verdict::Partly { rejected } => {
                    self.partly(request, body.len() as u64, rejected, &outcome);
                    return Attempted::Settled;
                }
                Verdict::Refused { too_large } => {
                    self.endpoint.troubles().over(self.endpoint.title(), self.number);
                    return Attempted::Refused {
                        request,
                        outcome,
                        too_large,
                    };
                }
                Verdict::Denied => {
                    self.endpoint.troubles().over(self.endpoint.title(), self.number);
                    self.bury(request, &outcome).await;
                    return Attempted::Settled;
                }
                Verdict::Limited => {
                    self.reject(request, RATE_LIMITED, &outcome);
                    return Attempted::Settled;
                }
                Verdict::Later(_) if bound.is_some_and(|bound| attempts >= bound) => {
                    let reason = if status == Some(429) {
                        RATE_LIMITED
                    } else {
                        P::WORDS.refused
                    };
                    let outcome = Outcome {
                        message: format!("{}; {} = {attempts} is reached", outcome.message, P::WORDS.max_retries),
                        ..outcome
                    };
                    self.reject(request, reason, &outcome);
                    return Attempted::Settled;
                }
                Verdict::Later(_) if longest.is_some_and(|longest| first.elapsed() >= longest) => {
                    self.reject(request, P::WORDS.refused, &too_late(outcome));
                    return Attempted::Settled;
                }
                Verdict::Later(wait) => (false, wait),
                Verdict::Hold => (true, None),
            };
            self.troubled = true;
            let pause = pause_after(&mut self.backoff, &self.endpoint, wait);
            let now = self.endpoint.host().clock.now();
            self.endpoint
                .troubles()
                .failed(self.endpoint.title(), self.number, &outcome.message, hold, pause, now);
            if self.spills && first.elapsed() + pause >= SPILL_AFTER {
                // From here on it is the lane of the queue that tries. It may have the entries delivered before `store` returns, and what it says of the
                // endpoint then must not be overwritten.
                let (endpoint, queue) = (self.endpoint.clone(), self.endpoint.backlog_slot());
                let was_down = endpoint.backlog().is_down();
                endpoint.troubles().moved(self.number, queue);
                endpoint.backlog().set_down(true);
                match endpoint.backlog().store(&request, body.clone(), None).await {
                    Ok(()) => {
                        self.stored(request);
                        return Attempted::Settled;
                    }
                    Err((error, _)) => {
                        if !was_down {
                            endpoint.backlog().set_down(false);
                            endpoint.troubles().moved(queue, self.number);
                        }
                        endpoint.troubles().store_failed(endpoint.title(), &error.to_string());
                    }
                }
            }
            self.pause(pause).await;
            if self.order() >= Order::Leave {
                return Attempted::Leave(request);
            }
            encoded = Some(body);
        }
    }

    /// The body of a request without the entries that nobody waits for any more; `None` if there are no others.
    pub(super) fn encode(&mut self, request: &mut Request<P>) -> Result<Option<Body>, Outcome> {
        let before = request.amount();
        request.forget_unwanted();
        self.settle_pending(before - request.amount());
        if request.entries() == 0 {
            return Ok(None);
        }
        let encoded = P::encode(self.endpoint.target(), &mut self.encoding, request);
        let keep = usize::try_from(self.limits.bytes)
            .unwrap_or(usize::MAX)
            .saturating_mul(4);
        P::shrink_encoding(&mut self.encoding, keep.max(1));
        match encoded {
            Ok(body) => {
                self.meter(&request.tenant).request_size(body.len() as u64);
                Ok(Some(body))
            }
            Err(error) => Err(Outcome {
                status: None,
                message: format!("cannot be sent the request: {error}"),
                verdict: Verdict::Refused { too_large: true },
            }),
        }
    }

    /// Sleeps; shorter if the order changes meanwhile.
    pub(super) async fn pause(&mut self, pause: Duration) {
        let before = self.order();
        tokio::select! {
            _ = self.orders.wait_for(|order| *order > before) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    pub(super) fn meter(&mut self, tenant: &str) -> &P::Meter {
        let label = P::label(tenant);
        if !self.meters.contains_key(label) {
            let meter = self.endpoint.meter(tenant);
            self.meters.insert(Arc::from(label), meter);
        }
        &self.meters[label]
    }

    /// One attempt. If it takes too long, or a source waits for memory, the request is stored while it goes on.
    async fn push(&mut self, request: &Request<P>, body: &Body, first: Instant) -> Pushed {
        let (endpoint, tenant) = (self.endpoint.clone(), request.tenant.clone());
        let sent = body.clone();
        let mut attempt = async move { endpoint.push(&tenant, sent).await }.boxed();
        let mut store_at = first + SPILL_AFTER;
        loop {
            let due = store_at.min(Instant::now() + LOOK_AT_BUDGET);
            tokio::select! {
                outcome = &mut attempt => return Pushed::Answer(outcome),
                _ = self.orders.wait_for(|order| *order == Order::Abort) => return Pushed::Leave,
                () = tokio::time::sleep_until(due), if self.spills => {}
            }
            let now = Instant::now();
            if now < store_at && self.endpoint.budget().waiting() == 0 {
                continue;
            }
            let racing = tokio::spawn(attempt.instrument(self.endpoint.span().clone()));
            // What an earlier attempt has found wrong with the endpoint is the business of the queue's lane from here on: it hears the end of it.
            let (endpoint, queue) = (self.endpoint.clone(), self.endpoint.backlog_slot());
            endpoint.troubles().moved(self.number, queue);
            match endpoint.backlog().store(request, body.clone(), Some(racing)).await {
                Ok(()) => return Pushed::Stored,
                Err((error, racing)) => {
                    if !endpoint.backlog().is_down() {
                        endpoint.troubles().moved(queue, self.number);
                    }
                    endpoint.troubles().store_failed(endpoint.title(), &error.to_string());
                    let lost = || Outcome {
                        status: None,
                        message: "was not asked to the end".to_owned(),
                        verdict: Verdict::Later(None),
                    };
                    let Some(racing) = racing else {
                        return Pushed::Answer(lost());
                    };
                    attempt = async move { racing.await.unwrap_or_else(|_| lost()) }.boxed();
                    store_at = Instant::now() + SPILL_AFTER;
                }
            }
        }
    }
}

/// How an attempt went.
enum Pushed {
    Answer(Outcome),
    /// The worker is to stop at once.
    Leave,
    /// The request is in the queue; the attempt goes on.
    Stored,
}

/// The outcome of a request that is given up, because it was tried for as long as the configuration allows.
pub(crate) fn too_late(outcome: Outcome) -> Outcome {
    Outcome {
        message: format!("{}; it was tried for as long as it may be", outcome.message),
        ..outcome
    }
}

/// How long to wait before the next attempt, which the server may have asked for.
pub(crate) fn pause_after<P: Protocol>(
    backoff: &mut Backoff,
    endpoint: &Endpoint<P>,
    asked: Option<Duration>,
) -> Duration {
    let random = &*endpoint.host().random;
    let pause = backoff.next(random);
    match asked {
        Some(asked) if !asked.is_zero() => {
            let longest = LONGEST_RETRY_AFTER.max(endpoint.spec().max_backoff);
            // Not all at once when the time is over.
            asked.min(longest).mul_f64(1.0 + 0.1 * random.unit())
        }
        _ => pause,
    }
}
