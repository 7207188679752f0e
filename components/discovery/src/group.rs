//! Groups of targets.

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use signals::Labels;
use std::fmt;

/// Label of a target's address.
pub(crate) const ADDRESS: &str = "__address__";

/// Targets that come from one place and share labels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    /// Where they come from; a later group of the same name replaces this one.
    pub(crate) source: String,
    /// What they share.
    pub(crate) labels: Labels,
    /// What they do not share.
    pub(crate) targets: Vec<Labels>,
}

/// A group as files and HTTP servers write it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    #[serde(default)]
    targets: Option<Vec<Text>>,
    #[serde(default)]
    labels: Option<Pairs>,
}

impl Written {
    /// The group, with one more shared label.
    pub(crate) fn group(self, source: String, (name, value): (&str, &str)) -> Group {
        let pairs = self.labels.map(|pairs| pairs.0).unwrap_or_default();
        let labels = Labels::from_pairs(pairs.into_iter().chain([(name.to_owned(), value.to_owned())]));
        let target = |address: Text| Labels::from_pairs([(ADDRESS, address.0)]);
        Group {
            source,
            labels,
            targets: self.targets.unwrap_or_default().into_iter().map(target).collect(),
        }
    }
}

/// A string. YAML has other scalars without quotes; they are taken as they are written.
#[derive(Debug)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Text)
    }
}

/// Labels; a name must not be empty.
#[derive(Debug, Default)]
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    if name.is_empty() {
                        return Err(de::Error::custom("\"\" is not a valid label name"));
                    }
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

/// Parses a list of groups as JSON.
pub(crate) fn from_json(text: &[u8]) -> Result<Vec<Written>, String> {
    let groups: Option<Vec<Option<Written>>> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    present(groups)
}

/// Parses a list of groups as YAML.
pub(crate) fn from_yaml(text: &[u8]) -> Result<Vec<Written>, String> {
    let text = std::str::from_utf8(text).map_err(|error| format!("not UTF-8 text: {error}"))?;
    let options = serde_saphyr::options! { with_snippet: false };
    let groups: Option<Vec<Option<Written>>> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())?;
    present(groups)
}

fn present(groups: Option<Vec<Option<Written>>>) -> Result<Vec<Written>, String> {
    let groups = groups.unwrap_or_default().into_iter().enumerate();
    let one = |(index, group): (usize, Option<Written>)| {
        group.ok_or_else(|| format!("nil target group item found (index {index})"))
    };
    groups.map(one).collect()
}

/// A host and a port; the host in brackets if it is an IPv6 address.
pub(crate) fn host_port(host: &str, port: impl fmt::Display) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(groups: Result<Vec<Written>, String>) -> String {
        let groups = groups.unwrap().into_iter().enumerate();
        let one = |(i, group): (usize, Written)| {
            let group = group.group(i.to_string(), ("m", "x"));
            format!("{}: {} {:?}", group.source, group.labels, group.targets)
        };
        groups.map(one).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn json_and_yaml_say_the_same() {
        let json = r#"[{"targets": ["a:1", "b:2"], "labels": {"job": "x", "port": "80"}}, {"targets": []}, {}]"#;
        let yaml = "- targets: [a:1, 'b:2']\n  labels: {job: x, port: 80}\n- targets: []\n- {}\n";
        let expected = "0: {job=\"x\", m=\"x\", port=\"80\"} [{__address__=\"a:1\"}, {__address__=\"b:2\"}]\n\
                        1: {m=\"x\"} []\n2: {m=\"x\"} []";
        assert_eq!(shown(from_json(json.as_bytes())), expected);
        assert_eq!(shown(from_yaml(yaml.as_bytes())), expected);
        assert_eq!(shown(from_yaml(b"")), "");
        assert_eq!(
            shown(from_yaml(b"- targets: [true, 1.50, 0x10]\n  labels: {on: yes, v: 1.0}")),
            "0: {m=\"x\", on=\"yes\", v=\"1.0\"} [{__address__=\"true\"}, {__address__=\"1.50\"}, {__address__=\"0x10\"}]"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |text: &str| from_json(text.as_bytes()).unwrap_err();
        assert_eq!(wrong("[null]"), "nil target group item found (index 0)");
        assert!(wrong(r#"[{"target": []}]"#).contains("unknown field `target`"));
        assert!(wrong(r#"[{"labels": {"": "x"}}]"#).contains("is not a valid label name"));
        assert!(wrong(r#"[{"labels": {"a": 1}}]"#).contains("invalid type"));
        assert!(from_yaml(b"- target: [a]").is_err());
        assert!(from_yaml(b"{").is_err());
    }
}
