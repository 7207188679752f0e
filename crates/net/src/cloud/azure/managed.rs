//! Managed identities: whom the platform vouches for.

use super::Azure;
use crate::HeaderValue;
use crate::cloud::cached::Fetched;
use crate::cloud::fetch::{Fetcher, encode};
use crate::credentials::header_value;
use crate::error::SendError;
use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use std::path::{Component, Path};

const IMDS: &str = "Azure's metadata service";
const APP: &str = "the identity endpoint of App Service";
const ARC: &str = "the agent of Azure Arc";
/// Where the agent of Azure Arc puts its challenges, and how large they are at most.
const CHALLENGES: &str = "/var/opt/azcmagent/tokens";
const MAX_CHALLENGE: usize = 4096;

impl Azure {
    /// A token of the managed identity of whatever this runs on, which the environment tells as Azure's SDK reads it.
    pub(super) async fn managed(&self, client_id: &str) -> Result<Fetched<HeaderValue>, SendError> {
        let var = |name: &str| self.fetcher.var(name);
        match (var("IDENTITY_ENDPOINT"), var("IDENTITY_HEADER"), var("IMDS_ENDPOINT")) {
            (Some(_), Some(_), _) if var("IDENTITY_SERVER_THUMBPRINT").is_some() => Err(SendError::new(
                "the managed identities of Service Fabric are not supported",
            )),
            (Some(url), Some(header), _) => self.app_service(&url, &header, client_id).await,
            (Some(url), None, Some(_)) => self.arc(&url, client_id).await,
            _ if var("MSI_ENDPOINT").is_some() => Err(SendError::new(
                "MSI_ENDPOINT is set: the managed identities of Azure ML and Cloud Shell are not supported",
            )),
            _ => self.machine(client_id).await,
        }
    }

    /// What a token is for, in the words of these endpoints.
    fn resource(&self) -> &str {
        let scope = self.scope();
        scope.strip_suffix("/.default").unwrap_or(scope)
    }

    fn query(&self, version: &str, client_id: &str) -> String {
        let mut query = vec![("api-version", version), ("resource", self.resource())];
        if !client_id.is_empty() {
            query.push(("client_id", client_id));
        }
        encode(query)
    }

    /// A virtual machine, or a node of a cluster.
    async fn machine(&self, client_id: &str) -> Result<Fetched<HeaderValue>, SendError> {
        let query = self.query("2018-02-01", client_id);
        let url = format!("{}/metadata/identity/oauth2/token?{query}", self.places.azure_metadata);
        let make = |http: &reqwest::Client| http.get(url).header("metadata", "true");
        let answer = self.fetcher.near(IMDS, make).await?;
        self.take(IMDS, &answer)
    }

    /// App Service, Functions and Container Apps.
    async fn app_service(&self, url: &str, header: &str, client_id: &str) -> Result<Fetched<HeaderValue>, SendError> {
        let header = header_value(header.as_bytes())
            .map_err(|error| SendError::new(format!("IDENTITY_HEADER is unusable: {error}")))?;
        let url = with_query(url, &self.query("2019-08-01", client_id));
        let make = |http: &reqwest::Client| http.get(url).header("x-identity-header", header);
        let answer = self.fetcher.near(APP, make).await?;
        self.take(APP, &answer)
    }

    /// A machine elsewhere, with Azure's agent: who asks shows that it may read a file.
    async fn arc(&self, url: &str, client_id: &str) -> Result<Fetched<HeaderValue>, SendError> {
        if !client_id.is_empty() {
            let message = format!("{ARC} knows only the identity of the machine; leave client_id empty");
            return Err(SendError::new(message));
        }
        let url = with_query(url, &self.query("2020-06-01", ""));
        let make = |http: &reqwest::Client| -> RequestBuilder { http.get(&url).header("metadata", "true") };
        let answer = self.fetcher.near(ARC, make).await?;
        let challenge = answer.header(WWW_AUTHENTICATE.as_str());
        let Some(file) = challenge.and_then(|challenge| challenge.strip_prefix("Basic realm=")) else {
            return Err(SendError::new(format!(
                "{ARC} answers {} without a challenge",
                answer.status
            )));
        };
        let secret = challenge_of(&self.fetcher, file.trim_matches('"')).await?;
        let header = header_value(&[b"Basic ", secret.as_slice()].concat())
            .map_err(|error| SendError::new(format!("the challenge of {ARC} is unusable: {error}")))?;
        let make = |http: &reqwest::Client| make(http).header(AUTHORIZATION, header);
        let answer = self.fetcher.near(ARC, make).await?;
        self.take(ARC, &answer)
    }
}

/// What stands in a file that the agent names. Only files where agents put them are read: whoever else listens there learns nothing.
async fn challenge_of(fetcher: &Fetcher, file: &str) -> Result<Vec<u8>, SendError> {
    let path = Path::new(file);
    let plain = path.components().all(|part| !matches!(part, Component::ParentDir));
    if path.parent() != Some(Path::new(CHALLENGES)) || path.extension().is_none_or(|end| end != "key") || !plain {
        return Err(SendError::new(format!(
            "{ARC} names a file that is none of {CHALLENGES}/*.key"
        )));
    }
    let content = fetcher.file("the challenge of Azure Arc's agent", file).await?;
    if content.len() > MAX_CHALLENGE {
        return Err(SendError::new(format!(
            "the challenge {file:?} has more than {MAX_CHALLENGE} bytes"
        )));
    }
    Ok(content.trim_ascii().to_vec())
}

fn with_query(url: &str, query: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}{query}")
}
