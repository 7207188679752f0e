use super::grammar::{Cursor, Item};
use proptest::prelude::*;

/// Reads a body with and without shortcuts, entry by entry, errors included.
fn compare(b: &[u8], open_metrics: bool) {
    let mut fast = Cursor::new(b, open_metrics);
    let mut slow = fast;
    loop {
        let (got, expect) = (fast.next(), slow.next_slow());
        // NaN is not equal to itself; its text is.
        assert_eq!(
            format!("{got:?}"),
            format!("{expect:?}"),
            "{:?}",
            String::from_utf8_lossy(b)
        );
        assert_eq!((fast.lex.i, fast.lex.state), (slow.lex.i, slow.lex.state));
        if matches!(got, Err(_) | Ok(Item::End)) {
            return;
        }
    }
}

const PIECES: [&[u8]; 44] = [
    b"a",
    b"b_c:d",
    b"9",
    b"{",
    b"{",
    b"}",
    b"} ",
    b"x=\"1\"",
    b"y=\"long value of a label\"",
    b",",
    b" ",
    b" ",
    b"\t",
    b"\n",
    b"\n",
    b"1",
    b"-2.5",
    b"1e3",
    b"1e400",
    b"1e-30",
    b"NaN",
    b"+Inf",
    b"12345678901234567890",
    b"0x1p3",
    b"1_0",
    b"\"",
    b"\\\"",
    b"\\n",
    b"\\",
    b"\0",
    b"\xff",
    b"\xc3\xa4",
    b"=",
    b"#",
    b"# ",
    b" # {",
    b"# EOF\n",
    b"1520879607789",
    b"x=\"\\\\ \\\" end\"",
    b"z=\"\xc3\xa4\xc3\xb6\"",
    b"\r",
    b"name{a=\"b\"} 1\n",
    b"name 2\n",
    b"\x7f",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn shortcuts_change_nothing(pieces in proptest::collection::vec(0..PIECES.len(), 0..30), open_metrics in any::<bool>()) {
        let body: Vec<u8> = pieces.iter().flat_map(|&piece| PIECES[piece]).copied().collect();
        compare(&body, open_metrics);
    }

    #[test]
    fn nor_in_lines(
        labels in proptest::collection::vec(("[a-z_0]{0,5}", "[ -~äöü\n\t\0]{0,20}", any::<u8>()), 0..4),
        value in "([-+]?[0-9]{0,20}(\\.[0-9]{0,20})?([eE][-+]?[0-9]{0,4})?)|[A-Za-z]{1,4}",
        timestamp in "( [-+]?[0-9]{0,20}(\\.[0-9]{0,4})?)?",
        open_metrics in any::<bool>(),
    ) {
        let mut body = b"name{".to_vec();
        for (name, value, broken) in &labels {
            body.extend_from_slice(format!("{name}=\"{value}\",").as_bytes());
            if *broken < 10 {
                body.push(*broken | 0x80);
            }
        }
        body.extend_from_slice(format!("}} {value}{timestamp}\nnext 1\n# EOF\n").as_bytes());
        compare(&body, open_metrics);
    }
}
