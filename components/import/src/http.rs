//! `import.http`

use crate::common::{MOST_BYTES, Reporter, Trouble, about, content_file, fetched, too_large};
use bytes::Bytes;
use component::{CancellationToken, Content, Error, Fetched, Import, ImportContext, ImportKind, OnFetch, Result};
use net::{Answer, Client, HeaderMap, HeaderName, HeaderValue, HttpClientConfig, Method, Request, StatusCode, Url};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use value::{Block, GoDuration};

/// The kind. A file beside what came from a URL is not there, so that a module may not import one.
pub const IMPORT: ImportKind = ImportKind::of::<Http>("import.http", &["import.file"]);

/// Imports custom components from an HTTP server.
///
/// It is asked again and again, and they are imported again when the answer changes. If it does not answer, the import is unhealthy and the
/// last content stays.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = check)]
pub struct Arguments {
    /// Where the module is.
    #[arg]
    pub url: String,
    /// How often to ask.
    #[arg(default = GoDuration::minutes(1))]
    pub poll_frequency: GoDuration,
    /// How long an answer may take.
    #[arg(default = GoDuration::seconds(10))]
    pub poll_timeout: GoDuration,
    /// Method of the request.
    #[arg(default = "GET".to_owned())]
    pub method: String,
    /// Headers of the request.
    #[arg(default)]
    pub headers: BTreeMap<String, String>,
    /// Body of the request.
    #[arg(default)]
    pub body: String,
    /// Credentials, encryption and proxies.
    #[arg(block)]
    pub client: Option<HttpClientConfig>,
}

fn check(args: &Arguments) -> std::result::Result<(), String> {
    for (name, value) in [
        ("poll_frequency", args.poll_frequency),
        ("poll_timeout", args.poll_timeout),
    ] {
        if value.0 <= 0 {
            return Err(format!("{name:?} must be greater than 0"));
        }
    }
    Ok(())
}

/// An answer, and what the server calls it.
struct Version {
    etag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
    content: Content,
}

/// An `import.http`.
pub struct Http {
    cx: ImportContext,
    args: Arguments,
    client: Client,
    request: Request,
    /// The URL without credentials.
    shown: String,
    version: Mutex<Option<Version>>,
    trouble: Trouble,
}

/// What stands before the name of the file in a URL.
fn directory(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.rfind('/').map_or("", |end| &path[..=end]).to_owned()
}

fn headers(args: &Arguments) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &args.headers {
        let wrong = |what| Error::about("headers", format!("{name:?} {what}"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("is not the name of a header"))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong("holds line breaks or control characters"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

impl Http {
    async fn ask(&self) -> Result<Fetched> {
        let failed = |error: String| Error::caused(format!("cannot fetch {}", self.shown), error);
        let mut request = self.request.clone();
        let conditional = self.add_conditions(&mut request);
        let limit = usize::try_from(MOST_BYTES + 1).unwrap_or(usize::MAX);
        let answer = self.client.send(request, limit).await.map_err(|error| {
            let hint = if error.is_timeout() { " (\"poll_timeout\")" } else { "" };
            failed(format!("{error}{hint}"))
        })?;
        if conditional && answer.status == StatusCode::NOT_MODIFIED {
            let version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(version) = &*version {
                return Ok(fetched(version.content.clone()));
            }
        }
        if !answer.status.is_success() {
            return Err(failed(format!("the server answers with status {}", answer.status)));
        }
        if answer.body.len() as u64 > MOST_BYTES {
            return Err(too_large(&self.shown));
        }
        if answer.broken {
            return Err(failed("the answer broke off".to_owned()));
        }
        let content = Content {
            files: vec![content_file(self.shown.clone(), answer.body.to_vec())?],
            module_path: directory(&self.args.url),
        };
        self.remember(&answer, &content);
        Ok(fetched(content))
    }

    /// Asks for the content only if it is another than the last. False if that cannot be asked.
    fn add_conditions(&self, request: &mut Request) -> bool {
        let own = ["if-none-match", "if-modified-since"]
            .iter()
            .any(|name| request.headers.contains_key(*name));
        if own || request.method != Method::GET {
            return false;
        }
        let version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(version) = &*version else { return false };
        if let Some(etag) = &version.etag {
            request.headers.insert("if-none-match", etag.clone());
        }
        if let Some(modified) = &version.modified {
            request.headers.insert("if-modified-since", modified.clone());
        }
        version.etag.is_some() || version.modified.is_some()
    }

    fn remember(&self, answer: &Answer, content: &Content) {
        let header = |name: &str| answer.headers.get(name).cloned();
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = Some(Version {
            etag: header("etag"),
            modified: header("last-modified"),
            content: content.clone(),
        });
    }
}

impl Import for Http {
    type Arguments = Arguments;

    fn open(cx: ImportContext, args: Arguments) -> Result<Self> {
        let url = Url::parse(&args.url).map_err(|error| Error::about("url", format!("it is no URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::about("url", "only http and https are supported"));
        }
        let method = Method::from_bytes(args.method.as_bytes())
            .map_err(|_| Error::about("method", format!("{:?} is not a method of HTTP", args.method)))?;
        let config = args.client.clone().unwrap_or_default();
        let client =
            Client::new(&config, cx.host.fs.clone()).map_err(|error| Error::about("client", error.to_string()))?;
        let mut shown = url.clone();
        // A URL that has a host takes both.
        let _ = shown.set_username("").and_then(|()| shown.set_password(None));
        let request = Request {
            method,
            url,
            headers: headers(&args)?,
            body: Bytes::from(args.body.clone()).into(),
            timeout: args.poll_timeout.as_std(),
        };
        Ok(Http {
            cx,
            client,
            request,
            shown: shown.to_string(),
            args,
            version: Mutex::new(None),
            trouble: Trouble::default(),
        })
    }

    async fn fetch(&self) -> Result<Fetched> {
        let result = self.ask().await;
        self.trouble.note(&result);
        result
    }

    async fn watch(self: Arc<Self>, known: Content, report: OnFetch, stop: CancellationToken) -> Result<()> {
        let mut reporter = Reporter::new(&self.trouble, known, report);
        loop {
            let pause = about(self.args.poll_frequency.as_std(), &*self.cx.host.random);
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                result = self.ask() => reporter.attempt(result),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::directory;

    #[test]
    fn the_directory_of_a_url_ends_before_the_name() {
        for (url, expected) in [
            ("http://h/a/b.alloy", "http://h/a/"),
            ("http://h/b.alloy?x=/y#/z", "http://h/"),
            ("http://h/a/", "http://h/a/"),
        ] {
            assert_eq!(directory(url), expected);
        }
    }
}
