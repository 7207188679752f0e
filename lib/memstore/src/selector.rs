//! Which streams and lines a query takes: `{app="api", env=~"pro.*"} |= "error" !~ "debug|trace"`.

use logql::Dialect;
use lokipush::Labels;

use crate::query::QueryError;

/// A stream selector with line filters.
#[derive(Clone, Debug)]
pub(crate) struct Selector(logql::Selector);

impl Selector {
    pub(crate) fn parse(text: &str) -> Result<Self, QueryError> {
        logql::Selector::parse(text, Dialect::Loki)
            .map(Selector)
            .map_err(|e| QueryError(format!("query \"{text}\": {e}")))
    }

    pub(crate) fn matches_labels(&self, labels: &Labels) -> bool {
        self.0.matches_labels(|name| {
            let at = labels.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
            Some(labels[at].1.as_bytes())
        })
    }

    pub(crate) fn matches_line(&self, line: &[u8]) -> bool {
        self.0.matches_line(line)
    }
}
