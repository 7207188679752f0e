//! Which records there are, a bit each.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers of one client.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn new(length: u64) -> Bits {
        Bits(vec![0; (length / 64 + 1) as usize])
    }

    /// Adds a number; false if it was there, or is none that there can be.
    pub(super) fn add(&mut self, number: u64) -> bool {
        let Some(word) = self.0.get_mut((number / 64) as usize) else {
            return false;
        };
        let bit = 1 << (number % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// How many of these the others lack.
    fn without(&self, others: &Bits) -> u64 {
        let pairs = self.0.iter().zip(&others.0);
        pairs.map(|(own, other)| u64::from((own & !other).count_ones())).sum()
    }
}

/// What has arrived.
pub(super) struct Tally {
    clients: Vec<Mutex<Client>>,
    duplicates: AtomicU64,
    out_of_order: AtomicU64,
    odd: AtomicU64,
}

/// What has arrived of a client.
struct Client {
    bits: Bits,
    /// One more than the highest number.
    next: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tally {
    pub(super) fn new(clients: usize, records: u64) -> Tally {
        let client = |_| {
            Mutex::new(Client {
                bits: Bits::new(records),
                next: 0,
            })
        };
        Tally {
            clients: (0..clients).map(client).collect(),
            duplicates: AtomicU64::new(0),
            out_of_order: AtomicU64::new(0),
            odd: AtomicU64::new(0),
        }
    }

    pub(super) fn see(&self, client: usize, number: u64) {
        let Some(client) = self.clients.get(client) else {
            return self.odd();
        };
        let mut client = lock(client);
        if !client.bits.add(number) {
            self.duplicates.fetch_add(1, Ordering::Relaxed);
        } else if number < client.next {
            self.out_of_order.fetch_add(1, Ordering::Relaxed);
        } else {
            client.next = number + 1;
        }
    }

    /// Something arrived that is none of the records.
    pub(super) fn odd(&self) {
        self.odd.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn received(&self) -> u64 {
        self.clients.iter().map(|client| lock(client).bits.count()).sum()
    }

    /// Records that had arrived before.
    pub(super) fn duplicates(&self) -> u64 {
        self.duplicates.load(Ordering::Relaxed)
    }

    /// Records that arrived for the first time after a later one of their client.
    pub(super) fn out_of_order(&self) -> u64 {
        self.out_of_order.load(Ordering::Relaxed)
    }

    /// What arrived and was not pushed like this.
    pub(super) fn altered(&self) -> u64 {
        self.odd.load(Ordering::Relaxed)
    }

    /// How many of those that were accepted have not arrived.
    pub(super) fn lost(&self, accepted: &[Bits]) -> u64 {
        let pairs = accepted.iter().zip(&self.clients);
        pairs
            .map(|(accepted, arrived)| accepted.without(&lock(arrived).bits))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_counted() {
        let tally = Tally::new(2, 200);
        let mut accepted = vec![Bits::new(200), Bits::new(200)];
        for number in [0, 63, 64, 199] {
            assert!(accepted[1].add(number));
            tally.see(1, number);
        }
        tally.see(1, 199);
        assert!(accepted[0].add(5));
        assert_eq!((tally.lost(&accepted), tally.received(), tally.duplicates()), (1, 4, 1));
        tally.see(0, 5);
        assert_eq!(tally.lost(&accepted), 0);
        // Of client 1 number 199 came before.
        tally.see(1, 100);
        tally.see(7, 0);
        assert_eq!((tally.out_of_order(), tally.duplicates(), tally.altered()), (1, 1, 1));
        assert!(!accepted[0].add(100_000), "it cannot be there");
    }
}
