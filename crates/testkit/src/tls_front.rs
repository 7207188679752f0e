//! TLS in front of a plain server, with certificates of a made-up authority.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate and key.
    pub identity: Identity,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub struct Identity {
    /// Certificate.
    pub certificate: String,
    /// Key.
    pub key: String,
}

impl Authority {
    /// An authority of this name. Its own certificate is valid for `localhost` and `127.0.0.1`, as those are that `openssl req
    /// -x509` makes.
    ///
    /// # Panics
    /// If no certificate can be made.
    pub fn new(name: &str) -> Self {
        let mut params = params(name, &["localhost", "127.0.0.1"]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Authority {
            identity: Identity {
                certificate: certificate.pem(),
                key: key.serialize_pem(),
            },
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for these host names and addresses.
    ///
    /// # Panics
    /// If no certificate can be made.
    pub fn issue(&self, names: &[&str]) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params("peer", names)
            .signed_by(&key, &self.issuer)
            .expect("a certificate");
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

fn params(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Takes TLS connections on a free port of loopback and passes them on to a plain server. Dropping it closes the port.
pub struct TlsFront {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TlsFront {
    /// Starts with the server's identity; with `clients`, only clients with a certificate of that authority may connect.
    ///
    /// # Panics
    /// If the certificates do not fit or there is no free port.
    pub fn start(identity: &Identity, clients: Option<&Authority>, backend: SocketAddr) -> Self {
        let config = server_config(identity, clients);
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let addr = listener.local_addr().expect("it is bound");
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(serve(listener, TlsAcceptor::from(Arc::new(config)), backend, stopped));
        };
        let thread = std::thread::Builder::new()
            .name("tls-front".into())
            .spawn(serve)
            .expect("a thread starts");
        TlsFront {
            addr,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn server_config(identity: &Identity, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(certificate(&authority.identity)).expect("a root");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    builder
        .with_single_cert(vec![certificate(identity)], key)
        .expect("certificate and key fit")
}

fn certificate(identity: &Identity) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(identity.certificate.as_bytes()).expect("a certificate")
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, backend: SocketAddr, mut stop: oneshot::Receiver<()>) {
    listener.set_nonblocking(true).expect("a socket");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
    loop {
        tokio::select! {
            _ = &mut stop => return,
            accepted = listener.accept() => {
                if let Ok((plain, _)) = accepted {
                    let acceptor = acceptor.clone();
                    tokio::spawn(async move {
                        // A handshake that fails is what some tests are about; the client tells why.
                        if let Ok(mut tls) = acceptor.accept(plain).await
                            && let Ok(mut server) = TcpStream::connect(backend).await
                        {
                            let _ended = copy_bidirectional(&mut tls, &mut server).await;
                        }
                    });
                }
            }
        }
    }
}
