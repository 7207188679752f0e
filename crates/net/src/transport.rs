//! The connections of a client, made anew when the files of its TLS configuration change.

use crate::config::{ProxyConfig, TlsConfig};
use crate::error::ConfigError;
use crate::{proxy, tls};
use arc_swap::ArcSwap;
use host::Fs;
use reqwest::StatusCode;
use reqwest::redirect::Policy;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often the files are looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long an idle connection is kept.
const KEEP_IDLE: Duration = Duration::from_secs(90);

/// What a connection depends on.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) tls: TlsConfig,
    pub(crate) extras: tls::TlsExtras,
    pub(crate) proxy: ProxyConfig,
    pub(crate) redirects: Redirects,
    pub(crate) http2: bool,
}

/// Which redirects are followed.
#[derive(Clone, Copy)]
pub(crate) enum Redirects {
    /// None.
    None,
    /// Those that repeat the request as it is: 307 and 308. After the others a POST becomes a GET without a body, and its answer
    /// says nothing about what was to be sent.
    SameRequest,
    /// All.
    All,
}

/// More redirects than that in a row are a circle.
const MOST_REDIRECTS: usize = 10;

impl Redirects {
    /// Whether an answer with this status, and with a place to go to, is followed.
    pub(crate) fn follows(self, status: StatusCode) -> bool {
        match self {
            Redirects::None => false,
            Redirects::SameRequest => matches!(status.as_u16(), 307 | 308),
            Redirects::All => matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308),
        }
    }

    fn policy(self) -> Policy {
        match self {
            Redirects::None => Policy::none(),
            Redirects::All => Policy::limited(MOST_REDIRECTS),
            Redirects::SameRequest => Policy::custom(|attempt| match attempt.status().as_u16() {
                307 | 308 if attempt.previous().len() > MOST_REDIRECTS => attempt.error("too many redirects"),
                307 | 308 => attempt.follow(),
                _ => attempt.stop(),
            }),
        }
    }
}

pub(crate) struct Transport {
    settings: Settings,
    fs: Arc<dyn Fs>,
    files: Vec<PathBuf>,
    http: ArcSwap<reqwest::Client>,
    proxies: bool,
    seen: Mutex<Seen>,
}

struct Seen {
    looked: tokio::time::Instant,
    contents: Vec<Option<Vec<u8>>>,
}

impl Transport {
    pub(crate) fn new(settings: Settings, fs: Arc<dyn Fs>) -> Result<Self, ConfigError> {
        let http = build(&settings, &*fs)?;
        let proxies = !proxies(&settings)?.is_empty();
        let files = [&settings.tls.ca_file, &settings.tls.cert_file, &settings.tls.key_file];
        let files: Vec<PathBuf> = files
            .into_iter()
            .filter(|file| !file.is_empty())
            .map(PathBuf::from)
            .collect();
        let contents = read(&files, &*fs);
        Ok(Transport {
            settings,
            fs,
            files,
            http: ArcSwap::from_pointee(http),
            proxies,
            seen: Mutex::new(Seen {
                looked: tokio::time::Instant::now(),
                contents,
            }),
        })
    }

    /// Whether some requests go through a proxy.
    pub(crate) fn has_proxies(&self) -> bool {
        self.proxies
    }

    /// The HTTP client for the next request.
    pub(crate) async fn http(self: &Arc<Self>) -> Arc<reqwest::Client> {
        if !self.files.is_empty() && self.is_time_to_look() {
            let this = self.clone();
            // A panic in there was printed; the connections stay as they are.
            let _ = tokio::task::spawn_blocking(move || this.look()).await;
        }
        self.http.load_full()
    }

    fn is_time_to_look(&self) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let due = seen.looked.elapsed() >= LOOK_EVERY;
        if due {
            seen.looked = tokio::time::Instant::now();
        }
        due
    }

    fn look(&self) {
        let contents = read(&self.files, &*self.fs);
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.contents == contents {
                return;
            }
            seen.contents = contents;
        }
        match build(&self.settings, &*self.fs) {
            Ok(http) => self.http.store(Arc::new(http)),
            // Certificate and key are replaced one after the other: the pair fits again at the next look.
            Err(error) => {
                tracing::warn!(error = %error, "the TLS files have changed and are unusable, the old ones stay in use");
            }
        }
    }
}

fn read(files: &[PathBuf], fs: &dyn Fs) -> Vec<Option<Vec<u8>>> {
    files.iter().map(|file| fs.read(file).ok()).collect()
}

fn proxies(settings: &Settings) -> Result<Vec<reqwest::Proxy>, ConfigError> {
    proxy::proxies(&settings.proxy, &|name| std::env::var(name).ok())
}

fn build(settings: &Settings, fs: &dyn Fs) -> Result<reqwest::Client, ConfigError> {
    let tls = tls::client_config(&settings.tls, settings.extras, settings.http2, fs)?;
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .pool_idle_timeout(KEEP_IDLE)
        .redirect(settings.redirects.policy())
        .no_proxy();
    if !settings.http2 {
        builder = builder.http1_only();
    }
    for proxy in proxies(settings)? {
        builder = builder.proxy(proxy);
    }
    builder
        .build()
        .map_err(|error| ConfigError::caused("cannot make an HTTP client", error.without_url()))
}
