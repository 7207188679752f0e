//! Delivery over HTTP.

use crate::transport::{Outcome, Transport, Verdict};
use bytes::Bytes;
use component::{BoxFuture, ClientAuth, Error, Result};
use host::{Clock, Host};
use net::cloud::CloudAuth;
use net::{
    Body, Client, HeaderMap, HeaderName, HeaderValue, HttpClientConfig, Method, StatusCode, TlsExtras, Url, retry_after,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of an answer that are kept for messages.
const ANSWER_LIMIT: usize = 4096;
/// Characters of an answer in messages.
const TEXT_LIMIT: usize = 300;
const USER_AGENT: &str = concat!("Invar/", env!("CARGO_PKG_VERSION"));

/// How requests are sent to one endpoint: `POST`, and what follows.
pub struct HttpSettings<'a> {
    /// Where to.
    pub url: &'a str,
    /// Headers without which a request would not be understood, such as `content-type`, by their names in lower case. The
    /// configuration cannot replace them. `user-agent` is there without being named.
    pub fixed: &'a [(&'static str, &'a str)],
    /// Headers that the configuration adds.
    pub custom: &'a BTreeMap<String, String>,
    /// The header that names the tenant, in lower case, for requests that have one.
    pub tenant_header: &'static str,
    /// Credentials, encryption, proxies.
    pub http: &'a HttpClientConfig,
    /// More about encryption.
    pub tls: TlsExtras,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Whether a request is sent again that was answered with status 429; otherwise its entries are dropped and counted.
    pub retry_on_429: bool,
    /// What a status means; [`default_verdict`] unless a protocol has rules of its own. `Retry-After` and `retry_on_429` come on top of it.
    pub verdict: fn(StatusCode) -> Verdict,
    /// What an answer means whose status stands for success, if it is more than that. Sees the beginning of the body,
    /// [`answer_limit`](HttpSettings::answer_limit).
    pub judge: Option<fn(StatusCode, &HeaderMap, &Bytes) -> Option<Outcome>>,
    /// Takes a body apart into headers, which win over the fixed ones, and what is sent: for protocols whose bodies are written in
    /// several ways, because what waits in the queue may be of another one than the configuration asks for now.
    pub unpack: Option<fn(Body) -> (HeaderMap, Body)>,
    /// Bytes of an answer's body that are read; at least as many as messages show.
    pub answer_limit: usize,
    /// Adds credentials to each request; they win over headers of the configuration.
    pub auth: Option<Arc<dyn ClientAuth>>,
    /// Signs requests for a cloud, or adds its tokens, instead of the credentials of `http`.
    pub cloud: Option<Arc<CloudAuth>>,
    /// The endpoint's name in errors.
    pub title: &'a str,
}

impl<'a> HttpSettings<'a> {
    /// Settings with the defaults of everything that most protocols share.
    pub fn new(title: &'a str, url: &'a str, http: &'a HttpClientConfig, custom: &'a BTreeMap<String, String>) -> Self {
        HttpSettings {
            url,
            fixed: &[],
            custom,
            tenant_header: "x-scope-orgid",
            http,
            tls: TlsExtras::default(),
            timeout: Duration::from_secs(10),
            retry_on_429: true,
            verdict: default_verdict,
            judge: None,
            unpack: None,
            answer_limit: ANSWER_LIMIT,
            auth: None,
            cloud: None,
            title,
        }
    }
}

/// Sends requests to one endpoint.
pub struct HttpTransport {
    client: Client,
    url: Url,
    fixed: HeaderMap,
    custom: HeaderMap,
    tenant_header: HeaderName,
    timeout: Duration,
    retry_on_429: bool,
    verdict: fn(StatusCode) -> Verdict,
    judge: Option<fn(StatusCode, &HeaderMap, &Bytes) -> Option<Outcome>>,
    unpack: Option<fn(Body) -> (HeaderMap, Body)>,
    answer_limit: usize,
    auth: Option<Arc<dyn ClientAuth>>,
    clock: Arc<dyn Clock>,
}

impl HttpTransport {
    /// A transport. Fails if a certificate or key is unreadable, or an address or a header is not one.
    pub fn new(settings: &HttpSettings<'_>, host: &Host) -> Result<Self> {
        let client = Client::pushing_with(settings.http, settings.tls, host.fs.clone())
            .map_err(|error| Error::caused(format!("endpoint {:?}", settings.title), error))?;
        let client = match &settings.cloud {
            Some(cloud) => client.authorized_by(cloud.clone()),
            None => client,
        };
        let url = Url::parse(settings.url).map_err(|error| Error::caused("url", error))?;
        let mut fixed = HeaderMap::new();
        let agent = format!("{USER_AGENT} ({})", std::env::consts::OS);
        for (name, value) in settings.fixed.iter().chain([&("user-agent", agent.as_str())]) {
            let value = HeaderValue::from_str(value).map_err(|error| Error::caused(*name, error))?;
            fixed.insert(HeaderName::from_static(name), value);
        }
        let mut custom = HeaderMap::new();
        for (name, value) in settings.custom {
            let key = HeaderName::from_bytes(name.as_bytes())
                .map_err(|error| Error::caused(format!("header {name:?}"), error))?;
            let mut value =
                HeaderValue::from_str(value).map_err(|error| Error::caused(format!("header {name:?}"), error))?;
            value.set_sensitive(true);
            custom.append(key, value);
        }
        Ok(HttpTransport {
            client,
            url,
            fixed,
            custom,
            tenant_header: HeaderName::from_static(settings.tenant_header),
            timeout: settings.timeout,
            retry_on_429: settings.retry_on_429,
            verdict: settings.verdict,
            judge: settings.judge,
            unpack: settings.unpack,
            answer_limit: settings.answer_limit,
            auth: settings.auth.clone(),
            clock: host.clock.clone(),
        })
    }

    /// One attempt for a tenant (empty for none); `context` is what the authentication may know of where the entries came from.
    pub async fn attempt(&self, tenant: &str, context: &[(String, String)], body: Body) -> Outcome {
        let mut headers = self.fixed.clone();
        let (own, body) = match self.unpack {
            Some(unpack) => unpack(body),
            None => (HeaderMap::new(), body),
        };
        for (name, value) in &own {
            headers.insert(name, value.clone());
        }
        if !tenant.is_empty() {
            match HeaderValue::from_bytes(tenant.as_bytes()) {
                Ok(value) => {
                    headers.insert(&self.tenant_header, value);
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
            let needed = self.fixed.contains_key(name) || own.contains_key(name);
            if !needed && (tenant.is_empty() || *name != self.tenant_header) {
                headers.append(name, value.clone());
            }
        }
        if let Some(auth) = &self.auth {
            match credentials(&**auth, context).await {
                Ok(more) => headers.extend(more),
                Err(error) => {
                    return Outcome {
                        status: None,
                        message: format!("cannot be asked without credentials: {error}"),
                        verdict: Verdict::Later(None),
                    };
                }
            }
        }
        let request = net::Request {
            method: Method::POST,
            url: self.url.clone(),
            headers,
            body,
            timeout: self.timeout,
        };
        match self.client.send(request, self.answer_limit).await {
            Ok(answer) => {
                let wait = answer
                    .header("retry-after")
                    .and_then(|value| retry_after(value, self.clock.now()));
                let verdict = self.verdict_of(answer.status, wait);
                if verdict == Verdict::Delivered
                    && let Some(judged) = self
                        .judge
                        .and_then(|judge| judge(answer.status, &answer.headers, &answer.body))
                {
                    return judged;
                }
                Outcome {
                    status: Some(answer.status),
                    message: message(answer.status, &answer.text()),
                    verdict,
                }
            }
            Err(error) => Outcome {
                status: None,
                message: format!("cannot be reached: {error}"),
                verdict: Verdict::Later(None),
            },
        }
    }

    fn verdict_of(&self, status: StatusCode, wait: Option<Duration>) -> Verdict {
        verdict(self.verdict, status, wait, self.retry_on_429)
    }
}

impl Transport for HttpTransport {
    fn push<'a>(&'a self, tenant: &'a str, body: Body) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(tenant, &[], body))
    }
}

/// The headers that an authentication adds to the next request, none of which is shown; `context` is what it may know of where the entries came from.
///
/// # Errors
/// Why there are none, for people.
pub async fn credentials(
    auth: &dyn ClientAuth,
    context: &[(String, String)],
) -> std::result::Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in auth.headers(context).await? {
        let key =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is not the name of a header"))?;
        let mut value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| format!("the value of {name:?} has line breaks or control characters"))?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    Ok(headers)
}

/// Host and port of an address, as metrics and messages name an endpoint.
pub fn host_of(url: &Url) -> String {
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

/// What a status means for a protocol that has no rules of its own.
pub fn default_verdict(status: StatusCode) -> Verdict {
    match status.as_u16() {
        200..300 => Verdict::Delivered,
        408 | 425 | 429 | 500.. => Verdict::Later(None),
        // Who asks is not known or may not, or the address is wrong: nothing is the matter with the entries.
        401..=405 | 407 => Verdict::Hold,
        413 => Verdict::Refused { too_large: true },
        400..500 => Verdict::Refused { too_large: false },
        // A redirect that is not followed, or no answer to a push at all.
        _ => Verdict::Hold,
    }
}

/// What a status means with what the server and the configuration say about trying again.
fn verdict(of: fn(StatusCode) -> Verdict, status: StatusCode, wait: Option<Duration>, retry_on_429: bool) -> Verdict {
    match of(status) {
        _ if status == StatusCode::TOO_MANY_REQUESTS && !retry_on_429 => Verdict::Limited,
        Verdict::Later(_) => Verdict::Later(wait),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_verdict() {
        let of = |status, retry| {
            let status = StatusCode::from_u16(status).expect("a status");
            verdict(default_verdict, status, None, retry)
        };
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
