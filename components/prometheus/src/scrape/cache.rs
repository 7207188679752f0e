//! What is remembered of a target's series from one scrape to the next.
//!
//! The series of a target come in the same order each time, in almost every case. So they are blocks in the order of the body, and of each series it is known how long
//! its text was and what its hash was: a look at the next bytes of a body tells whether the same series follows, and then its labels need not be
//! read. Where the order is another one, the rest is searched by hash, and blocks are made anew where they are no longer what the body is.

use super::texts::{Text, TextTable, Texts};
use prommodel::{Block, BlockBuilder, Label, Series, Table};
use signals::rows_of;
use std::mem;
use std::sync::Arc;

mod walk;

pub(super) use walk::{Found, Walk};

/// Blocks with fewer rows than that are joined with the one before them, if it has room.
const SMALL: usize = 16;

/// A block of series, and where it stands.
#[derive(Debug)]
struct Place {
    block: Arc<Block>,
    texts: Arc<Texts>,
    /// The rows that had a value in the last scrape, so that they get a stale marker when they have none any more.
    live: u64,
    /// The rows that only bodies with errors had.
    failed: u64,
}

/// The series of a target.
#[derive(Debug)]
pub(super) struct Cache {
    table: Table,
    texts: Arc<TextTable>,
    /// The labels of the target that its series get.
    common: Series,
    places: Vec<Place>,
    rows: usize,
    /// Number of series after the last scrape that succeeded.
    good: usize,
}

/// A series that is not in a block yet.
struct Fresh {
    labels: Vec<Label>,
    text: Text,
}

/// A series in the order of a body.
#[derive(Clone, Copy)]
struct Item {
    what: What,
    /// Whether it has a sample in this body.
    given: bool,
    live: bool,
    failed: bool,
}

#[derive(Clone, Copy)]
enum What {
    /// A row of a place.
    Old(usize, usize),
    /// The index of a fresh one.
    New(usize),
}

impl Cache {
    /// A target without series. They will have these labels.
    pub(super) fn new(table: &Table, texts: &Arc<TextTable>, labels: &[Label]) -> Cache {
        Cache {
            table: table.clone(),
            texts: texts.clone(),
            common: table.series(labels),
            places: Vec::new(),
            rows: 0,
            good: 0,
        }
    }

    /// The labels of the target that its series get.
    pub(super) fn common(&self) -> &Series {
        &self.common
    }

    /// Number of series.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Begins to walk along with a body that was scraped at `time`.
    pub(super) fn walk(&mut self, time: i64) -> Walk<'_> {
        Walk::new(self, time)
    }

    /// No series has a value any more. Calls `gone` with those that had one.
    pub(super) fn fail(&mut self, mut gone: impl FnMut(&Arc<Block>, u64)) {
        for place in &mut self.places {
            gone(&place.block, mem::take(&mut place.live));
        }
        self.clean();
    }

    /// Forgets series that only bodies with errors had, when there are many of them.
    fn clean(&mut self) {
        if self.rows > 2 * self.good + 1000 {
            let mut order = self.order();
            order.retain(|item| !item.failed);
            self.arrange(&order, &[]);
        }
    }

    /// All series as they stand.
    fn order(&self) -> Vec<Item> {
        let places = self.places.iter().enumerate();
        let items = places.flat_map(|(at, place)| {
            (0..place.block.len()).map(move |row| Item {
                what: What::Old(at, row),
                given: false,
                live: place.live >> row & 1 != 0,
                failed: place.failed >> row & 1 != 0,
            })
        });
        items.collect()
    }

    /// Makes the cache one of these series in this order. Blocks that are whole in it stay.
    fn arrange(&mut self, order: &[Item], fresh: &[Fresh]) {
        let mut arranging = Arranging {
            old: mem::take(&mut self.places),
            new: Vec::new(),
            builder: BlockBuilder::new(&self.table, self.common.clone()),
            texts: &self.texts,
            fresh,
        };
        // The items from `start` to `at` wait for a block.
        let (mut start, mut at) = (0, 0);
        while at < order.len() {
            match arranging.whole(&order[at..]) {
                Some(place) => {
                    arranging.make(&order[start..at]);
                    let length = arranging.old[place].block.len();
                    arranging.keep(place, &order[at..at + length]);
                    at += length;
                    start = at;
                }
                None => at += 1,
            }
        }
        arranging.make(&order[start..]);
        self.places = arranging.new;
        self.places.shrink_to_fit();
        self.rows = order.len();
    }
}

/// Places on their way from one order to another.
struct Arranging<'c> {
    old: Vec<Place>,
    new: Vec<Place>,
    builder: BlockBuilder,
    texts: &'c TextTable,
    fresh: &'c [Fresh],
}

fn set(items: &[Item], is: impl Fn(&Item) -> bool) -> u64 {
    let rows = items.iter().enumerate().filter(|(_, item)| is(item));
    rows.fold(0, |set, (row, _)| set | 1 << row)
}

impl Arranging<'_> {
    /// The place whose rows are the next items, all of them.
    fn whole(&self, items: &[Item]) -> Option<usize> {
        let What::Old(place, 0) = items.first()?.what else {
            return None;
        };
        let length = self.old[place].block.len();
        let rows = items.get(..length)?.iter().enumerate();
        let mut rows = rows.map(|(row, item)| matches!(item.what, What::Old(at, own) if (at, own) == (place, row)));
        rows.all(|is| is).then_some(place)
    }

    fn keep(&mut self, place: usize, items: &[Item]) {
        let old = &self.old[place];
        self.new.push(Place {
            block: old.block.clone(),
            texts: old.texts.clone(),
            live: set(items, |item| item.live),
            failed: set(items, |item| item.failed),
        });
    }

    /// Makes blocks of items, of about the same size.
    fn make(&mut self, items: &[Item]) {
        if items.is_empty() {
            return;
        }
        let blocks = items.len().div_ceil(Block::MOST);
        for block in 0..blocks {
            let range = block * items.len() / blocks..(block + 1) * items.len() / blocks;
            self.block(&items[range]);
        }
    }

    fn block(&mut self, items: &[Item]) {
        let mut texts: Vec<Text> = Vec::with_capacity(items.len());
        let (mut live, mut failed) = (0, 0);
        let joins = |last: &Place| items.len() < SMALL && last.block.len() + items.len() <= Block::MOST;
        if let Some(last) = self.new.pop_if(|last| joins(last)) {
            last.block.rows().for_each(|row| self.builder.copy(row));
            texts.extend((0..last.block.len()).filter_map(|row| last.texts.get(row)));
            (live, failed) = (last.live, last.failed);
        }
        live |= set(items, |item| item.live) << texts.len();
        failed |= set(items, |item| item.failed) << texts.len();
        for item in items {
            match item.what {
                What::Old(place, row) => {
                    let old = &self.old[place];
                    self.builder.copy(old.block.row(row));
                    texts.extend(old.texts.get(row));
                }
                What::New(at) => {
                    self.builder.push(&self.fresh[at].labels);
                    texts.push(self.fresh[at].text);
                }
            }
        }
        self.new.push(Place {
            block: self.builder.build(),
            texts: self.texts.texts(&texts),
            live,
            failed,
        });
    }
}

#[cfg(test)]
mod tests;
