//! Deliberate differences are documented.

#[test]
fn every_difference_is_documented() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/differences.md")).unwrap();
    let others = [
        "parse.nesting",
        "parse.scan-errors",
        "parse.attribute-range",
        "ident.keyword",
        "diag.hint",
        "fmt.lossless",
        "fmt.many",
    ];
    for id in crate::fmt::DIFFERENCES.iter().map(|(id, ..)| *id).chain(others) {
        assert!(
            text.lines().any(|line| line == format!("### {id}")),
            "docs/differences.md has no section {id}"
        );
    }
}
