//! What became of series: a table by their numbers.

use prommodel::{Series, Table};

/// What became of one series.
#[derive(Default)]
struct Slot {
    generation: u32,
    /// One more than when it was asked for last, in the unit of the clock of the caller; 0 if nothing is known.
    seen: u32,
    /// None if it is dropped.
    after: Option<Series>,
}

const ROWS: usize = Table::ROWS;
/// Slots of a page of a row. Series that come together follow each other in each row, and so do those that rules make of them: most pages are full of the
/// ones or the others.
const PAGE: usize = 16;

type Page = Box<[Slot; PAGE]>;

/// Results by series. A series that is gone leaves its place to the one that gets its number.
#[derive(Default)]
pub(crate) struct Cache {
    rows: [Vec<Option<Page>>; ROWS],
    len: usize,
}

impl Cache {
    /// Number of series whose result is remembered.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn slot(&mut self, before: &Series) -> Option<&mut Slot> {
        let key = before.key();
        let (row, at) = (key.id as usize % ROWS, key.id as usize / ROWS);
        let page = self.rows[row].get_mut(at / PAGE)?.as_mut()?;
        let slot = &mut page[at % PAGE];
        (slot.seen != 0 && slot.generation == key.generation).then_some(slot)
    }

    /// Asks the processor for what is known of a series, some time before [`get`](Cache::get).
    #[inline]
    pub(crate) fn prefetch(&mut self, before: &Series) {
        if let Some(Slot { after: Some(after), .. }) = self.slot(before) {
            after.prefetch();
        }
    }

    /// The result for a series, if it is known: another series, or none if it is dropped.
    #[inline]
    pub(crate) fn get(&mut self, before: &Series, now: u32) -> Option<&Option<Series>> {
        let slot = self.slot(before)?;
        let seen = now.saturating_add(1);
        if slot.seen != seen {
            slot.seen = seen;
        }
        Some(&slot.after)
    }

    /// Remembers a result, and returns it.
    pub(crate) fn insert(&mut self, before: &Series, after: Option<Series>, now: u32) -> &Option<Series> {
        let key = before.key();
        let (row, at) = (key.id as usize % ROWS, key.id as usize / ROWS);
        let (pages, number) = (&mut self.rows[row], at / PAGE);
        if number >= pages.len() {
            pages.resize_with(number + 1, || None);
        }
        let empty = || Box::new(std::array::from_fn(|_| Slot::default()));
        let slot = &mut pages[number].get_or_insert_with(empty)[at % PAGE];
        self.len += usize::from(slot.seen == 0);
        *slot = Slot {
            generation: key.generation,
            seen: now.saturating_add(1),
            after,
        };
        &slot.after
    }

    /// Forgets a series.
    pub(crate) fn remove(&mut self, before: &Series) -> bool {
        let Some(slot) = self.slot(before) else { return false };
        *slot = Slot::default();
        self.len -= 1;
        true
    }

    /// Forgets series that were not asked for since `before`. How many.
    pub(crate) fn sweep(&mut self, before: u32) -> usize {
        let mut gone = 0;
        for place in self.rows.iter_mut().flatten() {
            let Some(page) = place else { continue };
            for slot in page.iter_mut().filter(|slot| slot.seen != 0 && slot.seen <= before) {
                *slot = Slot::default();
                gone += 1;
            }
            if page.iter().all(|slot| slot.seen == 0) {
                *place = None;
            }
        }
        self.len -= gone;
        gone
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Cache::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_go_with_their_series() {
        let (table, mut cache) = (Table::new(), Cache::default());
        let series = |name: &str| table.intern([("__name__", name)]);
        let (a, b, c) = (series("a"), series("b"), series("c"));
        cache.insert(&a, Some(b.clone()), 1);
        cache.insert(&b, None, 1);
        assert_eq!(cache.get(&a, 2), Some(&Some(b.clone())));
        assert_eq!(cache.get(&b, 1), Some(&None));
        assert_eq!(cache.get(&c, 1), None);
        assert_eq!(cache.sweep(2), 1, "a was asked for later");
        assert_eq!(cache.get(&b, 2), None);
        assert_eq!(cache.len(), 1);
        assert!(cache.remove(&a) && !cache.remove(&a));
        assert_eq!(cache.len(), 0);
    }

    #[test]
    fn a_number_that_is_used_again_is_another_series() {
        let (table, mut cache) = (Table::new(), Cache::default());
        let first = table.intern([("__name__", "first")]);
        let id = first.id();
        cache.insert(&first, None, 1);
        drop(first);
        table.sweep();
        let mut kept = Vec::new();
        let second = loop {
            let series = table.intern([("__name__", format!("m{}", kept.len()).as_str())]);
            if series.id() == id {
                break series;
            }
            kept.push(series);
        };
        assert_eq!(cache.get(&second, 1), None);
        cache.insert(&second, Some(second.clone()), 1);
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn a_slot_is_small() {
        assert_eq!(size_of::<Slot>(), 16);
    }
}
