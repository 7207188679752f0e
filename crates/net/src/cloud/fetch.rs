//! What the clouds' protocols are made of: short requests, files, variables.

use crate::Answer;
use crate::client::exchange;
use crate::config::{ProxyConfig, TlsConfig};
use crate::error::SendError;
use crate::transport::{Redirects, Settings, Transport};
use host::Host;
use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Most bytes of an answer.
const MAX_ANSWER: usize = 1 << 20;
/// How long a service on this machine may take. Where there is none its address often leads nowhere.
const NEAR: Duration = Duration::from_secs(5);
/// How long a service elsewhere may take.
const FAR: Duration = Duration::from_secs(15);

/// Asks services and files.
pub(crate) struct Fetcher {
    pub(crate) host: Host,
    near: OnceLock<Arc<Transport>>,
    far: OnceLock<Arc<Transport>>,
}

impl Fetcher {
    pub(crate) fn new(host: Host) -> Self {
        Fetcher {
            host,
            near: OnceLock::new(),
            far: OnceLock::new(),
        }
    }

    /// A client, made when it is needed first: who has keys in the configuration needs none, and each holds the system's certificates.
    async fn http(&self, kept: &OnceLock<Arc<Transport>>, proxy: bool) -> Result<Arc<reqwest::Client>, SendError> {
        if let Some(transport) = kept.get() {
            return Ok(transport.http().await);
        }
        let settings = Settings {
            extras: crate::TlsExtras::default(),
            tls: TlsConfig::default(),
            proxy: ProxyConfig {
                proxy_from_environment: proxy,
                ..ProxyConfig::default()
            },
            redirects: Redirects::None,
            http2: true,
        };
        let fs = self.host.fs.clone();
        let made = tokio::task::spawn_blocking(move || Transport::new(settings, fs)).await;
        let made = match made {
            Ok(made) => made.map_err(|error| SendError::new(error.to_string()))?,
            Err(error) => return Err(SendError::new(format!("cannot make an HTTP client: {error}"))),
        };
        Ok(kept.get_or_init(|| Arc::new(made)).http().await)
    }

    /// A variable of the environment that is not empty.
    pub(crate) fn var(&self, name: &str) -> Option<String> {
        self.host.env.var(name)
    }

    /// Seconds since the Unix epoch.
    pub(crate) fn seconds(&self) -> i64 {
        self.host.clock.now() / 1_000_000_000
    }

    /// Reads a file that `what` names in errors.
    pub(crate) async fn file(&self, what: &str, path: &str) -> Result<Vec<u8>, SendError> {
        let (fs, file) = (self.host.fs.clone(), PathBuf::from(path));
        let read = tokio::task::spawn_blocking(move || fs.read(&file)).await;
        read.map_err(std::io::Error::other)
            .and_then(|content| content)
            .map_err(|error| SendError::new(format!("cannot read {what} {path:?}: {error}")))
    }

    /// Reads a token from a file; blanks around it do not count.
    pub(crate) async fn token_file(&self, what: &str, path: &str) -> Result<String, SendError> {
        let content = self.file(what, path).await?;
        match std::str::from_utf8(&content).map(str::trim) {
            Ok(token) if !token.is_empty() => Ok(token.to_owned()),
            _ => Err(SendError::new(format!("{what} {path:?} holds no token"))),
        }
    }

    /// Asks a service on this machine; `make` makes the request. It is not asked through a proxy, as Amazon's and Google's SDKs have it.
    pub(crate) async fn near(
        &self,
        what: &str,
        make: impl FnOnce(&reqwest::Client) -> RequestBuilder,
    ) -> Result<Answer, SendError> {
        let http = self.http(&self.near, false).await?;
        ask(what, make(&http), NEAR).await
    }

    /// Sends a form to a service elsewhere, with more headers; through the environment's proxy, if there is one.
    pub(crate) async fn form(
        &self,
        what: &str,
        url: &str,
        form: String,
        headers: crate::HeaderMap,
    ) -> Result<Answer, SendError> {
        let http = self.http(&self.far, true).await?;
        let request = http
            .post(url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .headers(headers)
            .body(form);
        ask(what, request, FAR).await
    }
}

/// The parameters of a form, or of a query.
pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs);
    form.finish()
}

/// An error code of an answer, which is shown because it is only a code. The rest of an answer is not: some servers repeat what they were sent.
pub(crate) fn code(text: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (!text.is_empty() && text.len() <= 64 && text.bytes().all(plain)).then_some(text)
}

async fn ask(what: &str, request: RequestBuilder, limit: Duration) -> Result<Answer, SendError> {
    let asked = tokio::time::timeout(limit, exchange(request, MAX_ANSWER)).await;
    match asked.unwrap_or_else(|_| Err(SendError::timeout())) {
        Ok(answer) => Ok(answer),
        Err(error) => Err(SendError::new(format!("{what}: {error}"))),
    }
}
