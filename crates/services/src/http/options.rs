//! The `http` block.

use component::Error;
use net::server::{ServerConfig, ServerTls, server_config};
use value::{Block, Secret};

/// How the HTTP server protects itself. Without the block everything is open and plain, on the address of the command line.
#[derive(Block, Clone, Debug, Default, PartialEq)]
pub struct HttpArgs {
    /// Who may ask.
    #[arg(block)]
    pub auth: Option<AuthArgs>,
    /// Encryption. Connections that are open when it changes stay as they are.
    #[arg(block)]
    pub tls: Option<TlsArgs>,
}

/// Who may ask.
#[derive(Block, Clone, Debug, Default, PartialEq)]
pub struct AuthArgs {
    /// Name and password of those who may. Without it everyone may.
    #[arg(block)]
    pub basic: Option<BasicArgs>,
    /// Which paths need them. Without it all do.
    #[arg(block)]
    pub filter: Option<FilterArgs>,
}

/// Basic authentication.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct BasicArgs {
    /// User name.
    #[arg]
    pub username: String,
    /// Password.
    #[arg]
    pub password: Secret,
}

/// Paths that need authentication.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct FilterArgs {
    /// Prefixes of paths.
    #[arg(default)]
    pub paths: Vec<String>,
    /// Whether the paths that start with one of `paths` need authentication, or all others.
    #[arg(default = true)]
    pub authenticate_matching_paths: bool,
}

/// Encryption and client certificates.
#[derive(Block, Clone, Debug, Default, PartialEq)]
pub struct TlsArgs {
    /// Certificate chain as PEM text.
    #[arg(default)]
    pub cert_pem: String,
    /// File of the certificate chain, as PEM.
    #[arg(default)]
    pub cert_file: String,
    /// Private key as PEM text.
    #[arg(default)]
    pub key_pem: Secret,
    /// File of the private key, as PEM.
    #[arg(default)]
    pub key_file: String,
    /// Certificates that sign those of clients, as PEM text.
    #[arg(default)]
    pub client_ca_pem: String,
    /// File of the certificates that sign those of clients, as PEM.
    #[arg(default)]
    pub client_ca_file: String,
    /// Whether clients show a certificate: `NoClientCert`, `RequestClientCert`, `RequireAnyClientCert`,
    /// `VerifyClientCertIfGiven` or `RequireAndVerifyClientCert`.
    #[arg(default = "NoClientCert".to_owned())]
    pub client_auth_type: String,
    /// Cipher suites of TLS 1.2 that are allowed, by their IANA names; all that are secure if empty.
    #[arg(default)]
    pub cipher_suites: Vec<String>,
    /// Curves in order of preference: `X25519`, `CurveP256`, `CurveP384`; all if empty.
    #[arg(default)]
    pub curve_preferences: Vec<String>,
    /// Lowest version: `TLS12` or `TLS13`. `TLS10` and `TLS11` are accepted and mean `TLS12`.
    #[arg(default)]
    pub min_version: String,
    /// Highest version: `TLS12` or `TLS13`.
    #[arg(default)]
    pub max_version: String,
}

impl TlsArgs {
    /// Checks the block and reads its files.
    pub(super) fn server_config(&self) -> Result<ServerConfig, Error> {
        let args = self.clone();
        let tls = ServerTls {
            cert_pem: args.cert_pem,
            cert_file: args.cert_file,
            key_pem: args.key_pem,
            key_file: args.key_file,
            client_ca_pem: args.client_ca_pem,
            client_ca_file: args.client_ca_file,
            client_auth_type: args.client_auth_type,
            cipher_suites: args.cipher_suites,
            curve_preferences: args.curve_preferences,
            min_version: args.min_version,
            max_version: args.max_version,
        };
        server_config(&tls, true, &host::RealFs).map_err(|error| Error::new(error.to_string()))
    }
}
