//! Series that come together.

use prommodel::{Block, BlockBuilder, Label, Table};
use std::sync::Arc;

fn labels(table: &Table, pairs: &[(&str, &str)]) -> Vec<Label> {
    pairs.iter().map(|(name, value)| table.label(name, value)).collect()
}

/// A target's series `m{code,instance,job}`; one has an instance of its own, and one no job.
fn block(table: &Table, instance: &str) -> Arc<Block> {
    let common = table.series(&labels(table, &[("instance", instance), ("job", "j")]));
    let mut builder = BlockBuilder::new(table, common);
    for pairs in [
        &[("__name__", "m"), ("code", "200"), ("instance", instance), ("job", "j")][..],
        &[("__name__", "m"), ("code", "500"), ("instance", instance), ("job", "j")],
        &[("__name__", "m"), ("instance", "own"), ("job", "j"), ("zone", "z")],
        &[("__name__", "n"), ("instance", instance)],
    ] {
        builder.push(&labels(table, pairs));
    }
    builder.build()
}

fn shown(block: &Block) -> Vec<String> {
    block.rows().map(|row| format!("{row:?}")).collect()
}

#[test]
fn rows_are_what_their_series_are() {
    let table = Table::new();
    let block = block(&table, "x");
    assert_eq!(
        shown(&block),
        [
            r#"m{code="200", instance="x", job="j"}"#,
            r#"m{code="500", instance="x", job="j"}"#,
            r#"m{instance="own", job="j", zone="z"}"#,
            r#"n{instance="x"}"#,
        ]
    );
    assert_eq!((block.len(), block.all()), (4, 0b1111));
    for row in block.rows() {
        let series = row.to_series();
        assert!(row.labels().eq(series.labels()));
        assert_eq!(row.wire_len(), series.wire_len());
        assert_eq!(row.get("instance"), series.get("instance"));
        assert_eq!(row.get("none"), None);
        assert_ne!(block.parts()[series.part()] >> row.index() & 1, 0);
        assert_eq!(block.series()[row.index()], series);
        let numbers: Vec<u32> = row.numbers().collect();
        assert_eq!(numbers, series.numbers());
    }
    assert_eq!(block.parts().iter().map(|rows| rows.count_ones()).sum::<u32>(), 4);
}

#[test]
fn rows_are_shared_and_go_with_their_blocks() {
    let table = Table::new();
    let blocks: Vec<Arc<Block>> = (0..50).map(|n| block(&table, &format!("host-{n}"))).collect();
    let stats = table.stats();
    assert_eq!(stats.series, 50 * (4 + 1), "with what they have in common");
    assert_eq!(stats.labels, 2 + 2 + 1 + 1 + 1 + 50);
    assert!(blocks[0] != blocks[1]);
    assert_eq!(blocks[0], block(&table, "host-0"));
    // Series by themselves, and again when the block is gone.
    assert_eq!(blocks[3].series().len(), 4);
    assert_eq!(table.stats().series, 50 * 5);
    let kept = blocks[3].series()[0].clone();
    drop(blocks);
    table.sweep();
    assert_eq!(table.stats().series, 1);
    assert_eq!(kept.to_string(), r#"m{code="200", instance="host-3", job="j"}"#);
    drop(kept);
    table.sweep();
    assert_eq!((table.stats().series, table.stats().labels), (0, 0));
}

#[test]
fn rules_change_blocks_once_for_all_targets() {
    let table = Table::new();
    let (one, two) = (block(&table, "x"), block(&table, "y"));
    let rules = |builder: &mut prommodel::SeriesBuilder<'_>| {
        builder.set("team", "t");
        if builder.get("code") == Some("500") {
            builder.set("severity", "error");
        }
        builder.get("zone").is_none()
    };
    let (after, other) = (one.map(rules), two.map(rules));
    assert_eq!(after.kept, 0b1011);
    let (after, other) = (after.block.unwrap(), other.block.unwrap());
    assert_eq!(
        shown(&after),
        [
            r#"m{code="200", instance="x", job="j", team="t"}"#,
            r#"m{code="500", instance="x", job="j", severity="error", team="t"}"#,
            r#"n{instance="x", team="t"}"#,
        ]
    );
    let common: Vec<&str> = after.common().labels().map(Label::name).collect();
    assert_eq!(common, ["instance", "team"], "job is not everywhere");
    assert_eq!(other.common().get("instance"), Some("y"));
    // The rows are the same memory: two blocks more are one row of labels in common more for each.
    let before = table.stats();
    let third = block(&table, "z").map(rules);
    assert_eq!(table.stats().series - before.series, 3 + 1 + 1);
    drop(third);
    // Nothing changed, and nothing left.
    let same = one.map(|_| true);
    assert!(Arc::ptr_eq(&same.block.unwrap(), &one) && same.kept == one.all());
    let none = one.map(|builder| {
        builder.clear();
        true
    });
    assert!(none.block.is_none() && none.kept == 0);
}

#[test]
fn a_builder_takes_rows_of_other_blocks() {
    let table = Table::new();
    let before = block(&table, "x");
    let mut builder = BlockBuilder::new(&table, before.common().clone());
    builder.copy(before.row(3));
    builder.push(&labels(&table, &[("__name__", "new"), ("job", "j")]));
    builder.copy(before.row(0));
    let expect = [3, 0].map(|row| format!("{:?}", before.row(row)));
    drop(before);
    table.sweep();
    let after = builder.build();
    assert!(builder.is_empty());
    assert_eq!(shown(&after), [&expect[0], r#"new{job="j"}"#, &expect[1]]);
}

#[test]
#[should_panic(expected = "labels are of this table")]
fn labels_of_another_table_are_refused() {
    let (table, other) = (Table::new(), Table::new());
    BlockBuilder::new(&table, table.series(&[])).push(&labels(&other, &[("a", "b")]));
}

#[test]
#[should_panic(expected = "labels are of this table")]
fn so_are_those_in_common() {
    let (table, other) = (Table::new(), Table::new());
    BlockBuilder::new(&table, other.series(&labels(&other, &[("a", "b")])));
}
