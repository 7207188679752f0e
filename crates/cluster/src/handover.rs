//! Who had what passes on where it is.

use crate::copies::Copy;
use crate::service::{HANDOVER_PATH, Shared};
use component::{HandOver, Offer};
use net::{HeaderMap, HeaderValue, PathAndQuery, StatusCode};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// How long those who may know are asked.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// How long those are asked who are no members any more: one that has just left may still answer.
const GONE: Duration = Duration::from_millis(300);
/// How long until somebody who does not know yet that he is not the owner is asked again.
pub(crate) const AGAIN: Duration = Duration::from_millis(150);
/// How often a request may fail before it was taken.
const BROKEN: u32 = 2;
/// Bytes of the longest request.
pub(crate) const MAX_REQUEST: usize = 64 << 10;
/// Bytes of the longest position.
pub(crate) const MAX_POSITION: usize = 1 << 20;

/// A question to a previous owner.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Question {
    pub(crate) component: String,
    pub(crate) key: String,
    pub(crate) hash: u64,
}

/// Components that can be asked.
#[derive(Default)]
pub(crate) struct Offers(Mutex<(u64, HashMap<String, (u64, Arc<dyn HandOver>)>)>);

impl Offers {
    fn lock(&self) -> MutexGuard<'_, (u64, HashMap<String, (u64, Arc<dyn HandOver>)>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, component: &str) -> Option<Arc<dyn HandOver>> {
        self.lock().1.get(component).map(|(_, source)| source.clone())
    }

    pub(crate) fn insert(self: &Arc<Self>, component: &str, source: Arc<dyn HandOver>) -> Offer {
        let id = {
            let mut offers = self.lock();
            offers.0 += 1;
            let id = offers.0;
            offers.1.insert(component.to_owned(), (id, source));
            id
        };
        let (offers, component): (Weak<Offers>, _) = (Arc::downgrade(self), component.to_owned());
        Offer::new(move || {
            let Some(offers) = offers.upgrade() else { return };
            let mut offers = offers.lock();
            // A later one may have taken its place.
            if offers.1.get(&component).is_some_and(|(there, _)| *there == id) {
                offers.1.remove(&component);
            }
        })
    }
}

/// Asks all previous owners at once; the answer of the last owner counts first. What one of them told before takes the place of its answer.
pub(crate) async fn ask(shared: Arc<Shared>, component: String, hash: u64, key: String) -> Option<Vec<u8>> {
    let copy = shared.copies.take(&component, &key);
    let owners = shared.previous(hash);
    let question = Question { component, key, hash };
    let body: bytes::Bytes = serde_json::to_vec(&question).ok()?.into();
    let now = tokio::time::Instant::now();
    let asked = owners.into_iter().map(|owner| {
        let told = copy.as_ref().is_some_and(|copy| *copy.publisher == *owner.name);
        let patience = match owner.present {
            true => Some(PATIENCE),
            false if told => None,
            false => Some(GONE),
        };
        let answer = patience.map(|patience| {
            let asking = ask_one(shared.clone(), owner.address, body.clone());
            tokio::spawn(tokio::time::timeout_at(now + patience, asking))
        });
        (told, answer)
    });
    for (told, answer) in asked.collect::<Vec<_>>() {
        if let Some(answer) = answer
            && let Ok(Ok(Some(position))) = answer.await
        {
            return Some(position);
        }
        if told {
            break;
        }
    }
    copy.map(Copy::into_bytes)
}

async fn ask_one(shared: Arc<Shared>, owner: SocketAddr, body: bytes::Bytes) -> Option<Vec<u8>> {
    let mut broken = 0;
    loop {
        let channel = shared.outgoing.channel(owner).ok()?;
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        shared.outgoing.sign(&mut headers);
        let path = PathAndQuery::from_static(HANDOVER_PATH);
        let reply = channel.call(path, headers, body.clone().into(), MAX_POSITION + 1).await;
        match reply {
            Ok(reply) if reply.status == StatusCode::OK && reply.body.len() <= MAX_POSITION => {
                return Some(reply.body.to_vec());
            }
            Ok(reply) if reply.status == StatusCode::CONFLICT => {
                // It believes that the key is its own: it is told who is there.
                shared.exchange(owner);
                tokio::time::sleep(AGAIN).await;
            }
            Ok(reply) => {
                tracing::debug!(service = "cluster", peer = %owner, status = reply.status.as_u16(), "no position handed over");
                return None;
            }
            // The connection may have been idle for so long that the other side closed it just now.
            Err(_) if broken < BROKEN => {
                broken += 1;
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => {
                tracing::debug!(service = "cluster", peer = %owner, err = %error, "the previous owner does not answer");
                return None;
            }
        }
    }
}
