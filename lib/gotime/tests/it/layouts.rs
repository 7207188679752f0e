use gotime::{Layout, Location, format_rfc3339_nano, layouts, named};

fn parse(layout: &str, value: &str, location: &str) -> Result<String, String> {
    let location = Location::load(location).expect("known location");
    match Layout::new(layout).parse(value, &location) {
        Ok(parsed) => Ok(format_rfc3339_nano(parsed.unix_nanos().expect("within 64 bits"))),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn values_that_parse() {
    for (layout, value, location, expect) in [
        (
            layouts::RFC3339,
            "2024-05-06T07:08:09.123456789Z",
            "",
            "2024-05-06T07:08:09.123456789Z",
        ),
        (layouts::RFC3339, "2024-05-06T7:08:09Z", "", "2024-05-06T07:08:09Z"),
        (
            layouts::RFC3339,
            "2106-01-02T23:04:05-04:00",
            "",
            "2106-01-03T03:04:05Z",
        ),
        (layouts::ANSIC, "Mon May  6 07:08:09 2024", "", "2024-05-06T07:08:09Z"),
        (layouts::ANSIC, "Tue mAY 16 07:08:09 2024", "", "2024-05-16T07:08:09Z"),
        (
            layouts::UNIX_DATE,
            "Mon May  6 07:08:09 UTC 2024",
            "Europe/Berlin",
            "2024-05-06T07:08:09Z",
        ),
        (
            layouts::RUBY_DATE,
            "Mon May 06 07:08:09 -0700 2024",
            "",
            "2024-05-06T14:08:09Z",
        ),
        (layouts::RFC822Z, "06 May 24 07:08 -0700", "", "2024-05-06T14:08:00Z"),
        (
            layouts::RFC850,
            "Monday, 06-May-24 07:08:09 UTC",
            "",
            "2024-05-06T07:08:09Z",
        ),
        (
            layouts::RFC1123,
            "Tue, 06 May 2024 07:08:09 GMT",
            "",
            "2024-05-06T07:08:09Z",
        ),
        (
            layouts::RFC1123,
            "Mon, 06 May 2024 07:08:09 XYZ",
            "",
            "2024-05-06T07:08:09Z",
        ),
        (
            layouts::DATE_TIME,
            "2024-05-06 07:08:09.123",
            "",
            "2024-05-06T07:08:09.123Z",
        ),
        (
            layouts::DATE_TIME,
            "2024-05-06 07:08:09,5",
            "",
            "2024-05-06T07:08:09.5Z",
        ),
        (
            layouts::DATE_TIME,
            "2019-07-22 20:29:32",
            "America/New_York",
            "2019-07-23T00:29:32Z",
        ),
        // Clocks put forward and back.
        (
            layouts::DATE_TIME,
            "2024-03-10 02:30:00",
            "America/New_York",
            "2024-03-10T06:30:00Z",
        ),
        (
            layouts::DATE_TIME,
            "2024-11-03 01:30:00",
            "America/New_York",
            "2024-11-03T05:30:00Z",
        ),
        (
            "2006-01-02 15:04:05 -0700",
            "2024-07-06 07:08:09 +0100",
            "America/New_York",
            "2024-07-06T06:08:09Z",
        ),
        (
            "2006-01-02 15:04:05 MST",
            "2024-07-06 07:08:09 EDT",
            "America/New_York",
            "2024-07-06T11:08:09Z",
        ),
        (
            "2006-01-02 15:04:05 MST",
            "2024-07-06 07:08:09 EST",
            "America/New_York",
            "2024-07-06T12:08:09Z",
        ),
        (
            "2006-01-02 15:04:05 MST",
            "2024-07-06 07:08:09 GMT+3",
            "",
            "2024-07-06T07:08:09Z",
        ),
        (
            "2006-01-02 15:04:05 MST",
            "2024-07-06 07:08:09 +03",
            "",
            "2024-07-06T07:08:09Z",
        ),
        (
            "2006-01-02 15:04:05 MST",
            "2024-07-06 07:08:09 WITA",
            "",
            "2024-07-06T07:08:09Z",
        ),
        (
            "02/Jan/2006:15:04:05 -0700",
            "06/May/2024:07:08:09 -0500",
            "",
            "2024-05-06T12:08:09Z",
        ),
        ("06-01-02", "69-01-02", "", "1969-01-02T00:00:00Z"),
        ("06-01-02", "68-01-02", "", "2068-01-02T00:00:00Z"),
        ("2006-002", "2024-127", "", "2024-05-06T00:00:00Z"),
        ("2006-002", "2024-060", "", "2024-02-29T00:00:00Z"),
        ("2006-002", "2024-366", "", "2024-12-31T00:00:00Z"),
        ("2006 __2", "2024  60", "", "2024-02-29T00:00:00Z"),
        ("2006-1-2", "2024-05-06", "", "2024-05-06T00:00:00Z"),
        ("2006 Jan _2", "2024 May  6", "", "2024-05-06T00:00:00Z"),
        ("2006-January-02", "2024-mAy-06", "", "2024-05-06T00:00:00Z"),
        ("2006-01-02 3:04PM", "2024-05-06 12:04AM", "", "2024-05-06T00:04:00Z"),
        ("2006-01-02 3:04pm", "2024-05-06 1:04pm", "", "2024-05-06T13:04:00Z"),
        (
            "2006-01-02 15:04:05.000",
            "2024-05-06 07:08:09.250",
            "",
            "2024-05-06T07:08:09.25Z",
        ),
        (
            "2006-01-02 15:04:05.000",
            "2024-05-06 07:08:09,250",
            "",
            "2024-05-06T07:08:09.25Z",
        ),
        (
            "2006-01-02 15:04:05.99",
            "2024-05-06 07:08:09.123456",
            "",
            "2024-05-06T07:08:09.123456Z",
        ),
        (
            "2006-01-02 15:04:05.99",
            "2024-05-06 07:08:09",
            "",
            "2024-05-06T07:08:09Z",
        ),
        (
            "2006-01-02 15:04:05 Z07",
            "2024-05-06 07:08:09 -07",
            "",
            "2024-05-06T14:08:09Z",
        ),
        (
            "2006-01-02 15:04:05 -07:00:00",
            "2024-05-06 07:08:09 +00:00:01",
            "",
            "2024-05-06T07:08:08Z",
        ),
        // A run of spaces is as good as another, and none will do at the end.
        ("2006-01-02  15:04", "2024-05-06 07:08", "", "2024-05-06T07:08:00Z"),
        ("2006-01-02 ", "2024-05-06", "", "2024-05-06T00:00:00Z"),
        ("_2006é01", "_2024é05", "", "2024-05-01T00:00:00Z"),
    ] {
        assert_eq!(
            parse(layout, value, location).as_deref(),
            Ok(expect),
            "{value} as {layout}"
        );
    }
}

#[test]
fn errors_have_the_text_of_go() {
    for (layout, value, expect) in [
        (
            layouts::RFC3339,
            "2024-05-06t07:08:09Z",
            r#"as "2006-01-02T15:04:05Z07:00": cannot parse "t07:08:09Z" as "T""#,
        ),
        (
            "2006-01-02",
            "2024-5-6",
            r#"as "2006-01-02": cannot parse "5-6" as "01""#,
        ),
        ("2006-01-02", "zzz", r#"as "2006-01-02": cannot parse "zzz" as "2006""#),
        ("2006-01-02", "2024-05-06x", r#": extra text: "x""#),
        ("2006-01-02", "2024-13-06", ": month out of range"),
        ("2006-01-02", "2024-02-30", ": day out of range"),
        ("2006-01-02", "2023-02-29", ": day out of range"),
        ("15:04:05", "24:00:00", ": hour out of range"),
        ("15:04:05", "12:60:00", ": minute out of range"),
        ("15:04:05", "12:00:60", ": second out of range"),
        ("2006-002", "2023-366", ": day-of-year out of range"),
        ("2006-01-002", "2024-06-127", ": day-of-year does not match month"),
        ("-0700", "+2500", ": time zone offset hour out of range"),
        (
            "15:04:05.000",
            "12:00:00.12",
            r#"as "15:04:05.000": cannot parse ".12" as ".000""#,
        ),
        ("MST", "ab", r#"as "MST": cannot parse "ab" as "MST""#),
        ("2006", "é", r#"as "2006": cannot parse "\xc3\xa9" as "2006""#),
    ] {
        let error = parse(layout, value, "").unwrap_err();
        let head = format!("parsing time {}", gotime::quote(value.as_bytes()));
        let space = if expect.starts_with(':') { "" } else { " " };
        assert_eq!(error, format!("{head}{space}{expect}"));
    }
}

#[test]
fn what_is_formatted_parses_to_the_same_instant() {
    let berlin = Location::load("Europe/Berlin").unwrap();
    for name in ["RFC3339Nano", "RFC1123Z", "RubyDate", "ANSIC", "UnixDate", "RFC850"] {
        let layout = Layout::new(named(name).unwrap());
        for seconds in (0..3_000_000_000).step_by(98_765_431) {
            let text = layout.format(seconds, 0, &berlin);
            assert_eq!(layout.parse(&text, &berlin).unwrap().seconds, seconds, "{text}");
        }
    }
    assert_eq!(named("rfc3339"), None);
}

#[test]
fn instants_beyond_64_bits_of_nanoseconds() {
    let parsed = Layout::new(layouts::RFC3339)
        .parse("9999-12-31T23:59:59Z", &Location::utc())
        .unwrap();
    assert_eq!(parsed.unix_nanos(), None);
    assert_eq!(parsed.seconds, 253_402_300_799);
}
