//! Reading bodies, within limits of size, memory and time.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use net::server::Incoming;
use signals::{Budget, Permit};
use std::time::Duration;
use tokio::time::Instant;

/// A refused body is read and thrown away up to this size, so that the client reads the answer and not that its connection was closed
/// while it wrote.
const DISCARDED: u64 = 16 << 20;
/// And for this long.
const DISCARDING: Duration = Duration::from_secs(5);
/// Memory that is taken at least at a time, in bytes.
const STEP: usize = 64 << 10;
/// Memory that is taken on the word of a client, in bytes; for more of it there have to be bytes.
const TRUSTED: usize = 1 << 20;

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub enum Broken {
    /// It is larger than the limit; at least so large.
    TooLarge(u64),
    /// The memory budget has no room for it.
    NoRoom,
    /// It was not there in time.
    Late,
    /// The client broke off.
    Gone(String),
}

/// Reads a body of at most `limit` bytes before `deadline`. `length` is what the client says of it. The permit holds what was read.
pub async fn read(
    body: &mut Incoming,
    length: Option<u64>,
    limit: usize,
    budget: &Budget,
    deadline: Instant,
) -> Result<(Bytes, Permit), Broken> {
    read_told(body, length, |_| None, limit, budget, deadline).await
}

/// The same for a body that may say itself how long it is: `told` sees its first piece, if `length` is not known. Nobody relies on what it says; memory is
/// taken once then, instead of twice as much again and again.
pub async fn read_told(
    body: &mut Incoming,
    length: Option<u64>,
    told: fn(&[u8]) -> Option<u64>,
    limit: usize,
    budget: &Budget,
    deadline: Instant,
) -> Result<(Bytes, Permit), Broken> {
    if let Some(length) = length.filter(|length| *length > limit as u64) {
        return Err(Broken::TooLarge(length));
    }
    let mut length = length.map(|length| usize::try_from(length).unwrap_or(limit));
    let mut first = length.map_or(STEP, |length| length.min(TRUSTED));
    let mut permit = budget.try_acquire(first as u64).ok_or(Broken::NoRoom)?;
    let mut held = BytesMut::new();
    loop {
        let frame = match tokio::time::timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
            Ok(Some(Err(error))) => return Err(Broken::Gone(error.to_string())),
            Err(_) => return Err(Broken::Late),
        };
        // Trailers say nothing here.
        let Ok(data) = frame.into_data() else { continue };
        let size = held.len() + data.len();
        if size > limit {
            return Err(Broken::TooLarge(size as u64));
        }
        if held.is_empty() && length.is_none() {
            length = told(&data).and_then(|length| usize::try_from(length).ok());
            first = length.map_or(first, |length| length.min(TRUSTED).min(limit));
            if !permit.try_grow((first as u64).saturating_sub(permit.bytes())) {
                return Err(Broken::NoRoom);
            }
        }
        if held.is_empty() && length == Some(data.len()) {
            // It is all there, and needs no copy.
            permit.shrink(data.len() as u64);
            return Ok((data, permit));
        }
        if held.capacity() == 0 {
            held.reserve(first.max(data.len()));
        }
        if size as u64 > permit.bytes() {
            // Twice as much, as long as that is not known to be too much.
            let has = usize::try_from(permit.bytes()).unwrap_or(usize::MAX);
            let most = length.unwrap_or(limit).min(limit).max(size) - has;
            let more = (size - has).max(has).max(STEP).min(most);
            if !permit.try_grow(more as u64) {
                return Err(Broken::NoRoom);
            }
            held.reserve((has + more).saturating_sub(held.len()));
        }
        held.extend_from_slice(&data);
    }
    permit.shrink(held.len() as u64);
    Ok((held.freeze(), permit))
}

/// Throws away what is left of a body that was refused.
pub async fn discard(body: &mut Incoming) {
    let mut left = DISCARDED;
    let all = async {
        while let Some(Ok(frame)) = body.frame().await {
            let read = frame.data_ref().map_or(0, |data| data.len() as u64);
            left = match left.checked_sub(read) {
                Some(left) => left,
                None => break,
            };
        }
    };
    // The answer goes out either way.
    let _ = tokio::time::timeout(DISCARDING, all).await;
}
