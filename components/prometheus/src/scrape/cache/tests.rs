use super::*;
use signals::{Metrics, Runs};

struct Target {
    cache: Cache,
    table: Table,
}

impl Target {
    fn new() -> Target {
        let table = Table::new();
        let label = table.label("job", "j");
        Target {
            cache: Cache::new(&table, &Arc::default(), &[label]),
            table,
        }
    }

    fn labels(&self, name: &str) -> Vec<Label> {
        vec![self.table.label("__name__", name), self.table.label("job", "j")]
    }

    /// Walks along with a body of series: what became of each.
    fn along(table: &Table, walk: &mut Walk<'_>, body: &[&str]) -> String {
        let mut fates = String::new();
        for (at, text) in body.iter().enumerate() {
            let bytes = text.as_bytes();
            let recognised = walk.expected_length() == bytes.len() && walk.recognises(bytes);
            let fate = match walk.find(bytes, recognised) {
                Found::Known if recognised => '=',
                Found::Known => '~',
                Found::Twice => '2',
                Found::New => {
                    walk.insert(vec![table.label("__name__", text), table.label("job", "j")]);
                    '+'
                }
            };
            fates.push(fate);
            if fate != '2' {
                assert_eq!(walk.series().metric(), *text);
                walk.give(at as f64, None, true);
            }
        }
        fates
    }

    /// A whole body. What became of each series, and what was gone.
    fn walk(&mut self, body: &[&str]) -> (String, Vec<String>) {
        let mut walk = self.cache.walk(7);
        let fates = Target::along(&self.table, &mut walk, body);
        let runs = walk.finish(|_| {});
        let samples = samples(&runs);
        let (gone, come): (Vec<_>, Vec<_>) = samples.into_iter().partition(|(_, value)| value.is_none());
        let places = body.iter().enumerate().zip(fates.chars());
        let expect = places.filter(|(_, fate)| *fate != '2');
        let expect: Vec<_> = expect
            .map(|((at, text), _)| (text.to_string(), Some(at as i64)))
            .collect();
        assert_eq!(come, expect, "in the order of the body");
        self.check();
        (fates, gone.into_iter().map(|(name, _)| name).collect())
    }

    fn check(&self) {
        let rows: usize = self.cache.places.iter().map(|place| place.block.len()).sum();
        assert_eq!(rows, self.cache.len());
        for place in &self.cache.places {
            assert_eq!(place.texts.hashes().len(), place.block.len());
            for (row, hash) in place.block.rows().zip(place.texts.hashes()) {
                let name = row.get("__name__").unwrap();
                assert_eq!(self.cache.texts.hash(name.as_bytes()), *hash);
                assert_eq!(row.get("job"), Some("j"));
            }
        }
    }
}

/// Names and values; none if they are stale.
fn samples(runs: &Runs) -> Vec<(String, Option<i64>)> {
    let value = |value: f64| (!prommodel::is_stale(value)).then_some(value as i64);
    let samples = runs.iter().map(|(row, time, number)| {
        assert_eq!(time, 7);
        (row.get("__name__").unwrap().to_owned(), value(number))
    });
    samples.collect()
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

#[test]
fn series_are_found_wherever_they_are() {
    let mut target = Target::new();
    for (body, fates, gone) in [
        (&["a", "b", "c", "d"][..], "++++", &[][..]),
        (&["a", "b", "c", "d"], "====", &[]),
        (&["a", "new", "b", "c", "d"], "=+~~~", &[]),
        (&["a", "b", "c", "d"], "=~~~", &["new"]),
        (&["d", "a", "b", "c"], "~~~~", &[]),
        (&["d", "a", "a", "x", "b", "x", "c"], "==2+~2~", &[]),
        (&["d", "a"], "==", &["x", "b", "c"]),
        (&["a"], "~", &["d"]),
        (&[], "", &["a"]),
    ] {
        let (got, lost) = target.walk(body);
        let got = got.replace('=', "~");
        assert_eq!((got, lost), (fates.replace('=', "~"), owned(gone)), "{body:?}");
    }
}

#[test]
fn the_same_body_again_is_recognised_and_keeps_its_blocks() {
    let mut target = Target::new();
    let names: Vec<String> = (0..300).map(|n| format!("m{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    target.walk(&names);
    let blocks = |target: &Target| -> Vec<u64> { target.cache.places.iter().map(|place| place.block.id()).collect() };
    let before = blocks(&target);
    assert_eq!(before.len(), 5);
    assert_eq!(target.walk(&names).0, "=".repeat(300));
    assert_eq!(blocks(&target), before);
    // One that is new concerns its block only.
    let mut more = names.clone();
    more.insert(130, "new");
    target.walk(&more);
    let after = blocks(&target);
    assert_eq!(before.iter().filter(|id| after.contains(id)).count(), 4);
    assert_eq!(target.walk(&more).0, "=".repeat(301));
}

#[test]
fn blocks_that_others_have_are_shared() {
    let table = Table::new();
    let texts = Arc::default();
    let caches: Vec<Cache> = ["x", "y"]
        .into_iter()
        .map(|instance| {
            let label = table.label("instance", instance);
            let mut cache = Cache::new(&table, &texts, std::slice::from_ref(&label));
            let mut walk = cache.walk(1);
            for n in 0..200 {
                let name = format!("m{n}");
                assert_eq!(walk.find(name.as_bytes(), false), Found::New);
                walk.insert(vec![table.label("__name__", &name), label.clone()]);
                walk.give(1.0, None, true);
            }
            walk.finish(|_| {});
            cache
        })
        .collect();
    let before = table.stats();
    assert_eq!(
        before.series, 402,
        "the two sets of labels that rows have in common count too"
    );
    for (one, other) in caches[0].places.iter().zip(&caches[1].places) {
        assert!(Arc::ptr_eq(&one.texts, &other.texts));
    }
    drop(caches);
    table.sweep();
    assert_eq!(table.stats().series, 0);
    assert_eq!(table.stats().labels, 0);
}

#[test]
fn a_body_with_an_error_takes_nothing_away() {
    let mut target = Target::new();
    target.walk(&["a", "b", "c"]);
    let table = target.table.clone();
    let mut broken = target.cache.walk(7);
    assert_eq!(Target::along(&table, &mut broken, &["b", "new"]), "~+");
    let mut metrics = Metrics::default();
    broken.abandon(|block, rows| {
        metrics
            .runs
            .push(block.clone(), rows, 7, |_| f64::from_bits(prommodel::STALE_NAN));
    });
    assert_eq!(samples(&metrics.runs), [("a".to_owned(), None), ("c".to_owned(), None)]);
    assert_eq!(target.cache.len(), 4);
    target.check();
    let (fates, gone) = target.walk(&["a", "b", "c"]);
    assert_eq!((fates.as_str(), gone), ("~~~", owned(&["new"])));
    // In its order, and short.
    let mut broken = target.cache.walk(7);
    assert_eq!(Target::along(&table, &mut broken, &["a"]), "=");
    let mut gone = Vec::new();
    broken.abandon(|block, rows| gone.push((block.len(), rows)));
    assert_eq!(gone, [(3, 0b110)]);
    assert_eq!(target.walk(&["a", "b", "c"]), ("===".to_owned(), Vec::new()));
}

#[test]
fn errors_with_ever_new_series_do_not_fill_the_memory() {
    let mut target = Target::new();
    target.walk(&["a"]);
    let table = target.table.clone();
    for round in 0..3000 {
        let name = format!("m{round}");
        let mut broken = target.cache.walk(7);
        assert_eq!(Target::along(&table, &mut broken, &[&name]), "+");
        broken.abandon(|_, _| {});
    }
    target.check();
    assert!(target.cache.len() <= 1003, "{}", target.cache.len());
    assert_eq!(target.walk(&["a"]).0, "~");
}

#[test]
fn bodies_that_change_at_random() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut target = Target::new();
    let names: Vec<String> = (0..400).map(|n| format!("m{n}")).collect();
    let mut body: Vec<&str> = names[..200].iter().map(String::as_str).collect();
    let mut live: Vec<String> = Vec::new();
    for _ in 0..400 {
        for _ in 0..random.usize(..4) {
            let name = names[random.usize(..names.len())].as_str();
            match random.u8(..4) {
                0 if !body.is_empty() => drop(body.remove(random.usize(..body.len()))),
                1 if !body.contains(&name) => body.insert(random.usize(..=body.len()), name),
                2 if body.len() > 60 => {
                    let from = random.usize(..body.len() - 50);
                    body.drain(from..from + random.usize(..50));
                }
                3 if body.len() > 2 => body.swap(0, 1),
                _ => {}
            }
        }
        let (_, mut gone) = target.walk(&body);
        let mut expect: Vec<String> = live
            .iter()
            .filter(|name| !body.contains(&name.as_str()))
            .cloned()
            .collect();
        expect.sort();
        gone.sort();
        assert_eq!(gone, expect);
        live = owned(&body);
        assert_eq!(target.walk(&body).0, "=".repeat(body.len()));
        let small = target.cache.places.windows(2);
        let small = small
            .filter(|pair| pair[0].block.len() + pair[1].block.len() <= SMALL)
            .count();
        assert!(small <= target.cache.places.len() / 2, "blocks stay of some size");
    }
}

#[test]
fn samples_with_times_of_their_own() {
    let mut target = Target::new();
    target.walk(&["a", "b", "c"]);
    let mut walk = target.cache.walk(7);
    for (name, time) in [("a", None), ("b", Some(3)), ("c", None)] {
        assert_eq!(walk.find(name.as_bytes(), true), Found::Known);
        assert!(walk.was_live());
        walk.give(1.0, time, time.is_none());
    }
    assert_eq!(walk.find(b"b", false), Found::Twice);
    walk.give(2.0, Some(4), false);
    walk.again(1, 7, 9.0);
    let runs = walk.finish(|_| {});
    let samples: Vec<(i64, f64)> = runs.iter().map(|(_, time, value)| (time, value)).collect();
    assert_eq!(samples, [(7, 1.0), (3, 1.0), (7, 1.0), (4, 2.0), (7, 9.0)]);
    let mut gone = Vec::new();
    target.cache.fail(|_, rows| gone.push(rows));
    assert_eq!(gone, [0b101]);
    let labels = target.labels("a");
    assert_eq!(target.table.series(&labels).metric(), "a");
}
