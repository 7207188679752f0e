//! Series that come together, as those of a target do: what all of them have in common once, and rows of what each has besides.
//!
//! The rows are shared by all blocks that have the same ones, and targets of one program mostly have.

use crate::build::SeriesBuilder;
use crate::label::Label;
use crate::labels::LabelStore;
use crate::series::{self, Series};
use crate::table::Table;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Tells the label in common with an index from the label with a number.
const COMMON: u32 = 1 << 31;

/// The rows of a block, as a [`Table`] holds them: equal ones of one table are the same memory.
pub(crate) struct Rows {
    store: Arc<LabelStore>,
    /// The labels of each row by name: the number of a label, or [`COMMON`] and the index of one that the block has in common.
    entries: Box<[u32]>,
    rows: Box<[RowHead]>,
}

struct RowHead {
    /// Where its entries end.
    end: u32,
    /// Bytes of the labels that are not in common, in the form of remote write 1.0.
    wire: u32,
    /// How many labels it has in common.
    common: u32,
}

impl Rows {
    /// Enters the labels.
    ///
    /// SAFETY: the numbers are in use until this returns.
    #[expect(unsafe_code, reason = "readers of labels take no lock")]
    pub(crate) unsafe fn new(store: &Arc<LabelStore>, entries: &[u32], ends: &[u32]) -> Rows {
        let mut start = 0;
        let rows = ends.iter().map(|&end| {
            let mut head = RowHead {
                end,
                wire: 0,
                common: 0,
            };
            for entry in &entries[start as usize..end as usize] {
                if entry & COMMON != 0 {
                    head.common += 1;
                    continue;
                }
                // SAFETY: the caller's.
                let label = unsafe { store.get(*entry) };
                let wire = u32::try_from(label.wire().len()).ok();
                head.wire = wire
                    .and_then(|wire| head.wire.checked_add(wire))
                    .expect("label sets are shorter than 4 GiB");
                LabelStore::enter(label);
            }
            start = end;
            head
        });
        Rows {
            rows: rows.collect(),
            store: store.clone(),
            entries: entries.into(),
        }
    }

    pub(crate) fn is(&self, entries: &[u32], ends: &[u32]) -> bool {
        *self.entries == *entries && self.rows.iter().map(|row| row.end).eq(ends.iter().copied())
    }

    /// What [`Table`] hashes.
    pub(crate) fn words(&self) -> impl Iterator<Item = u32> {
        let ends = self.rows.iter().map(|row| row.end);
        self.entries.iter().copied().chain(ends)
    }

    /// Bytes of memory.
    pub(crate) fn size(&self) -> usize {
        size_of::<Rows>() + size_of_val(&*self.entries) + size_of_val(&*self.rows)
    }

    fn of(&self, row: usize) -> &[u32] {
        let start = row.checked_sub(1).map_or(0, |before| self.rows[before].end);
        &self.entries[start as usize..self.rows[row].end as usize]
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        for entry in self.entries.iter().filter(|entry| **entry & COMMON == 0) {
            #[expect(unsafe_code, reason = "readers of labels take no lock")]
            // SAFETY: `new` has entered each of them once.
            unsafe {
                self.store.leave(*entry);
            }
        }
    }
}

static BLOCKS: AtomicU64 = AtomicU64::new(0);

/// Up to [`Block::MOST`] series that come together. It never changes.
///
/// A set of rows is a `u64`: bit n is row n.
pub struct Block {
    id: u64,
    table: Table,
    common: Series,
    rows: Arc<Rows>,
    parts: OnceLock<Box<[u64; Series::PARTS]>>,
    series: OnceLock<Box<[Series]>>,
}

/// What rules make of a block.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// The rows that are left, in their order; none if there are none.
    pub block: Option<Arc<Block>>,
    /// Which rows of the block before these are.
    pub kept: u64,
}

impl Block {
    /// Most rows of a block.
    pub const MOST: usize = u64::BITS as usize;

    fn new(table: &Table, common: Series, rows: Arc<Rows>) -> Block {
        table.store().rows.fetch_add(rows.rows.len() as u64, Ordering::Relaxed);
        Block {
            id: BLOCKS.fetch_add(1, Ordering::Relaxed),
            table: table.clone(),
            common,
            rows,
            parts: OnceLock::new(),
            series: OnceLock::new(),
        }
    }

    /// Unlike that of any other block of the process, those that are gone included.
    #[inline]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Number of rows.
    #[inline]
    pub fn len(&self) -> usize {
        self.rows.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The set of all rows.
    #[inline]
    pub fn all(&self) -> u64 {
        match self.len() {
            Block::MOST => u64::MAX,
            rows => (1 << rows) - 1,
        }
    }

    /// The labels that rows may have in common.
    pub fn common(&self) -> &Series {
        &self.common
    }

    /// A row.
    ///
    /// # Panics
    /// There is none at this index.
    #[inline]
    pub fn row(&self, at: usize) -> Row<'_> {
        Row {
            block: self,
            entries: self.rows.of(at),
            at,
        }
    }

    /// The rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.len()).map(|at| self.row(at))
    }

    /// The rows whose series are of each [part](Series::part).
    pub fn parts(&self) -> &[u64; Series::PARTS] {
        self.parts.get_or_init(|| {
            let mut parts = Box::new([0; Series::PARTS]);
            for row in self.rows() {
                parts[series::part(row.labels()) as usize] |= 1 << row.at;
            }
            parts
        })
    }

    /// The rows as series by themselves, for those who cannot work with blocks: they take their memory for as long as the block is there.
    pub fn series(&self) -> &[Series] {
        self.series.get_or_init(|| {
            let store = self.table.store();
            // They count as series now.
            store.rows.fetch_sub(self.len() as u64, Ordering::Relaxed);
            self.rows().map(Row::to_series).collect()
        })
    }

    /// What rules make of the block: they are called with the labels of each row and change them, or answer false if the row is dropped. One that has no
    /// labels afterwards is dropped, too.
    pub fn map(self: &Arc<Self>, mut rules: impl FnMut(&mut SeriesBuilder<'_>) -> bool) -> Mapped {
        let mut builder = SeriesBuilder::new(&self.table);
        let (mut kept, mut same) = (0, true);
        let mut after: Vec<Box<[Label]>> = Vec::with_capacity(self.len());
        for row in self.rows() {
            builder.reset_to(row.labels());
            if rules(&mut builder) && !builder.labels().is_empty() {
                kept |= 1 << row.at;
                same = same && row.labels().eq(builder.labels());
                after.push(builder.labels().into());
            }
        }
        let block = match after.first() {
            None => None,
            Some(_) if same && kept == self.all() => Some(self.clone()),
            Some(first) => {
                // Labels of the target, and those that the rules give to all. A label that a series has itself is no such label, though in this block
                // all may have it: other targets have the same rows.
                let own = self.row(kept.trailing_zeros() as usize);
                let is_own = |label: &Label| own.entries.contains(&label.id());
                let everywhere = first.iter().filter(|label| {
                    let others = after.iter();
                    !is_own(label) && others.skip(1).all(|labels| labels.contains(label))
                });
                let common: Vec<Label> = everywhere.cloned().collect();
                let mut block = BlockBuilder::new(&self.table, self.table.series(&common));
                after.iter().for_each(|labels| block.push(labels));
                Some(block.build())
            }
        };
        Mapped { block, kept }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.series.get().is_none() {
            self.table.store().rows.fetch_sub(self.len() as u64, Ordering::Relaxed);
        }
    }
}

/// Equality of blocks of one table: the same rows with the same labels in common.
impl PartialEq for Block {
    fn eq(&self, other: &Block) -> bool {
        self.common == other.common && Arc::ptr_eq(&self.rows, &other.rows)
    }
}

impl Eq for Block {}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rows()).finish()
    }
}

/// A series of a block.
#[derive(Clone, Copy)]
pub struct Row<'b> {
    block: &'b Block,
    entries: &'b [u32],
    at: usize,
}

impl<'b> Row<'b> {
    /// Its index.
    pub fn index(self) -> usize {
        self.at
    }

    #[inline]
    fn number(self, entry: u32) -> u32 {
        match entry & COMMON {
            0 => entry,
            _ => self.block.common.numbers()[(entry & !COMMON) as usize],
        }
    }

    #[inline]
    fn entry(self, entry: u32) -> &'b Label {
        #[expect(unsafe_code, reason = "readers of labels take no lock")]
        // SAFETY: the block's rows have entered their own labels, and the series of those in common has entered its labels; the block holds both.
        unsafe {
            self.block.rows.store.get(self.number(entry))
        }
    }

    /// The [numbers](Label::id) of the labels, by name.
    #[inline]
    pub fn numbers(self) -> impl ExactSizeIterator<Item = u32> + use<'b> {
        let common = self.block.common.numbers();
        self.entries.iter().map(move |entry| match entry & COMMON {
            0 => *entry,
            _ => common[(entry & !COMMON) as usize],
        })
    }

    /// A label by its index.
    #[inline]
    pub fn label(self, at: usize) -> &'b Label {
        self.entry(self.entries[at])
    }

    /// The labels by name.
    pub fn labels(self) -> impl ExactSizeIterator<Item = &'b Label> + Clone + use<'b> {
        self.entries.iter().map(move |entry| self.entry(*entry))
    }

    /// Names and values by name.
    pub fn iter(self) -> impl ExactSizeIterator<Item = (&'b str, &'b str)> + Clone + use<'b> {
        self.labels().map(|label| (label.name(), label.value()))
    }

    /// The value of a label.
    pub fn get(self, name: &str) -> Option<&'b str> {
        let at = self.entries.binary_search_by(|entry| self.entry(*entry).cmp_name(name));
        at.ok().map(|at| self.label(at).value())
    }

    /// Bytes of the labels in the form of remote write 1.0.
    #[inline]
    pub fn wire_len(self) -> usize {
        let head = &self.block.rows.rows[self.at];
        let common = &self.block.common;
        if head.common as usize == common.numbers().len() {
            return head.wire as usize + common.wire_len();
        }
        self.labels().map(|label| label.wire().len()).sum()
    }

    /// The series by itself.
    pub fn to_series(self) -> Series {
        let labels: Vec<Label> = self.labels().cloned().collect();
        self.block.table.series(&labels)
    }
}

/// `name{a="x", b="y"}`
impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        series::show(self.iter(), f)
    }
}

/// Makes blocks of rows that come one after the other.
pub struct BlockBuilder {
    table: Table,
    common: Series,
    entries: Vec<u32>,
    ends: Vec<u32>,
    /// What keeps the numbers in use.
    labels: Vec<Label>,
    rows: Vec<Arc<Rows>>,
}

impl BlockBuilder {
    /// A builder of blocks whose rows may have these labels in common.
    ///
    /// # Panics
    /// They are of another table.
    pub fn new(table: &Table, common: Series) -> BlockBuilder {
        assert!(common.is_of(table.store()), "labels are of this table");
        BlockBuilder {
            table: table.clone(),
            common,
            entries: Vec::new(),
            ends: Vec::new(),
            labels: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Number of rows so far.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no rows yet.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn begin(&self) {
        assert!(self.ends.len() < Block::MOST, "a block has room for so many rows");
    }

    fn end(&mut self) {
        self.ends
            .push(u32::try_from(self.entries.len()).expect("label sets are shorter than 4 GiB"));
    }

    /// Appends a row with these labels, which are of the table, sorted by name, each name once.
    ///
    /// # Panics
    /// The block is full, or a label is of another table.
    pub fn push(&mut self, labels: &[Label]) {
        self.begin();
        self.table.check(labels);
        let mut from = 0;
        for label in labels {
            let common = &self.common.numbers()[from..];
            let entry = match common.iter().position(|number| *number == label.id()) {
                Some(at) => {
                    from += at + 1;
                    COMMON | (from - 1) as u32
                }
                None => {
                    self.labels.push(label.clone());
                    label.id()
                }
            };
            self.entries.push(entry);
        }
        self.end();
    }

    /// Appends a row of another block with the same labels in common.
    ///
    /// # Panics
    /// The block is full, or the other one has other labels in common.
    pub fn copy(&mut self, row: Row<'_>) {
        self.begin();
        assert!(self.common == row.block.common, "the same labels in common");
        let rows = &row.block.rows;
        if self.rows.last().is_none_or(|last| !Arc::ptr_eq(last, rows)) {
            self.rows.push(rows.clone());
        }
        self.entries.extend_from_slice(row.entries);
        self.end();
    }

    /// The block of the rows so far. The builder begins another one.
    pub fn build(&mut self) -> Arc<Block> {
        #[expect(unsafe_code, reason = "readers of labels take no lock")]
        // SAFETY: `labels` and `rows` keep them in use.
        let rows = unsafe { self.table.rows(&self.entries, &self.ends) };
        let block = Block::new(&self.table, self.common.clone(), rows);
        self.entries.clear();
        self.ends.clear();
        self.labels.clear();
        self.rows.clear();
        Arc::new(block)
    }
}
