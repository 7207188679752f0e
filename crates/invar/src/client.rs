//! Asking a running Invar, and pushing to a Loki that the user names.

mod session;

pub use session::Session;

use crate::cli::Server;
use host::RealFs;
use net::{BasicAuth, Client, HeaderMap, HeaderName, HeaderValue, HttpClientConfig, Method, Request, Url};
use std::sync::Arc;
use std::time::Duration;
use value::{Block, Secret};

/// Most bytes of an answer.
const LIMIT: usize = 256 << 20;
/// Bytes of the answer to a push that are worth showing.
const ANSWER_LIMIT: usize = 2048;

/// The answer's body to a GET request for a path with its query, such as `/api/v0/invar/ledger`.
pub fn get(server: &Server, path: &str, query: &[(&str, String)]) -> Result<Vec<u8>, String> {
    let session = Session::new(server)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(session.get(path, query))
}

/// Pushes to one URL.
pub struct Pusher {
    client: Client,
    runtime: tokio::runtime::Runtime,
    url: Url,
}

/// A push that was not taken.
pub struct NotTaken {
    /// Status of the answer; `None` if there is no answer.
    pub status: Option<u16>,
    /// What a person should know.
    pub message: String,
}

impl Pusher {
    /// For the URL that an option gives.
    pub fn new(option: &str, url: &str) -> Result<Pusher, String> {
        let mut url = base(option, url, "http://127.0.0.1:3100/loki/api/v1/push")?;
        let mut config = HttpClientConfig::defaults();
        config.basic_auth = credentials(&mut url);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let client = Client::pushing(&config, Arc::new(RealFs)).map_err(|error| error.to_string())?;
        Ok(Pusher { client, runtime, url })
    }

    /// The URL without credentials.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Sends a Loki push request: protobuf in a snappy block.
    pub fn push(&self, tenant: &str, body: Vec<u8>) -> Result<(), NotTaken> {
        let fail = |status, message| Err(NotTaken { status, message });
        let mut headers = HeaderMap::new();
        let content = HeaderValue::from_static("application/x-protobuf");
        headers.insert(HeaderName::from_static("content-type"), content);
        if !tenant.is_empty() {
            let Ok(tenant) = HeaderValue::from_str(tenant) else {
                return fail(None, format!("the tenant {tenant:?} is not the text of a header"));
            };
            headers.insert(HeaderName::from_static("x-scope-orgid"), tenant);
        }
        let request = Request {
            method: Method::POST,
            url: self.url.clone(),
            headers,
            body: std::iter::once(body.into()).collect(),
            timeout: Duration::from_secs(30),
        };
        match self.runtime.block_on(self.client.send(request, ANSWER_LIMIT)) {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => {
                let mut message = format!("{} answers {}", self.url, answer.status);
                let text = answer.text();
                if !text.is_empty() {
                    message.push_str(&format!(": {text}"));
                }
                if matches!(answer.status.as_u16(), 404 | 405) {
                    message.push_str("; the path of Loki is /loki/api/v1/push");
                }
                fail(Some(answer.status.as_u16()), message)
            }
            Err(error) => fail(None, format!("{} cannot be reached: {error}", self.url)),
        }
    }
}

/// The address as a URL; a missing scheme is `http`.
fn base(option: &str, addr: &str, example: &str) -> Result<Url, String> {
    let text = if addr.contains("://") {
        addr.to_owned()
    } else {
        format!("http://{addr}")
    };
    let url = Url::parse(&text).map_err(|error| format!("{option} {addr:?} is not an address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("{option} {addr:?} should look like {example}"));
    }
    Ok(url)
}

/// Takes user and password out of an address.
fn credentials(url: &mut Url) -> Option<BasicAuth> {
    let password = url.password().map(str::to_owned)?;
    let found = BasicAuth {
        username: decode(url.username()),
        password: Secret::new(decode(&password)),
        ..BasicAuth::defaults()
    };
    // Only addresses that cannot have a host refuse this, and ours has one.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(found)
}

fn decode(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B"));
    let decoded = Url::parse(&format!("http://x/?{pair}"))
        .ok()
        .and_then(|url| url.query_pairs().next().map(|(_, value)| value.into_owned()));
    decoded.unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_scheme_and_credentials() {
        assert_eq!(
            base("--addr", "localhost:12345", "").map(|url| url.to_string()),
            Ok("http://localhost:12345/".to_owned())
        );
        assert!(base("--addr", "ftp://x", "").is_err());
        let mut url = base("--addr", "https://bob:a%2Bb%40c@host:1", "").expect("an address");
        let found = credentials(&mut url).expect("credentials");
        assert_eq!(found.username, "bob");
        assert_eq!(found.password, Secret::new("a+b@c"));
        assert_eq!(url.as_str(), "https://host:1/");
        assert!(credentials(&mut url).is_none());
    }
}
