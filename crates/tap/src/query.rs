//! What somebody wants to see.

use crate::pattern::Pattern;
use crate::record::Record;
use logql::{Dialect, Selector};

/// What to show, of what passes.
#[derive(Clone, Debug)]
pub struct Query {
    /// Of which edges.
    pub pattern: Pattern,
    /// Which records; all without.
    pub filter: Option<Selector>,
    /// Whether what enters and leaves each stage of a component is shown too.
    pub before_after: bool,
    /// The part of the records that is shown, above 0 and up to 1.
    pub sample: f64,
}

impl Default for Query {
    fn default() -> Self {
        Query {
            pattern: Pattern::new(""),
            filter: None,
            before_after: false,
            sample: 1.0,
        }
    }
}

impl Query {
    /// Sets the filter: a selector of LogQL, `{job="api"} |= "error"`, of which either part may be left out. Labels are labels,
    /// attributes, and structured metadata; the line of a sample is its value, that of a span its name.
    pub fn with_filter(mut self, text: &str) -> Result<Query, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(self);
        }
        let whole = match text.starts_with('{') {
            true => text.to_owned(),
            false => format!("{{}} {text}"),
        };
        let shift = whole.len() - text.len();
        let selector = Selector::parse(&whole, Dialect::Loki).map_err(|error| {
            format!(
                "{text:?} is not a filter: at {}: {}; it should look like {{job=\"api\"}} |= \"error\"",
                error.offset.saturating_sub(shift),
                error.message
            )
        })?;
        self.filter = Some(selector);
        Ok(self)
    }

    /// Sets the part that is shown.
    pub fn with_sample(mut self, sample: f64) -> Result<Query, String> {
        if !(sample > 0.0 && sample <= 1.0) {
            return Err(format!("the sample is {sample}; it should be above 0 and at most 1"));
        }
        self.sample = sample;
        Ok(self)
    }

    /// Whether a record is one of those that are asked for.
    pub(crate) fn wants(&self, record: &Record) -> bool {
        let Some(filter) = &self.filter else { return true };
        filter.matches_labels(|name| record.label(name)) && filter.matches_line(record.line_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Moment;

    fn record(line: &str, labels: &[(&str, &str)]) -> Record {
        let mut record = Record::new(0, "a", "b", Moment::Edge, "logs");
        record.line = Some(line.to_owned());
        record.labels = labels.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        record
    }

    #[test]
    fn filters_may_leave_either_part_out() {
        let error = record("an error", &[("job", "api")]);
        for (filter, expected) in [
            ("", true),
            (r#"{job="api"}"#, true),
            (r#"{job="db"}"#, false),
            (r#"|= "error""#, true),
            (r#"!= "error""#, false),
            (r#"{job=~"a.*"} |~ "e[r]+or""#, true),
        ] {
            let query = Query::default().with_filter(filter).unwrap();
            assert_eq!(query.wants(&error), expected, "{filter}");
        }
        let message = Query::default().with_filter("job = api").unwrap_err();
        assert!(message.contains("it should look like"), "{message}");
        assert!(Query::default().with_sample(0.0).is_err());
        assert!(Query::default().with_sample(1.5).is_err());
    }
}
