//! Tokens of Microsoft Entra ID, for Azure's services.
//!
//! The protocols: the client credentials grant with a secret or an assertion
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>), and the identity endpoints that
//! Azure's machines, applications and agents have (<https://learn.microsoft.com/entra/identity/managed-identities-azure-resources>).

mod managed;

use super::Places;
use super::cached::{Cached, Fetched};
use super::fetch::{Fetcher, code, encode};
use crate::client::Request;
use crate::error::SendError;
use crate::oauth2::{Token, read_token};
use crate::{Answer, HeaderMap, HeaderValue};
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use std::time::Duration;
use value::Secret;

/// Which of Azure's clouds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AzureCloud {
    /// The one for all.
    Public,
    /// The one in China.
    China,
    /// The one of the government of the United States.
    Government,
}

/// Who asks for tokens, and for what.
#[derive(Clone, Debug, PartialEq)]
pub struct AzureConfig {
    /// Cloud.
    pub cloud: AzureCloud,
    /// Scope of the tokens; empty for the ingestion of metrics by Azure Monitor in this cloud.
    pub scope: String,
    /// Who asks.
    pub identity: AzureIdentity,
}

/// Who asks for tokens.
#[derive(Clone, Debug, PartialEq)]
pub enum AzureIdentity {
    /// A managed identity of the machine or application that this runs on.
    Managed {
        /// Its client id; empty for the one that belongs to the machine.
        client_id: String,
    },
    /// An application with a secret.
    Secret {
        /// Tenant.
        tenant_id: String,
        /// Client id.
        client_id: String,
        /// Its secret.
        secret: Secret,
    },
    /// An application that trusts who issues the token in a file.
    Workload {
        /// Tenant.
        tenant_id: String,
        /// Client id.
        client_id: String,
        /// File with the token; empty for the one that `AZURE_FEDERATED_TOKEN_FILE` names, or the one that Azure's webhook writes.
        token_file: String,
    },
    /// What Azure's SDK finds: an application in the environment, a workload identity in the environment, a managed identity.
    Default {
        /// Tenant of the workload identity; empty for that of the environment.
        tenant_id: String,
    },
}

/// Where Azure's webhook puts the token of a workload.
const TOKEN_FILE: &str = "/var/run/secrets/azure/tokens/azure-identity-token";

impl AzureCloud {
    /// Who gives tokens.
    fn authority(self) -> &'static str {
        match self {
            AzureCloud::Public => "https://login.microsoftonline.com",
            AzureCloud::China => "https://login.chinacloudapi.cn",
            AzureCloud::Government => "https://login.microsoftonline.us",
        }
    }

    /// The scope of the ingestion of metrics. The two slashes are Azure's.
    fn ingestion(self) -> &'static str {
        match self {
            AzureCloud::Public => "https://monitor.azure.com//.default",
            AzureCloud::China => "https://monitor.azure.cn//.default",
            AzureCloud::Government => "https://monitor.azure.us//.default",
        }
    }
}

pub(crate) struct Azure {
    config: AzureConfig,
    fetcher: Fetcher,
    places: Places,
    token: Cached<HeaderValue>,
}

/// What an application that asks for a token shows.
enum Proof<'a> {
    Secret(&'a str),
    Assertion(&'a str),
}

/// What the authority says if it gives no token.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_codes: Vec<u64>,
}

impl Azure {
    pub(crate) fn new(config: AzureConfig, fetcher: Fetcher, places: Places) -> Self {
        Azure {
            config,
            fetcher,
            places,
            token: Cached::default(),
        }
    }

    pub(crate) async fn authorize(&self, request: &mut Request) -> Result<(), SendError> {
        let header = self.token.get(self.fetch()).await?;
        request.headers.insert(AUTHORIZATION, header);
        Ok(())
    }

    pub(crate) async fn doubt(&self) {
        self.token.doubt().await;
    }

    async fn fetch(&self) -> Result<Fetched<HeaderValue>, SendError> {
        let token = match &self.config.identity {
            AzureIdentity::Managed { client_id } => self.managed(client_id).await,
            AzureIdentity::Secret {
                tenant_id,
                client_id,
                secret,
            } => {
                self.application(tenant_id, client_id, Proof::Secret(&secret.expose_str()))
                    .await
            }
            AzureIdentity::Workload {
                tenant_id,
                client_id,
                token_file,
            } => self.workload(tenant_id, client_id, token_file).await,
            AzureIdentity::Default { tenant_id } => self.default_chain(tenant_id).await,
        };
        token.map_err(|error| SendError::new(format!("no token for Azure: {error}")))
    }

    fn scope(&self) -> &str {
        match self.config.scope.as_str() {
            "" => self.config.cloud.ingestion(),
            scope => scope,
        }
    }

    /// The first that is there is taken: one that is refused does not make room for the next.
    async fn default_chain(&self, tenant_id: &str) -> Result<Fetched<HeaderValue>, SendError> {
        let var = |name: &str| self.fetcher.var(name);
        let client_id = var("AZURE_CLIENT_ID");
        if let (Some(tenant_id), Some(client_id)) = (var("AZURE_TENANT_ID"), &client_id) {
            if let Some(secret) = var("AZURE_CLIENT_SECRET") {
                return self.application(&tenant_id, client_id, Proof::Secret(&secret)).await;
            }
            let others = ["AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_USERNAME"];
            if let Some(name) = others.into_iter().find(|name| var(name).is_some()) {
                return Err(SendError::new(format!(
                    "{name} is set, which is not supported; use AZURE_CLIENT_SECRET"
                )));
            }
        }
        let tenant_id = Some(tenant_id.to_owned())
            .filter(|id| !id.is_empty())
            .or_else(|| var("AZURE_TENANT_ID"));
        if let (Some(tenant_id), Some(client_id), Some(file)) =
            (tenant_id, &client_id, var("AZURE_FEDERATED_TOKEN_FILE"))
        {
            return self.workload(&tenant_id, client_id, &file).await;
        }
        self.managed(client_id.as_deref().unwrap_or_default()).await.map_err(|error| {
            let tried = "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE are not all set";
            SendError::new(format!("{tried}; {error}"))
        })
    }

    async fn workload(&self, tenant_id: &str, client_id: &str, file: &str) -> Result<Fetched<HeaderValue>, SendError> {
        let file = match file {
            "" => self
                .fetcher
                .var("AZURE_FEDERATED_TOKEN_FILE")
                .unwrap_or_else(|| TOKEN_FILE.to_owned()),
            file => file.to_owned(),
        };
        // The file is another each hour or so.
        let assertion = self.fetcher.token_file("the workload's token", &file).await?;
        self.application(tenant_id, client_id, Proof::Assertion(&assertion))
            .await
    }

    /// The client credentials grant.
    async fn application(
        &self,
        tenant_id: &str,
        client_id: &str,
        proof: Proof<'_>,
    ) -> Result<Fetched<HeaderValue>, SendError> {
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("scope", self.scope()),
        ];
        match proof {
            Proof::Secret(secret) => form.push(("client_secret", secret)),
            Proof::Assertion(assertion) => form.extend([
                (
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                ),
                ("client_assertion", assertion),
            ]),
        }
        let authority = self.places.azure_authority.as_deref();
        let authority = authority.unwrap_or_else(|| self.config.cloud.authority());
        let url = format!("{authority}/{tenant_id}/oauth2/v2.0/token");
        let answer = self
            .fetcher
            .form(authority, &url, encode(form), HeaderMap::new())
            .await?;
        self.take(authority, &answer)
    }

    fn take(&self, what: &str, answer: &Answer) -> Result<Fetched<HeaderValue>, SendError> {
        if !answer.status.is_success() {
            return Err(SendError::new(format!(
                "{what} answers {}{}",
                answer.status,
                reason(&answer.body)
            )));
        }
        let token =
            read_token(&answer.body).ok_or_else(|| SendError::new(format!("{what} answers without a token")))?;
        Ok((token.header.clone(), self.lifetime(&token)))
    }

    /// How long a token is good for: some endpoints say only when it ends.
    fn lifetime(&self, token: &Token) -> Option<Duration> {
        token.valid.or_else(|| {
            let left = token.ends? - self.fetcher.seconds();
            Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
        })
    }
}

/// The codes of a refusal; its sentences may repeat what was sent.
fn reason(body: &[u8]) -> String {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let mut text = String::new();
    for part in code(&refusal.error)
        .map(str::to_owned)
        .into_iter()
        .chain(refusal.error_codes.iter().map(|code| format!("AADSTS{code}")))
    {
        text.push_str(", ");
        text.push_str(&part);
    }
    text
}
