//! `remote.http`: a value from an HTTP server.

use crate::poll::{Polled, Remote, check_durations};
use bytes::Bytes;
use component::prelude::*;
use host::Host;
use net::{Client, HeaderMap, HeaderName, HeaderValue, HttpClientConfig, Method, Request, StatusCode, Url};
use std::collections::BTreeMap;
use std::time::Duration;
use value::{GoDuration, OptionalSecret};

/// The component around it.
type RemoteHttp = Polled<Http>;

/// The component.
pub const COMPONENT: Registration = Registration::of::<RemoteHttp>("remote.http", Stability::GenerallyAvailable);

/// Larger answers are refused.
const MOST_BYTES: usize = 64 << 20;

/// Exposes what an HTTP server answers to other components.
///
/// The server is asked again and again, and the answer is exported again when it changes, without blanks around it. While it is not one of
/// status 200, the last one stays and the component is unhealthy. The first one has to be, or the component is not built.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = validate)]
pub struct Arguments {
    /// URL to ask.
    #[arg]
    pub url: String,
    /// How often to ask.
    #[arg(default = GoDuration::minutes(1))]
    pub poll_frequency: GoDuration,
    /// How long an answer may take; less than `poll_frequency`.
    #[arg(default = GoDuration::seconds(10))]
    pub poll_timeout: GoDuration,
    /// Whether the answer is a secret.
    #[arg(default)]
    pub is_secret: bool,
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

/// What others may refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// The answer.
    #[arg]
    pub content: OptionalSecret,
}

fn validate(args: &Arguments) -> Result<(), value::Invalid> {
    component::first(problems(args))
}

fn problems(args: &Arguments) -> Vec<Error> {
    let mut found: Vec<Error> = check_durations(args.poll_frequency, args.poll_timeout)
        .into_iter()
        .collect();
    if found.is_empty() && args.poll_timeout >= args.poll_frequency {
        let error = Error::about("poll_timeout", "must be less than \"poll_frequency\"");
        found.push(error.with("poll_frequency"));
    }
    found.extend(request(args).err());
    found
}

fn request(args: &Arguments) -> Result<Request> {
    let url = Url::parse(&args.url).map_err(|error| Error::about("url", format!("is no URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Error::about("url", "must have the scheme http or https"));
    }
    let method = Method::from_bytes(args.method.as_bytes());
    let method = method.map_err(|_| Error::about("method", format!("{:?} is not a method of HTTP", args.method)))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &args.headers {
        let wrong = |what| Error::about("headers", format!("{name:?} {what}"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("is not the name of a header"))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong("holds line breaks or control characters"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(Request {
        method,
        url,
        headers,
        body: Bytes::from(args.body.clone()).into(),
        timeout: args.poll_timeout.as_std(),
    })
}

/// Asks.
pub struct Http {
    client: Client,
    request: Request,
    frequency: Duration,
    is_secret: bool,
}

impl Remote for Http {
    type Arguments = Arguments;
    type Exports = Exports;
    const GOT: &'static str = "polled endpoint";

    fn new(host: &Host, args: Arguments) -> Result<Self> {
        let client = Client::new(&args.client.clone().unwrap_or_default(), host.fs.clone());
        Ok(Http {
            client: client.map_err(|error| Error::about("client", error.to_string()))?,
            request: request(&args)?,
            frequency: args.poll_frequency.as_std(),
            is_secret: args.is_secret,
        })
    }

    fn frequency(&self) -> Duration {
        self.frequency
    }

    async fn get(&self) -> Result<Exports, String> {
        let mut shown = self.request.url.clone();
        // A URL that has a host takes both.
        let _ = shown.set_username("").and_then(|()| shown.set_password(None));
        let failed = |error: String| format!("cannot get {shown}: {error}");
        let answer = self
            .client
            .send(self.request.clone(), MOST_BYTES)
            .await
            .map_err(|error| {
                let hint = if error.is_timeout() { " (\"poll_timeout\")" } else { "" };
                failed(format!("{error}{hint}"))
            })?;
        if answer.status != StatusCode::OK {
            return Err(failed(format!("the server answers with status {}", answer.status)));
        }
        if answer.broken || answer.body.len() >= MOST_BYTES {
            return Err(failed("the answer broke off, or is too large".to_owned()));
        }
        Ok(Exports {
            content: OptionalSecret::new(self.is_secret, answer.body.trim_ascii()),
        })
    }

    fn check(args: &Arguments) -> Vec<Error> {
        let client = args.client.iter().flat_map(HttpClientConfig::problems);
        let client = client.map(|(block, invalid)| {
            let error = match &invalid.argument {
                Some(argument) => Error::about(argument.clone(), invalid.message.clone()),
                None => Error::new(invalid.message.clone()),
            };
            let error = if block.is_empty() {
                error
            } else {
                error.inside(block, 0)
            };
            error.inside("client", 0)
        });
        problems(args).into_iter().chain(client).collect()
    }
}
