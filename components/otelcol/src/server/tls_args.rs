//! The `tls` block of servers.

use crate::tpm::TpmArgs;
use component::{Context, Error, Result};
use net::server::{ServerConfig, ServerTls};
use std::sync::Arc;
use value::{Block, GoDuration, Secret};

/// Encryption, and client certificates.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct ServerTlsArgs {
    /// Has no effect on a server.
    #[arg(default)]
    pub ca_pem: String,
    /// Has no effect on a server.
    #[arg(default)]
    pub ca_file: String,
    /// Certificate chain, as PEM text.
    #[arg(default)]
    pub cert_pem: String,
    /// File of the certificate chain.
    #[arg(default)]
    pub cert_file: String,
    /// Private key, as PEM text.
    #[arg(default)]
    pub key_pem: Secret,
    /// File of the private key.
    #[arg(default)]
    pub key_file: String,
    /// File of the certificates that sign those of clients, who have to show one then.
    #[arg(default)]
    pub client_ca_file: String,
    /// Lowest version: `TLS 1.2` or `TLS 1.3`.
    #[arg(default = "TLS 1.2".to_owned())]
    pub min_version: String,
    /// Highest version: `TLS 1.2` or `TLS 1.3`.
    #[arg(default = "TLS 1.3".to_owned())]
    pub max_version: String,
    /// Has no effect: files are read when the configuration is loaded.
    #[arg(default)]
    pub reload_interval: GoDuration,
    /// Cipher suites of TLS 1.2 that are allowed, by their IANA names; all that are secure if empty.
    #[arg(default)]
    pub cipher_suites: Vec<String>,
    /// Has no effect: there are no insecure ones.
    #[arg(default)]
    pub include_insecure_cipher_suites: bool,
    /// Curves that are allowed: `X25519`, `P256`, `P384`, `P521`; all if empty.
    #[arg(default)]
    pub curve_preferences: Vec<String>,
    /// Has no effect on a server.
    #[arg(default)]
    pub include_system_ca_certs_pool: bool,
    /// Keys in a trusted platform module, which is not supported.
    #[arg(block)]
    pub tpm: Option<TpmArgs>,
}

/// `TLS 1.2` and `1.2` as `crates/net` names it.
fn version(text: &str) -> String {
    let number = text.strip_prefix("TLS").unwrap_or(text).trim();
    match number {
        "" => String::new(),
        number => format!("TLS{}", number.replace('.', "")),
    }
}

impl ServerTlsArgs {
    fn settings(&self) -> Result<ServerTls> {
        if self.tpm.as_ref().is_some_and(|tpm| tpm.enabled) {
            let error = Error::about("enabled", "keys in a trusted platform module are not supported");
            return Err(error.inside("tpm", 0));
        }
        let curve = |name: &String| match name.as_str() {
            "P256" | "P384" | "P521" => format!("Curve{name}"),
            other => other.to_owned(),
        };
        let client_auth_type = match self.client_ca_file.as_str() {
            "" => "",
            _ => "RequireAndVerifyClientCert",
        };
        Ok(ServerTls {
            cert_pem: self.cert_pem.clone(),
            cert_file: self.cert_file.clone(),
            key_pem: self.key_pem.clone(),
            key_file: self.key_file.clone(),
            client_ca_pem: String::new(),
            client_ca_file: self.client_ca_file.clone(),
            client_auth_type: client_auth_type.to_owned(),
            cipher_suites: self.cipher_suites.clone(),
            curve_preferences: self.curve_preferences.iter().map(curve).collect(),
            min_version: version(&self.min_version),
            max_version: version(&self.max_version),
        })
    }

    /// Checks what can be checked without reading a file.
    pub(crate) fn check(&self) -> Result<()> {
        let settings = self.settings().map_err(|error| error.inside("tls", 0))?;
        net::server::check_server(&settings, true).map_err(|error| Error::new(error.to_string()))
    }

    /// Reads the files.
    pub(crate) fn server<E: Block>(&self, cx: &Context<E>) -> Result<Arc<ServerConfig>> {
        let config = net::server::server_config(&self.settings()?, true, &*cx.host().fs);
        config.map(Arc::new).map_err(|error| Error::new(error.to_string()))
    }
}
