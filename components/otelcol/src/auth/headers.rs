//! `otelcol.auth.headers`

use super::Exports;
use crate::debug_metrics::DebugMetricsArgs;
use component::prelude::*;
use component::{Auth, AuthHandler, BoxFuture, ClientAuth};
use value::{Choice, Invalid, Secret};

/// The component.
pub const COMPONENT: Registration = Registration::of::<Headers>("otelcol.auth.headers", Stability::GenerallyAvailable);

/// Adds headers to the requests of clients.
///
/// With `from_context` each client's telemetry goes out with its own header: telemetry of different values shares no request, and a request that waits in
/// the queue on disk keeps its value. The receiver needs `include_metadata`, and `otelcol.processor.batch` the name among its
/// `metadata_keys`. The headers are set in their order; one of several for the same key that has no value leaves what an earlier one has set. What
/// the destination refuses because of who it comes from (status 401 or 403) goes to the dead-letter log, so that one client does not hold the others up.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// A header.
    #[arg(block, many, name = "header")]
    pub headers: Vec<HeaderArgs>,
    /// Metrics about the component itself.
    #[arg(block, default)]
    pub debug_metrics: DebugMetricsArgs,
}

/// What is done with a header.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is added if no `header` before it has.
    #[choice("insert")]
    Insert,
    /// It is set; Alloy gives it a value only if the request has the header.
    #[choice("update")]
    Update,
    /// It is set.
    #[choice("upsert")]
    Upsert,
    /// Nothing: a request of an exporter has no headers that could be taken away.
    #[choice("delete")]
    Delete,
}

/// A header. Its value is one of `value`, `from_context` and `from_attribute`.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = HeaderArgs::validate)]
pub struct HeaderArgs {
    /// Its name.
    #[arg]
    pub key: String,
    /// Its value. Most that are set here are credentials, so it is shown nowhere.
    #[arg(default)]
    pub value: Option<Secret>,
    /// Name of metadata of the request that the telemetry came with, such as one of its headers. Telemetry without it goes without the header;
    /// a request that has several values of it is refused.
    #[arg(default)]
    pub from_context: Option<String>,
    /// Attribute of the authentication of the request that the telemetry came with. Accepted; such a header is not sent, and a warning says so.
    #[arg(default)]
    pub from_attribute: Option<String>,
    /// What is done with it: `insert`, `update`, `upsert` or `delete`.
    #[arg(default = Action::Upsert)]
    pub action: Action,
}

impl HeaderArgs {
    fn validate(&self) -> Result<(), Invalid> {
        if self.key.is_empty() {
            return Err(Error::about("key", "must not be empty").into());
        }
        let given = usize::from(self.value.is_some())
            + usize::from(self.from_context.is_some())
            + usize::from(self.from_attribute.is_some());
        if given > 1 {
            return Err(
                "only one of \"value\", \"from_context\" and \"from_attribute\" may be set"
                    .to_owned()
                    .into(),
            );
        }
        Ok(())
    }
}

/// An `otelcol.auth.headers`.
pub struct Headers {
    cx: Context<Exports>,
}

/// What the headers of a request are made of.
struct Rules {
    rules: Vec<Rule>,
    /// The metadata that they name, in lower case.
    keys: Vec<String>,
}

/// Gives one header its value.
struct Rule {
    /// Its name in lower case.
    key: String,
    source: Source,
    /// Whether it stays as it is if an earlier rule has given it a value.
    keeps: bool,
}

enum Source {
    Value(String),
    /// Metadata of this name, in lower case.
    Context(String),
}

impl Rules {
    fn new(args: &Arguments) -> Result<Rules> {
        let (mut rules, mut keys) = (Vec::new(), Vec::new());
        for (number, header) in args.headers.iter().enumerate() {
            if header.action == Action::Delete {
                continue;
            }
            let source = match (&header.value, &header.from_context) {
                (Some(value), _) => Source::Value(value.expose().to_str_lossy().into_owned()),
                (None, Some(name)) => {
                    let name = name.to_lowercase();
                    keys.push(name.clone());
                    Source::Context(name)
                }
                (None, None) if header.from_attribute.is_some() => {
                    tracing::warn!(
                        key = header.key,
                        "the header is not sent: servers do not tell attributes of an authentication, so \"from_attribute\" has none"
                    );
                    continue;
                }
                (None, None) => {
                    let error = Error::new("one of \"value\", \"from_context\" and \"from_attribute\" must be set");
                    return Err(error.inside("header", number));
                }
            };
            rules.push(Rule {
                key: header.key.to_lowercase(),
                source,
                keeps: header.action == Action::Insert,
            });
        }
        keys.sort();
        keys.dedup();
        Ok(Rules { rules, keys })
    }

    fn headers(&self, context: &[(String, String)]) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> = Vec::new();
        for rule in &self.rules {
            let value = match &rule.source {
                Source::Value(value) => Some(value),
                Source::Context(wanted) => context.iter().find(|(name, _)| name == wanted).map(|(_, value)| value),
            };
            let at = headers.iter().position(|(known, _)| *known == rule.key);
            match (value, at) {
                (Some(value), None) => headers.push((rule.key.clone(), value.clone())),
                (Some(value), Some(at)) if !rule.keeps => headers[at].1.clone_from(value),
                // Of what is not known nothing is said.
                _ => {}
            }
        }
        headers
    }
}

impl ClientAuth for Rules {
    fn context_keys(&self) -> &[String] {
        &self.keys
    }

    fn headers<'a>(&'a self, context: &'a [(String, String)]) -> BoxFuture<'a, Result<Vec<(String, String)>, String>> {
        Box::pin(std::future::ready(Ok(Rules::headers(self, context))))
    }
}

fn exports(cx: &Context<Exports>, args: &Arguments) -> Result<Exports> {
    Ok(Exports {
        handler: AuthHandler(Some(Auth {
            owner: cx.id().clone(),
            client: Some(Arc::new(Rules::new(args)?)),
            server: None,
        })),
    })
}

impl Component for Headers {
    type Arguments = Arguments;
    type Exports = Exports;

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        cx.export(exports(cx, &args)?);
        Ok(Headers { cx: cx.clone() })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let exports = exports(&self.cx, &args)?;
        Ok(Change::new(move || self.cx.export(exports)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(headers: &[(&str, Option<&str>, Option<&str>, Action)]) -> Rules {
        let header = |&(key, value, from_context, action): &(&str, Option<&str>, Option<&str>, Action)| HeaderArgs {
            key: key.to_owned(),
            value: value.map(Secret::new),
            from_context: from_context.map(str::to_owned),
            from_attribute: None,
            action,
        };
        let args = Arguments {
            headers: headers.iter().map(header).collect(),
            debug_metrics: DebugMetricsArgs::defaults(),
        };
        Rules::new(&args).unwrap()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn headers_are_set_in_their_order_and_those_without_a_value_change_nothing() {
        let rules = rules(&[
            ("X-Scope-OrgID", Some("nobody"), None, Action::Upsert),
            ("X-Scope-OrgID", None, Some("X-Tenant"), Action::Upsert),
            ("X-Scope-OrgID", Some("late"), None, Action::Insert),
            ("X-User", None, Some("x-user"), Action::Insert),
            ("X-User", None, Some("X-Tenant"), Action::Insert),
            ("X-User", None, Some("gone"), Action::Delete),
        ]);
        assert_eq!(rules.context_keys(), ["x-tenant", "x-user"]);
        let of = |context: &[(&str, &str)]| rules.headers(&pairs(context));
        assert_eq!(of(&[]), pairs(&[("x-scope-orgid", "nobody")]));
        assert_eq!(
            of(&[("x-tenant", "a")]),
            pairs(&[("x-scope-orgid", "a"), ("x-user", "a")])
        );
        assert_eq!(
            of(&[("x-tenant", "a"), ("x-user", "u")]),
            pairs(&[("x-scope-orgid", "a"), ("x-user", "u")])
        );
    }
}
