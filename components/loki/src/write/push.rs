//! One attempt to push, and what its answer means.

use super::args::EndpointArgs;
use bytes::Bytes;
use component::{Error, Result};
use host::{Clock, Host};
use net::{Client, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Url, retry_after};
use std::time::Duration;

/// Bytes of an answer that are kept for messages.
const ANSWER_LIMIT: usize = 4096;
/// Characters of an answer in messages.
const TEXT_LIMIT: usize = 300;
const USER_AGENT: &str = concat!("Invar/", env!("CARGO_PKG_VERSION"));

/// Sends requests to one endpoint.
pub(super) struct Pusher {
    client: Client,
    url: Url,
    fixed: HeaderMap,
    custom: HeaderMap,
    timeout: Duration,
    retry_on_429: bool,
}

/// What became of an attempt.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Status of the answer, if there was one.
    pub(super) status: Option<StatusCode>,
    /// For people: `answers 503 Service Unavailable: text`, `cannot be reached: connection refused`.
    pub(super) message: String,
    /// What to do.
    pub(super) verdict: Verdict,
}

/// What an answer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has the entries.
    Delivered,
    /// The same request may succeed later, not before this time.
    Later(Option<Duration>),
    /// The same request will succeed when someone has corrected a configuration, here or there.
    Hold,
    /// At least one of the entries is not acceptable.
    Refused {
        /// There are too many of them, or one is too large.
        too_large: bool,
    },
    /// All of the entries are to be dropped: rate limited, and the configuration says not to try again.
    Limited,
}

impl Pusher {
    pub(super) fn new(args: &EndpointArgs, host: &Host) -> Result<Self> {
        let client = Client::pushing(&args.http, host.fs.clone())
            .map_err(|error| Error::caused(format!("endpoint {:?}", name(args)), error))?;
        let url = Url::parse(&args.url).map_err(|error| Error::caused("url", error))?;
        let mut fixed = HeaderMap::new();
        let agent = format!("{USER_AGENT} ({})", std::env::consts::OS);
        for (name, value) in [
            ("content-type", "application/x-protobuf"),
            ("content-encoding", "snappy"),
            ("user-agent", agent.as_str()),
        ] {
            let value = HeaderValue::from_str(value).map_err(|error| Error::caused(name, error))?;
            fixed.insert(HeaderName::from_static(name), value);
        }
        let mut custom = HeaderMap::new();
        for (name, value) in &args.headers {
            let key = HeaderName::from_bytes(name.as_bytes())
                .map_err(|error| Error::caused(format!("header {name:?}"), error))?;
            let mut value =
                HeaderValue::from_str(value).map_err(|error| Error::caused(format!("header {name:?}"), error))?;
            value.set_sensitive(true);
            custom.append(key, value);
        }
        Ok(Pusher {
            client,
            url,
            fixed,
            custom,
            timeout: args.remote_timeout.as_std(),
            retry_on_429: args.retry_on_http_429,
        })
    }

    /// Host and port, as metrics name the endpoint.
    pub(super) fn host(&self) -> String {
        host_of(&self.url)
    }

    /// Sends a body for a tenant.
    pub(super) async fn push(&self, tenant: &str, body: Bytes, clock: &dyn Clock) -> Outcome {
        let mut headers = self.fixed.clone();
        if !tenant.is_empty() {
            match HeaderValue::from_bytes(tenant.as_bytes()) {
                Ok(value) => {
                    headers.insert(HeaderName::from_static("x-scope-orgid"), value);
                }
                Err(_) => {
                    return Outcome {
                        status: None,
                        message: format!("cannot be asked for tenant {tenant:?}, which is not the text of a header"),
                        verdict: Verdict::Refused { too_large: false },
                    };
                }
            }
        }
        for (name, value) in &self.custom {
            if !self.fixed.contains_key(name) && (tenant.is_empty() || name.as_str() != "x-scope-orgid") {
                headers.append(name, value.clone());
            }
        }
        let request = net::Request {
            method: Method::POST,
            url: self.url.clone(),
            headers,
            body,
            timeout: self.timeout,
        };
        match self.client.send(request, ANSWER_LIMIT).await {
            Ok(answer) => {
                let wait = answer
                    .header("retry-after")
                    .and_then(|value| retry_after(value, clock.now()));
                Outcome {
                    status: Some(answer.status),
                    message: message(answer.status, &answer.text()),
                    verdict: verdict(answer.status, wait, self.retry_on_429),
                }
            }
            Err(error) => Outcome {
                status: None,
                message: format!("cannot be reached: {error}"),
                verdict: Verdict::Later(None),
            },
        }
    }
}

/// The name of an endpoint in messages.
pub(super) fn name(args: &EndpointArgs) -> String {
    if args.name.is_empty() {
        Url::parse(&args.url).map_or_else(|_| "?".to_owned(), |url| host_of(&url))
    } else {
        args.name.clone()
    }
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn message(status: StatusCode, text: &str) -> String {
    let mut text: String = text.chars().take(TEXT_LIMIT).collect();
    if !text.is_empty() {
        text.insert_str(0, ": ");
    }
    format!("answers {status}{text}")
}

fn verdict(status: StatusCode, wait: Option<Duration>, retry_on_429: bool) -> Verdict {
    match status.as_u16() {
        200..300 => Verdict::Delivered,
        429 if !retry_on_429 => Verdict::Limited,
        408 | 425 | 429 | 500.. => Verdict::Later(wait),
        // Who asks is not known or may not, or the address is wrong: nothing is the matter with the entries.
        401..=405 | 407 => Verdict::Hold,
        413 => Verdict::Refused { too_large: true },
        400..500 => Verdict::Refused { too_large: false },
        // A redirect that is not followed, or no answer to a push at all.
        _ => Verdict::Hold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_verdict() {
        let of = |status, retry| verdict(StatusCode::from_u16(status).expect("a status"), None, retry);
        for status in [200, 204, 299] {
            assert_eq!(of(status, true), Verdict::Delivered);
        }
        for status in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert_eq!(of(status, true), Verdict::Later(None), "{status}");
        }
        for status in [301, 302, 307, 401, 403, 404, 405, 407] {
            assert_eq!(of(status, true), Verdict::Hold, "{status}");
        }
        for status in [400, 409, 422, 431] {
            assert_eq!(of(status, true), Verdict::Refused { too_large: false }, "{status}");
        }
        assert_eq!(of(413, true), Verdict::Refused { too_large: true });
        assert_eq!(of(429, false), Verdict::Limited);
    }
}
