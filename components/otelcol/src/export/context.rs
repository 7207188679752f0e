//! What is known of the clients that records came from, as far as the authentication wants to know it, as a part of the tenant.
//!
//! The tenant of requests is the name of their signal, `logs`; or that, a space, and a JSON array of names and values, if there are any:
//! `logs [["x-scope-orgid","team"]]`. So records that differ in it share no request, and what waits on disk still has it after a restart. The values
//! may be secret: people see the name of the signal only.

use component::AuthHandler;
use delivery::{Outcome, Verdict};
use net::HeaderValue;
use otlp_wire::Signal;
use signals::{Client, Refused};
use std::sync::Arc;

/// Most bytes of a tenant: records of the queue have room for 64 KiB.
const LONGEST: usize = 16 << 10;

/// The signal of a tenant.
pub(super) fn signal_of(tenant: &str) -> Signal {
    // Nobody writes another one.
    Signal::named(label(tenant)).unwrap_or(Signal::Logs)
}

/// The name of the signal in a tenant.
pub(super) fn label(tenant: &str) -> &str {
    tenant.split_once(' ').map_or(tenant, |(name, _)| name)
}

/// The metadata that an authentication wants to know.
pub(crate) fn context_keys(auth: &AuthHandler) -> Vec<String> {
    let client = auth.0.as_ref().and_then(|auth| auth.client.as_ref());
    client.map(|client| client.context_keys().to_vec()).unwrap_or_default()
}

/// What is known of these keys, in their order.
fn known<'a>(keys: &'a [String], client: Option<&'a Client>) -> impl Iterator<Item = (&'a str, &'a str)> {
    keys.iter().flat_map(move |key| {
        let pairs = client.into_iter().flat_map(|client| &client.metadata);
        pairs
            .filter(move |(name, _)| name == key)
            .map(|(name, value)| (name.as_str(), value.as_str()))
    })
}

/// The tenant of records.
pub(super) fn tenant(signal: Signal, keys: &[String], client: Option<&Client>) -> Arc<str> {
    let pairs: Vec<(&str, &str)> = known(keys, client).collect();
    match pairs.is_empty() {
        true => Arc::from(signal.name()),
        false => Arc::from(format!("{} {}", signal.name(), serde_json::json!(pairs))),
    }
}

/// Whether headers can be made of what is known of a client. What cannot be sent to whom it is for is sent to nobody.
pub(super) fn check(keys: &[String], client: Option<&Client>) -> Result<(), Refused> {
    let refused = |message: String| Err(Refused::permanent("client_metadata", message));
    let mut last = None;
    for (name, value) in known(keys, client) {
        if last.replace(name) == Some(name) {
            return refused(format!(
                "the request has several values of {name:?}, but a header has one"
            ));
        }
        if HeaderValue::from_bytes(value.as_bytes()).is_err() {
            return refused(format!(
                "the request has a value of {name:?} that is not the text of a header"
            ));
        }
    }
    if last.is_some() && tenant(Signal::Metrics, keys, client).len() > LONGEST {
        return refused(format!("the values of {} are too long", keys.join(", ")));
    }
    Ok(())
}

/// What a transport reads in a tenant.
pub(crate) struct Context {
    pub(crate) signal: Signal,
    /// Names and values.
    pub(crate) metadata: Vec<(String, String)>,
}

impl Context {
    /// Takes a tenant apart; what cannot be read is not sent, or it would be sent to somebody else.
    pub(crate) fn of(tenant: &str) -> Result<Context, Outcome> {
        let metadata = match tenant.split_once(' ') {
            None => Vec::new(),
            Some((_, text)) => serde_json::from_str(text).map_err(|_| Outcome {
                status: None,
                message: "cannot be sent records of which it is not known whose they are".to_owned(),
                verdict: Verdict::Denied,
            })?,
        };
        Ok(Context {
            signal: signal_of(tenant),
            metadata,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(pairs: &[(&str, &str)]) -> Client {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Client {
            address: None,
            metadata: pairs.collect(),
        }
    }

    fn keys(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_tenant_is_the_signal_and_what_is_known_of_the_keys() {
        let keys = keys(&["a", "b"]);
        let of = |pairs: &[(&str, &str)]| tenant(Signal::Traces, &keys, Some(&client(pairs)));
        assert_eq!(&*tenant(Signal::Logs, &keys, None), "logs");
        assert_eq!(&*of(&[("c", "1")]), "traces");
        // Values that look like something else are told apart.
        let pairs = [("b", "x\"],[\"a\",\"y"), ("c", "1"), ("a", "logs [] é")];
        let mixed = of(&pairs);
        assert_ne!(mixed, of(&[("b", "x"), ("a", "y")]));
        assert_ne!(of(&[("a", "x")]), of(&[("b", "x")]));
        let context = Context::of(&mixed).unwrap();
        assert_eq!(context.signal, Signal::Traces);
        let expected = [("a", "logs [] é"), ("b", "x\"],[\"a\",\"y")];
        assert_eq!(context.metadata, client(&expected).metadata);
        assert_eq!(label(&mixed), "traces");
    }

    #[test]
    fn tenants_of_earlier_versions_and_broken_ones() {
        for signal in Signal::ALL {
            let context = Context::of(signal.name()).unwrap();
            assert_eq!((context.signal, context.metadata.len()), (signal, 0));
        }
        let outcome = Context::of("metrics [[\"a\",").err().unwrap();
        assert_eq!(outcome.verdict, Verdict::Denied);
    }

    #[test]
    fn what_headers_cannot_be_made_of_is_refused_without_showing_it() {
        let keys = keys(&["a"]);
        let of = |pairs: &[(&str, &str)]| check(&keys, Some(&client(pairs)));
        assert_eq!(check(&keys, None), Ok(()));
        assert_eq!(of(&[("a", "x"), ("b", "1"), ("b", "2")]), Ok(()));
        let long = "secret".repeat(4000);
        for pairs in [
            &[("a", "secret"), ("a", "secret")][..],
            &[("a", "secret\n")],
            &[("a", &long)],
        ] {
            let refused = of(pairs).unwrap_err();
            assert!(
                !refused.is_retryable() && !refused.to_string().contains("secret"),
                "{refused}"
            );
        }
    }
}
