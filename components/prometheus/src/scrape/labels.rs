//! From the labels that a target exposes to those of a series.

use prommodel::{Label, NAME, SeriesBuilder, Table};
use promscrape::LabelsBuf;
use std::fmt;

/// What a configuration says of labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LabelRules {
    /// Whether a label of the target gives way to one that is exposed.
    pub(super) honor_labels: bool,
    /// Whether names may be any text; otherwise they are `[a-zA-Z_:][a-zA-Z0-9_:]*`, and labels without the colon.
    pub(super) utf8: bool,
    /// Most labels; 0 for any number. So are the others.
    pub(super) label_limit: usize,
    /// Bytes of a name.
    pub(super) name_limit: usize,
    /// Bytes of a value.
    pub(super) value_limit: usize,
}

/// Why labels are no good. The words are those of Prometheus.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    NoName,
    Invalid(String),
    Limit(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::NoName => f.write_str("missing metric name (__name__ label)"),
            Unfit::Invalid(message) | Unfit::Limit(message) => f.write_str(message),
        }
    }
}

/// The labels of a series that has exposed labels and those of the target; both are sorted by name.
pub(super) fn merge<'l>(
    table: &Table,
    exposed: &LabelsBuf,
    target: impl IntoIterator<Item = &'l Label>,
    rules: LabelRules,
) -> Result<Vec<Label>, Unfit> {
    let mut builder = SeriesBuilder::new(table);
    let mut last = None;
    for (name, value) in exposed.iter() {
        if last == Some(name) {
            return Err(Unfit::Invalid(format!(
                "invalid metric name or label names: label {name:?} is there twice"
            )));
        }
        last = Some(name);
        builder.push(name, value);
    }
    let mut renamed = Vec::new();
    for label in target {
        match builder.get(label.name()) {
            Some(_) if rules.honor_labels => continue,
            Some(value) => renamed.push((label.name(), value.to_owned())),
            // A label that is exposed without a value keeps the target's away, too.
            None if rules.honor_labels && exposed.get(label.name()).is_some() => continue,
            None => {}
        }
        builder.set(label.name(), label.value());
    }
    // Shorter names first, so that who is renamed does not depend on the order of the body.
    renamed.sort_by_key(|(name, _)| name.len());
    for (name, value) in renamed {
        let mut name = format!("exported_{name}");
        while builder.get(&name).is_some() {
            name.insert_str(0, "exported_");
        }
        builder.set(&name, &value);
    }
    check(&builder, rules)?;
    Ok(builder.labels().to_vec())
}

fn check(builder: &SeriesBuilder<'_>, rules: LabelRules) -> Result<(), Unfit> {
    let Some(metric) = builder.get(NAME) else {
        return Err(Unfit::NoName);
    };
    let over = |limit: usize, length: usize| limit > 0 && length > limit;
    let labels = builder.labels();
    for label in labels {
        let name = label.name();
        let valid = match (rules.utf8, name) {
            (true, _) => !name.is_empty(),
            (false, NAME) => promtext::valid_metric_name(metric),
            (false, _) => promtext::valid_label_name(name),
        };
        if !valid {
            let wrong = if name == NAME { metric } else { name };
            return Err(Unfit::Invalid(format!("invalid metric name or label names: {wrong:?}")));
        }
    }
    if over(rules.label_limit, labels.len()) {
        return Err(Unfit::Limit(format!(
            "label_limit exceeded (metric: {metric:.50}, number of labels: {}, limit: {})",
            labels.len(),
            rules.label_limit
        )));
    }
    for label in labels {
        let (name, value) = (label.name(), label.value());
        if over(rules.name_limit, name.len()) {
            return Err(Unfit::Limit(format!(
                "label_name_length_limit exceeded (metric: {metric:.50}, label name: {name:.50}, length: {}, limit: {})",
                name.len(),
                rules.name_limit
            )));
        }
        if over(rules.value_limit, value.len()) {
            return Err(Unfit::Limit(format!(
                "label_value_length_limit exceeded (metric: {metric:.50}, label name: {name:.50}, value: {value:.50?}, length: {}, limit: {})",
                value.len(),
                rules.value_limit
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use promscrape::{Buffers, Format, Options, Parser};
    use serde_json::Value;
    use std::collections::BTreeMap;

    fn text(labels: &BTreeMap<String, String>) -> String {
        let mut text = String::from("{");
        for (name, value) in labels {
            text.push_str(&format!("{name}={value:?},"));
        }
        text.push_str("} 1\n");
        text
    }

    /// Merges what a body of one line exposes.
    fn merged(
        exposed: &BTreeMap<String, String>,
        target: &BTreeMap<String, String>,
        rules: LabelRules,
    ) -> Result<BTreeMap<String, String>, Unfit> {
        let table = Table::new();
        let mut exposed = exposed.clone();
        let metric = exposed.remove(NAME).unwrap_or_default();
        let body = format!("{metric}{}", text(&exposed));
        let (mut buffers, mut labels) = (Buffers::new(), LabelsBuf::new());
        let mut parser = Parser::new(body.as_bytes(), Format::Text, Options::default(), &mut buffers);
        assert_eq!(parser.advance(), Ok(true));
        parser.labels(&mut labels).unwrap();
        let target: Vec<Label> = target.iter().map(|(name, value)| table.label(name, value)).collect();
        let labels = merge(&table, &labels, &target, rules)?;
        Ok(labels
            .iter()
            .map(|label| (label.name().to_owned(), label.value().to_owned()))
            .collect())
    }

    #[test]
    fn conflicts_are_resolved_as_in_prometheus() {
        let Some(vectors) = crate::vectors("scrape.json") else {
            return;
        };
        let cases = vectors["label_conflicts"].as_array().expect("a list");
        assert!(!cases.is_empty());
        let map = |value: &Value| -> BTreeMap<String, String> { serde_json::from_value(value.clone()).unwrap() };
        for case in cases {
            let rules = LabelRules {
                honor_labels: case["honor_labels"].as_bool().unwrap(),
                ..LabelRules::default()
            };
            let mut expect = map(&case["expect"]);
            expect.retain(|_, value| !value.is_empty());
            let got = merged(&map(&case["exposed"]), &map(&case["target_labels"]), rules);
            assert_eq!(got.as_ref(), Ok(&expect), "{}", case["name"]);
        }
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }

    #[test]
    fn limits_and_names() {
        let exposed = labels(&[(NAME, "metric"), ("a", "123"), ("longer", "1")]);
        let none = LabelRules::default();
        for (rules, part) in [
            (
                LabelRules { label_limit: 2, ..none },
                "label_limit exceeded (metric: metric, number of labels: 3, limit: 2)",
            ),
            (LabelRules { name_limit: 7, ..none }, "label_name_length_limit exceeded"),
            (
                LabelRules { value_limit: 5, ..none },
                "label_value_length_limit exceeded",
            ),
        ] {
            let error = merged(&exposed, &labels(&[]), rules).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
        let fits = LabelRules {
            label_limit: 3,
            name_limit: 8,
            value_limit: 6,
            ..none
        };
        assert!(merged(&exposed, &labels(&[]), fits).is_ok());
        let odd = labels(&[(NAME, "metric"), ("a", "1")]);
        assert!(merged(&odd, &labels(&[("a.b", "2")]), LabelRules { utf8: true, ..none }).is_ok());
        let error = merged(&odd, &labels(&[("a.b", "2")]), none).unwrap_err();
        assert_eq!(error.to_string(), "invalid metric name or label names: \"a.b\"");
        assert_eq!(merge(&Table::new(), &LabelsBuf::new(), &[], none), Err(Unfit::NoName));
    }
}
