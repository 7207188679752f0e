//! The two forms of a line: logfmt as Go's `slog.TextHandler` quotes it, JSON as `slog.JSONHandler` escapes it.

use super::record::{FieldValue, Record};
use std::fmt::Write as _;

/// Appends a record as one logfmt line with its line break.
pub(crate) fn logfmt(out: &mut String, record: &Record) {
    out.push_str("ts=");
    out.push_str(&gotime::format_rfc3339_nano(record.timestamp));
    out.push_str(" level=");
    out.push_str(record.severity.as_str());
    if !record.message.is_empty() {
        out.push_str(" msg=");
        text(out, &record.message);
    }
    for (name, value) in &record.pairs {
        out.push(' ');
        text(out, &key(name));
        out.push('=');
        match value {
            FieldValue::Text(value) => text(out, value),
            value => plain(out, value),
        }
    }
    out.push('\n');
}

/// Appends a record as one JSON object with a line break.
pub(crate) fn json(out: &mut String, record: &Record) {
    out.push_str("{\"ts\":");
    json_string(out, &gotime::format_rfc3339_nano(record.timestamp));
    out.push_str(",\"level\":");
    json_string(out, record.severity.as_str());
    if !record.message.is_empty() {
        out.push_str(",\"msg\":");
        json_string(out, &record.message);
    }
    for (name, value) in &record.pairs {
        out.push(',');
        json_string(out, &key(name));
        out.push(':');
        match value {
            FieldValue::Text(value) => json_string(out, value),
            FieldValue::Float(value) if !value.is_finite() => json_string(out, &value.to_string()),
            value => plain(out, value),
        }
    }
    out.push_str("}\n");
}

fn plain(out: &mut String, value: &FieldValue) {
    let written = match value {
        FieldValue::Text(value) => out.write_str(value),
        FieldValue::Int(value) => write!(out, "{value}"),
        FieldValue::Uint(value) => write!(out, "{value}"),
        FieldValue::Float(value) => write!(out, "{value}"),
        FieldValue::Bool(value) => write!(out, "{value}"),
    };
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

/// A name that a logfmt parser reads back: what may not stand in a key becomes an underscore.
fn key(name: &str) -> String {
    let replace = |c: char| {
        if c <= ' ' || matches!(c, '=' | '"' | '\u{7f}') {
            '_'
        } else {
            c
        }
    };
    match name {
        "" => "_".to_owned(),
        name => name.chars().map(replace).collect(),
    }
}

/// Whether `slog` would put a value in quotes. It lets a lone backslash and DEL pass.
fn needs_quotes(value: &str) -> bool {
    value.is_empty()
        || value.chars().any(|c| match c {
            ' ' | '=' | '"' | '\0'..'\x20' => true,
            c if c.is_ascii() => false,
            c => !goquote::is_print(c),
        })
}

fn text(out: &mut String, value: &str) {
    if needs_quotes(value) {
        goquote::quote_into(out, value.as_bytes());
    } else {
        out.push_str(value);
    }
}

fn json_string(out: &mut String, value: &str) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..'\x20' | '\u{2028}' | '\u{2029}' => {
                let written = write!(out, "\\u{:04x}", c as u32);
                debug_assert!(written.is_ok(), "writing to a string cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::record::Severity;

    fn record(value: FieldValue) -> Record {
        Record {
            timestamp: 1_767_323_045_123_456_789,
            severity: Severity::Info,
            message: "m".to_owned(),
            pairs: vec![("k", value)],
            component: None,
        }
    }

    /// Expected texts are the output of Go 1.26's handlers for the same values.
    #[test]
    fn values_are_quoted_as_slog_quotes_them() {
        let cases = [
            ("plain", "plain", r#""plain""#),
            ("with space", r#""with space""#, r#""with space""#),
            ("", r#""""#, r#""""#),
            ("a=b", r#""a=b""#, r#""a=b""#),
            ("q\"x", r#""q\"x""#, r#""q\"x""#),
            ("back\\slash", r"back\slash", r#""back\\slash""#),
            ("tab\t", r#""tab\t""#, r#""tab\t""#),
            ("nl\n", r#""nl\n""#, r#""nl\n""#),
            ("é", "é", "\"é\""),
            ("日本", "日本", "\"日本\""),
            ("\u{a0}", r#""\u00a0""#, "\"\u{a0}\""),
            ("\u{2028}", r#""\u2028""#, r#""\u2028""#),
            ("\x7f", "\x7f", "\"\x7f\""),
            ("\x01", r#""\x01""#, r#""\u0001""#),
            ("emoji😀", "emoji😀", "\"emoji😀\""),
            ("\u{200b}", r#""\u200b""#, "\"\u{200b}\""),
            ("<a>&'", "<a>&'", r#""<a>&'""#),
            (":,;{}[]", ":,;{}[]", r#"":,;{}[]""#),
            ("\x08\x0c", r#""\b\f""#, r#""\u0008\u000c""#),
            ("\u{301}", "\u{301}", "\"\u{301}\""),
            ("\u{e0001}", r#""\U000e0001""#, "\"\u{e0001}\""),
            ("\u{ad}", r#""\u00ad""#, "\"\u{ad}\""),
        ];
        for (value, as_logfmt, as_json) in cases {
            let record = record(FieldValue::Text(value.to_owned()));
            let (mut line, mut object) = (String::new(), String::new());
            logfmt(&mut line, &record);
            json(&mut object, &record);
            assert_eq!(
                line,
                format!("ts=2026-01-02T03:04:05.123456789Z level=info msg=m k={as_logfmt}\n")
            );
            assert_eq!(
                object,
                format!(
                    "{{\"ts\":\"2026-01-02T03:04:05.123456789Z\",\"level\":\"info\",\"msg\":\"m\",\"k\":{as_json}}}\n"
                )
            );
        }
    }

    #[test]
    fn numbers_and_booleans_are_bare_and_an_empty_message_is_left_out() {
        let mut record = record(FieldValue::Int(-3));
        record.message.clear();
        record.pairs.push(("u", FieldValue::Uint(u64::MAX)));
        record.pairs.push(("f", FieldValue::Float(1.5)));
        record.pairs.push(("nan", FieldValue::Float(f64::NAN)));
        record.pairs.push(("b", FieldValue::Bool(true)));
        record.pairs.push(("bad key=\"", FieldValue::Bool(false)));
        let (mut line, mut object) = (String::new(), String::new());
        logfmt(&mut line, &record);
        json(&mut object, &record);
        assert_eq!(
            line,
            "ts=2026-01-02T03:04:05.123456789Z level=info k=-3 u=18446744073709551615 f=1.5 nan=NaN b=true bad_key__=false\n"
        );
        let parsed: serde_json::Value = serde_json::from_str(&object).unwrap();
        assert_eq!(parsed["nan"], "NaN");
        assert_eq!(parsed["u"], u64::MAX);
        assert_eq!(parsed.get("msg"), None);
    }
}
