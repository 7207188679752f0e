//! Secrets on their way into headers.

use crate::cloud::CloudAuth;
use crate::config::HttpClientConfig;
use crate::error::SendError;
use crate::oauth2::TokenSource;
use crate::{ConfigError, HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host::Fs;
use std::path::PathBuf;
use std::sync::Arc;
use value::Secret;

/// A secret that is given in the configuration, or by a file that may change at any time.
pub(crate) enum SecretSource {
    Inline(Secret),
    File { argument: &'static str, path: PathBuf },
}

impl SecretSource {
    pub(crate) fn new(inline: &Secret, argument: &'static str, file: &str) -> Self {
        if file.is_empty() {
            SecretSource::Inline(inline.clone())
        } else {
            SecretSource::File {
                argument,
                path: PathBuf::from(file),
            }
        }
    }

    /// The secret now. Blanks around the content of a file do not count.
    pub(crate) async fn read(&self, fs: &Arc<dyn Fs>) -> Result<Vec<u8>, SendError> {
        match self {
            SecretSource::Inline(secret) => Ok(secret.expose().as_bytes().to_vec()),
            SecretSource::File { argument, path } => {
                let (reader, file) = (fs.clone(), path.clone());
                let read = tokio::task::spawn_blocking(move || reader.read(&file)).await;
                let content = read
                    .map_err(std::io::Error::other)
                    .and_then(|content| content)
                    .map_err(|error| SendError::new(format!("cannot read {argument} {path:?}: {error}")))?;
                Ok(content.trim_ascii().to_vec())
            }
        }
    }
}

/// How requests say who asks.
pub(crate) enum Auth {
    None,
    Basic {
        username: String,
        password: SecretSource,
    },
    Scheme {
        scheme: String,
        credentials: SecretSource,
    },
    Token(Box<TokenSource>),
    /// Adds more than a header, and needs the whole request for that.
    Cloud(Arc<CloudAuth>),
}

impl Auth {
    pub(crate) fn new(config: &HttpClientConfig, fs: &Arc<dyn Fs>) -> Result<Self, ConfigError> {
        if let Some(basic) = &config.basic_auth {
            return Ok(Auth::Basic {
                username: basic.username.clone(),
                password: SecretSource::new(&basic.password, "password_file", &basic.password_file),
            });
        }
        if let Some(oauth2) = &config.oauth2 {
            return Ok(Auth::Token(Box::new(TokenSource::new(oauth2, fs)?)));
        }
        let (scheme, secret, argument, file) = match &config.authorization {
            Some(block) => (
                block.scheme.trim(),
                &block.credentials,
                "credentials_file",
                &block.credentials_file,
            ),
            None => ("", &config.bearer_token, "bearer_token_file", &config.bearer_token_file),
        };
        if secret.is_empty() && file.is_empty() {
            return Ok(Auth::None);
        }
        Ok(Auth::Scheme {
            scheme: if scheme.is_empty() { "Bearer" } else { scheme }.to_owned(),
            credentials: SecretSource::new(secret, argument, file),
        })
    }

    /// The `Authorization` header for the next request.
    pub(crate) async fn header(&self, fs: &Arc<dyn Fs>) -> Result<Option<HeaderValue>, SendError> {
        let value = match self {
            Auth::None | Auth::Cloud(_) => return Ok(None),
            Auth::Basic { username, password } => basic(username, &password.read(fs).await?),
            Auth::Scheme { scheme, credentials } => {
                let mut value = format!("{scheme} ").into_bytes();
                value.extend(credentials.read(fs).await?);
                header_value(&value)
            }
            Auth::Token(source) => return source.header(fs).await.map(Some),
        };
        value
            .map(Some)
            .map_err(|error| SendError::new(format!("the credentials are unusable: {error}")))
    }
}

/// An `Authorization` header of the basic scheme (RFC 7617).
pub(crate) fn basic(username: &str, password: &[u8]) -> Result<HeaderValue, String> {
    let mut pair = format!("{username}:").into_bytes();
    pair.extend_from_slice(password);
    header_value(format!("Basic {}", STANDARD.encode(pair)).as_bytes())
}

/// A value that the HTTP library does not print.
pub(crate) fn header_value(bytes: &[u8]) -> Result<HeaderValue, String> {
    let mut value =
        HeaderValue::from_bytes(bytes).map_err(|_| "it holds line breaks or control characters".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

pub(crate) fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is not the name of a header"))
}

/// Headers of the configuration.
pub(crate) fn headers<'a>(
    map: impl IntoIterator<Item = (&'a String, &'a Vec<Secret>)>,
) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    for (name, values) in map {
        let key = header_name(name).map_err(ConfigError::new)?;
        for value in values {
            let value = header_value(value.expose().as_bytes())
                .map_err(|error| ConfigError::caused(format!("header {name:?}"), error))?;
            headers.append(key.clone(), value);
        }
    }
    Ok(headers)
}
