//! Finding traces: the newest, those of a service, those with a span of a name or an attribute.

use crate::store::{Store, TraceId};
use otlp_wire::common::{AnyValue, Attributes};
use otlp_wire::traces::{Span, resources};

/// What is known of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// What identifies it.
    pub id: TraceId,
    /// `service.name` of the resource of its root span, or of its earliest span if the root is not there.
    pub service: String,
    /// The name of that span; empty if the root is not there.
    pub name: String,
    /// Its beginning, in nanoseconds since 1970.
    pub start: u64,
    /// Its end, likewise.
    pub end: u64,
    /// Number of its spans.
    pub spans: u64,
}

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not understood: the embedded store finds traces by {{ }} and equality of text joined with &&, as in \
{{ resource.service.name = \"shop\" && name = \"GET /cart\" }}; point Grafana at a Tempo for more"
)]
pub struct FilterError(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Name,
    Resource,
    Span,
    /// Either.
    Any,
}

/// Conditions that one span of a trace has to meet: the part of TraceQL that is understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(Vec<(Scope, String, String)>);

impl Filter {
    /// Reads `{ name = "x" && resource.a = "b" && span.c = "d" && .e = "f" }`; no text is no condition.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        let wrong = || FilterError(text.to_owned());
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Ok(Filter::default());
        }
        let inner = trimmed.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let mut rest = inner.ok_or_else(wrong)?.trim();
        let mut conditions = Vec::new();
        while !rest.is_empty() {
            let (field, after) = rest.split_once('=').ok_or_else(wrong)?;
            let value = after.trim_start().strip_prefix('"').ok_or_else(wrong)?;
            let (value, after) = value.split_once('"').ok_or_else(wrong)?;
            if value.contains('\\') {
                return Err(wrong());
            }
            conditions.push(condition(field.trim(), value).ok_or_else(wrong)?);
            rest = after.trim();
            if !rest.is_empty() {
                rest = rest.strip_prefix("&&").ok_or_else(wrong)?.trim();
                if rest.is_empty() {
                    return Err(wrong());
                }
            }
        }
        Ok(Filter(conditions))
    }

    /// Reads the older form, `service.name=x name=y`.
    ///
    /// # Errors
    /// Words without `=`.
    pub fn parse_tags(text: &str) -> Result<Filter, FilterError> {
        let conditions = text.split_whitespace().map(|word| {
            let (name, value) = word.split_once('=')?;
            let scope = if name == "name" { Scope::Name } else { Scope::Any };
            Some((scope, name.to_owned(), value.trim_matches('"').to_owned()))
        });
        let conditions: Option<Vec<_>> = conditions.collect();
        conditions.map(Filter).ok_or_else(|| FilterError(text.to_owned()))
    }

    fn takes(&self, resource: Option<Attributes<'_>>, span: &Span<'_>) -> bool {
        self.0.iter().all(|(scope, key, value)| {
            let has = |attributes: Attributes<'_>| {
                attributes
                    .get(key.as_bytes())
                    .is_some_and(|found| matches!(found, AnyValue::String(text) if text == value.as_bytes()))
            };
            match scope {
                Scope::Name => span.name == value.as_bytes(),
                Scope::Resource => resource.is_some_and(has),
                Scope::Span => has(span.attributes()),
                Scope::Any => has(span.attributes()) || resource.is_some_and(has),
            }
        })
    }
}

fn condition(field: &str, value: &str) -> Option<(Scope, String, String)> {
    let is_key =
        |key: &str| !key.is_empty() && !key.contains(|c: char| c.is_whitespace() || "!<>=&|(){}\"".contains(c));
    let (scope, key) = if matches!(field, "name" | "span:name") {
        (Scope::Name, field)
    } else if let Some(key) = field.strip_prefix("resource.") {
        (Scope::Resource, key)
    } else if let Some(key) = field.strip_prefix("span.") {
        (Scope::Span, key)
    } else {
        (Scope::Any, field.strip_prefix('.')?)
    };
    is_key(key).then(|| (scope, key.to_owned(), value.to_owned()))
}

impl Store {
    /// The newest traces with a span that `filter` takes, which overlap the time from `start` to `end` (nanoseconds since 1970).
    pub fn search(&self, filter: &Filter, start: u64, end: u64, limit: usize) -> Vec<Summary> {
        let found = self.newest().into_iter().filter_map(|(id, request)| {
            let summary = summarize(id, &request, filter)?;
            (summary.start <= end && summary.end >= start).then_some(summary)
        });
        found.take(limit).collect()
    }
}

/// `None` if no span is taken.
fn summarize(id: TraceId, request: &[u8], filter: &Filter) -> Option<Summary> {
    let mut summary = Summary {
        id,
        start: u64::MAX,
        ..Summary::default()
    };
    let (mut taken, mut rooted) = (false, false);
    for resource in resources(request) {
        let attributes = resource.resource.map(|resource| resource.attributes());
        for span in resource.scopes().flat_map(|scope| scope.spans()) {
            taken = taken || filter.takes(attributes, &span);
            let root = span.parent_span_id.is_none();
            if !rooted && (root || span.start_time_unix_nano < summary.start) {
                let service = attributes.and_then(|attributes| attributes.get(b"service.name"));
                summary.service = service
                    .and_then(|name| Some(name.as_str()?.into_owned()))
                    .unwrap_or_default();
                if root {
                    summary.name = String::from_utf8_lossy(span.name).into_owned();
                }
            }
            rooted = rooted || root;
            summary.spans += 1;
            summary.start = summary.start.min(span.start_time_unix_nano);
            summary.end = summary.end.max(span.end_time_unix_nano);
        }
    }
    taken.then_some(summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        for (text, expect) in [
            ("", Some(0)),
            ("{}", Some(0)),
            (" { } ", Some(0)),
            ("{name=\"a = b\"}", Some(1)),
            (
                "{ resource.service.name = \"shop\" && span.http.method=\"GET\" && .x = \"\" }",
                Some(3),
            ),
            ("{ name =~ \"a\" }", None),
            ("{ name != \"a\" }", None),
            ("{ name = \"a\" || name = \"b\" }", None),
            ("{ name = \"a\" && }", None),
            ("{ duration > 5s }", None),
            ("{ name = \"a\" } | rate()", None),
            ("name", None),
        ] {
            assert_eq!(Filter::parse(text).ok().map(|filter| filter.0.len()), expect, "{text}");
        }
        assert_eq!(
            Filter::parse_tags("service.name=x name=\"y\"").map(|filter| filter.0.len()),
            Ok(2)
        );
        assert!(Filter::parse_tags("x").is_err());
    }
}
