//! What became of blocks of series.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use prommodel::{Block, Mapped};
use std::sync::{Arc, Weak};

/// Blocks below which those that are gone are not looked for.
const LEAST: usize = 64;

struct Known {
    /// Keeps the memory of the block, but not what is in it.
    before: Weak<Block>,
    rows: usize,
    /// None if it stays as it is: a handle of itself would keep it.
    after: Option<Mapped>,
}

/// Results by block: a block never changes, so that what rules make of it is found out once.
#[derive(Default)]
pub(crate) struct Blocks {
    known: HashMap<u64, Known, RandomState>,
    /// Number of rows.
    len: usize,
    swept: usize,
}

impl Blocks {
    /// Number of series whose result is remembered.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The result for a block; `make` finds it out if it is not known.
    pub(crate) fn get(&mut self, before: &Arc<Block>, make: impl FnOnce() -> Mapped) -> Mapped {
        if self.known.len() >= LEAST && self.known.len() > 2 * self.swept && !self.known.contains_key(&before.id()) {
            self.sweep();
        }
        let known = self.known.entry(before.id()).or_insert_with(|| {
            self.len += before.len();
            let after = make();
            let is_same = after.block.as_ref().is_some_and(|after| Arc::ptr_eq(after, before));
            Known {
                before: Arc::downgrade(before),
                rows: before.len(),
                after: (!is_same).then_some(after),
            }
        });
        known.after.clone().unwrap_or_else(|| Mapped {
            block: Some(before.clone()),
            kept: before.all(),
        })
    }

    /// Forgets blocks that are gone. How many series these are.
    pub(crate) fn sweep(&mut self) -> usize {
        let before = self.len;
        let len = &mut self.len;
        self.known.retain(|_, known| {
            let stays = known.before.strong_count() > 0;
            *len -= if stays { 0 } else { known.rows };
            stays
        });
        self.swept = self.known.len();
        before - self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prommodel::{BlockBuilder, Table};

    #[test]
    fn results_go_with_their_blocks() {
        let (table, mut blocks) = (Table::new(), Blocks::default());
        let block = |name: &str| {
            let mut builder = BlockBuilder::new(&table, table.series(&[]));
            builder.push(&[table.label("__name__", name)]);
            builder.build()
        };
        let kept: Vec<Arc<Block>> = (0..70).map(|n| block(&format!("m{n}"))).collect();
        for block in &kept {
            let after = blocks.get(block, || block.map(|_| true));
            assert_eq!(after.block.as_ref(), Some(block));
        }
        blocks.get(&kept[3], || panic!("it is known"));
        drop(kept);
        assert_eq!(blocks.len(), 70);
        // One after the other comes and goes.
        for n in 0..1000 {
            let block = block(&format!("n{n}"));
            blocks.get(&block, || block.map(|_| false));
        }
        assert!(blocks.len() < 200, "{}", blocks.len());
        blocks.sweep();
        assert_eq!(blocks.len(), 0);
    }
}
