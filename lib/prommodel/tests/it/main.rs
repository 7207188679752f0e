//! Label sets that exist once.

use prommodel::{Series, SeriesBuilder, Table};
use std::collections::{BTreeMap, HashSet};

fn pairs(series: &Series) -> Vec<(&str, &str)> {
    series.iter().collect()
}

#[test]
fn equal_sets_are_the_same_and_others_are_not() {
    let table = Table::new();
    let a = table.intern([("__name__", "up"), ("instance", "x"), ("job", "")]);
    let b = table.intern([("__name__", "up"), ("instance", "x")]);
    assert_eq!(a, b);
    assert_eq!(a.key(), b.key());
    assert_eq!(
        pairs(&a),
        [("__name__", "up"), ("instance", "x")],
        "an empty value is none"
    );
    assert_eq!((a.metric(), a.get("instance"), a.get("job")), ("up", Some("x"), None));
    assert_eq!(a.to_string(), "up{instance=\"x\"}");
    let wire: Vec<u8> = a.labels().flat_map(|label| label.wire().to_vec()).collect();
    assert_eq!(
        wire,
        b"\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x0d\x0a\x08instance\x12\x01x"
    );
    assert_eq!(wire.len(), a.wire_len());
    // Names and values of the same bytes in another division are another label.
    assert_ne!(table.label("ab", "c"), table.label("a", "bc"));
    assert_ne!(a, table.intern([("__name__", "up")]));
    // The same in every version: what waits on disk is found by it.
    let parts =
        ["up", "a", "b", "c", "d"].map(|name| table.intern([("__name__", name), ("job", "j"), ("x", "y")]).part());
    assert_eq!(parts, [5, 5, 0, 3, 6]);
    assert!(table.intern([]).labels().len() == 0);
}

#[test]
fn a_builder_keeps_the_order_and_shares_what_it_does_not_change() {
    let table = Table::new();
    let start = table.intern([("__name__", "m"), ("a", "1"), ("c", "3")]);
    let mut builder = SeriesBuilder::new(&table);
    builder.reset(&start);
    builder.set("b", "2");
    builder.set("a", "");
    builder.set("c", "3");
    builder.set("A", "0");
    builder.set("missing", "");
    assert_eq!(builder.get("b"), Some("2"));
    let made = builder.build();
    assert_eq!(pairs(&made), [("A", "0"), ("__name__", "m"), ("b", "2"), ("c", "3")]);
    assert_eq!(made.labels().nth(3), start.labels().nth(2));
    builder.remove("A");
    builder.retain(|name, _| name != "b");
    builder.set("a", "1");
    assert_eq!(builder.build(), start);
}

#[test]
fn what_nobody_holds_is_forgotten_and_its_number_used_again() {
    let table = Table::new();
    let kept = table.intern([("__name__", "kept")]);
    let gone = table.intern([("__name__", "gone")]);
    let (id, key) = (gone.id(), gone.key());
    drop(gone);
    assert_eq!(table.len(), 2);
    table.sweep();
    assert_eq!((table.len(), table.stats().labels), (1, 1));
    // The shard of a set depends on a random seed, so many are made until the number comes again.
    let mut others = Vec::new();
    let again = loop {
        let series = table.intern([("__name__", format!("m{}", others.len()).as_str())]);
        if series.id() == id {
            break series;
        }
        others.push(series);
    };
    assert_ne!(again.key(), key, "a number alone does not name a series");
    assert_eq!(kept, table.intern([("__name__", "kept")]));
}

#[test]
fn the_table_does_not_grow_with_what_comes_and_goes() {
    let table = Table::new();
    for i in 0..400_000 {
        let number = i.to_string();
        table.intern([("__name__", "m"), ("request", &number)]);
    }
    let stats = table.stats();
    assert!(stats.series < 60_000 && stats.labels < 90_000, "{stats:?}");
    table.sweep();
    let stats = table.stats();
    assert_eq!((stats.series, stats.labels), (0, 0));
}

#[test]
fn many_threads_agree() {
    let table = Table::new();
    let sets: Vec<BTreeMap<String, String>> = (0..500)
        .map(|i| BTreeMap::from([("a".to_owned(), (i % 7).to_string()), ("b".to_owned(), i.to_string())]))
        .collect();
    let made: Vec<Vec<Series>> = std::thread::scope(|scope| {
        let intern = || {
            let mut all = Vec::new();
            for round in 0..20 {
                all = sets
                    .iter()
                    .map(|set| table.intern(set.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
                    .collect();
                if round % 5 == 0 {
                    table.sweep();
                }
            }
            all
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(intern)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(made.windows(2).all(|pair| pair[0] == pair[1]));
    let numbers: HashSet<u32> = made[0].iter().map(Series::id).collect();
    assert_eq!(numbers.len(), sets.len());
    for (series, set) in made[0].iter().zip(&sets) {
        assert_eq!(series.get("b"), set.get("b").map(String::as_str));
    }
}

#[test]
fn labels_stay_with_their_series_while_others_come_and_go() {
    let table = Table::new();
    let name = |at: usize| format!("m{at}");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let table = &table;
            scope.spawn(move || {
                let mut kept: Vec<(usize, Series)> = Vec::new();
                for round in 0..if cfg!(miri) { 60 } else { 3_000_usize } {
                    let at = (round * 7 + thread) % 900;
                    let value = (at % 13).to_string();
                    let series = table.intern([("__name__", name(at).as_str()), ("value", &value)]);
                    if round % 3 == 0 {
                        kept.push((at, series));
                    }
                    if kept.len() > 200 {
                        kept.drain(..150);
                    }
                    if round % 50 == 0 {
                        table.sweep();
                    }
                    if let Some((at, series)) = kept.get(round % 200) {
                        assert_eq!(
                            pairs(series),
                            [("__name__", name(*at).as_str()), ("value", &(at % 13).to_string())]
                        );
                        let labels: Vec<_> = series.labels().cloned().collect();
                        assert_eq!(table.series(&labels), *series);
                    }
                }
            });
        }
    });
    table.sweep();
    assert_eq!((table.len(), table.stats().labels), (0, 0));
}

#[test]
fn series_outlive_their_table() {
    let table = Table::new();
    let series = table.intern([("__name__", "up"), ("job", "x")]);
    drop(table);
    assert_eq!(series.to_string(), "up{job=\"x\"}");
}

#[test]
#[should_panic(expected = "labels are of this table")]
fn labels_of_another_table_make_no_series() {
    let (table, other) = (Table::new(), Table::new());
    table.series(&[other.label("a", "b")]);
}

mod blocks;
