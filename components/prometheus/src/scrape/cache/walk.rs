//! A walk through what is remembered, along with a body.

use super::{Block, Cache, Fresh, Item, Label, Place, Series, Text, Texts, What, rows_of};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry as Slot;
use signals::Runs;
use std::mem;
use std::sync::Arc;

/// Where a series of a body was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Found {
    /// Where it was expected, or somewhere else, and had no sample yet in this body. [`Walk::give`] or [`Walk::skip`] comes next.
    Known,
    /// It had a sample in this body. [`Walk::give`] or [`Walk::skip`] may come next.
    Twice,
    /// Nowhere. [`Walk::insert`] comes next, or nothing.
    New,
}

/// A walk through the cache along with a body. Each series that comes is an item, in the order of the body.
pub(in super::super) struct Walk<'c> {
    cache: &'c mut Cache,
    time: i64,
    /// The place that is expected next, and the row.
    place: usize,
    row: usize,
    /// The texts of that place, and what is known of its rows so far.
    texts: Option<Arc<Texts>>,
    given: u64,
    live: u64,
    /// What is known of the rows of places that are behind: those with a sample, and those that are live.
    behind: Vec<(u64, u64)>,
    /// From the first surprise on.
    search: Option<Search>,
    /// The values of the items, and their times, if one has another than that of the scrape.
    values: Vec<f64>,
    times: Vec<i64>,
    /// Samples of items that have one already: item, time, value.
    later: Vec<(usize, i64, f64)>,
    /// The item that the series at hand is, if it has come before.
    again: Option<usize>,
    /// The text that was looked up last.
    text: Text,
}

/// A body that is not like the one before.
struct Search {
    index: HashMap<u64, At>,
    items: Vec<Item>,
    fresh: Vec<Fresh>,
}

#[derive(Clone, Copy)]
enum At {
    /// The item with this index.
    Placed(usize),
    /// A row that has not come yet.
    Waiting(usize, usize),
}

impl<'c> Walk<'c> {
    pub(super) fn new(cache: &'c mut Cache, time: i64) -> Walk<'c> {
        Walk {
            time,
            place: 0,
            row: 0,
            texts: cache.places.first().map(|place| place.texts.clone()),
            given: 0,
            live: 0,
            behind: Vec::with_capacity(cache.places.len()),
            search: None,
            values: Vec::with_capacity(cache.rows),
            times: Vec::new(),
            later: Vec::new(),
            again: None,
            text: Text { hash: 0, length: 0 },
            cache,
        }
    }

    /// The length of the text that is expected next.
    #[inline]
    pub(in super::super) fn expected_length(&self) -> usize {
        self.expected().map_or(0, |text| text.length as usize)
    }

    #[inline]
    fn expected(&self) -> Option<Text> {
        self.texts.as_ref()?.get(self.row)
    }

    /// Whether a text is the one that is expected next.
    #[inline]
    pub(in super::super) fn recognises(&self, text: &[u8]) -> bool {
        self.expected()
            .is_some_and(|expected| expected.hash == self.cache.texts.hash(text))
    }

    /// Looks a series up by its text. `recognised`: [`Walk::recognises`] has said so.
    #[inline]
    pub(in super::super) fn find(&mut self, text: &[u8], recognised: bool) -> Found {
        self.again = None;
        if recognised && self.search.is_none() {
            return Found::Known;
        }
        self.find_elsewhere(text)
    }

    fn find_elsewhere(&mut self, text: &[u8]) -> Found {
        self.text = self.cache.texts.text(text);
        if self.search.is_none() {
            if self.expected().is_some_and(|expected| expected.hash == self.text.hash) {
                return Found::Known;
            }
            self.begin_search();
        }
        let item = self.values.len();
        let Some(search) = &mut self.search else {
            return Found::New;
        };
        let mut slot = match search.index.entry(self.text.hash) {
            Slot::Vacant(_) => return Found::New,
            Slot::Occupied(slot) => slot,
        };
        let (place, row) = match *slot.get() {
            At::Placed(item) => {
                self.again = Some(item);
                return Found::Twice;
            }
            At::Waiting(place, row) => (place, row),
        };
        slot.insert(At::Placed(item));
        search.items.push(Item {
            what: What::Old(place, row),
            given: false,
            live: self.cache.places[place].live >> row & 1 != 0,
            failed: self.cache.places[place].failed >> row & 1 != 0,
        });
        // What stood behind it is expected next.
        self.expect(place, row + 1);
        Found::Known
    }

    fn expect(&mut self, place: usize, row: usize) {
        (self.place, self.row) = match self.cache.places.get(place) {
            Some(here) if row < here.block.len() => (place, row),
            _ => (place + 1, 0),
        };
        let place = self.cache.places.get(self.place);
        self.texts = place.map(|place| place.texts.clone());
    }

    /// Everything that has come becomes a list, and what has not is searched from now on.
    fn begin_search(&mut self) {
        let mut items = Vec::with_capacity(self.cache.rows + 1);
        let mut index = HashMap::with_capacity(self.cache.rows + 1);
        self.behind.push((self.given, self.live));
        for (at, place) in self.cache.places.iter().enumerate() {
            for (row, hash) in place.texts.hashes().iter().enumerate() {
                let has_come = (at, row) < (self.place, self.row);
                if !has_come {
                    index.insert(*hash, At::Waiting(at, row));
                    continue;
                }
                let (given, live) = self.behind[at];
                index.insert(*hash, At::Placed(items.len()));
                items.push(Item {
                    what: What::Old(at, row),
                    given: given >> row & 1 != 0,
                    live: live >> row & 1 != 0,
                    failed: place.failed >> row & 1 != 0,
                });
            }
        }
        self.search = Some(Search {
            index,
            items,
            fresh: Vec::new(),
        });
    }

    /// Adds the series whose text was just looked up and not found. [`Walk::give`] or [`Walk::skip`] comes next.
    pub(in super::super) fn insert(&mut self, labels: Vec<Label>) {
        let item = self.values.len();
        let Some(search) = &mut self.search else { return };
        search.index.insert(self.text.hash, At::Placed(item));
        search.items.push(Item {
            what: What::New(search.fresh.len()),
            given: false,
            live: false,
            failed: true,
        });
        search.fresh.push(Fresh {
            labels,
            text: self.text,
        });
    }

    /// The series at hand among the items, from the first surprise on.
    fn at_hand(&self) -> Option<&Item> {
        let items = &self.search.as_ref()?.items;
        match self.again {
            Some(item) => items.get(item),
            None => items.last(),
        }
    }

    /// Where the series at hand is.
    #[inline]
    fn what(&self) -> What {
        self.at_hand().map_or(What::Old(self.place, self.row), |item| item.what)
    }

    /// Whether the series at hand had a value: in this body, or else in the last scrape.
    #[inline]
    pub(in super::super) fn was_live(&self) -> bool {
        match self.at_hand() {
            Some(item) => item.live,
            None => self.cache.places[self.place].live >> self.row & 1 != 0,
        }
    }

    /// The series at hand by itself.
    pub(in super::super) fn series(&self) -> Series {
        match self.what() {
            What::Old(place, row) => self.cache.places[place].block.series()[row].clone(),
            What::New(at) => {
                let search = self.search.as_ref().expect("a series is new to a search");
                self.cache.table.series(&search.fresh[at].labels)
            }
        }
    }

    /// The hash of the text of the series at hand.
    pub(in super::super) fn hash(&self) -> u64 {
        match self.what() {
            // It was looked up last.
            What::New(_) => self.text.hash,
            What::Old(place, row) => self.cache.places[place].texts.hashes()[row],
        }
    }

    /// The series at hand has a value. `time`: its own, in milliseconds; `live`: whether it gets a stale marker when it has none any more.
    #[inline]
    pub(in super::super) fn give(&mut self, value: f64, time: Option<i64>, live: bool) {
        if let Some(item) = self.again {
            self.later.push((item, time.unwrap_or(self.time), value));
        } else if time.is_some() || !self.times.is_empty() {
            // Those before had the time of the scrape.
            self.times.resize(self.values.len(), self.time);
            self.times.push(time.unwrap_or(self.time));
        }
        self.done(value, true, live);
    }

    /// The series at hand has come, and has no value here.
    pub(in super::super) fn skip(&mut self, live: bool) {
        if self.again.is_none() && !self.times.is_empty() {
            self.times.push(self.time);
        }
        self.done(0.0, false, live);
    }

    /// The item with this index has another sample.
    pub(in super::super) fn again(&mut self, item: usize, time: i64, value: f64) {
        self.later.push((item, time, value));
    }

    /// The index of the series at hand among the items.
    pub(in super::super) fn item(&self) -> usize {
        self.again.unwrap_or(self.values.len())
    }

    #[inline]
    fn done(&mut self, value: f64, given: bool, live: bool) {
        if let (Some(item), Some(search)) = (self.again, &mut self.search) {
            search.items[item].live = live;
            return;
        }
        self.values.push(value);
        if let Some(search) = &mut self.search {
            if let Some(item) = search.items.last_mut() {
                (item.given, item.live) = (given, live);
            }
            return;
        }
        self.given |= u64::from(given) << self.row;
        self.live |= u64::from(live) << self.row;
        self.row += 1;
        if self.row == self.cache.places[self.place].block.len() {
            self.behind
                .push((mem::take(&mut self.given), mem::take(&mut self.live)));
            self.expect(self.place + 1, 0);
        }
    }

    /// The rows that have not come, by place.
    fn missing(search: &Search, places: &[Place]) -> Vec<(usize, u64)> {
        let mut missing = vec![0; places.len()];
        for at in search.index.values() {
            if let At::Waiting(place, row) = at {
                missing[*place] |= 1 << row;
            }
        }
        missing.into_iter().enumerate().filter(|(_, rows)| *rows != 0).collect()
    }

    /// The body is at its end. The samples in it; series that did not come and had a value have a stale one. Calls `gone` with the hash of the text of
    /// each series that did not come; they are forgotten.
    pub(in super::super) fn finish(mut self, mut gone: impl FnMut(u64)) -> Runs {
        if self.search.is_none() && self.place < self.cache.places.len() {
            self.begin_search();
        }
        let time = self.time;
        let mut stale: Vec<(Arc<Block>, u64)> = Vec::new();
        let masks: Vec<u64> = match self.search.take() {
            None => {
                let places = self.cache.places.iter_mut().zip(&self.behind);
                places.for_each(|(place, (_, live))| (place.live, place.failed) = (*live, 0));
                self.behind.iter().map(|(given, _)| *given).collect()
            }
            Some(mut search) => {
                for (at, rows) in Walk::missing(&search, &self.cache.places) {
                    let place = &self.cache.places[at];
                    stale.push((place.block.clone(), rows & place.live));
                    rows_of(rows).for_each(|row| gone(place.texts.hashes()[row]));
                }
                search.items.iter_mut().for_each(|item| item.failed = false);
                self.cache.arrange(&search.items, &search.fresh);
                let mut items = search.items.as_slice();
                let masks = self.cache.places.iter().map(|place| {
                    let (own, rest) = items.split_at(place.block.len());
                    items = rest;
                    super::set(own, |item| item.given)
                });
                masks.collect()
            }
        };
        self.cache.good = self.cache.rows;
        let blocks = self.cache.places.iter().map(|place| place.block.clone());
        let mut runs = Runs::new(self.values, self.times, time, blocks.zip(masks));
        for (item, time, value) in self.later {
            if let Some((block, row)) = self.cache.at(item) {
                runs.push(block, 1 << row, time, |_| value);
            }
        }
        for (block, rows) in stale {
            runs.push(block, rows, time, |_| f64::from_bits(prommodel::STALE_NAN));
        }
        runs
    }

    /// The body was no good: everything stays known. Calls `missing` with series that did not come before the error and had a value.
    pub(in super::super) fn abandon(mut self, mut missing: impl FnMut(&Arc<Block>, u64)) {
        if self.search.is_none() {
            self.behind.push((self.given, self.live));
            for (at, place) in self.cache.places.iter_mut().enumerate() {
                let seen = match at.cmp(&self.place) {
                    std::cmp::Ordering::Less => place.block.all(),
                    std::cmp::Ordering::Equal => (1 << self.row) - 1,
                    std::cmp::Ordering::Greater => 0,
                };
                let gone = place.live & !seen;
                place.live = self.behind.get(at).map_or(0, |(_, live)| live & seen);
                missing(&place.block, gone);
            }
        }
        if let Some(mut search) = self.search.take() {
            for (at, rows) in Walk::missing(&search, &self.cache.places) {
                let place = &self.cache.places[at];
                missing(&place.block, rows & place.live);
                search.items.extend(rows_of(rows).map(|row| Item {
                    what: What::Old(at, row),
                    given: false,
                    live: false,
                    failed: place.failed >> row & 1 != 0,
                }));
            }
            self.cache.arrange(&search.items, &search.fresh);
        }
        self.cache.clean();
    }
}

impl Cache {
    /// Where the series with this index stands.
    fn at(&self, mut index: usize) -> Option<(Arc<Block>, usize)> {
        for place in &self.places {
            if index < place.block.len() {
                return Some((place.block.clone(), index));
            }
            index -= place.block.len();
        }
        None
    }
}
