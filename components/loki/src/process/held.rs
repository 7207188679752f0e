//! Records that a stage holds back until others complete them.
//!
//! A held record still belongs to the `accept` that brought it: that call waits on a receipt, and its sender keeps the
//! responsibility, until the block that the record became part of has its fate. If any of the calls behind a block
//! fails or is taken back, the whole block is given up and all of them are told to offer their records again.

use super::record::Record;
use bytes::Bytes;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use signals::{Amount, Custody, Held, Labels, Refused};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// What one `accept` contributed to a record that is held, or was.
pub struct Part {
    accept: u64,
    amount: Amount,
    /// There once the `accept` has finished its own work; until then the amount is part of that call's custody.
    taken: Option<Taken>,
}

/// The responsibility for held records.
pub struct Taken {
    /// For the ledger.
    pub custody: Custody,
    /// For the call that waits.
    pub held: Held,
    /// Whether the call still waits.
    pub waiting: Waiting,
}

/// Whether a call still waits for the records that it left behind. If it does not, they count as given back to its
/// sender, whatever becomes of them.
#[derive(Clone, Default)]
pub struct Waiting(Arc<Mutex<bool>>);

impl Waiting {
    fn gone(&self) -> MutexGuard<'_, bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It does not any more.
    pub fn end(&self) {
        *self.gone() = true;
    }
}

impl Taken {
    fn settle(mut self, how: impl FnOnce(&mut Custody)) {
        let gone = self.waiting.gone();
        if !*gone {
            how(&mut self.custody);
        }
        drop(gone);
        self.held.done(Ok(()));
    }
}

impl Part {
    /// The records have arrived.
    pub fn deliver(self) {
        if let Some(taken) = self.taken {
            taken.settle(Custody::deliver_rest);
        }
    }

    /// A rule has dropped the records.
    pub fn filter(self, rule: &str) {
        if let Some(taken) = self.taken {
            taken.settle(|custody| custody.filter(rule, custody.open()));
        }
    }

    /// The records were refused.
    pub fn refuse(self, why: &Refused) {
        if let Some(taken) = self.taken {
            taken.held.done(Err(why.clone()));
        }
    }

    /// The custody, for a batch that is made of held records only.
    pub fn custody(&self) -> Option<&Custody> {
        self.taken.as_ref().map(|taken| &taken.custody)
    }
}

/// An unfinished record.
pub struct Block {
    /// Whose labels, time and extracted values the result will have; its line is not used.
    pub record: Record,
    /// What was collected of the line.
    pub text: Vec<u8>,
    /// How many lines that is.
    pub lines: u64,
    /// When it is passed on as it is.
    pub deadline: Instant,
    parts: Vec<Part>,
    number: u64,
}

impl Block {
    /// Adds what a record stands for. The record's text is the caller's business.
    pub fn absorb(&mut self, accept: u64, record: &mut Record) {
        self.parts.append(&mut record.parts);
        let own = std::mem::take(&mut record.own);
        match self.parts.last_mut() {
            Some(last) if last.accept == accept && last.taken.is_none() => last.amount += own,
            _ if own.items == 0 => {}
            _ => self.parts.push(Part {
                accept,
                amount: own,
                taken: None,
            }),
        }
    }

    /// Takes a record in place of the one whose labels, time and extracted values the result would have.
    pub fn take_record(&mut self, record: &mut Record) {
        let mut record = record.take();
        record.line = Bytes::new();
        record.detach();
        self.record = record;
    }

    /// The collected record; the block goes on empty.
    pub fn emit(&mut self) -> Record {
        let line = std::mem::take(&mut self.text);
        let mut record = self.record.sibling(line.into());
        self.lines = 0;
        for part in self.parts.drain(..) {
            if part.taken.is_some() {
                record.parts.push(part);
            } else {
                record.own += part.amount;
            }
        }
        record
    }
}

/// The unfinished records of one stage, one for each label set.
#[derive(Default)]
pub struct Blocks {
    blocks: HashMap<Labels, Block, FixedState>,
    next: u64,
    /// Label sets whose blocks got records of the `accept` under work.
    touched: Vec<Labels>,
}

impl Blocks {
    /// Number of blocks.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// The block of a label set.
    pub fn get(&mut self, labels: &Labels) -> Option<&mut Block> {
        self.blocks.get_mut(labels)
    }

    /// Holds a record as the new block of its labels; `text` is the beginning of its line.
    pub fn open(&mut self, accept: u64, record: &mut Record, text: &[u8], deadline: Instant) {
        let mut block = Block {
            record: Record::default(),
            text: text.to_vec(),
            lines: 1,
            deadline,
            parts: Vec::new(),
            number: self.next,
        };
        self.next += 1;
        block.absorb(accept, record);
        let labels = record.labels.clone();
        block.take_record(record);
        self.touch(&labels);
        self.blocks.insert(labels, block);
    }

    /// Notes that a block got a record of the `accept` under work.
    pub fn touch(&mut self, labels: &Labels) {
        if !self.touched.last().is_some_and(|last| last.same(labels)) {
            self.touched.push(labels.clone());
        }
    }

    /// Removes a block.
    pub fn remove(&mut self, labels: &Labels) -> Option<Block> {
        self.blocks.remove(labels)
    }

    /// Removes all blocks, oldest first.
    pub fn drain(&mut self) -> Vec<Block> {
        let mut blocks: Vec<Block> = self.blocks.drain().map(|(_, block)| block).collect();
        blocks.sort_by_key(|block| block.number);
        blocks
    }

    /// Removes the blocks that are due, oldest first.
    pub fn due(&mut self, now: Instant) -> Vec<Block> {
        let mut due: Vec<Block> = self
            .blocks
            .extract_if(|_, block| block.deadline <= now)
            .map(|(_, block)| block)
            .collect();
        due.sort_by_key(|block| block.number);
        due
    }

    /// When the next block is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.blocks.values().map(|block| block.deadline).min()
    }

    /// Gives up every block that one of these calls contributed to.
    pub fn give_up(&mut self, accepts: &[u64]) {
        self.blocks
            .retain(|_, block| !block.parts.iter().any(|part| accepts.contains(&part.accept)));
    }

    /// Takes what the `accept` under work leaves behind into custodies of its own.
    pub fn take_over(&mut self, mut take: impl FnMut(Amount) -> Taken) {
        for labels in std::mem::take(&mut self.touched) {
            let Some(block) = self.blocks.get_mut(&labels) else {
                continue;
            };
            for part in &mut block.parts {
                if part.taken.is_none() {
                    part.taken = Some(take(part.amount));
                }
            }
        }
    }
}
