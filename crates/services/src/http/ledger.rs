//! Where records went: the ledger, and why some did not arrive.

use super::answer;
use super::api::{JSON, json};
use super::history::History;
use super::routes::Call;
use axum::body::Body as HttpBody;
use axum::http::{Response, StatusCode};
use serde::Serialize;
use signals::{Amount, EdgeSnapshot, Example, Fate};
use std::collections::BTreeMap;

/// `/api/v0/invar/ledger`: what entered each edge, and what became of it.
pub(crate) async fn ledger(call: Call) -> Response<HttpBody> {
    let budget = &call.app.budget;
    let page = LedgerPage {
        edges: call.app.ledger.snapshot().into_iter().map(Edge::from).collect(),
        budget: BudgetPage {
            limit: (budget.limit() != u64::MAX).then(|| budget.limit()),
            used: budget.used(),
            peak: budget.peak(),
            waiting: budget.waiting(),
        },
    };
    json(&call, JSON, &page)
}

/// `/api/v0/invar/why?since=10m&component=ID&label=k=v`: what did not arrive, by which rule, with examples.
pub(crate) async fn why(call: Call) -> Response<HttpBody> {
    let query = match Query::parse(call.request.uri().query().unwrap_or_default()) {
        Ok(query) => query,
        Err(message) => return answer::error(StatusCode::BAD_REQUEST, message),
    };
    let now = call.app.clock.now();
    let since = query.since.map(|since| now.saturating_sub(since));
    let snapshot = call.app.ledger.snapshot();
    let mut answers = answers(&snapshot, &call.app.history, since);
    let mut complete = since.is_none_or(|since| call.app.history.begins() <= since);
    complete |= since.is_none();
    answers.retain(|answer| query.component.as_ref().is_none_or(|id| *id == answer.component));
    let mut examples = call.app.ledger.examples().all();
    examples.retain(|example| since.is_none_or(|since| example.at >= since) && query.wants(example));
    for answer in &mut answers {
        answer.place = call.app.place(&answer.component, "").await;
        let mut rules: BTreeMap<String, Rule> = BTreeMap::new();
        for example in &examples {
            let same = *example.component == answer.component
                && example.fate.as_str() == answer.fate
                && *example.reason == answer.reason;
            if !same {
                continue;
            }
            let block = example.place.to_string();
            let rule = rules.entry(block.clone()).or_insert_with(|| Rule {
                block,
                place: None,
                examples: Vec::new(),
            });
            rule.examples.push(Shown::from(example));
        }
        for rule in rules.values_mut() {
            rule.place = call.app.place(&answer.component, &rule.block).await;
        }
        answer.rules = rules.into_values().collect();
    }
    if !query.labels.is_empty() {
        // Counters know no labels: only what an example shows is an answer.
        answers.retain(|answer| !answer.rules.is_empty());
    }
    let page = WhyPage {
        since: since.map(gotime::format_rfc3339_nano),
        complete,
        answers,
    };
    json(&call, JSON, &page)
}

/// What a query asks for.
#[derive(Debug, Default, PartialEq)]
struct Query {
    /// Nanoseconds back from now.
    since: Option<i64>,
    component: Option<String>,
    labels: Vec<(String, String)>,
}

impl Query {
    fn parse(query: &str) -> Result<Query, String> {
        let mut asked = Query::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "since" if value.is_empty() => {}
                "since" => {
                    let since = gotime::parse_duration(&value).ok().filter(|since| *since > 0);
                    asked.since = Some(since.ok_or_else(|| {
                        format!("since is {value:?}; it should be a duration greater than 0 such as \"10m\"")
                    })?);
                }
                "component" if !value.is_empty() => asked.component = Some(value.into_owned()),
                "label" => {
                    let (name, value) = value
                        .split_once('=')
                        .filter(|(name, _)| !name.is_empty())
                        .ok_or_else(|| format!("label is {value:?}; it should look like \"job=api\""))?;
                    asked.labels.push((name.to_owned(), value.to_owned()));
                }
                _ => {}
            }
        }
        Ok(asked)
    }

    fn wants(&self, example: &Example) -> bool {
        self.labels
            .iter()
            .all(|(name, value)| example.labels.get(name).is_some_and(|found| found.as_str() == value))
    }
}

/// The component that decides what becomes of records on an edge: the receiver, or the sink whose queue it is.
fn decider(edge: &EdgeSnapshot) -> &str {
    let end = if edge.to.is_empty() { &edge.from } else { &edge.to };
    end.split_once('#').map_or(end, |(owner, _)| owner)
}

/// What did not arrive since a time, by component, fate and reason, the most first.
fn answers(snapshot: &[EdgeSnapshot], history: &History, since: Option<i64>) -> Vec<Answer> {
    let mut sums: BTreeMap<(String, Fate, String), Amount> = BTreeMap::new();
    for edge in snapshot {
        let component = decider(edge);
        // What a sink gave up is on the edges to its destinations; on those to itself it would count twice.
        let queue = snapshot
            .iter()
            .any(|other| other.to.contains('#') && decider(other) == component);
        if queue && edge.to == component {
            continue;
        }
        for fate in Fate::ALL {
            for (reason, amount) in edge.named(fate) {
                let before = since.map_or(Amount::default(), |since| {
                    history.at(since, &edge.from, &edge.to, fate, reason)
                });
                *sums.entry((component.to_owned(), fate, reason.clone())).or_default() += *amount - before;
            }
        }
    }
    let mut answers: Vec<Answer> = sums
        .into_iter()
        .filter(|(_, amount)| amount.items > 0)
        .map(|((component, fate, reason), amount)| Answer {
            component,
            place: None,
            fate: fate.as_str(),
            reason,
            items: amount.items,
            bytes: amount.bytes,
            rules: Vec::new(),
        })
        .collect();
    answers.sort_by_key(|answer| std::cmp::Reverse(answer.items));
    answers
}

#[derive(Serialize)]
struct WhyPage {
    /// From when on, RFC 3339; `null` for since the start.
    since: Option<String>,
    /// Whether counters are known for as long as was asked.
    complete: bool,
    answers: Vec<Answer>,
}

#[derive(Serialize)]
struct Answer {
    component: String,
    /// Where the component stands: `config.alloy:12`.
    place: Option<String>,
    fate: &'static str,
    reason: String,
    items: u64,
    bytes: u64,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
struct Rule {
    /// The block inside the component; empty for the component itself.
    block: String,
    /// Where it stands.
    place: Option<String>,
    examples: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    at: String,
    labels: BTreeMap<String, String>,
    line: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

impl From<&Example> for Shown {
    fn from(example: &Example) -> Self {
        let labels = example.labels.iter();
        Shown {
            at: gotime::format_rfc3339_nano(example.at),
            labels: labels
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            line: example.line.clone(),
            message: example.message.clone(),
        }
    }
}

#[derive(Serialize)]
struct LedgerPage {
    edges: Vec<Edge>,
    budget: BudgetPage,
}

#[derive(Serialize)]
struct BudgetPage {
    limit: Option<u64>,
    used: u64,
    peak: u64,
    waiting: usize,
}

#[derive(Serialize)]
struct Edge {
    from: String,
    to: String,
    entered: Count,
    delivered: Count,
    filtered: BTreeMap<String, Count>,
    rejected: BTreeMap<String, Count>,
    expired: BTreeMap<String, Count>,
    dead_lettered: BTreeMap<String, Count>,
    returned: Count,
    lost: Count,
    in_flight: Count,
    /// Whether every record that entered has exactly one fate or is in flight.
    balanced: bool,
}

#[derive(Serialize)]
pub(super) struct Count {
    items: u64,
    bytes: u64,
}

impl From<Amount> for Count {
    fn from(amount: Amount) -> Self {
        Count {
            items: amount.items,
            bytes: amount.bytes,
        }
    }
}

impl From<EdgeSnapshot> for Edge {
    fn from(edge: EdgeSnapshot) -> Self {
        let in_flight = edge.in_flight();
        let balanced = edge.balances();
        let counts =
            |map: BTreeMap<String, Amount>| map.into_iter().map(|(name, amount)| (name, amount.into())).collect();
        Edge {
            balanced,
            from: edge.from,
            to: edge.to,
            entered: edge.entered.into(),
            delivered: edge.delivered.into(),
            filtered: counts(edge.filtered),
            rejected: counts(edge.rejected),
            expired: counts(edge.expired),
            dead_lettered: counts(edge.dead_lettered),
            returned: edge.returned.into(),
            lost: edge.lost.into(),
            in_flight: in_flight.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signals::Ledger;

    #[test]
    fn what_was_asked_for() {
        let query = Query::parse("since=10m&component=loki.process.a&label=job%3Dapi&label=x=y=z").expect("a query");
        assert_eq!(query.since, Some(600_000_000_000));
        assert_eq!(query.component.as_deref(), Some("loki.process.a"));
        assert_eq!(query.labels[1], ("x".to_owned(), "y=z".to_owned()));
        assert!(Query::parse("since=soon").is_err());
        assert!(Query::parse("since=-1m").is_err());
        assert!(Query::parse("label=job").is_err());
    }

    #[test]
    fn the_most_comes_first_and_nothing_counts_twice() {
        let ledger = Ledger::default();
        let one = |items| Amount { items, bytes: items };
        ledger.edge("source", "process").settle(Fate::Filtered, "noisy", one(3));
        ledger.edge("other", "process").settle(Fate::Filtered, "noisy", one(4));
        ledger
            .edge("process", "write")
            .settle(Fate::DeadLettered, "400", one(9));
        ledger
            .edge("write", "write#a")
            .settle(Fate::DeadLettered, "400", one(9));
        ledger.edge("lonely", "").settle(Fate::Filtered, "no_receiver", one(1));
        let history = History::new(0);
        let all = answers(&ledger.snapshot(), &history, None);
        let short: Vec<_> = all
            .iter()
            .map(|answer| (answer.component.as_str(), answer.fate, answer.items))
            .collect();
        assert_eq!(
            short,
            [
                ("write", "dead_lettered", 9),
                ("process", "filtered", 7),
                ("lonely", "filtered", 1)
            ]
        );
        history.sample(10, &ledger.snapshot());
        ledger.edge("other", "process").settle(Fate::Filtered, "noisy", one(5));
        let recent = answers(&ledger.snapshot(), &history, Some(10));
        assert_eq!(recent.len(), 1);
        assert_eq!(recent[0].items, 5);
        assert_eq!(answers(&ledger.snapshot(), &history, Some(9))[0].items, 12);
    }
}
