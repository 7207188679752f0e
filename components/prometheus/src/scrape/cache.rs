//! What is remembered of a target's series from one scrape to the next.
//!
//! The series of a target come in the same order each time, in almost every case. So they are a list in the order of the body, and each one says
//! how long its text was and what its hash was: a look at the next bytes of a body tells whether the same series follows, and then its labels need not be
//! read. The texts themselves are not kept. Where the order is another one, the rest of the list is searched by hash.

use foldhash::quality::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry as Place;
use prommodel::Series;
use std::hash::BuildHasher;

/// Longest text of a series that is recognised; a longer one is read anew each time.
const LONGEST: usize = (1 << 30) - 1;

/// A series as it was exposed.
#[derive(Debug)]
pub(super) struct Known {
    /// Hash of the text: name and labels as they were written. Two texts of a target share one with a chance of 2^-64.
    hash: u64,
    pub(super) series: Series,
    /// The length of the text in bytes, and above it the marks.
    bits: u32,
}

/// So many series before one is needed, the processor is asked for it.
const AHEAD: usize = 12;

const LIVE: u32 = 1 << 31;
const FAILED: u32 = 1 << 30;

impl Known {
    pub(super) fn new(hash: u64, length: usize, series: Series) -> Known {
        Known {
            hash,
            series,
            bits: length.min(LONGEST) as u32,
        }
    }

    /// Whether it had a value in the last scrape, so that it gets a stale marker when it has none any more.
    pub(super) fn is_live(&self) -> bool {
        self.bits & LIVE != 0
    }

    pub(super) fn set_live(&mut self, live: bool) {
        self.bits = if live { self.bits | LIVE } else { self.bits & !LIVE };
    }

    fn length(&self) -> usize {
        (self.bits & LONGEST as u32) as usize
    }
}

/// The series of a target.
#[derive(Debug, Default)]
pub(super) struct Cache {
    hasher: RandomState,
    known: Vec<Known>,
    /// Number of series after the last scrape that succeeded.
    good: usize,
}

/// Where a series of a body was found.
pub(super) enum Found<'c> {
    /// Where it was expected, or somewhere else, and had no sample yet in this body.
    Known(&'c mut Known),
    /// It had a sample in this body.
    Twice(&'c mut Known),
    /// Nowhere.
    New,
}

/// A walk through the cache along with a body.
pub(super) struct Walk<'c> {
    cache: &'c mut Cache,
    /// Series of this body that are in their places.
    at: usize,
    /// From the first surprise on.
    search: Option<Search>,
    /// The hash of the text that was looked up last.
    hash: u64,
}

/// Series that have not come yet in this body.
struct Search {
    rest: Vec<Option<Known>>,
    next: usize,
    index: HashMap<u64, At>,
}

#[derive(Clone, Copy)]
enum At {
    /// Among those that have come.
    Placed(usize),
    /// Among the rest.
    Rest(usize),
}

impl Cache {
    /// Begins to walk along with a body.
    pub(super) fn walk(&mut self) -> Walk<'_> {
        Walk {
            cache: self,
            at: 0,
            search: None,
            hash: 0,
        }
    }

    /// All series.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Known> {
        self.known.iter_mut()
    }

    /// Number of series.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Forgets series that only bodies with errors had, when there are many of them.
    pub(super) fn clean(&mut self) {
        if self.known.len() > 2 * self.good + 1000 {
            self.known.retain(|known| known.bits & FAILED == 0);
        }
    }
}

impl Walk<'_> {
    /// The length of the text that is expected next.
    #[inline]
    pub(super) fn expected_length(&self) -> usize {
        self.expected().map_or(0, Known::length)
    }

    #[inline]
    fn expected(&self) -> Option<&Known> {
        match &self.search {
            None => self.cache.known.get(self.at),
            Some(search) => search.rest.get(search.next)?.as_ref(),
        }
    }

    /// Whether a text is the one that is expected next.
    #[inline]
    pub(super) fn recognises(&self, text: &[u8]) -> bool {
        self.expected()
            .is_some_and(|known| known.hash == self.cache.hasher.hash_one(text))
    }

    /// Looks a series up by its text. `recognised`: [`Walk::recognises`] has said so.
    #[inline]
    pub(super) fn find(&mut self, text: &[u8], recognised: bool) -> Found<'_> {
        if self.search.is_none() && recognised {
            if let Some(later) = self.cache.known.get(self.at + AHEAD) {
                later.series.prefetch();
            }
            self.at += 1;
            return Found::Known(&mut self.cache.known[self.at - 1]);
        }
        self.find_elsewhere(text)
    }

    fn find_elsewhere(&mut self, text: &[u8]) -> Found<'_> {
        self.hash = self.cache.hasher.hash_one(text);
        if self.search.is_none() {
            if self
                .cache
                .known
                .get(self.at)
                .is_some_and(|known| known.hash == self.hash)
            {
                self.at += 1;
                return Found::Known(&mut self.cache.known[self.at - 1]);
            }
            self.begin_search();
        }
        let Some(search) = &mut self.search else {
            return Found::New;
        };
        match search.index.entry(self.hash) {
            Place::Vacant(_) => Found::New,
            Place::Occupied(mut place) => match *place.get() {
                At::Placed(at) => Found::Twice(&mut self.cache.known[at]),
                At::Rest(at) => {
                    let Some(known) = search.rest[at].take() else {
                        return Found::New;
                    };
                    search.next = at + 1;
                    place.insert(At::Placed(self.at));
                    self.cache.known.push(known);
                    self.at += 1;
                    Found::Known(&mut self.cache.known[self.at - 1])
                }
            },
        }
    }

    fn begin_search(&mut self) {
        let rest: Vec<Option<Known>> = self.cache.known.drain(self.at..).map(Some).collect();
        let placed = self.cache.known.iter().enumerate();
        let placed = placed.map(|(at, known)| (known.hash, At::Placed(at)));
        let waiting = rest.iter().enumerate();
        let waiting = waiting.filter_map(|(at, known)| Some((known.as_ref()?.hash, At::Rest(at))));
        self.search = Some(Search {
            index: placed.chain(waiting).collect(),
            rest,
            next: 0,
        });
    }

    /// Remembers the series whose text was just looked up and not found.
    pub(super) fn insert(&mut self, text: &[u8], series: Series) -> &mut Known {
        if let Some(search) = &mut self.search {
            search.index.insert(self.hash, At::Placed(self.at));
        }
        let mut known = Known::new(self.hash, text.len(), series);
        // Until the body turns out to be good.
        known.bits |= FAILED;
        self.cache.known.push(known);
        self.at += 1;
        &mut self.cache.known[self.at - 1]
    }

    /// The body is at its end. Calls `gone` with each series that did not come, and forgets it.
    pub(super) fn finish(self, mut gone: impl FnMut(Known)) {
        match self.search {
            None => self.cache.known.drain(self.at..).for_each(gone),
            Some(search) => search.rest.into_iter().flatten().for_each(&mut gone),
        }
        self.cache.known.iter_mut().for_each(|known| known.bits &= !FAILED);
        let known = &mut self.cache.known;
        self.cache.good = known.len();
        if known.capacity() > known.len() + known.len() / 8 {
            known.shrink_to_fit();
        }
    }

    /// The body was no good: everything stays known. Calls `missing` with each series that did not come before the error.
    pub(super) fn abandon(self, missing: impl FnMut(&mut Known)) {
        let seen = self.at;
        if let Some(search) = self.search {
            self.cache.known.extend(search.rest.into_iter().flatten());
        }
        self.cache.known[seen..].iter_mut().for_each(missing);
        self.cache.clean();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prommodel::Table;

    /// Walks along with a body of series; what became of each, and what was gone.
    fn walk(cache: &mut Cache, table: &Table, body: &[&str]) -> (String, Vec<String>) {
        let mut walk = cache.walk();
        let mut fates = String::new();
        for text in body {
            let text = text.as_bytes();
            let recognised = walk.expected_length() == text.len() && walk.recognises(text);
            let fate = match walk.find(text, recognised) {
                Found::Known(known) => {
                    assert_eq!(known.series.metric().as_bytes(), text);
                    if recognised { '=' } else { '~' }
                }
                Found::Twice(_) => '2',
                Found::New => {
                    let name = std::str::from_utf8(text).unwrap();
                    walk.insert(text, table.intern([("__name__", name)]));
                    '+'
                }
            };
            fates.push(fate);
        }
        let mut gone = Vec::new();
        walk.finish(|known| gone.push(known.series.metric().to_owned()));
        (fates, gone)
    }

    #[test]
    fn series_are_found_wherever_they_are() {
        let (mut cache, table) = (Cache::default(), Table::new());
        let none: Vec<String> = Vec::new();
        for (body, fates, gone) in [
            (&["a", "b", "c", "d"][..], "++++", none.clone()),
            (&["a", "b", "c", "d"], "====", none.clone()),
            (&["a", "new", "b", "c", "d"], "=+===", none.clone()),
            (&["a", "b", "c", "d"], "=~==", vec!["new".to_owned()]),
            (&["d", "a", "b", "c"], "~~==", none.clone()),
            (&["d", "a", "a", "x", "b", "x", "c"], "==2+=2=", none.clone()),
            (&["d", "a"], "==", vec!["x".to_owned(), "b".to_owned(), "c".to_owned()]),
            (&["a"], "~", vec!["d".to_owned()]),
            (&[], "", vec!["a".to_owned()]),
        ] {
            let (got, lost) = walk(&mut cache, &table, body);
            assert_eq!((got.as_str(), lost), (fates, gone), "{body:?}");
        }
    }

    #[test]
    fn a_body_with_an_error_takes_nothing_away() {
        let (mut cache, table) = (Cache::default(), Table::new());
        walk(&mut cache, &table, &["a", "b", "c"]);
        let mut broken = cache.walk();
        assert!(matches!(broken.find(b"b", false), Found::Known(_)));
        assert!(matches!(broken.find(b"new", false), Found::New));
        broken.insert(b"new", table.intern([("__name__", "new")]));
        let mut missing = Vec::new();
        broken.abandon(|known| missing.push(known.series.metric().to_owned()));
        assert_eq!(missing, ["a", "c"]);
        assert_eq!(cache.len(), 4);
        let (fates, gone) = walk(&mut cache, &table, &["a", "b", "c"]);
        assert_eq!((fates.as_str(), gone), ("~~~", vec!["new".to_owned()]));
    }

    #[test]
    fn errors_with_ever_new_series_do_not_fill_the_memory() {
        let (mut cache, table) = (Cache::default(), Table::new());
        walk(&mut cache, &table, &["a"]);
        for round in 0..5000 {
            let name = format!("m{round}");
            let mut broken = cache.walk();
            assert!(matches!(broken.find(name.as_bytes(), false), Found::New));
            broken.insert(name.as_bytes(), table.intern([("__name__", name.as_str())]));
            broken.abandon(|_| {});
        }
        assert!(cache.len() <= 1003, "{}", cache.len());
        assert_eq!(walk(&mut cache, &table, &["a"]).0, "~");
    }
}
