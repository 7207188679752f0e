//! Push requests: collected by stream, encoded when they are cut.

use super::streams::Stream;
use super::ticket::{Offer, Part, Ticket, size};
use bytes::Bytes;
use hashbrown::HashMap;
use lokipush::{Compressor, Encoder, Limits, PushRequest};
use signals::{Edge, Entry, Fate, Labels, LogBatch, LogStream, Metadata, Permit};
use std::borrow::Cow;
use std::sync::Arc;
use tokio::time::Instant;

/// Bytes of a decoded request; more does not fit into a record of the queue.
const LARGEST: usize = 1 << 30;

/// A part and the stream that it belongs to.
pub(super) struct Item {
    pub(super) stream: Arc<Stream>,
    pub(super) part: Part,
}

/// Entries that go to one tenant in one request.
pub(super) struct Request {
    pub(super) tenant: Arc<str>,
    groups: Vec<Group>,
    /// Place in `groups` by the stream's hash.
    index: HashMap<u64, usize>,
    bytes: u64,
    entries: usize,
    oldest: Instant,
}

struct Group {
    stream: Arc<Stream>,
    parts: Vec<Part>,
}

/// What did not fit.
pub(super) enum Added {
    /// Nothing.
    All,
    /// These entries: the request is full.
    Full(Item),
}

impl Request {
    /// A request without entries; `oldest` is when the first one came.
    pub(super) fn new(tenant: Arc<str>, oldest: Instant) -> Self {
        Request {
            tenant,
            groups: Vec::new(),
            index: HashMap::new(),
            bytes: 0,
            entries: 0,
            oldest,
        }
    }

    /// Size of lines and structured metadata.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Number of entries.
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    /// When the first entry came.
    pub(super) fn oldest(&self) -> Instant {
        self.oldest
    }

    /// Adds as many entries as fit into `max_bytes` and `max_streams`; the first one always does.
    pub(super) fn add(&mut self, item: Item, max_bytes: u64, max_streams: usize) -> Added {
        let Item { stream, part } = item;
        let place = self.place(&stream);
        if place.is_none() && self.groups.len() >= max_streams {
            return Added::Full(Item { stream, part });
        }
        if self.bytes + part.bytes() <= max_bytes {
            self.push(place, stream, part);
            return Added::All;
        }
        let mut room = max_bytes.saturating_sub(self.bytes);
        let mut fitting = 0;
        for entry in part.entries() {
            let size = size(entry);
            if size > room && !(self.entries == 0 && fitting == 0) {
                break;
            }
            room = room.saturating_sub(size);
            fitting += 1;
        }
        if fitting == 0 {
            return Added::Full(Item { stream, part });
        }
        if fitting == part.len() {
            self.push(place, stream, part);
            return Added::All;
        }
        let (part, rest) = part.split_at(fitting);
        self.push(place, stream.clone(), part);
        Added::Full(Item { stream, part: rest })
    }

    fn place(&self, stream: &Arc<Stream>) -> Option<usize> {
        let place = *self.index.get(&stream.hash)?;
        // Of two streams with one hash the second makes a group for each of its parts, which Loki joins.
        (self.groups[place].stream.text == stream.text).then_some(place)
    }

    fn push(&mut self, place: Option<usize>, stream: Arc<Stream>, part: Part) {
        self.bytes += part.bytes();
        self.entries += part.len();
        self.oldest = self.oldest.min(part.arrived);
        match place {
            Some(place) => self.groups[place].parts.push(part),
            None => {
                self.index.insert(stream.hash, self.groups.len());
                self.groups.push(Group {
                    stream,
                    parts: vec![part],
                });
            }
        }
    }

    /// Whether there are entries that nobody waits for any more.
    pub(super) fn has_unwanted(&self) -> bool {
        !self.groups.iter().flat_map(|group| &group.parts).all(Part::is_wanted)
    }

    /// Forgets entries that nobody waits for any more.
    pub(super) fn forget_unwanted(&mut self) {
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
    pub(super) fn split(self) -> (Request, Request) {
        let half = self.entries / 2;
        let mut first = Request::new(self.tenant.clone(), self.oldest);
        let mut second = Request::new(self.tenant, self.oldest);
        let by_stream = self.groups.len() > 1;
        let last = self.groups.len() - 1;
        for (i, group) in self.groups.into_iter().enumerate() {
            for part in group.parts {
                // A whole stream goes to the side that has room; the first and the last one keep both sides filled.
                let to_first = if by_stream {
                    i == 0 || (i < last && first.entries < half)
                } else {
                    first.entries < half
                };
                let stream = group.stream.clone();
                if !to_first {
                    second.push(second.place(&stream), stream, part);
                } else if by_stream || first.entries + part.len() <= half {
                    first.push(first.place(&stream), stream, part);
                } else {
                    let (part, rest) = part.split_at(half - first.entries);
                    first.push(first.place(&stream), stream.clone(), part);
                    second.push(second.place(&stream), stream, rest);
                }
            }
        }
        (first, second)
    }

    /// The endpoint has the entries. Tells when each part came.
    pub(super) fn delivered(self, mut arrived: impl FnMut(Instant)) {
        for part in self.groups.into_iter().flat_map(|group| group.parts) {
            arrived(part.arrived);
            part.delivered();
        }
    }

    /// The endpoint will never have the entries.
    pub(super) fn rejected(self, fate: Fate, reason: &'static str) {
        for part in self.groups.into_iter().flat_map(|group| group.parts) {
            part.rejected(fate, reason);
        }
    }

    /// The entries are in the queue on disk.
    pub(super) fn stored(self) {
        for part in self.groups.into_iter().flat_map(|group| group.parts) {
            part.stored();
        }
    }

    /// Hashes of its streams.
    pub(super) fn streams(&self) -> impl Iterator<Item = u64> {
        self.groups.iter().map(|group| group.stream.hash)
    }

    /// The entries of the streams that `chosen` says, and the others.
    pub(super) fn partition(self, chosen: impl Fn(u64) -> bool) -> (Option<Request>, Option<Request>) {
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
    pub(super) fn append(&mut self, other: Request) {
        for group in other.groups {
            for part in group.parts {
                self.push(self.place(&group.stream), group.stream.clone(), part);
            }
        }
    }

    /// Calls `each` with the label text of each entry.
    pub(super) fn each_entry(&self, mut each: impl FnMut(&str, &Entry)) {
        for group in &self.groups {
            for entry in group.parts.iter().flat_map(Part::entries) {
                each(&group.stream.text, entry);
            }
        }
    }

    /// A request of what [`Encoding::encode`] made, whose entries are on `edge` already. The ticket is done when all entries have
    /// their fate.
    pub(super) fn decode(
        body: &[u8],
        tenant: &Arc<str>,
        edge: &Arc<Edge>,
    ) -> Result<(Request, Offer), lokipush::Error> {
        let message = Bytes::from(lokipush::decompress(body, LARGEST)?);
        let limits = Limits {
            max_bytes: LARGEST,
            max_entries: usize::MAX,
        };
        let decoded = PushRequest::from_protobuf(&message, limits)?;
        let mut texts = Vec::new();
        let mut streams = Vec::new();
        for stream in decoded.streams {
            texts.push(Arc::new(Stream::new(
                stream.labels.text().into_owned(),
                Some(tenant.clone()),
            )));
            let entries = stream.entries.into_iter().map(|entry| Entry {
                timestamp: entry.timestamp,
                line: match entry.line {
                    Cow::Borrowed(line) => message.slice_ref(line),
                    Cow::Owned(line) => line.into(),
                },
                metadata: Metadata::from_pairs(entry.metadata),
            });
            streams.push(LogStream {
                labels: Labels::empty(),
                entries: entries.collect(),
            });
        }
        let (streams, custody) = LogBatch::new(streams, Permit::none()).into_shared_parts();
        let (ticket, offer) = Ticket::new(streams.clone(), custody);
        let now = Instant::now();
        let mut request = Request::new(tenant.clone(), now);
        for (number, (stream, text)) in streams.iter().zip(texts).enumerate() {
            let bytes = stream.entries.iter().map(size).sum();
            let part = ticket.part_on(number, bytes, now, edge);
            request.push(request.place(&text), text, part);
        }
        ticket.complete();
        Ok((request, offer))
    }

    /// The entries for someone else to send.
    pub(super) fn into_items(self) -> impl Iterator<Item = Item> {
        self.groups.into_iter().flat_map(|Group { stream, parts }| {
            parts.into_iter().map(move |part| Item {
                stream: stream.clone(),
                part,
            })
        })
    }
}

/// Buffers for encoding, reused.
#[derive(Default)]
pub(super) struct Encoding {
    encoder: Encoder,
    compressor: Compressor,
}

impl Encoding {
    /// The body of a request: a snappy block of protobuf. Fails beyond 4 GiB.
    pub(super) fn encode(&mut self, request: &Request) -> Result<Bytes, lokipush::Error> {
        self.encoder.clear();
        for group in &request.groups {
            self.encoder.begin_stream(&group.stream.text);
            for entry in group.parts.iter().flat_map(Part::entries) {
                let pairs = entry.metadata.pairs();
                if pairs.is_empty() {
                    self.encoder.plain_entry(entry.timestamp, &entry.line);
                } else {
                    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                    self.encoder.entry(entry.timestamp, &entry.line, pairs);
                }
            }
        }
        let body = self.compressor.compress(self.encoder.finish())?;
        Ok(Bytes::copy_from_slice(body))
    }

    /// Gives memory back, all of it or what an unusually large request took.
    pub(super) fn shrink(&mut self, keep: usize) {
        if self.encoder.len() > keep || keep == 0 {
            *self = Encoding::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::streams::StreamCache;
    use super::*;
    use std::collections::BTreeMap;

    /// Items of one batch: `(stream, lines)`.
    fn items(streams: &[(&str, &[&str])]) -> (Vec<Item>, Offer) {
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
        let mut cache = StreamCache::new(BTreeMap::new());
        let (ticket, offer) = Ticket::new(streams.clone(), custody);
        let edge = signals::Ledger::default().edge("a", "b");
        let items = streams
            .iter()
            .enumerate()
            .map(|(i, stream)| Item {
                stream: cache.get(&stream.labels),
                part: ticket.part(i, stream.amount().bytes, Instant::now(), &edge),
            })
            .collect();
        ticket.complete();
        (items, offer)
    }

    fn lines(request: &Request) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        for group in &request.groups {
            for entry in group.parts.iter().flat_map(Part::entries) {
                lines.push((
                    group.stream.text.clone(),
                    String::from_utf8_lossy(&entry.line).into_owned(),
                ));
            }
        }
        assert_eq!(lines.len(), request.entries());
        assert_eq!(
            lines.iter().map(|(_, line)| line.len() as u64).sum::<u64>(),
            request.bytes()
        );
        lines
    }

    fn request() -> Request {
        Request::new(Arc::from(""), Instant::now())
    }

    #[tokio::test]
    async fn requests_are_filled_to_the_limit_and_the_first_entry_always_fits() {
        let (items, _offer) = items(&[("a", &["12345", "123", "1234567890123", "1"])]);
        let mut requests = vec![request()];
        for mut item in items {
            while let Added::Full(rest) = requests.last_mut().expect("there is one").add(item, 10, usize::MAX) {
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
            if let Added::Full(_) = one.add(item, 1000, 2) {
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
            assert!(matches!(one.add(item, 1000, 100), Added::All));
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
            assert!(matches!(one.add(item, 1000, 100), Added::All));
        }
        drop(offer);
        one.forget_unwanted();
        assert_eq!(lines(&one), [("{name=\"a\"}".to_owned(), "1".to_owned())]);
    }
}
