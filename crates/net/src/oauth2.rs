//! Tokens from an authorization server: the client credentials grant (RFC 6749, section 4.4).

use crate::client::exchange;
use crate::config::OAuth2;
use crate::credentials::{SecretSource, basic, header_value};
use crate::error::{ConfigError, SendError};
use crate::transport::{Redirects, Settings, Transport};
use crate::{Answer, HeaderValue};
use host::Fs;
use reqwest::RequestBuilder;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

/// A token is renewed this long before it expires.
const EARLY: Duration = Duration::from_secs(10);
/// Most bytes of an answer with a token.
const MAX_ANSWER: usize = 1 << 20;

pub(crate) struct TokenSource {
    url: Url,
    client_id: String,
    client_secret: SecretSource,
    params: Vec<(String, String)>,
    transport: Arc<Transport>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Kept>,
    /// How the server wants the client's credentials; found out with the first token.
    style: Option<Style>,
}

struct Kept {
    header: HeaderValue,
    expires: Option<Instant>,
}

/// A token as a server has given it.
pub(crate) struct Token {
    /// The `Authorization` header with it.
    pub(crate) header: HeaderValue,
    /// How long it is valid, if that was said.
    pub(crate) valid: Option<Duration>,
    /// When it ends, in seconds since the Unix epoch, if that was said.
    pub(crate) ends: Option<i64>,
}

#[derive(Clone, Copy)]
enum Style {
    Header,
    Form,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
    /// What Azure's identity endpoints say instead.
    #[serde(default)]
    expires_on: Option<serde_json::Value>,
}

impl TokenSource {
    pub(crate) fn new(config: &OAuth2, fs: &Arc<dyn Fs>) -> Result<Self, ConfigError> {
        let url = Url::parse(&config.token_url)
            .map_err(|error| ConfigError::caused(format!("oauth2 token_url {:?}", config.token_url), error))?;
        let mut params = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
        if !config.scopes.is_empty() {
            params.push(("scope".to_owned(), config.scopes.join(" ")));
        }
        params.extend(config.endpoint_params.clone());
        let settings = Settings {
            extras: crate::TlsExtras::default(),
            tls: config.tls_config.clone().unwrap_or_default(),
            proxy: config.proxy.clone(),
            redirects: Redirects::SameRequest,
            http2: true,
        };
        Ok(TokenSource {
            url,
            client_id: config.client_id.clone(),
            client_secret: SecretSource::new(&config.client_secret, "client_secret_file", &config.client_secret_file),
            params,
            transport: Arc::new(Transport::new(settings, fs.clone())?),
            state: Mutex::default(),
        })
    }

    /// The `Authorization` header, with a token that is valid.
    pub(crate) async fn header(&self, fs: &Arc<dyn Fs>) -> Result<HeaderValue, SendError> {
        // One request fetches the token, the others wait for it.
        let mut state = self.state.lock().await;
        if let Some(token) = &state.token
            && token.expires.is_none_or(|at| Instant::now() < at)
        {
            return Ok(token.header.clone());
        }
        let secret = self.client_secret.read(fs).await?;
        let styles: &[Style] = match state.style {
            Some(Style::Header) => &[Style::Header],
            Some(Style::Form) => &[Style::Form],
            None => &[Style::Header, Style::Form],
        };
        let mut refusal = String::new();
        for &style in styles {
            let answer = self.ask(style, &secret).await?;
            if !answer.status.is_success() {
                // The body is left out: some servers repeat what they were sent.
                refusal = format!("the authorization server answers {}", answer.status);
                continue;
            }
            let unusable = "cannot fetch a token: the authorization server's answer holds none";
            let token = read_token(&answer.body).ok_or_else(|| SendError::new(unusable))?;
            let header = token.header.clone();
            let valid = token.valid.map(|valid| valid.saturating_sub(EARLY));
            state.token = Some(Kept {
                header: token.header,
                expires: valid.and_then(|valid| Instant::now().checked_add(valid)),
            });
            state.style = Some(style);
            return Ok(header);
        }
        Err(SendError::new(format!("cannot fetch a token: {refusal}")))
    }

    /// The server does not accept the token: the next request fetches another one.
    pub(crate) async fn forget(&self) {
        self.state.lock().await.token = None;
    }

    async fn ask(&self, style: Style, secret: &[u8]) -> Result<Answer, SendError> {
        let http = self.transport.http().await;
        let request = self.request(&http, style, secret)?;
        exchange(request, MAX_ANSWER)
            .await
            .map_err(|error| SendError::new(format!("cannot fetch a token: {error}")))
    }

    fn request(&self, http: &reqwest::Client, style: Style, secret: &[u8]) -> Result<RequestBuilder, SendError> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(&self.params);
        let mut request = http.post(self.url.clone()).header(ACCEPT, "application/json");
        match style {
            Style::Header => {
                // Both parts are form-encoded first (RFC 6749, section 2.3.1).
                let encode = |bytes: &[u8]| url::form_urlencoded::byte_serialize(bytes).collect::<String>();
                let id = encode(self.client_id.as_bytes());
                let header = basic(&id, encode(secret).as_bytes()).map_err(SendError::new)?;
                request = request.header(AUTHORIZATION, header);
            }
            Style::Form => {
                form.append_pair("client_id", &self.client_id);
                form.append_pair("client_secret", &String::from_utf8_lossy(secret));
            }
        }
        Ok(request
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.finish()))
    }
}

/// The token in a server's answer (RFC 6749, section 5.1).
pub(crate) fn read_token(body: &[u8]) -> Option<Token> {
    let parsed: TokenAnswer = serde_json::from_slice(body).ok()?;
    // "bearer" is written with a capital letter in headers, whatever the server says.
    let scheme = match parsed.token_type.as_str() {
        "" => "Bearer",
        other if other.eq_ignore_ascii_case("bearer") => "Bearer",
        other => other,
    };
    let header = header_value(format!("{scheme} {}", parsed.access_token).as_bytes()).ok()?;
    // Some servers send numbers as strings.
    let number = |value: Option<serde_json::Value>| match value? {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let valid = number(parsed.expires_in).filter(|seconds| *seconds > 0.0);
    Some(Token {
        header,
        valid: valid.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        ends: number(parsed.expires_on).map(|seconds| seconds as i64),
    })
}
