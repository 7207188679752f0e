use gotime::{Layout, Location, format_rfc3339_nano, parse_rfc3339_nano};

const VECTORS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../shared/vectors/loki-timestamp-yearless.json"
);

#[test]
fn vectors() {
    let Ok(text) = std::fs::read_to_string(VECTORS) else {
        println!("skipped: ../shared is absent");
        return;
    };
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let field = |name: &str| case[name].as_str().unwrap_or_default();
        let location = Location::load(field("location")).unwrap();
        let now = parse_rfc3339_nano(field("now").as_bytes()).unwrap() / 1_000_000_000;
        let layout = Layout::new(field("layout"));
        let parsed = layout.parse_yearless(field("input"), &location, &Location::utc(), now);
        let got = parsed
            .ok()
            .map(|parsed| format_rfc3339_nano(parsed.unix_nanos().unwrap()));
        assert_eq!(got.as_deref(), case["expect"].as_str(), "{}", field("name"));
        assert_eq!(layout.has_year(), case["error"].as_bool().unwrap_or(false));
    }
}
