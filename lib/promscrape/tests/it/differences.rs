//! Where Invar differs from Prometheus' parsers; each entry is one of `docs/differences.md`.

use crate::vectors::{DIFFERENT, cases, parse};
use promscrape::{Buffers, Counts, Entry, Format, Options, Parser};

fn converting(keep_classic: bool) -> Options {
    Options {
        convert_classic: true,
        keep_classic,
        ..Options::default()
    }
}

#[test]
fn each_is_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/differences.md");
    let text = std::fs::read_to_string(path).unwrap();
    let tested = [
        "scrape.conversion-timestamp",
        "scrape.conversion-invalid",
        "scrape.mixed-family",
        "scrape.created-far",
        "scrape.exemplar-labels",
        "scrape.timestamp-range",
        "scrape.protobuf-errors",
    ];
    for id in DIFFERENT.iter().map(|(_, id)| *id).chain(tested) {
        assert!(
            text.contains(&format!("\n### {id}\n")),
            "{id} is not in docs/differences.md"
        );
    }
}

/// `scrape.created-with-conversion`: all entries of Prometheus are there, and the `_created` series.
#[test]
fn created_series_stay_with_conversion() {
    let cases = cases();
    let mut buffers = Buffers::new();
    for case in cases
        .iter()
        .filter(|case| DIFFERENT.iter().any(|(name, _)| *name == case.name))
    {
        let mut got = parse(&case.input, case.format, case.options, &mut buffers);
        let mut expect = case.expect.clone();
        for of in [&mut got, &mut expect] {
            let entries = of["entries"].as_array_mut().unwrap();
            entries.retain(|entry| !entry["labels"][0][1].as_str().unwrap_or_default().ends_with("_created"));
        }
        assert!(got == expect, "{}", case.name);
    }
}

/// `scrape.conversion-timestamp`: the timestamp of the histogram, not of the line after it.
#[test]
fn a_converted_histogram_has_its_own_timestamp() {
    let body = b"# TYPE h histogram\nh_bucket{le=\"1\"} 1 5\nh_sum 1 5\nh_count 1 5\nother 3 9\n";
    let mut buffers = Buffers::new();
    let mut parser = Parser::new(body, Format::Text, converting(false), &mut buffers);
    let mut timestamps = Vec::new();
    while parser.advance().unwrap() {
        match parser.entry() {
            Entry::Histogram(sample) => timestamps.push(sample.timestamp),
            Entry::Series(series) => timestamps.push(series.timestamp),
            _ => {}
        }
    }
    assert_eq!(timestamps, [Some(5), Some(9)]);
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2, content.len() as u8];
    out.extend_from_slice(content);
    out
}

fn double(number: u8, value: f64) -> Vec<u8> {
    let mut out = vec![number << 3 | 1];
    out.extend_from_slice(&value.to_le_bytes());
    out
}

fn delimited(parts: &[Vec<u8>]) -> Vec<u8> {
    let message = parts.concat();
    let mut out = vec![message.len() as u8];
    out.extend_from_slice(&message);
    out
}

/// `scrape.mixed-family`: each metric is what it is, whatever came before it in its family.
#[test]
fn native_and_classic_in_one_family() {
    let classic = [
        vec![1 << 3, 2],
        double(2, 3.0),
        field(3, &[vec![1 << 3, 1], double(2, 1.0)].concat()),
    ]
    .concat();
    let native = [
        vec![1 << 3, 2],
        double(2, 3.0),
        field(12, &[1 << 3, 0, 2 << 3, 1]),
        field(13, &[4]),
    ]
    .concat();
    let metric = |histogram: &[u8], value: &[u8]| {
        field(
            4,
            &[
                field(1, &[field(1, b"a"), field(2, value)].concat()),
                field(7, histogram),
            ]
            .concat(),
        )
    };
    let body = delimited(&[
        field(1, b"h"),
        vec![3 << 3, 4],
        metric(&classic, b"1"),
        metric(&native, b"2"),
        metric(&classic, b"3"),
    ]);
    let mut buffers = Buffers::new();
    let mut parser = Parser::new(&body, Format::Protobuf, Options::default(), &mut buffers);
    let mut seen = Vec::new();
    while parser.advance().unwrap() {
        match parser.entry() {
            Entry::Histogram(sample) => {
                let Counts::Integer(buckets) = &sample.histogram.counts else {
                    panic!()
                };
                assert_eq!((buckets.count, &buckets.positive[..]), (2, &[2][..]));
                seen.push(sample.raw.to_vec());
            }
            Entry::Series(series) => seen.push(series.raw.to_vec()),
            _ => {}
        }
    }
    let expect = [
        "h_count|a|1",
        "h_sum|a|1",
        "h_bucket|a|1|le|1.0",
        "h_bucket|a|1|le|+Inf",
        "h|a|2",
        "h_count|a|3",
        "h_sum|a|3",
        "h_bucket|a|3|le|1.0",
        "h_bucket|a|3|le|+Inf",
    ];
    let seen: Vec<_> = seen
        .iter()
        .map(|raw| {
            raw.iter()
                .map(|&c| if c == 0xff { '|' } else { c as char })
                .collect::<String>()
        })
        .collect();
    assert_eq!(seen, expect);
}

/// `scrape.created-far`: looking for `_created` neither hangs on a line that cannot be read nor takes the square of the family's size.
#[test]
fn start_timestamps_end() {
    let options = Options {
        start_timestamps: true,
        ..Options::default()
    };
    let mut buffers = Buffers::new();
    let body = b"# TYPE a counter\na_total 1\na_total{x=\"1\"} 1 # {\"\n# EOF\n";
    let got = parse(body, Format::OpenMetrics, options, &mut buffers);
    assert_eq!(got["entries"].as_array().unwrap().len(), 2);
    let mut body = "# TYPE a counter\n".to_owned();
    for at in 0..50_000 {
        body.push_str(&format!("a_total{{x=\"{at}\"}} 1\n"));
    }
    body.push_str("# EOF\n");
    let started = std::time::Instant::now();
    let mut parser = Parser::new(body.as_bytes(), Format::OpenMetrics, options, &mut buffers);
    while parser.advance().unwrap() {}
    assert!(started.elapsed().as_secs() < 20);
}

/// `scrape.exemplar-labels`: an exemplar that is no good harms nothing but itself.
#[test]
fn an_exemplar_with_a_broken_label() {
    let exemplar = [field(1, &[field(1, b"id"), field(2, b"\xff")].concat()), double(2, 5.0)].concat();
    let counter = [double(1, 3.0), field(2, &exemplar)].concat();
    let body = delimited(&[field(1, b"c_total"), field(4, &field(3, &counter))]);
    let mut buffers = Buffers::new();
    let mut parser = Parser::new(&body, Format::Protobuf, Options::default(), &mut buffers);
    let mut samples = 0;
    while parser.advance().unwrap() {
        if let Entry::Series(series) = parser.entry() {
            assert_eq!(series.value, 3.0);
            let exemplars: Vec<_> = parser.exemplars().collect();
            assert_eq!(exemplars[0].value, 5.0);
            assert!(exemplars[0].labels(&mut promscrape::LabelsBuf::new()).is_err());
            samples += 1;
        }
    }
    assert_eq!(samples, 1);
}

/// `scrape.timestamp-range`: the nearest timestamp.
#[test]
fn timestamps_are_limited() {
    for (text, expect) in [("1e300", i64::MAX), ("-1e300", i64::MIN)] {
        let body = format!("a 1 {text}\n# EOF\n");
        let mut buffers = Buffers::new();
        let mut parser = Parser::new(body.as_bytes(), Format::OpenMetrics, Options::default(), &mut buffers);
        assert!(parser.advance().unwrap());
        let Entry::Series(series) = parser.entry() else {
            panic!()
        };
        assert_eq!(series.timestamp, Some(expect));
    }
}

/// `scrape.protobuf-errors`: groups are refused.
#[test]
fn protobuf_groups() {
    let body = delimited(&[field(1, b"a"), vec![9 << 3 | 3, 9 << 3 | 4]]);
    let mut buffers = Buffers::new();
    let mut parser = Parser::new(&body, Format::Protobuf, Options::default(), &mut buffers);
    assert_eq!(parser.advance().unwrap_err().message(), "proto: illegal wireType 3");
}

/// `scrape.conversion-invalid`: such a histogram is dropped, and the one after it is whole.
#[test]
fn a_count_below_the_buckets() {
    let body = b"# TYPE h histogram\nh_bucket{le=\"1\"} 11\nh_sum 7\nh_count 4\n\
        h_bucket{a=\"b\",le=\"1\"} 2\nh_sum{a=\"b\"} 1\nh_count{a=\"b\"} 2\n";
    let got = parse(body, Format::Text, converting(false), &mut Buffers::new());
    let entries = got["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1]["series"], "h{a=\"b\"}");
    assert_eq!(entries[1]["histogram"]["count"], "2");
}
