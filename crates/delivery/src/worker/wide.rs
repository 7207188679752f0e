//! Several requests at a time, to an endpoint that is far away.

use super::Worker;
use crate::protocol::{Protocol, StreamKey};
use crate::request::{Added, Request};
use futures_util::future::{BoxFuture, FutureExt};
use std::time::Duration;

/// An endpoint that answers sooner is not asked several things at a time: it is this machine that is slow then.
const FAR: Duration = Duration::from_millis(100);
/// Most requests of one shard that are sent at a time.
const MOST_AT_ONCE: usize = 8;

impl<P: Protocol> Worker<P> {
    /// More requests at a time as long as they come faster than an endpoint answers that is far away, fewer if they do not or the endpoint is in trouble.
    pub(super) fn adapt(&mut self, behind: usize) {
        self.pull();
        let troubled = std::mem::take(&mut self.troubled);
        let far = std::mem::take(&mut self.longest) >= FAR;
        self.width = if troubled || (behind == 0 && self.ready.is_empty()) {
            (self.width / 2).max(1)
        } else if far && self.ready.len() > self.width {
            (self.width * 2).min(MOST_AT_ONCE)
        } else {
            self.width
        };
    }

    /// Sends several requests at a time: their entries are dealt out again by stream, so that no two carry the same one. What is left
    /// if the worker is to leave.
    pub(super) async fn deliver_wide(&mut self, first: Request<P>) -> Vec<Request<P>> {
        let count = self.width;
        let behind = self.ready.len().min(count - 1);
        let mut lanes: Vec<Vec<Request<P>>> = (0..count).map(|_| Vec::new()).collect();
        for request in std::iter::once(first).chain(self.ready.drain(..behind)) {
            let tenant = request.tenant.clone();
            for mut item in request.into_items() {
                // The low bits have chosen the shard.
                let lane = &mut lanes[((item.stream.hash() >> 32) % count as u64) as usize];
                loop {
                    match lane.last_mut() {
                        Some(last) if last.tenant == tenant => match last.add(item, self.limits) {
                            Added::All => break,
                            Added::Full(rest) => item = rest,
                        },
                        _ => {}
                    }
                    lane.push(Request::new(tenant.clone(), item.part.arrived));
                }
            }
        }
        while self.helpers.len() < count {
            let helper = Worker::new(self.endpoint.clone(), self.number, self.orders.clone());
            self.helpers.push(helper);
        }
        let flights = self.helpers.iter_mut().zip(lanes).map(|(helper, lane)| async move {
            let mut requests = lane.into_iter();
            let mut left = Vec::new();
            for request in requests.by_ref() {
                left = helper.deliver(request).await;
                if !left.is_empty() {
                    break;
                }
            }
            left.extend(requests);
            left
        });
        // Boxed, because a worker's future would hold itself.
        let flights: Vec<BoxFuture<'_, Vec<Request<P>>>> = flights.map(FutureExt::boxed).collect();
        let left = futures_util::future::join_all(flights).await;
        for helper in &mut self.helpers {
            self.troubled |= std::mem::take(&mut helper.troubled);
            self.longest = self.longest.max(std::mem::take(&mut helper.longest));
            self.limits.bytes = self.limits.bytes.min(helper.limits.bytes);
        }
        left.into_iter().flatten().collect()
    }
}
