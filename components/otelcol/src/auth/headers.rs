//! `otelcol.auth.headers`

use super::Exports;
use crate::debug_metrics::DebugMetricsArgs;
use component::prelude::*;
use component::{Auth, AuthHandler, BoxFuture, ClientAuth};
use value::{Choice, Invalid, OptionalSecret};

/// The component.
pub const COMPONENT: Registration = Registration::of::<Headers>("otelcol.auth.headers", Stability::GenerallyAvailable);

/// Adds headers to the requests of clients.
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
    /// It is added.
    #[choice("insert")]
    Insert,
    /// It is added; Alloy gives it a value only if the request has the header.
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
    /// Its value.
    #[arg(default)]
    pub value: Option<OptionalSecret>,
    /// Metadata of the request that the telemetry came with. Accepted; such a header is not sent.
    #[arg(default)]
    pub from_context: Option<String>,
    /// Attribute of the authentication of the request that the telemetry came with. Accepted; such a header is not sent.
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

struct Fixed(Vec<(String, String)>);

impl ClientAuth for Fixed {
    fn headers(&self) -> BoxFuture<'_, Result<Vec<(String, String)>, String>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

fn exports(cx: &Context<Exports>, args: &Arguments) -> Result<Exports> {
    let mut fixed: Vec<(String, String)> = Vec::new();
    for (number, header) in args.headers.iter().enumerate() {
        let key = header.key.to_lowercase();
        match (&header.value, header.action) {
            (_, Action::Delete) => {}
            (None, _) if header.from_context.is_none() && header.from_attribute.is_none() => {
                let error = Error::new("one of \"value\", \"from_context\" and \"from_attribute\" must be set");
                return Err(error.inside("header", number));
            }
            (Some(value), action) => {
                if action == Action::Upsert {
                    fixed.retain(|(known, _)| *known != key);
                }
                fixed.push((key, value.expose().to_str_lossy().into_owned()));
            }
            (None, _) => tracing::warn!(
                key = header.key,
                "the header is not sent: values from the request that the telemetry came with are not supported"
            ),
        }
    }
    Ok(Exports {
        handler: AuthHandler(Some(Auth {
            owner: cx.id().clone(),
            client: Some(Arc::new(Fixed(fixed))),
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
