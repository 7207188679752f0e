//! Bodies that are none.

use crate::vectors::{cases, parse};
use promscrape::{Buffers, Entry, Format, Options, Parser};
use proptest::prelude::*;

const FORMATS: [Format; 3] = [Format::Text, Format::OpenMetrics, Format::Protobuf];

fn options(bits: u8) -> Options {
    let bit = |at: u8| bits >> at & 1 == 1;
    Options {
        convert_classic: bit(0),
        keep_classic: bit(1),
        ignore_native: bit(2),
        start_timestamps: bit(3),
        type_and_unit: bit(4),
    }
}

/// Goes through a body and looks at everything, errors included.
fn look(input: &[u8], format: Format, options: Options, buffers: &mut Buffers) {
    let mut labels = promscrape::LabelsBuf::new();
    let mut parser = Parser::new(input, format, options, buffers);
    let mut entries = 0;
    while let Ok(true) = parser.advance() {
        entries += 1;
        let _ = format!("{:?}", parser.entry());
        let _ = parser.labels(&mut labels);
        for exemplar in parser.exemplars() {
            let _ = exemplar.labels(&mut labels);
        }
    }
    assert!(entries <= 2 * input.len() + 2);
}

fn mutate(random: &mut fastrand::Rng, input: &[u8]) -> Vec<u8> {
    let mut out = input.to_vec();
    for _ in 0..random.usize(1..4) {
        let at = random.usize(0..=out.len());
        match random.u8(0..5) {
            0 => out.truncate(at),
            1 => out.insert(at, *random.choice(b" \t\n\"\\{}=,#\0\xff_:9.-+ea").unwrap()),
            2 if at < out.len() => out[at] = random.u8(..),
            3 if at < out.len() => drop(out.remove(at)),
            _ => {
                let end = random.usize(at..=out.len().min(at + 20));
                let piece = out[at..end].to_vec();
                let to = random.usize(0..=out.len());
                out.splice(to..to, piece);
            }
        }
    }
    out
}

#[test]
fn mutated_vectors() {
    let mut random = fastrand::Rng::with_seed(4711);
    let mut buffers = Buffers::new();
    for case in cases() {
        for _ in 0..60 {
            let input = mutate(&mut random, &case.input);
            look(&input, case.format, case.options, &mut buffers);
            look(&input, case.format, options(random.u8(..)), &mut buffers);
        }
    }
}

/// A guess changes nothing in what a parser yields, whether it is right or wrong.
#[test]
fn expecting_what_was_there() {
    let mut random = fastrand::Rng::with_seed(815);
    let mut buffers = Buffers::new();
    for case in cases() {
        let mut raws = Vec::new();
        let mut parser = Parser::new(&case.input, case.format, case.options, &mut buffers);
        while let Ok(true) = parser.advance() {
            raws.push(match parser.entry() {
                Entry::Series(series) => series.raw.to_vec(),
                _ => Vec::new(),
            });
        }
        for round in 0..20 {
            let input = if round == 0 {
                case.input.clone()
            } else {
                mutate(&mut random, &case.input)
            };
            let mut entries = [Vec::new(), Vec::new(), Vec::new()];
            for (guess, entries) in entries.iter_mut().enumerate() {
                let mut parser = Parser::new(&input, case.format, case.options, &mut buffers);
                let mut next = raws.iter();
                loop {
                    let raw = next.next().map_or(&b""[..], |raw| raw);
                    let more = match guess {
                        0 => parser.advance(),
                        1 => parser.advance_expecting(raw),
                        _ => parser.advance_recognising(raw.len(), |next| next == raw),
                    };
                    entries.push(format!("{more:?} {:?}", parser.entry()));
                    if more != Ok(true) {
                        break;
                    }
                }
            }
            assert!(
                entries[0] == entries[1] && entries[0] == entries[2],
                "{} {:?}",
                case.name,
                String::from_utf8_lossy(&input)
            );
        }
    }
}

#[test]
fn nothing_comes_after_an_error() {
    for body in ["# TYPE a foo\na 1\n", "a 1 x\na 1\n", "\na 1\n# EOF\n"] {
        let mut buffers = Buffers::new();
        let mut parser = Parser::new(body.as_bytes(), Format::OpenMetrics, Options::default(), &mut buffers);
        while let Ok(true) = parser.advance() {}
        assert_eq!(parser.advance_expecting(b"a"), Ok(false));
        assert_eq!(parser.advance(), Ok(false));
        assert!(matches!(parser.entry(), Entry::Comment(b"")));
    }
}

#[test]
fn a_parser_forgets_the_body_before() {
    let cases = cases();
    let mut used = Buffers::new();
    for case in cases.iter().chain(cases.iter().rev()) {
        let again = parse(&case.input, case.format, case.options, &mut used);
        assert!(
            again == parse(&case.input, case.format, case.options, &mut Buffers::new()),
            "{}",
            case.name
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes(input in proptest::collection::vec(any::<u8>(), 0..300), bits in any::<u8>()) {
        for format in FORMATS {
            look(&input, format, options(bits), &mut Buffers::new());
        }
    }

    #[test]
    fn any_pieces(pieces in proptest::collection::vec(0usize..40, 0..60), bits in any::<u8>()) {
        let all: [&[u8]; 40] = [
            b"# TYPE ", b"# HELP ", b"# UNIT ", b"# EOF", b"\n", b"\n", b"\n", b" ", b" ", b"\t", b"a", b"b_total", b"h", b"h_bucket",
            b"h_sum", b"h_count", b"h_created", b"histogram", b"counter", b"summary", b"{", b"}", b"\"", b"=\"x\"", b"le=\"1\"", b"le=\"+Inf\"",
            b"\"q\"", b",", b"1", b"2.5", b"NaN", b"1e3", b"-", b" # {", b"\\", b"\0", b"\xff", b"\xc3\xa4", b"quantile=\"0.5\"", b"1520879607.789",
        ];
        let input: Vec<u8> = pieces.iter().flat_map(|&piece| all[piece]).copied().collect();
        for format in FORMATS {
            look(&input, format, options(bits), &mut Buffers::new());
        }
    }
}
