//! Blocks of arguments that describe servers.

use component::prelude::*;
use net::server::ServerTls;
use std::time::Duration;
use value::{GoDuration, Invalid, Secret};

/// What a server is made of. The same server does for equal settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The HTTP server.
    pub http: HttpArgs,
    /// The gRPC server, which is not there.
    pub grpc: Option<GrpcArgs>,
    /// How long requests may take that are being answered when the server stops.
    pub grace: GoDuration,
}

impl Settings {
    /// Everything that is wrong with the servers, as far as that shows without files and ports.
    pub fn problems(&self) -> Vec<Error> {
        let http2 = self.http.http2.as_ref().is_some_and(|http2| http2.enabled);
        let server = |block: &'static str, port: i64, tls: Option<&TlsArgs>, http2: bool| {
            let tls = tls.and_then(|tls| tls.check(http2).err());
            let tls = tls.map(|error| error.inside("tls", 0));
            let port = check_port(port).err();
            port.into_iter().chain(tls).map(move |error| error.inside(block, 0))
        };
        let http = server("http", self.http.listen_port, self.http.tls.as_ref(), http2);
        let grpc = self.grpc.iter();
        let grpc = grpc.flat_map(|grpc| server("grpc", grpc.listen_port, grpc.tls.as_ref(), true));
        http.chain(grpc).collect()
    }
}

/// The HTTP server.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = HttpArgs::validate)]
pub struct HttpArgs {
    /// Address to listen on; empty for all addresses of the machine.
    #[arg(default)]
    pub listen_address: String,
    /// Port to listen on; 0 lets the system choose.
    #[arg(default = 8080)]
    pub listen_port: i64,
    /// Most connections at once, others wait; 0 for any number.
    #[arg(default)]
    pub conn_limit: i64,
    /// How long a connection may be idle. 0 for any time.
    #[arg(default = GoDuration::seconds(120))]
    pub server_idle_timeout: GoDuration,
    /// How long a request may take to come in. 0 for any time.
    #[arg(default = GoDuration::seconds(30))]
    pub server_read_timeout: GoDuration,
    /// How long a client waits for an answer; after that it is told to come back. 0 for any time.
    #[arg(default = GoDuration::seconds(30))]
    pub server_write_timeout: GoDuration,
    /// Encryption.
    #[arg(block)]
    pub tls: Option<TlsArgs>,
    /// HTTP/2.
    #[arg(block)]
    pub http2: Option<Http2Args>,
}

fn check_port(port: i64) -> Result<()> {
    if !(0..=65_535).contains(&port) {
        return Err(Error::about("listen_port", "must be between 0 and 65535"));
    }
    Ok(())
}

/// Go's way: a time of 0 is no bound.
pub(crate) fn bound(time: GoDuration) -> Duration {
    /// A year.
    const LONG: Duration = Duration::from_secs(365 * 24 * 3600);
    match time.as_std() {
        Duration::ZERO => LONG,
        time => time.min(LONG),
    }
}

impl HttpArgs {
    fn validate(&self) -> Result<(), Invalid> {
        Ok(check_port(self.listen_port)?)
    }

    pub(crate) fn port(&self) -> u16 {
        u16::try_from(self.listen_port).unwrap_or_default()
    }

    /// What clients may take, with an end within `drain`.
    pub(crate) fn limits(&self, drain: Duration) -> net::server::Limits {
        let http2 = self.http2.as_ref().filter(|http2| http2.enabled);
        net::server::Limits {
            connections: match usize::try_from(self.conn_limit) {
                Ok(0) | Err(_) => usize::MAX,
                Ok(limit) => limit,
            },
            patience: bound(self.server_read_timeout),
            idle: bound(self.server_idle_timeout),
            stall: bound(self.server_write_timeout),
            head: 64 << 10,
            http2: http2.is_some(),
            streams: http2.map_or(0, |http2| http2.max_concurrent_streams),
            drain,
        }
    }
}

/// HTTP/2. Arguments other than `enabled` and `max_concurrent_streams` are accepted and left to the HTTP implementation.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Http2Args {
    /// Whether HTTP/2 is spoken beside HTTP/1.1.
    #[arg(default)]
    pub enabled: bool,
    /// Has no effect.
    #[arg(default)]
    pub max_handlers: i64,
    /// Requests of one connection at once.
    #[arg(default = 100)]
    pub max_concurrent_streams: u32,
    /// Has no effect.
    #[arg(default = 4096)]
    pub max_decoder_header_table_size: u32,
    /// Has no effect.
    #[arg(default = 4096)]
    pub max_encoder_header_table_size: u32,
    /// Has no effect.
    #[arg(default)]
    pub max_read_frame_size: u32,
    /// Has no effect.
    #[arg(default)]
    pub permit_prohibited_ciphers: bool,
    /// Has no effect.
    #[arg(default)]
    pub idle_timeout: GoDuration,
    /// Has no effect.
    #[arg(default)]
    pub read_idle_timeout: GoDuration,
    /// Has no effect.
    #[arg(default = GoDuration::seconds(15))]
    pub ping_timeout: GoDuration,
    /// Has no effect.
    #[arg(default)]
    pub write_byte_timeout: GoDuration,
    /// Has no effect.
    #[arg(default)]
    pub max_upload_buffer_per_connection: i32,
    /// Has no effect.
    #[arg(default)]
    pub max_upload_buffer_per_stream: i32,
}

/// Encryption and client certificates.
#[derive(Block, Clone, Debug, PartialEq)]
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
    /// Whether clients show a certificate: `NoClientCert`, `RequestClientCert`, `RequireAnyClientCert`, `VerifyClientCertIfGiven` or
    /// `RequireAndVerifyClientCert`.
    #[arg(default = "NoClientCert".to_owned())]
    pub client_auth_type: String,
    /// File of the certificates that sign those of clients, as PEM.
    #[arg(default)]
    pub client_ca_file: String,
    /// Certificates that sign those of clients, as PEM text.
    #[arg(default)]
    pub client_ca_pem: String,
    /// The same as `client_ca_pem`.
    #[arg(default)]
    pub client_ca: String,
    /// Cipher suites of TLS 1.2 that are allowed, by their IANA names with commas between them; all that are secure if empty.
    #[arg(default)]
    pub cipher_suites: String,
    /// Lowest version: `VersionTLS12` or `VersionTLS13`.
    #[arg(default)]
    pub min_version: String,
}

impl TlsArgs {
    /// Checks what can be checked without reading a file.
    fn check(&self, http2: bool) -> Result<()> {
        net::server::check_server(&self.server()?, http2).map_err(|error| Error::new(error.to_string()))
    }

    pub(crate) fn server(&self) -> Result<ServerTls> {
        if !self.client_ca.is_empty() && !self.client_ca_pem.is_empty() {
            return Err(Error::new(
                "tls: only one of \"client_ca\" and \"client_ca_pem\" may be set",
            ));
        }
        let suites = self.cipher_suites.split(',').map(str::trim);
        let args = self.clone();
        Ok(ServerTls {
            cert_pem: args.cert_pem,
            cert_file: args.cert_file,
            key_pem: args.key_pem,
            key_file: args.key_file,
            client_ca_pem: args.client_ca_pem + &args.client_ca,
            client_ca_file: args.client_ca_file,
            client_auth_type: args.client_auth_type,
            cipher_suites: suites.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            curve_preferences: Vec::new(),
            min_version: args
                .min_version
                .strip_prefix("Version")
                .unwrap_or(&args.min_version)
                .to_owned(),
            max_version: String::new(),
        })
    }
}

/// A gRPC server. Alloy starts one that offers nothing; here the block is checked and has no effect.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = GrpcArgs::validate)]
pub struct GrpcArgs {
    /// Has no effect.
    #[arg(default)]
    pub listen_address: String,
    /// Has no effect.
    #[arg(default)]
    pub listen_port: i64,
    /// Has no effect.
    #[arg(default)]
    pub conn_limit: i64,
    /// Has no effect.
    #[arg(default = GoDuration(i64::MAX))]
    pub max_connection_age: GoDuration,
    /// Has no effect.
    #[arg(default = GoDuration(i64::MAX))]
    pub max_connection_age_grace: GoDuration,
    /// Has no effect.
    #[arg(default = GoDuration(i64::MAX))]
    pub max_connection_idle: GoDuration,
    /// Has no effect.
    #[arg(default = 4 << 20)]
    pub server_max_recv_msg_size: i64,
    /// Has no effect.
    #[arg(default = 4 << 20)]
    pub server_max_send_msg_size: i64,
    /// Has no effect.
    #[arg(default = 100)]
    pub server_max_concurrent_streams: u64,
    /// Has no effect.
    #[arg(block)]
    pub tls: Option<TlsArgs>,
}

impl GrpcArgs {
    fn validate(&self) -> Result<(), Invalid> {
        Ok(check_port(self.listen_port)?)
    }
}
