//! Encryption and client certificates.

use crate::support::{Server, client};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{StatusCode, Version};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use services::http::{HttpArgs, TlsArgs};
use std::sync::Arc;
use value::Secret;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key as PEM.
    fn issue(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

fn tls_client(authority: &Authority, identity: Option<&(String, String)>) -> reqwest::Client {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.0.pem().as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = builder.with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    client(|builder| builder.tls_backend_preconfigured(config))
}

fn args(identity: &(String, String)) -> TlsArgs {
    TlsArgs {
        cert_pem: identity.0.clone(),
        key_pem: Secret::new(&identity.1),
        ..TlsArgs::default()
    }
}

fn configure(server: &Server, tls: Option<TlsArgs>) {
    server.configure(HttpArgs { auth: None, tls });
}

#[tokio::test]
async fn encryption_comes_and_goes_with_the_block() {
    let (server, authority) = (Server::start().await, Authority::new());
    let dir = tempfile::tempdir().unwrap();
    let identity = authority.issue();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, &identity.0).unwrap();
    std::fs::write(&key, &identity.1).unwrap();
    let from_files = TlsArgs {
        cert_file: cert.display().to_string(),
        key_file: key.display().to_string(),
        ..TlsArgs::default()
    };
    let secure = server.url("/-/ready").replace("http:", "https:");
    for tls in [args(&identity), from_files] {
        configure(&server, Some(tls));
        let response = tls_client(&authority, None).get(&secure).send().await.unwrap();
        assert_eq!(
            (response.version(), response.status()),
            (Version::HTTP_2, StatusCode::OK)
        );
        assert!(
            client(|builder| builder)
                .get(server.url("/-/ready"))
                .send()
                .await
                .is_err()
        );
        assert!(
            tls_client(&Authority::new(), None).get(&secure).send().await.is_err(),
            "another authority"
        );
    }
    configure(&server, None);
    assert_eq!(server.get("/-/ready").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn client_certificates_are_asked_for_as_configured() {
    let (server, authority, stranger) = (Server::start().await, Authority::new(), Authority::new());
    let identity = authority.issue();
    let secure = server.url("/-/ready").replace("http:", "https:");
    // Whether a client passes: without a certificate, with one of a stranger, with one of the authority.
    let cases = [
        ("NoClientCert", [true, true, true]),
        ("RequestClientCert", [true, true, true]),
        ("RequireAnyClientCert", [false, true, true]),
        ("VerifyClientCertIfGiven", [true, false, true]),
        ("RequireAndVerifyClientCert", [false, false, true]),
    ];
    let identities = [None, Some(stranger.issue()), Some(authority.issue())];
    for (kind, passes) in cases {
        let verifies = kind.contains("Verify");
        configure(
            &server,
            Some(TlsArgs {
                client_auth_type: kind.to_owned(),
                client_ca_pem: if verifies { authority.0.pem() } else { String::new() },
                ..args(&identity)
            }),
        );
        for (identity, expected) in identities.iter().zip(passes) {
            let outcome = tls_client(&authority, identity.as_ref()).get(&secure).send().await;
            assert_eq!(
                outcome.is_ok_and(|response| response.status() == StatusCode::OK),
                expected,
                "{kind}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_block_is_said_and_changes_nothing() {
    let (server, authority) = (Server::start().await, Authority::new());
    let good = args(&authority.issue());
    let other = args(&authority.issue());
    let cases: Vec<(TlsArgs, &str)> = vec![
        (
            TlsArgs::default(),
            "tls: one of \"cert_pem\" and \"cert_file\" must be set",
        ),
        (
            TlsArgs {
                key_pem: Secret::default(),
                ..good.clone()
            },
            "tls: one of \"key_pem\" and \"key_file\" must be set",
        ),
        (
            TlsArgs {
                cert_file: "x".to_owned(),
                ..good.clone()
            },
            "tls: only one of \"cert_pem\" and \"cert_file\" may be set",
        ),
        (
            TlsArgs {
                key_file: "x".to_owned(),
                ..good.clone()
            },
            "tls: only one of \"key_pem\" and \"key_file\" may be set",
        ),
        (
            TlsArgs {
                cert_pem: String::new(),
                cert_file: "/no/such/file".to_owned(),
                ..good.clone()
            },
            "tls: cannot read \"cert_file\" \"/no/such/file\": ",
        ),
        (
            TlsArgs {
                cert_pem: "nonsense".to_owned(),
                ..good.clone()
            },
            "tls: \"cert_pem\" holds no certificate",
        ),
        (
            TlsArgs {
                key_pem: Secret::new("nonsense"),
                ..good.clone()
            },
            "tls: \"key_pem\" holds no private key",
        ),
        (
            TlsArgs {
                key_pem: other.key_pem.clone(),
                ..good.clone()
            },
            "tls: the certificate and the key do not go together",
        ),
        (
            TlsArgs {
                client_auth_type: "Maybe".to_owned(),
                ..good.clone()
            },
            "tls: unknown client_auth_type \"Maybe\"; use \"NoClientCert\"",
        ),
        (
            TlsArgs {
                client_auth_type: "RequireAndVerifyClientCert".to_owned(),
                ..good.clone()
            },
            "tls: client_auth_type \"RequireAndVerifyClientCert\" needs \"client_ca_pem\" or \"client_ca_file\"",
        ),
        (
            TlsArgs {
                client_ca_pem: authority.0.pem(),
                ..good.clone()
            },
            "tls: \"client_ca_pem\" or \"client_ca_file\" has no effect without \"client_auth_type\"",
        ),
        (
            TlsArgs {
                min_version: "TLS9".to_owned(),
                ..good.clone()
            },
            "tls: unknown version \"TLS9\"",
        ),
        (
            TlsArgs {
                max_version: "TLS11".to_owned(),
                ..good.clone()
            },
            "tls: no version is left between \"min_version\" and \"max_version\"",
        ),
        (
            TlsArgs {
                cipher_suites: vec!["ROT13".to_owned()],
                ..good.clone()
            },
            "tls: unknown cipher suite \"ROT13\"",
        ),
        (
            TlsArgs {
                cipher_suites: vec!["TLS_RSA_WITH_RC4_128_SHA".to_owned()],
                max_version: "TLS12".to_owned(),
                ..good.clone()
            },
            "tls: the versions and cipher suites do not go together",
        ),
        (
            TlsArgs {
                curve_preferences: vec!["CurveP521".to_owned()],
                ..good.clone()
            },
            "tls: none of \"curve_preferences\" is supported",
        ),
        (
            TlsArgs {
                curve_preferences: vec!["Round".to_owned()],
                ..good.clone()
            },
            "tls: unknown curve \"Round\"",
        ),
    ];
    for (tls, expected) in cases {
        let error = server
            .policy
            .prepare(HttpArgs {
                auth: None,
                tls: Some(tls),
            })
            .err()
            .map(|error| error.to_string());
        let error = error.unwrap_or_else(|| panic!("accepted, wanted {expected}"));
        assert!(error.starts_with(expected), "{error}\n{expected}");
        assert!(!error.contains("PRIVATE KEY"), "{error}");
    }
    assert_eq!(server.get("/-/ready").await.status(), StatusCode::OK, "still plain");
}
