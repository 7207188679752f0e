//! The server's side of TLS.

use crate::error::ConfigError;
use host::Fs;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    DigitallySignedStruct, DistinguishedName, NamedGroup, RootCertStore, ServerConfig, SignatureScheme, version,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use std::path::Path;
use std::sync::Arc;
use value::Secret;

/// Certificates and rules of a server. Texts are empty where nothing is set; of text and file of one thing only one may be set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerTls {
    /// Certificate chain as PEM text.
    pub cert_pem: String,
    /// File of the certificate chain, as PEM.
    pub cert_file: String,
    /// Private key as PEM text.
    pub key_pem: Secret,
    /// File of the private key, as PEM.
    pub key_file: String,
    /// Certificates that sign those of clients, as PEM text.
    pub client_ca_pem: String,
    /// File of the certificates that sign those of clients, as PEM.
    pub client_ca_file: String,
    /// Go's name for whether clients show a certificate, `RequireAndVerifyClientCert`; `NoClientCert` if empty.
    pub client_auth_type: String,
    /// Cipher suites of TLS 1.2 that are allowed, by their IANA names; all that are secure if empty.
    pub cipher_suites: Vec<String>,
    /// Curves in order of preference, by Go's names; all if empty.
    pub curve_preferences: Vec<String>,
    /// Lowest version, `TLS12` or `TLS13`.
    pub min_version: String,
    /// Highest version.
    pub max_version: String,
}

/// Checks the settings and reads the files. Messages begin with `tls: `.
///
/// # Errors
/// Files that cannot be read or are not what they should be, settings that do not go together, names that are not known.
pub fn server_config(args: &ServerTls, http2: bool, fs: &dyn Fs) -> Result<ServerConfig, ConfigError> {
    let provider = Arc::new(provider(args)?);
    let certificates = certificates("cert", &args.cert_pem, &args.cert_file, fs)?
        .ok_or_else(|| ConfigError::new("tls: one of \"cert_pem\" and \"cert_file\" must be set"))?;
    let key = one_of("key", args.key_pem.expose().as_bytes(), &args.key_file, fs)?
        .ok_or_else(|| ConfigError::new("tls: one of \"key_pem\" and \"key_file\" must be set"))?;
    // The reason why a key does not parse never holds any of it.
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| {
        ConfigError::caused(
            format!("tls: {} holds no private key", name("key", &args.key_file)),
            error,
        )
    })?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(args)?)
        .map_err(|error| ConfigError::caused("tls: the versions and cipher suites do not go together", error))?;
    let builder = match client_verifier(args, &provider, fs)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|error| ConfigError::caused("tls: the certificate and the key do not go together", error))?;
    config.alpn_protocols = match http2 {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    Ok(config)
}

/// Checks the settings as [`server_config`] does, as far as that needs no file: PEM text that is given directly is looked at
/// only if no file is.
///
/// # Errors
/// Settings that do not go together, names that are not known, text that is not PEM.
pub fn check_server(args: &ServerTls, http2: bool) -> Result<(), ConfigError> {
    let files = [&args.cert_file, &args.key_file, &args.client_ca_file];
    if files.iter().all(|file| file.is_empty()) {
        return server_config(args, http2, &host::RealFs).map(drop);
    }
    let pairs = [
        ("cert", !args.cert_pem.is_empty(), &args.cert_file),
        ("key", !args.key_pem.is_empty(), &args.key_file),
        ("client_ca", !args.client_ca_pem.is_empty(), &args.client_ca_file),
    ];
    for (what, pem, file) in pairs {
        if pem && !file.is_empty() {
            return Err(only_one(what));
        }
        if what != "client_ca" && !pem && file.is_empty() {
            let message = format!("tls: one of \"{what}_pem\" and \"{what}_file\" must be set");
            return Err(ConfigError::new(message));
        }
    }
    provider(args)?;
    versions(args).map(drop)
}

fn only_one(what: &str) -> ConfigError {
    ConfigError::new(format!(
        "tls: only one of \"{what}_pem\" and \"{what}_file\" may be set"
    ))
}

fn name(what: &str, file: &str) -> String {
    if file.is_empty() {
        format!("\"{what}_pem\"")
    } else {
        format!("\"{what}_file\" {file:?}")
    }
}

/// The PEM text that is given directly or by a file.
fn one_of(what: &str, pem: impl AsRef<[u8]>, file: &str, fs: &dyn Fs) -> Result<Option<Vec<u8>>, ConfigError> {
    let pem = pem.as_ref();
    match (pem.is_empty(), file.is_empty()) {
        (true, true) => Ok(None),
        (false, true) => Ok(Some(pem.to_vec())),
        (true, false) => fs
            .read(Path::new(file))
            .map(Some)
            .map_err(|error| ConfigError::caused(format!("tls: cannot read \"{what}_file\" {file:?}"), error)),
        (false, false) => Err(only_one(what)),
    }
}

fn certificates(
    what: &str,
    pem: &str,
    file: &str,
    fs: &dyn Fs,
) -> Result<Option<Vec<CertificateDer<'static>>>, ConfigError> {
    let Some(pem) = one_of(what, pem, file, fs)? else {
        return Ok(None);
    };
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| ConfigError::caused(format!("tls: {} is not PEM", name(what, file)), error))?;
    if certificates.is_empty() {
        return Err(ConfigError::new(format!(
            "tls: {} holds no certificate",
            name(what, file)
        )));
    }
    Ok(Some(certificates))
}

/// Cryptography that is restricted to what the block allows.
fn provider(args: &ServerTls) -> Result<CryptoProvider, ConfigError> {
    let mut provider = ring::default_provider();
    if !args.cipher_suites.is_empty() {
        if let Some(unknown) = args.cipher_suites.iter().find(|suite| !suite.starts_with("TLS_")) {
            return Err(ConfigError::new(format!("tls: unknown cipher suite {unknown:?}")));
        }
        // As in Go, the list is about TLS 1.2; the suites of TLS 1.3 are not for choice.
        provider.cipher_suites.retain(|suite| {
            let known = suite.suite().as_str().unwrap_or_default();
            suite.tls13().is_some() || args.cipher_suites.iter().any(|wanted| wanted == known)
        });
    }
    if !args.curve_preferences.is_empty() {
        let mut groups = Vec::new();
        for curve in &args.curve_preferences {
            let group = match curve.as_str() {
                "X25519" => NamedGroup::X25519,
                "CurveP256" => NamedGroup::secp256r1,
                "CurveP384" => NamedGroup::secp384r1,
                "CurveP521" | "X25519MLKEM768" => continue,
                other => return Err(ConfigError::new(format!("tls: unknown curve {other:?}"))),
            };
            groups.extend(provider.kx_groups.iter().find(|known| known.name() == group));
        }
        if groups.is_empty() {
            return Err(ConfigError::new(
                "tls: none of \"curve_preferences\" is supported; use X25519, CurveP256 or CurveP384",
            ));
        }
        provider.kx_groups = groups;
    }
    Ok(provider)
}

fn versions(args: &ServerTls) -> Result<Vec<&'static rustls::SupportedProtocolVersion>, ConfigError> {
    let number = |text: &str, unset: u8| match text {
        "" => Ok(unset),
        "TLS10" => Ok(10),
        "TLS11" => Ok(11),
        "TLS12" => Ok(12),
        "TLS13" => Ok(13),
        other => Err(ConfigError::new(format!(
            "tls: unknown version {other:?}; use \"TLS12\" or \"TLS13\""
        ))),
    };
    let (least, most) = (number(&args.min_version, 12)?, number(&args.max_version, 13)?);
    let versions: Vec<_> = [(12, &version::TLS12), (13, &version::TLS13)]
        .into_iter()
        .filter(|(number, _)| (least..=most).contains(number))
        .map(|(_, version)| version)
        .collect();
    if versions.is_empty() {
        return Err(ConfigError::new(
            "tls: no version is left between \"min_version\" and \"max_version\"; TLS12 and TLS13 are supported",
        ));
    }
    Ok(versions)
}

fn client_verifier(
    args: &ServerTls,
    provider: &Arc<CryptoProvider>,
    fs: &dyn Fs,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, ConfigError> {
    let authorities = certificates("client_ca", &args.client_ca_pem, &args.client_ca_file, fs)?;
    let any = |mandatory| {
        Arc::new(AnyCertificate {
            mandatory,
            algorithms: provider.signature_verification_algorithms,
        }) as Arc<dyn ClientCertVerifier>
    };
    let mandatory = match args.client_auth_type.as_str() {
        "" | "NoClientCert" if authorities.is_none() => return Ok(None),
        "" | "NoClientCert" => {
            return Err(ConfigError::new(
                "tls: \"client_ca_pem\" or \"client_ca_file\" has no effect without \"client_auth_type\"; \
                        set it to \"RequireAndVerifyClientCert\"",
            ));
        }
        "RequestClientCert" => return Ok(Some(any(false))),
        "RequireAnyClientCert" => return Ok(Some(any(true))),
        "VerifyClientCertIfGiven" => false,
        "RequireAndVerifyClientCert" => true,
        other => {
            return Err(ConfigError::new(format!(
                "tls: unknown client_auth_type {other:?}; use \"NoClientCert\", \"RequestClientCert\", \
                 \"RequireAnyClientCert\", \"VerifyClientCertIfGiven\" or \"RequireAndVerifyClientCert\""
            )));
        }
    };
    let authorities = authorities.ok_or_else(|| {
        ConfigError::new(format!(
            "tls: client_auth_type {:?} needs \"client_ca_pem\" or \"client_ca_file\"",
            args.client_auth_type
        ))
    })?;
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority).map_err(|error| {
            ConfigError::caused(
                format!(
                    "tls: {} holds no usable certificate",
                    name("client_ca", &args.client_ca_file)
                ),
                error,
            )
        })?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = if mandatory {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    let verifier = builder
        .build()
        .map_err(|error| ConfigError::caused("tls: the client certificates cannot be verified", error))?;
    Ok(Some(verifier))
}

/// Takes any client certificate whose owner holds its key, whoever signed it.
#[derive(Debug)]
struct AnyCertificate {
    mandatory: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
