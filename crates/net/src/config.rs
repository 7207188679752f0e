//! The arguments of HTTP clients, as all components that send requests have them.

use crate::credentials;
use std::collections::BTreeMap;
use url::Url;
use value::{Block, Invalid, Secret};

/// How requests are made: who asks, over which encryption, through which proxy.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = HttpClientConfig::validate)]
pub struct HttpClientConfig {
    /// Name and password.
    #[arg(block)]
    pub basic_auth: Option<BasicAuth>,
    /// An `Authorization` header of any scheme but basic.
    #[arg(block)]
    pub authorization: Option<Authorization>,
    /// A token that is fetched from an authorization server.
    #[arg(block)]
    pub oauth2: Option<OAuth2>,
    /// Bearer token.
    #[arg(default)]
    pub bearer_token: Secret,
    /// File that holds the bearer token; read for each request.
    #[arg(default)]
    pub bearer_token_file: String,
    /// Encryption.
    #[arg(block)]
    pub tls_config: Option<TlsConfig>,
    #[arg(flatten)]
    /// Proxies.
    pub proxy: ProxyConfig,
    /// Whether redirects are followed.
    #[arg(default = true)]
    pub follow_redirects: bool,
    /// Whether HTTP/2 is used where the server offers it.
    #[arg(default = true)]
    pub enable_http2: bool,
    /// Headers that each request carries.
    #[arg(default)]
    pub http_headers: BTreeMap<String, Vec<Secret>>,
}

impl Default for HttpClientConfig {
    fn default() -> Self {
        HttpClientConfig::defaults()
    }
}

impl HttpClientConfig {
    /// Checks what concerns more than one argument. A block that flattens this one calls it from its own check.
    pub fn validate(&self) -> Result<(), String> {
        self.conflict().map_err(|conflict| conflict.message)?;
        for (name, values) in &self.http_headers {
            credentials::header_name(name)?;
            for value in values {
                credentials::header_value(value.expose().as_bytes())
                    .map_err(|error| format!("http_headers {name:?}: {error}"))?;
            }
        }
        self.proxy.validate()
    }

    /// Everything that is wrong with the configuration, as far as that shows without files; each with the block inside of this
    /// one that it is about, or an empty name.
    pub fn problems(&self) -> Vec<(&'static str, Invalid)> {
        let mut found: Vec<(&'static str, Invalid)> = Vec::new();
        found.extend(self.conflict().err().map(|conflict| ("", conflict)));
        let proxy = self.proxy.check_url().err();
        found.extend(proxy.map(|message| ("", Invalid::argument("proxy_url", message))));
        if let Some(oauth2) = &self.oauth2 {
            let url = oauth2.check_url().err();
            found.extend(url.map(|message| ("oauth2", Invalid::argument("token_url", message))));
        }
        if let Some(tls) = &self.tls_config {
            let wrong = tls.validate().err().or_else(|| tls.check_inline().err());
            found.extend(wrong.map(|message| ("tls_config", message.into())));
        }
        if found.is_empty() {
            found.extend(self.validate().err().map(|message| ("", message.into())));
        }
        found
    }

    /// Finds kinds of authentication that exclude each other: the argument to blame, or none if blocks alone are to blame.
    pub fn conflict(&self) -> Result<(), Invalid> {
        let (token, file) = (!self.bearer_token.is_empty(), !self.bearer_token_file.is_empty());
        let wrong = |argument: &str, message: &str| Err(Invalid::argument(argument, message));
        let bearer = if token { "bearer_token" } else { "bearer_token_file" };
        if token && file {
            return wrong(
                bearer,
                "at most one of bearer_token & bearer_token_file must be configured",
            );
        }
        if (self.basic_auth.is_some() || self.oauth2.is_some()) && (token || file) {
            let message = "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured";
            return wrong(bearer, message);
        }
        if self.authorization.is_some() && (token || file) {
            let message = "authorization is not compatible with bearer_token & bearer_token_file";
            return wrong(bearer, message);
        }
        let blocks = [
            self.basic_auth.is_some(),
            self.oauth2.is_some(),
            self.authorization.is_some(),
        ];
        if blocks.into_iter().filter(|&set| set).count() > 1 {
            return Err("at most one of basic_auth, oauth2 & authorization must be configured".into());
        }
        Ok(())
    }
}

/// Name and password of HTTP basic authentication.
#[derive(Block, Clone, Debug, Default, PartialEq)]
#[block(validate = BasicAuth::validate)]
pub struct BasicAuth {
    /// Name.
    #[arg(default)]
    pub username: String,
    /// Password.
    #[arg(default)]
    pub password: Secret,
    /// File that holds the password; read for each request.
    #[arg(default)]
    pub password_file: String,
}

impl BasicAuth {
    fn validate(&self) -> Result<(), String> {
        if !self.password.is_empty() && !self.password_file.is_empty() {
            return Err("at most one of basic_auth password & password_file must be configured".to_owned());
        }
        Ok(())
    }
}

/// An `Authorization` header.
#[derive(Block, Clone, Debug, Default, PartialEq)]
#[block(validate = Authorization::validate)]
pub struct Authorization {
    /// Scheme; `Bearer` if empty.
    #[arg(default, name = "type")]
    pub scheme: String,
    /// What follows the scheme.
    #[arg(default)]
    pub credentials: Secret,
    /// File that holds what follows the scheme; read for each request.
    #[arg(default)]
    pub credentials_file: String,
}

impl Authorization {
    fn validate(&self) -> Result<(), String> {
        if !self.credentials.is_empty() && !self.credentials_file.is_empty() {
            return Err("at most one of authorization credentials & credentials_file must be configured".to_owned());
        }
        if self.scheme.trim().eq_ignore_ascii_case("basic") {
            return Err("authorization type cannot be set to \"basic\", use \"basic_auth\" instead".to_owned());
        }
        Ok(())
    }
}

/// The client credentials grant (RFC 6749, section 4.4).
#[derive(Block, Clone, Debug, Default, PartialEq)]
#[block(validate = OAuth2::validate)]
pub struct OAuth2 {
    /// Id of this client.
    #[arg(default)]
    pub client_id: String,
    /// Its secret.
    #[arg(default)]
    pub client_secret: Secret,
    /// File that holds its secret; read for each token.
    #[arg(default)]
    pub client_secret_file: String,
    /// Scopes to ask for.
    #[arg(default)]
    pub scopes: Vec<String>,
    /// Where tokens are given.
    #[arg(default)]
    pub token_url: String,
    /// More parameters of the request for a token.
    #[arg(default)]
    pub endpoint_params: BTreeMap<String, String>,
    #[arg(flatten)]
    /// Proxies on the way to the authorization server.
    pub proxy: ProxyConfig,
    /// Encryption on the way to the authorization server.
    #[arg(block)]
    pub tls_config: Option<TlsConfig>,
}

impl OAuth2 {
    fn validate(&self) -> Result<(), String> {
        if self.client_id.is_empty() {
            return Err("oauth2 client_id must be configured".to_owned());
        }
        if self.client_secret.is_empty() && self.client_secret_file.is_empty() {
            return Err("either oauth2 client_secret or client_secret_file must be configured".to_owned());
        }
        if !self.client_secret.is_empty() && !self.client_secret_file.is_empty() {
            return Err("at most one of oauth2 client_secret & client_secret_file must be configured".to_owned());
        }
        if self.token_url.is_empty() {
            return Err("oauth2 token_url must be configured".to_owned());
        }
        self.check_url()?;
        self.proxy.validate()
    }

    fn check_url(&self) -> Result<(), String> {
        match Url::parse(&self.token_url) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("oauth2 token_url {:?}: {error}", self.token_url)),
        }
    }
}

/// Encryption.
#[derive(Block, Clone, Debug, Default, PartialEq)]
#[block(validate = TlsConfig::validate)]
pub struct TlsConfig {
    /// Certificates to trust instead of the system's, as PEM text.
    #[arg(default)]
    pub ca_pem: String,
    /// File of certificates to trust instead of the system's.
    #[arg(default)]
    pub ca_file: String,
    /// Certificate of this client, as PEM text.
    #[arg(default)]
    pub cert_pem: String,
    /// File of this client's certificate.
    #[arg(default)]
    pub cert_file: String,
    /// Key of this client, as PEM text.
    #[arg(default)]
    pub key_pem: Secret,
    /// File of this client's key.
    #[arg(default)]
    pub key_file: String,
    /// Name that the server's certificate must have, instead of the one in the URL.
    #[arg(default)]
    pub server_name: String,
    /// Whether any certificate of the server is accepted.
    #[arg(default)]
    pub insecure_skip_verify: bool,
    /// Lowest version: `TLS12` or `TLS13`. `TLS10` and `TLS11` are accepted and mean `TLS12`.
    #[arg(default)]
    pub min_version: String,
}

impl TlsConfig {
    /// Checks what is given directly, without reading a file.
    fn check_inline(&self) -> Result<(), String> {
        let inline = TlsConfig {
            ca_file: String::new(),
            cert_file: String::new(),
            key_file: String::new(),
            ..self.clone()
        };
        let made = crate::tls::client_config(&inline, crate::TlsExtras::default(), true, &host::RealFs);
        made.map(drop).map_err(|error| error.to_string())
    }

    /// Checks what concerns more than one argument.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), crate::ConfigError> {
        self.validate().map_err(crate::ConfigError::new)
    }

    fn validate(&self) -> Result<(), String> {
        if !self.ca_pem.is_empty() && !self.ca_file.is_empty() {
            return Err("at most one of ca_pem and ca_file must be configured".to_owned());
        }
        if !self.cert_pem.is_empty() && !self.cert_file.is_empty() {
            return Err("at most one of cert_pem and cert_file must be configured".to_owned());
        }
        if !self.key_pem.is_empty() && !self.key_file.is_empty() {
            return Err("at most one of key_pem and key_file must be configured".to_owned());
        }
        let cert = !self.cert_pem.is_empty() || !self.cert_file.is_empty();
        let key = !self.key_pem.is_empty() || !self.key_file.is_empty();
        if cert && !key {
            return Err(
                "exactly one of key_pem or key_file must be configured when a client certificate is configured"
                    .to_owned(),
            );
        }
        if key && !cert {
            return Err(
                "exactly one of cert_pem or cert_file must be configured when a client key is configured".to_owned(),
            );
        }
        match self.min_version.as_str() {
            "" | "TLS10" | "TLS11" | "TLS12" | "TLS13" => Ok(()),
            other => Err(format!("unknown TLS version {other:?}; use \"TLS12\" or \"TLS13\"")),
        }
    }
}

/// Proxies.
#[derive(Block, Clone, Debug, Default, PartialEq)]
pub struct ProxyConfig {
    /// Proxy for all requests. A name and password in it are sent to the proxy.
    #[arg(default)]
    pub proxy_url: String,
    /// Comma-separated hosts, domains, addresses and networks that are reached without the proxy.
    #[arg(default)]
    pub no_proxy: String,
    /// Whether the environment variables `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` decide.
    #[arg(default)]
    pub proxy_from_environment: bool,
    /// Headers that the proxy is sent.
    #[arg(default)]
    pub proxy_connect_header: BTreeMap<String, Vec<Secret>>,
}

impl ProxyConfig {
    fn check_url(&self) -> Result<(), String> {
        if self.proxy_url.is_empty() {
            return Ok(());
        }
        // The text may hold a password and is not repeated.
        let parsed = Url::parse(&self.proxy_url).map_err(|error| format!("proxy_url is not a URL: {error}"))?;
        match parsed.scheme() {
            "http" | "https" | "socks5" | "socks5h" => Ok(()),
            other => Err(format!(
                "proxy_url has the scheme {other:?}; use \"http\", \"https\" or \"socks5\""
            )),
        }
    }

    fn validate(&self) -> Result<(), String> {
        let url = !self.proxy_url.is_empty();
        if !self.proxy_connect_header.is_empty() && !self.proxy_from_environment && !url {
            return Err(
                "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured"
                    .to_owned(),
            );
        }
        if self.proxy_from_environment && url {
            return Err("if proxy_from_environment is configured, proxy_url must not be configured".to_owned());
        }
        if self.proxy_from_environment && !self.no_proxy.is_empty() {
            return Err("if proxy_from_environment is configured, no_proxy must not be configured".to_owned());
        }
        if !url && !self.no_proxy.is_empty() {
            return Err("if no_proxy is configured, proxy_url must also be configured".to_owned());
        }
        self.check_url()?;
        for (name, values) in &self.proxy_connect_header {
            credentials::header_name(name)?;
            for value in values {
                credentials::header_value(value.expose().as_bytes())
                    .map_err(|error| format!("proxy_connect_header {name:?}: {error}"))?;
            }
        }
        Ok(())
    }
}
