//! Requests that are signed for Amazon's services.
//!
//! Where keys are looked for, and in which order, is what Amazon's SDK for Go does, which Prometheus signs with: see [`plan`].

mod keys;
mod plan;
mod profiles;
mod sts;

use super::Places;
use super::cached::{Cached, Fetched};
use super::fetch::Fetcher;
use crate::client::Request;
use crate::credentials::header_value;
use crate::error::SendError;
use crate::{HeaderName, HeaderValue};
use reqwest::header::{AUTHORIZATION, HOST};
use sigv4::{Credentials, Scope, Signed};
use std::sync::Arc;
use std::time::Duration;
use url::{Position, Url};
use value::Secret;

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// What tracing adds differs from hop to hop; Prometheus leaves it out, too.
const TRACE: &str = "uber-trace-id";

/// Who signs requests for Amazon's services, and for which. What is empty comes from the environment and files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AwsConfig {
    /// Id of the access key. With `secret_key`, nothing else is looked for.
    pub access_key: String,
    /// The secret key.
    pub secret_key: Secret,
    /// Profile of the shared configuration and credentials files.
    pub profile: String,
    /// Region that requests are signed for.
    pub region: String,
    /// Role to assume with the keys that were found.
    pub role_arn: String,
    /// What the role's owner wants to be told by who assumes it.
    pub external_id: String,
    /// Service that requests are signed for: `aps`.
    pub service: String,
    /// Whether roles are assumed at the endpoints of the security token service that are validated under FIPS 140.
    pub fips: bool,
}

pub(crate) struct Aws {
    config: Arc<AwsConfig>,
    fetcher: Fetcher,
    places: Places,
    identity: Cached<Arc<Identity>>,
}

/// What it takes to sign.
struct Identity {
    credentials: Credentials,
    region: String,
}

impl Aws {
    pub(crate) fn new(config: AwsConfig, fetcher: Fetcher, places: Places) -> Self {
        Aws {
            config: Arc::new(config),
            fetcher,
            places,
            identity: Cached::default(),
        }
    }

    pub(crate) async fn authorize(&self, request: &mut Request) -> Result<(), SendError> {
        let identity = self.identity.get(self.fetch()).await?;
        let path = sigv4::clean_path(request.url.path());
        request.url.set_path(&path);
        let scope = Scope {
            region: &identity.region,
            service: &self.config.service,
        };
        let signed = sign(request, scope, &identity.credentials, self.fetcher.host.clock.now());
        let value = |text: &str| {
            header_value(text.as_bytes()).map_err(|_| SendError::new("the AWS keys cannot be in a header"))
        };
        request.headers.insert(AUTHORIZATION, value(&signed.authorization)?);
        request.headers.insert(DATE, value(&signed.date)?);
        match &signed.security_token {
            Some(token) => request.headers.insert(TOKEN, value(token)?),
            None => request.headers.remove(TOKEN),
        };
        Ok(())
    }

    pub(crate) async fn doubt(&self) {
        self.identity.doubt().await;
    }

    async fn fetch(&self) -> Result<Fetched<Arc<Identity>>, SendError> {
        let (config, host) = (self.config.clone(), self.fetcher.host.clone());
        let plan = tokio::task::spawn_blocking(move || plan::plan(&config, &*host.env, &*host.fs)).await;
        let plan = plan
            .unwrap_or_else(|error| Err(format!("reading AWS' files failed: {error}")))
            .map_err(|error| SendError::new(format!("no AWS credentials: {error}")))?;
        let mut region = plan.region.clone();
        let (mut credentials, mut lifetime) = self.keys(&plan, &mut region).await?;
        let region = match region {
            Some(region) => region,
            None => self.instance_region().await.map_err(|error| {
                let hint = "set region, or AWS_REGION, or \"region\" of the profile";
                SendError::new(format!("no AWS region: {hint}; {error}"))
            })?,
        };
        for role in &plan.roles {
            let (keys, valid) = self.assume(role, &credentials, &region).await?;
            // The session lasts as long as the role allows, whatever becomes of the keys that it was made with.
            (credentials, lifetime) = (keys, valid);
        }
        Ok((Arc::new(Identity { credentials, region }), lifetime))
    }

    /// The keys that the plan names, which may need a region.
    async fn keys(
        &self,
        plan: &plan::Plan,
        region: &mut Option<String>,
    ) -> Result<(Credentials, Option<Duration>), SendError> {
        match &plan.source {
            plan::Source::Keys(keys) => Ok((keys.clone(), None)),
            plan::Source::WebIdentity(identity) => {
                if region.is_none() {
                    *region = Some(self.instance_region().await.map_err(|error| {
                        SendError::new(format!(
                            "no AWS region to exchange a web identity in: set AWS_REGION; {error}"
                        ))
                    })?);
                }
                let region = region.as_deref().unwrap_or_default();
                self.assume_with_web_identity(identity, region).await
            }
            plan::Source::Process(command) => self.process_keys(command).await,
            plan::Source::Container => self.container_keys().await,
            plan::Source::Instance => self
                .instance_keys()
                .await
                .map_err(|error| SendError::new(format!("no AWS credentials: {}; {error}", plan.tried.join("; ")))),
        }
    }
}

/// Signs a request as it will be sent.
fn sign(request: &Request, scope: Scope<'_>, credentials: &Credentials, now: i64) -> Signed {
    let length = request.body.len().to_string();
    let signed = |name: &HeaderName| {
        let ours = [&DATE, &TOKEN, &HOST].contains(&name);
        !ours && name.as_str() != TRACE && sigv4::is_signed(name.as_str())
    };
    let mut headers: Vec<(&str, &[u8])> = request
        .headers
        .iter()
        .filter(|(name, _)| signed(name))
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    if !request.body.is_empty() && !request.headers.contains_key("content-length") {
        headers.push(("content-length", length.as_bytes()));
    }
    let host = match request.headers.get(HOST).map(HeaderValue::to_str) {
        Some(Ok(host)) => host,
        _ => authority(&request.url),
    };
    let body = request.body.clone().into_bytes();
    let request = sigv4::Request {
        method: request.method.as_str(),
        host,
        path: request.url.path(),
        query: request.url.query().unwrap_or_default(),
        headers: &headers,
        body: &body,
    };
    sigv4::sign(&request, scope, credentials, now)
}

/// Host and port, as the `Host` header has them.
fn authority(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}
