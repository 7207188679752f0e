//! Encryption of outgoing connections.

use crate::config::TlsConfig;
use crate::error::ConfigError;
use host::Fs;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// What some clients may say of TLS beyond a [`TlsConfig`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsExtras {
    /// The system's certificates are trusted beside those of the configuration.
    pub system_roots: bool,
    /// TLS 1.2 is the newest version.
    pub only_tls12: bool,
}

/// Makes the client side of TLS, and reads the files that it needs.
pub(crate) fn client_config(
    config: &TlsConfig,
    extras: TlsExtras,
    http2: bool,
    fs: &dyn Fs,
) -> Result<ClientConfig, ConfigError> {
    let provider = Arc::new(ring::default_provider());
    let versions: &[&rustls::SupportedProtocolVersion] = match config.min_version.as_str() {
        _ if extras.only_tls12 => &[&version::TLS12],
        "TLS13" => &[&version::TLS13],
        _ => &[&version::TLS13, &version::TLS12],
    };
    let trusted = match one_of("ca", config.ca_pem.as_bytes(), &config.ca_file, fs)? {
        Some(pem) => Some(certificates(&pem, "ca", &config.ca_file)?),
        None => None,
    };
    let verifier: Arc<dyn ServerCertVerifier> = if config.insecure_skip_verify {
        Arc::new(AcceptAny(provider.clone()))
    } else {
        Arc::new(Verifier::new(
            provider.clone(),
            trusted,
            extras.system_roots,
            &config.server_name,
        )?)
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| ConfigError::caused("tls_config", error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let certificate = one_of("cert", config.cert_pem.as_bytes(), &config.cert_file, fs)?;
    let key = one_of("key", config.key_pem.expose().as_bytes(), &config.key_file, fs)?;
    let mut client = match (certificate, key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(&certificate, "cert", &config.cert_file)?;
            // The reason why a key does not parse never holds any of it.
            let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| {
                ConfigError::caused(format!("{} holds no private key", name("key", &config.key_file)), error)
            })?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| ConfigError::caused("the client certificate and its key do not go together", error))?
        }
        _ => builder.with_no_client_auth(),
    };
    client.alpn_protocols = if http2 {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    } else {
        vec![b"http/1.1".to_vec()]
    };
    Ok(client)
}

fn name(what: &str, file: &str) -> String {
    if file.is_empty() {
        format!("{what}_pem")
    } else {
        format!("{what}_file {file:?}")
    }
}

fn one_of(what: &str, pem: &[u8], file: &str, fs: &dyn Fs) -> Result<Option<Vec<u8>>, ConfigError> {
    if !file.is_empty() {
        return match fs.read(Path::new(file)) {
            Ok(content) => Ok(Some(content)),
            Err(error) => Err(ConfigError::caused(format!("cannot read {}", name(what, file)), error)),
        };
    }
    Ok((!pem.is_empty()).then(|| pem.to_vec()))
}

fn certificates(pem: &[u8], what: &str, file: &str) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| ConfigError::caused(format!("{} is not PEM", name(what, file)), error))?;
    if certificates.is_empty() {
        return Err(ConfigError::new(format!("{} holds no certificate", name(what, file))));
    }
    Ok(certificates)
}

/// Checks the server's certificate against the certificates of the configuration or of the system.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    trusted: Option<Vec<CertificateDer<'static>>>,
    /// The system's are trusted as well.
    system: bool,
    server_name: Option<ServerName<'static>>,
    /// Made at the first handshake: reading the system's certificates takes time and memory, and who speaks plain HTTP
    /// does not need them.
    webpki: OnceLock<Result<Arc<WebPkiServerVerifier>, String>>,
}

impl Verifier {
    fn new(
        provider: Arc<CryptoProvider>,
        trusted: Option<Vec<CertificateDer<'static>>>,
        system: bool,
        server_name: &str,
    ) -> Result<Self, ConfigError> {
        let server_name = if server_name.is_empty() {
            None
        } else {
            let parsed = ServerName::try_from(server_name.to_owned());
            Some(parsed.map_err(|error| ConfigError::caused(format!("server_name {server_name:?}"), error))?)
        };
        let own = trusted.is_some();
        let verifier = Verifier {
            provider,
            trusted,
            system,
            server_name,
            webpki: OnceLock::new(),
        };
        if own {
            verifier
                .webpki()
                .map_err(|error| ConfigError::caused("the trusted certificates are unusable", error))?;
        }
        Ok(verifier)
    }

    fn webpki(&self) -> Result<&Arc<WebPkiServerVerifier>, String> {
        self.webpki.get_or_init(|| self.make()).as_ref().map_err(Clone::clone)
    }

    fn make(&self) -> Result<Arc<WebPkiServerVerifier>, String> {
        let mut roots = RootCertStore::empty();
        match &self.trusted {
            Some(trusted) => {
                for certificate in trusted {
                    roots.add(certificate.clone()).map_err(|error| error.to_string())?;
                }
                if self.system {
                    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                }
            }
            None => {
                let native = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(native.certs);
                if roots.is_empty() {
                    return Err(
                        "this system has no trusted certificates; install them (ca-certificates) or set ca_file"
                            .to_owned(),
                    );
                }
            }
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|error| error.to_string())
    }

    /// A server may show a certificate of a certificate authority as its own: `openssl req -x509` makes such, and they are
    /// put into `ca_file` as they are. WebPKI refuses them after it has checked the dates; Go accepts them.
    fn is_trusted_itself(&self, certificate: &CertificateDer<'_>, error: &Error) -> bool {
        let Error::InvalidCertificate(CertificateError::Other(other)) = error else {
            return false;
        };
        format!("{other:?}").contains("CaUsedAsEndEntity")
            && self
                .trusted
                .as_ref()
                .is_some_and(|trusted| trusted.iter().any(|one| one == certificate))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let server_name = self.server_name.as_ref().unwrap_or(server_name);
        let webpki = self.webpki().map_err(Error::General)?;
        match webpki.verify_server_cert(certificate, intermediates, server_name, ocsp, now) {
            Err(error) if self.is_trusted_itself(certificate, &error) => {
                let parsed = ParsedCertificate::try_from(certificate)?;
                rustls::client::verify_server_name(&parsed, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// `insecure_skip_verify`: any certificate whose owner has its key.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
