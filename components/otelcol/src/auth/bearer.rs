//! `otelcol.auth.bearer`

use super::Exports;
use crate::debug_metrics::DebugMetricsArgs;
use component::prelude::*;
use component::{Auth, AuthHandler, BoxFuture, ClientAuth, ServerAuth};
use subtle::ConstantTimeEq;
use value::Secret;

/// The component.
pub const COMPONENT: Registration = Registration::of::<Bearer>("otelcol.auth.bearer", Stability::GenerallyAvailable);

/// Authenticates clients and servers with a bearer token.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// The token.
    #[arg]
    pub token: Secret,
    /// Name of the header.
    #[arg(default = "Authorization".to_owned())]
    pub header: String,
    /// What stands in front of the token; nothing if empty.
    #[arg(default = "Bearer".to_owned())]
    pub scheme: String,
    /// Metrics about the component itself.
    #[arg(block, default)]
    pub debug_metrics: DebugMetricsArgs,
}

/// An `otelcol.auth.bearer`.
pub struct Bearer {
    cx: Context<Exports>,
}

struct Credentials {
    /// Name of the header in lower case.
    header: String,
    value: String,
}

impl ClientAuth for Credentials {
    fn headers<'a>(&'a self, _: &'a [(String, String)]) -> BoxFuture<'a, Result<Vec<(String, String)>, String>> {
        Box::pin(std::future::ready(Ok(vec![(self.header.clone(), self.value.clone())])))
    }
}

impl ServerAuth for Credentials {
    fn check(&self, header: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
        let found = header(&self.header).ok_or_else(|| format!("missing or empty header: {}", self.header))?;
        match found.as_bytes().ct_eq(self.value.as_bytes()).into() {
            true => Ok(()),
            false => Err("the token does not match".to_owned()),
        }
    }
}

fn exports(cx: &Context<Exports>, args: &Arguments) -> Exports {
    let token = args.token.expose_str();
    let value = match args.scheme.as_str() {
        "" => token,
        scheme => format!("{scheme} {token}"),
    };
    let credentials = Arc::new(Credentials {
        header: args.header.to_lowercase(),
        value,
    });
    Exports {
        handler: AuthHandler(Some(Auth {
            owner: cx.id().clone(),
            client: Some(credentials.clone()),
            server: Some(credentials),
        })),
    }
}

fn check(args: &Arguments) -> Result<()> {
    if args
        .token
        .expose()
        .as_bytes()
        .iter()
        .any(|byte| *byte < b' ' || *byte == 0x7f)
    {
        return Err(Error::about("token", "has a line break or another control character"));
    }
    Ok(())
}

impl Component for Bearer {
    type Arguments = Arguments;
    type Exports = Exports;

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        check(args).err().into_iter().collect()
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        check(&args)?;
        cx.export(exports(cx, &args));
        Ok(Bearer { cx: cx.clone() })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        check(&args)?;
        let exports = exports(&self.cx, &args);
        Ok(Change::new(move || self.cx.export(exports)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_header_has_to_match() {
        let credentials = Credentials {
            header: "authorization".to_owned(),
            value: "Bearer t".to_owned(),
        };
        let check = |value: Option<&str>| {
            credentials.check(&|name| value.filter(|_| name == "authorization").map(str::to_owned))
        };
        assert!(check(Some("Bearer t")).is_ok());
        assert!(check(Some("Bearer tt")).is_err());
        assert!(check(Some("t")).is_err());
        assert!(check(None).is_err());
    }
}
