//! A server that says which traces are kept, in Jaeger's format: `SamplingStrategyResponse` of
//! <https://github.com/jaegertracing/jaeger-idl/blob/main/proto/api_v2/sampling.proto> as JSON.

use crate::args::JaegerRemoteArgs;
use net::{Client, HeaderMap, HttpClientConfig, Method, Request};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How long it may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// Which traces are kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Strategy {
    /// A part of all.
    Fraction(f64),
    /// So many a second.
    Limit(f64),
    /// A part of each operation.
    Operations {
        /// Of those that are not named.
        default: f64,
        /// Traces a second that are kept of each in any case.
        at_least: f64,
        /// Those that are named.
        each: Vec<(String, f64)>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    #[serde(default)]
    strategy_type: serde_json::Value,
    probabilistic_sampling: Option<Probabilistic>,
    rate_limiting_sampling: Option<RateLimiting>,
    operation_sampling: Option<PerOperation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probabilistic {
    #[serde(default)]
    sampling_rate: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateLimiting {
    #[serde(default)]
    max_traces_per_second: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PerOperation {
    #[serde(default)]
    default_sampling_probability: f64,
    #[serde(default)]
    default_lower_bound_traces_per_second: f64,
    #[serde(default)]
    per_operation_strategies: Vec<Operation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    #[serde(default)]
    operation: String,
    probabilistic_sampling: Option<Probabilistic>,
}

impl Strategy {
    /// Reads an answer.
    pub(crate) fn parse(json: &[u8]) -> Result<Strategy, String> {
        let response: Response = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if let Some(operations) = response.operation_sampling {
            let each = operations.per_operation_strategies.into_iter().map(|one| {
                let fraction = one
                    .probabilistic_sampling
                    .map_or(operations.default_sampling_probability, |one| one.sampling_rate);
                (one.operation, fraction)
            });
            return Ok(Strategy::Operations {
                default: operations.default_sampling_probability,
                at_least: operations.default_lower_bound_traces_per_second,
                each: each.collect(),
            });
        }
        let limits = response.strategy_type == "RATE_LIMITING" || response.strategy_type == 1;
        match (response.probabilistic_sampling, response.rate_limiting_sampling) {
            (_, Some(one)) if limits => Ok(Strategy::Limit(one.max_traces_per_second)),
            (Some(one), _) => Ok(Strategy::Fraction(one.sampling_rate)),
            (None, Some(one)) => Ok(Strategy::Limit(one.max_traces_per_second)),
            (None, None) => Err("the answer holds no strategy".to_owned()),
        }
    }
}

/// Somebody who is asked.
pub(crate) struct Remote {
    client: Client,
    url: Url,
    /// How often.
    pub(crate) every: Duration,
    /// Operations that have rules of their own, at the most.
    pub(crate) operations: usize,
}

impl Remote {
    pub(crate) fn new(args: &JaegerRemoteArgs, fs: Arc<dyn host::Fs>) -> component::Result<Remote> {
        let client = Client::new(&HttpClientConfig::default(), fs)
            .map_err(|error| component::Error::caused("cannot make a client for sampler.jaeger_remote", error))?;
        Ok(Remote {
            client,
            url: args.address()?,
            every: args.refresh_interval,
            operations: usize::try_from(args.max_operations).unwrap_or(0),
        })
    }

    /// Asks once.
    pub(crate) async fn ask(&self) -> Result<Strategy, String> {
        let request = Request {
            method: Method::GET,
            url: self.url.clone(),
            headers: HeaderMap::new(),
            body: net::Body::new(),
            timeout: TIMEOUT,
        };
        let answer = self
            .client
            .send(request, MAX_ANSWER)
            .await
            .map_err(|error| error.to_string())?;
        if !answer.status.is_success() {
            return Err(format!("the server answers {}", answer.status));
        }
        Strategy::parse(&answer.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_are_read() {
        let operations = Strategy::Operations {
            default: 0.5,
            at_least: 2.0,
            each: vec![("GET /metrics".to_owned(), 0.25), ("other".to_owned(), 0.5)],
        };
        for (json, expected) in [
            (
                r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.75}}"#,
                Strategy::Fraction(0.75),
            ),
            (
                r#"{"strategyType":0,"probabilisticSampling":{}}"#,
                Strategy::Fraction(0.0),
            ),
            (
                r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":7}}"#,
                Strategy::Limit(7.0),
            ),
            (
                r#"{"strategyType":1,"probabilisticSampling":{},"rateLimitingSampling":{"maxTracesPerSecond":7}}"#,
                Strategy::Limit(7.0),
            ),
            (
                r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.1},"operationSampling":{
                    "defaultSamplingProbability":0.5,"defaultLowerBoundTracesPerSecond":2,"perOperationStrategies":[
                    {"operation":"GET /metrics","probabilisticSampling":{"samplingRate":0.25}},{"operation":"other"}]}}"#,
                operations,
            ),
        ] {
            assert_eq!(Strategy::parse(json.as_bytes()), Ok(expected), "{json}");
        }
        for bad in ["", "[]", "{}", r#"{"probabilisticSampling":{"samplingRate":"much"}}"#] {
            assert!(Strategy::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
