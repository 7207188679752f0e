//! What `promtext` writes is read back.

use promscrape::{Buffers, Entry, Format, LabelsBuf, Options, Parser, format_bound};
use promtext::{Bucket, Family, Kind, Point, Series};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

type Sample = (Vec<(String, String)>, u64);

/// The samples that stand for the families.
fn expected(families: &[Family]) -> Vec<Sample> {
    let mut out = Vec::new();
    for family in families {
        for series in &family.series {
            let mut push = |suffix: &str, extra: Option<(&str, f64)>, value: f64| {
                let mut labels: Vec<_> = series
                    .labels
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.to_string()))
                    .collect();
                labels.push(("__name__".to_owned(), format!("{}{suffix}", family.name)));
                labels.extend(extra.map(|(name, bound)| (name.to_owned(), format_bound(bound))));
                labels.sort();
                let value = if value.is_nan() {
                    f64::from_bits(0x7ff8_0000_0000_0001)
                } else {
                    value
                };
                out.push((labels, value.to_bits()));
            };
            match &series.point {
                Point::Number(value) => push("", None, *value),
                Point::Histogram { buckets, sum, count } => {
                    for bucket in buckets {
                        push("_bucket", Some(("le", bucket.le)), bucket.count as f64);
                    }
                    push("_bucket", Some(("le", f64::INFINITY)), *count as f64);
                    push("_sum", None, *sum);
                    push("_count", None, *count as f64);
                }
                Point::Summary { quantiles, sum, count } => {
                    for &(quantile, value) in quantiles {
                        push("", Some(("quantile", quantile)), value);
                    }
                    push("_sum", None, *sum);
                    push("_count", None, *count as f64);
                }
            }
        }
    }
    out
}

/// The samples and the help texts of a body.
fn read(body: &str, format: Format) -> (Vec<Sample>, Vec<String>) {
    let (mut buffers, mut labels) = (Buffers::new(), LabelsBuf::new());
    let mut parser = Parser::new(body.as_bytes(), format, Options::default(), &mut buffers);
    let (mut samples, mut help) = (Vec::new(), Vec::new());
    while parser.advance().unwrap_or_else(|error| panic!("{error} in\n{body}")) {
        match parser.entry() {
            Entry::Series(series) => {
                parser.labels(&mut labels).unwrap();
                let labels = labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
                samples.push((labels.collect(), series.value.to_bits()));
            }
            Entry::Help { text, .. } => help.push(text.to_owned()),
            _ => {}
        }
    }
    (samples, help)
}

fn name() -> impl Strategy<Value = String> {
    // A zero byte cannot stand in a name, and these names have a meaning.
    prop_oneof!["[a-zA-Z_][a-zA-Z0-9_]{0,12}", "[^\0]{1,8}"]
        .prop_filter("reserved", |name| !matches!(&**name, "le" | "quantile" | "__name__"))
}

fn point(kind: Kind) -> BoxedStrategy<Point> {
    let number = || any::<f64>();
    match kind {
        Kind::Histogram => (
            proptest::collection::vec((-1e9..1e9f64, any::<u32>()), 0..4),
            number(),
            any::<u32>(),
        )
            .prop_map(|(buckets, sum, count)| Point::Histogram {
                buckets: buckets
                    .into_iter()
                    .map(|(le, count)| Bucket {
                        le,
                        count: count.into(),
                    })
                    .collect(),
                sum,
                count: count.into(),
            })
            .boxed(),
        Kind::Summary => (
            proptest::collection::vec((0.0..1.0f64, number()), 0..4),
            number(),
            any::<u32>(),
        )
            .prop_map(|(quantiles, sum, count)| Point::Summary {
                quantiles,
                sum,
                count: count.into(),
            })
            .boxed(),
        _ => number().prop_map(Point::Number).boxed(),
    }
}

fn family() -> impl Strategy<Value = Family> {
    let kinds = [
        Kind::Counter,
        Kind::Gauge,
        Kind::Histogram,
        Kind::Summary,
        Kind::Untyped,
    ];
    let labels = || proptest::collection::btree_map(name(), any::<String>(), 0..4);
    (name(), ".{0,12}", proptest::sample::select(kinds.to_vec())).prop_flat_map(move |(name, help, kind)| {
        let series = (labels(), point(kind)).prop_map(|(labels, point): (BTreeMap<String, String>, _)| Series {
            labels: labels
                .into_iter()
                .map(|(name, value)| (Arc::from(name), Arc::from(value)))
                .collect(),
            point,
        });
        proptest::collection::vec(series, 1..4).prop_map(move |series| {
            let mut family = Family::new(&*name, &*help, kind);
            family.series = series;
            family
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn families(families in proptest::collection::vec(family(), 0..4)) {
        let expect = expected(&families);
        // Help of nothing but blanks, or zero bytes among them, is no help.
        let help: Vec<_> = families.iter().map(|family| family.help.to_string()).filter(|help| !help.is_empty()).collect();
        let blank = |help: &String| help.trim_matches([' ', '\t', '\0']).is_empty();
        let text = read(&promtext::encode(&families, promtext::Format::Text), Format::Text);
        prop_assert_eq!(&text.0, &expect);
        let same = text.1.iter().zip(&help).all(|(got, expect)| got == expect || blank(expect));
        prop_assert!(same && text.1.len() == help.len(), "{:?} is not {:?}", text.1, help);
        let open_metrics = read(&promtext::encode(&families, promtext::Format::OpenMetrics), Format::OpenMetrics);
        prop_assert_eq!(&open_metrics.0, &expect);
        prop_assert_eq!(&open_metrics.1, &help);
    }
}
