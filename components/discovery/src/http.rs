//! `discovery.http`: targets from an HTTP server.

use crate::board::Board;
use crate::group;
use crate::metrics::RefreshMetrics;
use crate::refresh::{Refreshed, check_interval, refresh};
use crate::runner::{Discovered, Exports, Mechanism};
use component::prelude::*;
use net::{Client, HeaderMap, HeaderValue, HttpClientConfig, Method, Request, StatusCode, Url};
use promtext::{Counter, RegisterError, Registry};
use value::GoDuration;

/// The component around the mechanism.
type HttpDiscovery = Discovered<Http>;

/// The component.
pub const COMPONENT: Registration = Registration::of::<HttpDiscovery>("discovery.http", Stability::GenerallyAvailable);

/// Larger answers are refused.
const MOST_BYTES: usize = 256 << 20;
/// Label with the URL that a target is from.
const URL: &str = "__meta_url";

/// Finds targets by asking an HTTP server.
///
/// The server answers a GET with a list of groups as JSON, `[{"targets": ["host:port"], "labels": {"name": "value"}}]`, status 200 and content type
/// `application/json`. While it does not, the targets that it gave last stay, and the component is unhealthy.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = validate)]
pub struct Arguments {
    /// URL to ask.
    #[arg]
    pub url: String,
    /// How often to ask. An answer has to be there by the time of the next question.
    #[arg(default = GoDuration::minutes(1))]
    pub refresh_interval: GoDuration,
    #[arg(flatten)]
    /// How requests are made.
    pub client: HttpClientConfig,
}

fn validate(args: &Arguments) -> Result<(), value::Invalid> {
    args.client.validate()?;
    check_interval(args.refresh_interval)?;
    Ok(check_url(&args.url).map(drop)?)
}

fn check_url(text: &str) -> Result<Url> {
    let url = Url::parse(text).map_err(|error| Error::about("url", format!("is no URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Error::about("url", "must have the scheme http or https"));
    }
    Ok(url)
}

/// Metrics.
#[derive(Clone)]
pub struct Metrics {
    refresh: RefreshMetrics,
    failures: Counter,
}

/// Asks.
pub struct Http {
    client: Client,
    request: Request,
    /// The URL without credentials.
    shown: String,
    interval: std::time::Duration,
    metrics: Metrics,
}

impl Http {
    async fn ask(&self) -> Result<Refreshed, String> {
        let result = self.get().await;
        if result.is_err() {
            self.metrics.failures.inc();
        }
        result
    }

    async fn get(&self) -> Result<Refreshed, String> {
        let failed = |error: String| format!("cannot get targets from {}: {error}", self.shown);
        let answer = self.client.send(self.request.clone(), MOST_BYTES).await;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        if answer.status != StatusCode::OK {
            return Err(failed(format!("the server answers with status {}", answer.status)));
        }
        let content_type = answer
            .headers
            .get("content-type")
            .map(HeaderValue::as_bytes)
            .unwrap_or_default();
        if !is_json(content_type) {
            let content_type = String::from_utf8_lossy(content_type);
            return Err(failed(format!(
                "the content type is {content_type:?} and has to be \"application/json\""
            )));
        }
        if answer.broken || answer.body.len() >= MOST_BYTES {
            return Err(failed("the answer broke off, or is too large".to_owned()));
        }
        let groups = group::from_json(&answer.body).map_err(failed)?;
        let groups = groups.into_iter().enumerate().map(|(number, group)| {
            let source = format!("{}:{number}", self.shown);
            group.group(source, (URL, &self.shown))
        });
        Ok(Refreshed::All(groups.collect()))
    }
}

/// `application/json`, with or without the charset utf-8.
fn is_json(content_type: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content_type).to_ascii_lowercase();
    let (essence, parameter) = text
        .split_once(';')
        .map_or((text.as_str(), None), |(a, b)| (a, Some(b.trim_start())));
    essence == "application/json" && matches!(parameter, None | Some("charset=utf-8" | "charset=\"utf-8\""))
}

impl Mechanism for Http {
    type Arguments = Arguments;
    type Metrics = Metrics;

    fn metrics(registry: &Registry) -> Result<Metrics, RegisterError> {
        Ok(Metrics {
            refresh: RefreshMetrics::new(registry, "http")?,
            failures: registry.counter(
                "prometheus_sd_http_failures_total",
                "Number of HTTP service discovery refresh failures.",
            )?,
        })
    }

    fn new(cx: &Context<Exports>, args: Arguments, metrics: &Metrics) -> Result<Self> {
        let url = check_url(&args.url)?;
        let client = Client::new(&args.client, cx.host().fs.clone())
            .map_err(|error| Error::caused("cannot make an HTTP client", error.to_string()))?;
        let interval = args.refresh_interval.as_std();
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("application/json"));
        let seconds = HeaderValue::from_str(&interval.as_secs_f64().to_string());
        headers.insert(
            "x-prometheus-refresh-interval-seconds",
            seconds.map_err(|error| Error::caused("refresh_interval is no header", error))?,
        );
        let mut shown = url.clone();
        // A URL that has a host takes both.
        let _ = shown.set_username("").and_then(|()| shown.set_password(None));
        // As it is written, if there is nothing to hide.
        let shown = if shown == url {
            args.url.clone()
        } else {
            shown.to_string()
        };
        Ok(Http {
            client,
            request: Request {
                method: Method::GET,
                url,
                headers,
                body: Default::default(),
                timeout: interval,
            },
            shown,
            interval,
            metrics: metrics.clone(),
        })
    }

    fn check(args: &Arguments, known: &Known<'_>) -> Vec<Error> {
        let _ = known;
        let own = [check_interval(args.refresh_interval).err(), check_url(&args.url).err()];
        own.into_iter().flatten().chain(client_problems(&args.client)).collect()
    }

    async fn run(self: Arc<Self>, board: Board) -> Result<()> {
        refresh(&board, &self.metrics.refresh, self.interval, || self.ask()).await
    }
}

/// What is wrong with the arguments of a client that are flattened into a component's own.
pub(crate) fn client_problems(client: &HttpClientConfig) -> Vec<Error> {
    let problems = client.problems().into_iter();
    problems
        .map(|(block, invalid)| {
            let error = match &invalid.argument {
                Some(argument) => Error::about(argument.clone(), invalid.message.clone()),
                None => Error::new(invalid.message.clone()),
            };
            if block.is_empty() {
                error
            } else {
                error.inside(block, 0)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn only_json_is_json() {
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(is_json(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/json; charset=latin1",
            "application/json-seq",
        ] {
            assert!(!is_json(bad.as_bytes()), "{bad}");
        }
    }
}
