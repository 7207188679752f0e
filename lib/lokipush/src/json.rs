//! The JSON form: `{"streams": [{"stream": {"app": "api"}, "values": [["<ns>", "<line>", {"trace_id": "x"}]]}]}`.
//!
//! Timestamp and line are strings; nulls in place of streams, values or an entry are skipped, unknown keys ignored.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::labels::Labels;
use crate::{Entry, Error, Limits, PushRequest, Stream, StreamLabels};

impl<'a> PushRequest<'a> {
    /// Reads a JSON document.
    ///
    /// # Errors
    /// [`Error::Json`] with line and column, [`Error::TooManyEntries`].
    pub fn from_json(document: &'a [u8], limits: Limits) -> Result<Self, Error> {
        let budget = Budget(Cell::new(Some(limits.max_entries)));
        let mut json = serde_json::Deserializer::from_slice(document);
        let parsed = DocumentSeed(&budget)
            .deserialize(&mut json)
            .and_then(|request| json.end().map(|()| request));
        if budget.0.get().is_none() {
            return Err(Error::TooManyEntries {
                limit: limits.max_entries,
            });
        }
        parsed.map_err(|e| Error::Json(e.to_string()))
    }
}

/// Entries that may still come; `None` when there was one too many.
struct Budget(Cell<Option<usize>>);

impl Budget {
    fn take_one(&self) -> bool {
        self.0.set(self.0.get().and_then(|left| left.checked_sub(1)));
        self.0.get().is_some()
    }
}

/// Defines a seed, which carries the budget, and the visitor that reads the value.
macro_rules! seed {
    ($(#[$doc:meta])* $name:ident -> $value:ty, $what:literal, { $($visits:tt)* }) => {
        $(#[$doc])*
        struct $name<'b>(&'b Budget);

        impl<'de> DeserializeSeed<'de> for $name<'_> {
            type Value = $value;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<$value, D::Error> {
                deserializer.deserialize_any(self)
            }
        }

        impl<'de> Visitor<'de> for $name<'_> {
            type Value = $value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($what)
            }

            $($visits)*
        }
    };
}

seed!(DocumentSeed -> PushRequest<'de>, "an object with \"streams\"", {
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PushRequest<'de>, A::Error> {
        let mut request = PushRequest::default();
        while let Some(key) = map.next_key_seed(Text)? {
            if key == "streams" {
                request.streams.append(&mut map.next_value_seed(StreamsSeed(self.0))?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(request)
    }
});

seed!(StreamsSeed -> Vec<Stream<'de>>, "an array of streams", {
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Stream<'de>>, A::Error> {
        let mut streams = Vec::new();
        while let Some(stream) = seq.next_element_seed(StreamSeed(self.0))? {
            streams.extend(stream);
        }
        Ok(streams)
    }

    fn visit_unit<E>(self) -> Result<Vec<Stream<'de>>, E> {
        Ok(Vec::new())
    }
});

seed!(StreamSeed -> Option<Stream<'de>>, "an object with \"stream\" and \"values\"", {
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Stream<'de>>, A::Error> {
        let mut labels = Labels::new();
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(Text)? {
            match &*key {
                "stream" => labels = map.next_value_seed(Pairs("labels"))?.into_iter().map(owned).collect(),
                "values" => entries = map.next_value_seed(EntriesSeed(self.0))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        // Of a name that comes twice the last value counts, as everywhere in JSON.
        labels.reverse();
        labels.sort_by(|a, b| a.0.cmp(&b.0));
        labels.dedup_by(|later, first| later.0 == first.0);
        Ok(Some(Stream { labels: StreamLabels::Pairs(labels), entries }))
    }

    fn visit_unit<E>(self) -> Result<Option<Stream<'de>>, E> {
        Ok(None)
    }
});

fn owned((name, value): (Cow<'_, str>, Cow<'_, str>)) -> (String, String) {
    (name.into_owned(), value.into_owned())
}

seed!(EntriesSeed -> Vec<Entry<'de>>, "an array of entries", {
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Entry<'de>>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = seq.next_element_seed(EntrySeed(self.0))? {
            entries.extend(entry);
        }
        Ok(entries)
    }

    fn visit_unit<E>(self) -> Result<Vec<Entry<'de>>, E> {
        Ok(Vec::new())
    }
});

seed!(EntrySeed -> Option<Entry<'de>>, "an entry [\"<nanoseconds>\", \"<line>\", {metadata}]", {
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Option<Entry<'de>>, A::Error> {
        if !self.0.take_one() {
            return Err(A::Error::custom("too many entries"));
        }
        let text = seq.next_element_seed(Text)?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
        let timestamp = text
            .parse()
            .map_err(|_| A::Error::custom(format_args!("timestamp \"{text}\" is not a number of nanoseconds")))?;
        let line = seq.next_element_seed(Raw)?.ok_or_else(|| A::Error::invalid_length(1, &self))?;
        let metadata = seq.next_element_seed(Pairs("structured metadata"))?.unwrap_or_default();
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Some(Entry { timestamp, line, metadata }))
    }

    fn visit_unit<E>(self) -> Result<Option<Entry<'de>>, E> {
        Ok(None)
    }
});

/// An object of strings; the name says what it holds.
struct Pairs(&'static str);

impl<'de> DeserializeSeed<'de> for Pairs {
    type Value = Vec<(Cow<'de, str>, Cow<'de, str>)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(Cow<'de, str>, Cow<'de, str>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as an object of strings", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(name) = map.next_key_seed(Text)? {
            pairs.push((name, map.next_value_seed(Text)?));
        }
        Ok(pairs)
    }
}

/// A string, with U+FFFD for what is not UTF-8.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        Ok(match Raw.deserialize(deserializer)? {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Cow::Owned(text),
                Err(e) => Cow::Owned(String::from_utf8_lossy(e.as_bytes()).into_owned()),
            },
        })
    }
}

/// A string as bytes: what the sender wrote between the quotes need not be UTF-8.
struct Raw;

impl<'de> DeserializeSeed<'de> for Raw {
    type Value = Cow<'de, [u8]>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for Raw {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(bytes))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        let mut bytes = bytes.to_vec();
        // A lone surrogate (\ud800) comes as the three bytes that its number would have, which no reader of UTF-8 takes;
        // U+FFFD has three bytes as well.
        let mut at = 0;
        while at + 2 < bytes.len() {
            if bytes[at] == 0xed && bytes[at + 1] >= 0xa0 {
                bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
                at += 2;
            }
            at += 1;
        }
        Ok(Cow::Owned(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<PushRequest<'_>, Error> {
        PushRequest::from_json(text.as_bytes(), Limits::default())
    }

    fn check_err(text: &str, expect: &str) {
        assert_eq!(decode(text).expect_err("must not decode").to_string(), expect);
    }

    #[test]
    fn reads_streams_entries_and_metadata() {
        let request = decode(
            r#"{"x": [{}], "streams": [
                {"stream": {"b": "2", "a": "0", "a": "1"}, "values": [
                    ["1700000000000000001", "plain"],
                    ["-5", "esc\n\u00e9\ud800", {"trace_id": "t", "n": ""}, 7]
                ], "unknown": null},
                null,
                {"values": [null], "stream": {}},
                {"stream": {"c": "3"}, "values": null}
            ]}"#,
        )
        .expect("valid");
        let labels: Vec<_> = request.streams.iter().map(|s| s.labels.text().into_owned()).collect();
        assert_eq!(labels, [r#"{a="1", b="2"}"#, "{}", r#"{c="3"}"#]);
        let entries = &request.streams[0].entries;
        assert_eq!(request.entry_count(), 2);
        assert_eq!(
            (entries[0].timestamp, &*entries[0].line),
            (1_700_000_000_000_000_001, &b"plain"[..])
        );
        assert!(matches!(entries[0].line, Cow::Borrowed(_)));
        assert_eq!(
            (entries[1].timestamp, &*entries[1].line),
            (-5, "esc\né\u{fffd}".as_bytes())
        );
        assert_eq!(
            entries[1].metadata,
            [("trace_id".into(), "t".into()), ("n".into(), "".into())]
        );
    }

    #[test]
    fn lines_need_not_be_utf8() {
        let document = b"{\"streams\":[{\"stream\":{\"a\":\"\xff\"},\"values\":[[\"1\",\"\xff\xfe\"]]}]}";
        let request = PushRequest::from_json(document, Limits::default()).expect("valid");
        assert_eq!(&*request.streams[0].entries[0].line, b"\xff\xfe");
        assert_eq!(request.streams[0].labels.text(), "{a=\"\u{fffd}\"}");
    }

    #[test]
    fn says_what_is_wrong() {
        check_err(
            "",
            "malformed JSON push request: EOF while parsing a value at line 1 column 0",
        );
        check_err(
            "[]",
            "malformed JSON push request: invalid type: sequence, expected an object with \"streams\" at line 1 column 2",
        );
        check_err(
            "{} x",
            "malformed JSON push request: trailing characters at line 1 column 4",
        );
        let entry = |text: &str| format!("{{\"streams\":[{{\"stream\":{{}},\"values\":[{text}]}}]}}");
        check_err(
            &entry("[1,\"x\"]"),
            "malformed JSON push request: invalid type: integer `1`, expected a string at line 1 column 37",
        );
        check_err(
            &entry("[\"1s\",\"x\"]"),
            "malformed JSON push request: timestamp \"1s\" is not a number of nanoseconds at line 1 column 41",
        );
        check_err(
            &entry("[\"1\"]"),
            "malformed JSON push request: invalid length 1, expected an entry [\"<nanoseconds>\", \"<line>\", {metadata}] at line 1 column 40",
        );
        check_err(
            &entry("[\"1\",\"x\",{\"a\":1}]"),
            "malformed JSON push request: invalid type: integer `1`, expected a string at line 1 column 50",
        );
        let nested = format!("{{\"x\":{}", "[".repeat(100_000));
        assert!(decode(&nested).is_err());
    }

    #[test]
    fn entries_are_limited() {
        let text = r#"{"streams":[{"stream":{},"values":[["1","x"],["2","x"]]}]}"#;
        let limits = |max_entries| Limits {
            max_entries,
            ..Limits::default()
        };
        assert!(PushRequest::from_json(text.as_bytes(), limits(2)).is_ok());
        let error = PushRequest::from_json(text.as_bytes(), limits(1)).expect_err("too many");
        assert_eq!(error, Error::TooManyEntries { limit: 1 });
    }
}
