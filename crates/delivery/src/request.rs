//! Requests: collected by stream, encoded when they are cut.

use crate::protocol::{EntryRef, Protocol, Slice, StreamKey};
use crate::shard::Patience;
use crate::spec::Target;
use crate::ticket::{Offer, Part, Ticket};
use bytes::Bytes;
use hashbrown::HashMap;
use signals::{Amount, Batch, Edge, Fate, Permit};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long entries are collected when a client waits for the answer.
const AWAITED: Duration = Duration::from_millis(20);

/// A part and the stream that it belongs to.
pub(crate) struct Item<P: Protocol> {
    pub(crate) stream: P::Stream,
    pub(crate) part: Part<P>,
}

/// Entries that go to one tenant in one request.
pub struct Request<P: Protocol> {
    pub(crate) tenant: Arc<str>,
    groups: Vec<Group<P>>,
    /// Place in `groups` by the stream's hash.
    index: HashMap<u64, usize>,
    amount: Amount,
    oldest: Instant,
    /// Somebody waits for the answer of some of the entries.
    awaited: bool,
}

struct Group<P: Protocol> {
    stream: P::Stream,
    parts: Vec<Part<P>>,
}

/// How much a request may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Size of entries.
    pub(crate) bytes: u64,
    /// Number of entries.
    pub(crate) entries: u64,
    /// Number of streams.
    pub(crate) streams: usize,
    /// At either of these it is full.
    pub(crate) enough: Amount,
}

/// What did not fit.
pub(crate) enum Added<P: Protocol> {
    /// Nothing.
    All,
    /// These entries: the request is full.
    Full(Item<P>),
}

impl<P: Protocol> Request<P> {
    /// A request without entries; `oldest` is when the first one came.
    pub(crate) fn new(tenant: Arc<str>, oldest: Instant) -> Self {
        Request {
            tenant,
            groups: Vec::new(),
            index: HashMap::new(),
            amount: Amount::default(),
            oldest,
            awaited: false,
        }
    }

    /// Whose entries these are; empty if nobody's in particular.
    pub fn tenant(&self) -> &Arc<str> {
        &self.tenant
    }

    /// Size of the entries in bytes, as [`Protocol::entries`] gives it.
    pub fn bytes(&self) -> u64 {
        self.amount.bytes
    }

    /// Number of entries.
    pub fn entries(&self) -> u64 {
        self.amount.items
    }

    /// Number and size of the entries.
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// The entries, by stream; those of one stream in their order.
    pub fn groups(&self) -> impl Iterator<Item = (&P::Stream, impl Iterator<Item = Slice<'_, P>>)> {
        self.groups
            .iter()
            .map(|group| (&group.stream, group.parts.iter().map(Part::slice)))
    }

    /// When it is to be sent that collects for at most `wait`: sooner if somebody waits for the answer.
    pub(crate) fn due(&self, wait: Duration) -> Instant {
        self.oldest + if self.awaited { wait.min(AWAITED) } else { wait }
    }

    /// Looks whether somebody waits by now who did not when the entries came.
    pub(crate) fn look(&mut self) {
        let mut parts = self.groups.iter().flat_map(|group| &group.parts);
        self.awaited = self.awaited || parts.any(Part::is_awaited);
    }

    /// Whether somebody waits for the answer of entries that came at least so long ago.
    pub(crate) fn keeps_waiting(&mut self, time: Duration) -> bool {
        if self.oldest.elapsed() < time {
            return false;
        }
        self.look();
        self.awaited
    }

    /// Whether no other entry fits.
    pub(crate) fn is_full(&self, limits: Limits) -> bool {
        let Amount { bytes, items } = limits.enough;
        self.amount.bytes >= limits.bytes.min(bytes) || self.amount.items >= limits.entries.min(items)
    }

    /// What may come before it is full, or its streams are too many.
    pub(crate) fn patience(&self, limits: Limits) -> Patience {
        let Amount { bytes, items } = limits.enough;
        Patience {
            amount: Amount {
                bytes: limits.bytes.min(bytes).saturating_sub(self.amount.bytes),
                items: limits.entries.min(items).saturating_sub(self.amount.items),
            },
            parts: limits.streams.saturating_sub(self.groups.len()),
        }
    }

    /// Adds as many entries as fit into the limits; the first one always does.
    pub(crate) fn add(&mut self, item: Item<P>, limits: Limits) -> Added<P> {
        let Item { stream, part } = item;
        let place = self.place(&stream);
        if place.is_none() && self.groups.len() >= limits.streams {
            return Added::Full(Item { stream, part });
        }
        let whole = self.amount + part.amount();
        if whole.bytes <= limits.bytes && whole.items <= limits.entries {
            self.push(place, stream, part);
            return Added::All;
        }
        if P::WHOLE && self.amount.items > 0 {
            return Added::Full(Item { stream, part });
        }
        let mut room = limits.bytes.saturating_sub(self.amount.bytes);
        let mut fitting = Amount::default();
        let mut end = None;
        for (index, size) in P::entries(part.slice()) {
            let entries = self.amount.items + fitting.items;
            if (size > room || entries >= limits.entries) && entries > 0 {
                end = Some(index);
                break;
            }
            room = room.saturating_sub(size);
            fitting += Amount::one(size);
        }
        let Some(end) = end else {
            self.push(place, stream, part);
            return Added::All;
        };
        if fitting.items == 0 {
            return Added::Full(Item { stream, part });
        }
        let (part, rest) = part.split_at(end, fitting);
        self.push(place, stream.clone(), part);
        Added::Full(Item { stream, part: rest })
    }

    fn place(&self, stream: &P::Stream) -> Option<usize> {
        let place = *self.index.get(&stream.hash())?;
        // Of two streams with one hash the second makes a group for each of its parts, which receivers join.
        self.groups[place].stream.same(stream).then_some(place)
    }

    fn push(&mut self, place: Option<usize>, stream: P::Stream, part: Part<P>) {
        self.amount += part.amount();
        self.oldest = self.oldest.min(part.arrived);
        self.awaited |= part.is_awaited();
        match place {
            Some(place) => self.groups[place].parts.push(part),
            None => {
                self.index.insert(stream.hash(), self.groups.len());
                self.groups.push(Group {
                    stream,
                    parts: vec![part],
                });
            }
        }
    }

    /// Whether there are entries that nobody waits for any more.
    pub(crate) fn has_unwanted(&self) -> bool {
        !self.groups.iter().flat_map(|group| &group.parts).all(Part::is_wanted)
    }

    /// Forgets entries that nobody waits for any more.
    pub(crate) fn forget_unwanted(&mut self) {
        let mut forgotten = false;
        for group in &mut self.groups {
            group.parts.retain(|part| {
                let wanted = part.is_wanted();
                forgotten |= !wanted;
                wanted
            });
        }
        if forgotten {
            let groups = std::mem::take(&mut self.groups);
            let mut rest = Request::new(self.tenant.clone(), self.oldest);
            for group in groups {
                for part in group.parts {
                    rest.push(rest.place(&group.stream), group.stream.clone(), part);
                }
            }
            *self = rest;
        }
    }

    /// Two requests with the entries of this one, which has more than one: first by stream, then in the middle of one.
    pub(crate) fn split(self) -> (Self, Self) {
        let half = self.amount.items / 2;
        if self.groups.len() <= 1 {
            return self.divide(half);
        }
        let mut first = Request::new(self.tenant.clone(), self.oldest);
        let mut second = Request::new(self.tenant, self.oldest);
        let last = self.groups.len() - 1;
        for (i, group) in self.groups.into_iter().enumerate() {
            for part in group.parts {
                // A whole stream goes to the side that has room; the first and the last one keep both sides filled.
                let side = if i == 0 || (i < last && first.amount.items < half) {
                    &mut first
                } else {
                    &mut second
                };
                side.push(side.place(&group.stream), group.stream.clone(), part);
            }
        }
        (first, second)
    }

    /// The first so many entries as a request, and the others.
    pub(crate) fn divide(self, entries: u64) -> (Self, Self) {
        let mut first = Request::new(self.tenant.clone(), self.oldest);
        let mut second = Request::new(self.tenant.clone(), self.oldest);
        for Item { stream, part } in self.into_items() {
            let room = entries - first.amount.items;
            if part.len() <= room {
                first.push(first.place(&stream), stream, part);
            } else if room == 0 {
                second.push(second.place(&stream), stream, part);
            } else {
                let (part, rest) = part.split_after(room);
                first.push(first.place(&stream), stream.clone(), part);
                second.push(second.place(&stream), stream, rest);
            }
        }
        (first, second)
    }

    /// The endpoint has the entries. Tells when each part came.
    pub(crate) fn delivered(self, mut arrived: impl FnMut(Instant)) {
        for part in self.groups.into_iter().flat_map(|group| group.parts) {
            arrived(part.arrived);
            part.delivered();
        }
    }

    /// The endpoint will never have the entries.
    pub(crate) fn rejected(self, fate: Fate, reason: &'static str) {
        for part in self.groups.into_iter().flat_map(|group| group.parts) {
            part.rejected(fate, reason);
        }
    }

    /// The entries are in the queue on disk.
    pub(crate) fn stored(self) {
        for part in self.groups.into_iter().flat_map(|group| group.parts) {
            part.stored();
        }
    }

    /// Hashes of its streams.
    pub(crate) fn streams(&self) -> impl Iterator<Item = u64> {
        self.groups.iter().map(|group| group.stream.hash())
    }

    /// The entries of the streams that `chosen` says, and the others.
    pub(crate) fn partition(self, chosen: impl Fn(u64) -> bool) -> (Option<Self>, Option<Self>) {
        let picked: Vec<bool> = self.streams().map(chosen).collect();
        if picked.iter().all(|&picked| picked) {
            return (Some(self), None);
        }
        if !picked.contains(&true) {
            return (None, Some(self));
        }
        let mut yes = Request::new(self.tenant.clone(), self.oldest);
        let mut no = Request::new(self.tenant, self.oldest);
        for (group, picked) in self.groups.into_iter().zip(picked) {
            let side = if picked { &mut yes } else { &mut no };
            for part in group.parts {
                side.push(side.place(&group.stream), group.stream.clone(), part);
            }
        }
        (Some(yes), Some(no))
    }

    /// Adds all entries of another request, whatever its size.
    pub(crate) fn append(&mut self, other: Self) {
        for group in other.groups {
            for part in group.parts {
                self.push(self.place(&group.stream), group.stream.clone(), part);
            }
        }
    }

    /// The entries one by one.
    pub(crate) fn each_entry(&self) -> impl Iterator<Item = EntryRef<'_, P>> {
        self.groups().flat_map(|(stream, slices)| {
            slices.flat_map(move |slice| {
                let (payload, selection) = (slice.payload, slice.selection);
                P::entries(slice).map(move |(index, _)| EntryRef {
                    stream,
                    payload,
                    selection,
                    index,
                })
            })
        })
    }

    /// A request of what [`Protocol::encode`] made, whose entries are on `edge` already. The ticket is done when all entries have
    /// their fate.
    pub(crate) fn decode(
        target: &Target<P>,
        body: &Bytes,
        tenant: &Arc<str>,
        edge: &Arc<Edge>,
    ) -> Result<(Self, Offer<P>), P::Error> {
        let decoded = P::decode(target, body, tenant)?;
        let (payload, custody) = Batch::new(decoded.payload, Permit::none()).into_shared_parts();
        let (ticket, offer) = Ticket::new(payload, custody);
        let now = Instant::now();
        let mut request = Request::new(tenant.clone(), now);
        for piece in decoded.pieces {
            let (stream, part) = ticket.part_on(piece, now, edge);
            request.push(request.place(&stream), stream, part);
        }
        ticket.complete();
        Ok((request, offer))
    }

    /// The entries for someone else to send.
    pub(crate) fn into_items(self) -> impl Iterator<Item = Item<P>> {
        self.groups.into_iter().flat_map(|Group { stream, parts }| {
            parts.into_iter().map(move |part| Item {
                stream: stream.clone(),
                part,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Lines, piece};
    use signals::{Entry, Labels, LogBatch, LogStream};

    /// Items of one batch: `(stream, lines)`.
    fn items(streams: &[(&str, &[&str])]) -> (Vec<Item<Lines>>, Offer<Lines>) {
        let streams: Vec<LogStream> = streams
            .iter()
            .map(|(name, lines)| LogStream {
                labels: Labels::from_pairs([("name", *name)]),
                entries: lines
                    .iter()
                    .map(|line| Entry::new(1, line.as_bytes().to_vec()))
                    .collect(),
            })
            .collect();
        let (streams, custody) = LogBatch::new(streams, Permit::none()).into_shared_parts();
        let (ticket, offer) = Ticket::new(streams.clone(), custody);
        let edge = signals::Ledger::default().edge("a", "b");
        let items = (0..streams.len())
            .map(|i| {
                let (stream, part) = ticket.part(piece(&streams, i), Instant::now(), &edge);
                Item { stream, part }
            })
            .collect();
        ticket.complete();
        (items, offer)
    }

    fn lines(request: &Request<Lines>) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        for entry in request.each_entry() {
            let line = &entry.payload[*entry.selection].entries[entry.index].line;
            lines.push((entry.stream.0.to_string(), String::from_utf8_lossy(line).into_owned()));
        }
        assert_eq!(lines.len() as u64, request.entries());
        assert_eq!(
            lines.iter().map(|(_, line)| line.len() as u64).sum::<u64>(),
            request.bytes()
        );
        lines
    }

    const EVERYTHING: Amount = Amount {
        items: u64::MAX,
        bytes: u64::MAX,
    };

    fn bounds(bytes: u64, streams: usize) -> Limits {
        Limits {
            bytes,
            entries: u64::MAX,
            streams,
            enough: EVERYTHING,
        }
    }

    fn request() -> Request<Lines> {
        Request::new(Arc::from(""), Instant::now())
    }

    #[tokio::test]
    async fn requests_are_filled_to_the_limit_and_the_first_entry_always_fits() {
        let (items, _offer) = items(&[("a", &["12345", "123", "1234567890123", "1"])]);
        let mut requests = vec![request()];
        for mut item in items {
            while let Added::Full(rest) = requests
                .last_mut()
                .expect("there is one")
                .add(item, bounds(10, usize::MAX))
            {
                requests.push(request());
                item = rest;
            }
        }
        assert_eq!(
            requests
                .iter()
                .map(|one| (one.entries(), one.bytes()))
                .collect::<Vec<_>>(),
            [(2, 8), (1, 13), (1, 1)]
        );
    }

    #[tokio::test]
    async fn a_request_has_no_more_streams_than_allowed() {
        let (items, _offer) = items(&[("a", &["1"]), ("b", &["2"]), ("a", &["3"]), ("c", &["4"])]);
        let mut one = request();
        let mut full = 0;
        for item in items {
            if let Added::Full(_) = one.add(item, bounds(1000, 2)) {
                full += 1;
            }
        }
        assert_eq!((one.entries(), full), (3, 1));
        assert_eq!(
            lines(&one)[1],
            ("{name=\"a\"}".to_owned(), "3".to_owned()),
            "grouped by stream"
        );
    }

    #[tokio::test]
    async fn splitting_comes_down_to_single_entries_in_their_order() {
        let (items, _offer) = items(&[
            ("a", &["1", "2", "3"]),
            ("b", &["4"]),
            ("c", &["5", "6", "7", "8", "9"]),
        ]);
        let mut one = request();
        for item in items {
            assert!(matches!(one.add(item, bounds(1000, 100)), Added::All));
        }
        let whole = lines(&one);
        let mut singles = Vec::new();
        let mut stack = vec![one];
        while let Some(request) = stack.pop() {
            if request.entries() == 1 {
                singles.extend(lines(&request));
                continue;
            }
            let (first, second) = request.split();
            assert!(first.entries() > 0 && second.entries() > 0);
            stack.push(second);
            stack.push(first);
        }
        assert_eq!(singles, whole);
    }

    #[tokio::test]
    async fn entries_that_nobody_waits_for_are_forgotten() {
        let (wanted, _offer) = items(&[("a", &["1"])]);
        let (unwanted, offer) = items(&[("a", &["2"]), ("b", &["3"])]);
        let mut one = request();
        for item in wanted.into_iter().chain(unwanted) {
            assert!(matches!(one.add(item, bounds(1000, 100)), Added::All));
        }
        drop(offer);
        one.forget_unwanted();
        assert_eq!(lines(&one), [("{name=\"a\"}".to_owned(), "1".to_owned())]);
    }

    #[tokio::test]
    async fn a_request_has_no_more_entries_than_allowed() {
        let (items, _offer) = items(&[("a", &["1", "2", "3"]), ("b", &["4", "5"])]);
        let limits = Limits {
            entries: 2,
            ..bounds(1000, 100)
        };
        let mut requests = vec![request()];
        for mut item in items {
            while let Added::Full(rest) = requests.last_mut().expect("there is one").add(item, limits) {
                requests.push(request());
                item = rest;
            }
        }
        let filled: Vec<_> = requests
            .iter()
            .map(|one| (one.entries(), one.is_full(limits)))
            .collect();
        assert_eq!(filled, [(2, true), (2, true), (1, false)]);
        let order: Vec<String> = requests.iter().flat_map(lines).map(|(_, line)| line).collect();
        assert_eq!(order, ["1", "2", "3", "4", "5"]);
        let enough = Limits {
            enough: Amount { items: 1, ..EVERYTHING },
            ..limits
        };
        assert!(requests[2].is_full(enough));
    }
}
