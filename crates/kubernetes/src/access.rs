//! How the API server is reached.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use component::Error;
use futures_util::stream;
use host::{Fs, Host};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use kube::client::{Body, ConfigExt};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use net::{HttpClientConfig, Opened, Request, TlsConfig, Url};
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tower::{BoxError, ServiceBuilder, service_fn};
use value::Secret;

/// How long the server may take until it begins to answer.
pub const HEADERS: Duration = Duration::from_secs(30);
/// A watch that ends is not started anew more often than this.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// Where a pod finds the identity of its service account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// An API server, and an identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    server: Url,
    http: HttpClientConfig,
    /// A kubeconfig whose user is known only to a program that it names.
    exec: Option<PathBuf>,
}

impl Access {
    /// A server that was named.
    ///
    /// # Errors
    /// It is no URL of HTTP.
    pub fn server(server: &str, http: HttpClientConfig) -> Result<Self, Error> {
        let server = Url::parse(server).map_err(|error| Error::about("api_server", format!("is no URL: {error}")))?;
        if !matches!(server.scheme(), "http" | "https") {
            return Err(Error::about("api_server", "must have the scheme http or https"));
        }
        Ok(Access {
            server,
            http,
            exec: None,
        })
    }

    /// The server of the cluster that this program runs in, which its environment tells.
    ///
    /// # Errors
    /// It runs in none.
    pub fn in_cluster(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let found = |name: &str| variable(name).filter(|value| !value.is_empty());
        let (Some(host), Some(port)) = (found("KUBERNETES_SERVICE_HOST"), found("KUBERNETES_SERVICE_PORT")) else {
            return Err(Error::new(
                "this does not run in a pod (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set): \
                 set \"api_server\" or \"kubeconfig_file\"",
            ));
        };
        let http = HttpClientConfig {
            bearer_token_file: format!("{ACCOUNT}/token"),
            tls_config: Some(TlsConfig {
                ca_file: format!("{ACCOUNT}/ca.crt"),
                ..TlsConfig::default()
            }),
            ..HttpClientConfig::default()
        };
        Access::server(&format!("https://{}", host_port(&host, &port)), http)
    }

    /// The server and user of the current context of a kubeconfig file.
    ///
    /// # Errors
    /// It cannot be read or understood.
    pub fn kubeconfig(path: &Path, fs: &dyn Fs) -> Result<Self, Error> {
        let wrong = |message: String| Error::about("kubeconfig_file", message);
        let text = fs
            .read(path)
            .map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let config = Kubeconfig::from_yaml(&String::from_utf8_lossy(&text))
            .map_err(|error| wrong(format!("cannot be understood: {error}")))?;
        Access::context(&config, path).map_err(wrong)
    }

    fn context(config: &Kubeconfig, path: &Path) -> Result<Self, String> {
        let current = config.current_context.as_deref().unwrap_or_default();
        let context = config.contexts.iter().find(|context| context.name == current);
        let context = context.and_then(|context| context.context.as_ref());
        let context = context.ok_or_else(|| format!("has no context {current:?}, which is its current-context"))?;
        let cluster = config.clusters.iter().find(|cluster| cluster.name == context.cluster);
        let cluster = cluster.and_then(|cluster| cluster.cluster.as_ref());
        let cluster = cluster.ok_or_else(|| format!("has no cluster {:?}", context.cluster))?;
        let none = AuthInfo::default();
        let user = match &context.user {
            Some(name) => {
                let user = config.auth_infos.iter().find(|user| user.name == *name);
                let user = user.and_then(|user| user.auth_info.as_ref());
                user.ok_or_else(|| format!("has no user {name:?}"))?
            }
            None => &none,
        };
        let dir = path.parent().unwrap_or(Path::new("."));
        // Paths are relative to the file.
        let file = |path: &Option<String>| match path {
            Some(path) => dir.join(path).to_string_lossy().into_owned(),
            None => String::new(),
        };
        let data = |data: Option<&str>| match data {
            Some(data) => {
                let bytes = STANDARD
                    .decode(data.trim())
                    .map_err(|error| format!("has data that is no base64: {error}"))?;
                String::from_utf8(bytes).map_err(|_| "has data that is no PEM text".to_owned())
            }
            None => Ok(String::new()),
        };
        let exposed = |secret: &Option<SecretString>| secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        let tls = TlsConfig {
            ca_pem: data(cluster.certificate_authority_data.as_deref())?,
            ca_file: match cluster.certificate_authority_data {
                Some(_) => String::new(),
                None => file(&cluster.certificate_authority),
            },
            server_name: cluster.tls_server_name.clone().unwrap_or_default(),
            insecure_skip_verify: cluster.insecure_skip_tls_verify.unwrap_or_default(),
            cert_pem: data(user.client_certificate_data.as_deref())?,
            cert_file: match user.client_certificate_data {
                Some(_) => String::new(),
                None => file(&user.client_certificate),
            },
            key_pem: Secret::new(data(exposed(&user.client_key_data).as_deref())?),
            key_file: match user.client_key_data {
                Some(_) => String::new(),
                None => file(&user.client_key),
            },
            ..TlsConfig::default()
        };
        let mut http = HttpClientConfig {
            tls_config: Some(tls),
            ..HttpClientConfig::default()
        };
        http.proxy.proxy_url = cluster.proxy_url.clone().unwrap_or_default();
        if let Some(path) = &user.token_file {
            http.bearer_token_file = file(&Some(path.clone()));
        } else if let Some(token) = exposed(&user.token) {
            http.bearer_token = Secret::new(token);
        } else if let (Some(username), Some(password)) = (&user.username, exposed(&user.password)) {
            http.basic_auth = Some(net::BasicAuth {
                username: username.clone(),
                password: Secret::new(password),
                ..net::BasicAuth::default()
            });
        }
        if let Some(name) = &user.impersonate {
            http.http_headers
                .insert("Impersonate-User".to_owned(), vec![Secret::new(name)]);
        }
        let server = cluster.server.as_deref().ok_or("has a cluster without a server")?;
        let mut access = Access::server(server, http).map_err(|error| format!("has a bad server: {error}"))?;
        access.exec = (user.exec.is_some() || user.auth_provider.is_some()).then(|| path.to_owned());
        Ok(access)
    }
}

/// A host and a port; the host in brackets if it is an IPv6 address.
fn host_port(host: &str, port: &str) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

/// The namespace of the pod that this program runs in.
pub fn own_namespace(fs: &dyn Fs) -> Result<String, Error> {
    let path = format!("{ACCOUNT}/namespace");
    let text = fs.read(Path::new(&path));
    let text = text.map_err(|error| Error::caused(format!("cannot read this pod's namespace from {path:?}"), error))?;
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}

/// A client for the server. Has to be called within the runtime that it will be used in.
///
/// # Errors
/// Certificates that cannot be read; a program for credentials that fails.
pub async fn connect(access: &Access, host: &Host) -> Result<kube::Client, String> {
    let http = net::Client::new(&access.http, host.fs.clone()).map_err(|error| error.to_string())?;
    let transport = Arc::new(Transport {
        http,
        server: access.server.clone(),
        watches: Mutex::default(),
    });
    let service = service_fn(move |request| {
        let transport = transport.clone();
        async move { transport.send(request).await }
    });
    let auth = match &access.exec {
        None => None,
        Some(path) => exec(path).await?,
    };
    let service = ServiceBuilder::new()
        .option_layer(auth)
        .map_err(BoxError::from)
        .service(service);
    Ok(kube::Client::new(service, "default"))
}

/// What adds the token that a program gives.
async fn exec(path: &Path) -> Result<Option<kube::client::middleware::AuthLayer>, String> {
    let failed = |error: String| format!("cannot log in by {:?}: {error}", path.display().to_string());
    let config = Kubeconfig::read_from(path).map_err(|error| failed(error.to_string()))?;
    let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await;
    let config = config.map_err(|error| failed(error.to_string()))?;
    config.auth_layer().map_err(|error| failed(error.to_string()))
}

struct Transport {
    http: net::Client,
    server: Url,
    /// When a watch was started last, by path.
    watches: Mutex<HashMap<String, Instant>>,
}

type Parts = stream::BoxStream<'static, Result<Frame<Bytes>, net::SendError>>;

impl Transport {
    async fn send(&self, request: hyper::Request<Body>) -> Result<hyper::Response<StreamBody<Parts>>, BoxError> {
        let (parts, body) = request.into_parts();
        let mut url = self.server.clone();
        url.set_path(&format!(
            "{}{}",
            self.server.path().trim_end_matches('/'),
            parts.uri.path()
        ));
        url.set_query(parts.uri.query());
        if parts.uri.query().is_some_and(|query| query.contains("watch=")) {
            self.pace(parts.uri.path()).await;
        }
        let request = Request {
            method: parts.method,
            url,
            headers: parts.headers,
            body: body.collect().await?.to_bytes().into(),
            timeout: HEADERS,
        };
        let opened = self.http.open(request).await?;
        let mut response = hyper::Response::builder().status(opened.status());
        for (name, value) in opened.headers() {
            response = response.header(name, value);
        }
        let parts = stream::unfold(Some(opened), |opened: Option<Opened>| async move {
            let mut opened = opened?;
            match opened.chunk().await {
                Ok(Some(chunk)) => Some((Ok(Frame::data(chunk)), Some(opened))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        });
        Ok(response.body(StreamBody::new(Box::pin(parts) as Parts))?)
    }

    /// A server, or a proxy before it, that ends watches at once is not asked without pause.
    async fn pace(&self, path: &str) {
        let now = Instant::now();
        let wait = {
            let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
            let last = watches.insert(path.to_owned(), now);
            last.map(|last| (last + WATCH_EVERY).saturating_duration_since(now))
                .unwrap_or_default()
        };
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_finds_its_cluster() {
        let variable = |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some("fd00::1".to_owned()),
            "KUBERNETES_SERVICE_PORT" => Some("443".to_owned()),
            _ => None,
        };
        let access = Access::in_cluster(variable).unwrap();
        assert_eq!(access.server.as_str(), "https://[fd00::1]/");
        assert_eq!(access.http.bearer_token_file, format!("{ACCOUNT}/token"));
        let error = Access::in_cluster(|_| None).unwrap_err().to_string();
        assert!(error.contains("set \"api_server\" or \"kubeconfig_file\""), "{error}");
    }

    #[test]
    fn the_current_context_of_a_kubeconfig_counts() {
        let text = "
current-context: two
contexts:
- {name: one, context: {cluster: a, user: u}}
- {name: two, context: {cluster: b, user: v}}
clusters:
- {name: a, cluster: {server: 'https://a'}}
- {name: b, cluster: {server: 'https://b:6443/base', certificate-authority: ca.crt, tls-server-name: x}}
users:
- {name: u, user: {token: t}}
- {name: v, user: {client-certificate-data: Yw==, client-key-data: aw==, tokenFile: /token}}
";
        let config = Kubeconfig::from_yaml(text).unwrap();
        let access = Access::context(&config, Path::new("/home/u/config")).unwrap();
        assert_eq!(access.server.as_str(), "https://b:6443/base");
        let tls = access.http.tls_config.unwrap();
        assert_eq!(
            (&*tls.ca_file, &*tls.server_name, &*tls.cert_pem),
            ("/home/u/ca.crt", "x", "c")
        );
        assert_eq!(tls.key_pem.expose_str(), "k");
        assert_eq!(access.http.bearer_token_file, "/token");
        let mut wrong = config.clone();
        wrong.current_context = Some("none".to_owned());
        assert!(
            Access::context(&wrong, Path::new("/x"))
                .unwrap_err()
                .contains("no context \"none\"")
        );
    }
}
