//! Requests as the clouds of Amazon, Microsoft and Google want them: signed, or with a token of theirs.
//!
//! What says who this is comes from the configuration, from environment variables and files that their own tools read, or from a service on
//! the machine. It is fetched with the first request, renewed before it ends, and kept in use while a renewal fails until it ends. There are
//! no SDKs in here: each of these protocols is one or two requests.

mod aws;
mod azure;
mod cached;
mod fetch;
mod google;

pub use aws::AwsConfig;
pub use azure::{AzureCloud, AzureConfig, AzureIdentity};
pub use google::GoogleConfig;

use crate::StatusCode;
use crate::client::Request;
use crate::error::SendError;
use aws::Aws;
use azure::Azure;
use fetch::Fetcher;
use google::Google;
use host::Host;

/// How a cloud is told who asks.
#[derive(Clone, Debug, PartialEq)]
pub enum CloudConfig {
    /// Signatures for Amazon's services.
    Aws(AwsConfig),
    /// Tokens of Microsoft Entra ID.
    Azure(AzureConfig),
    /// Tokens of Google.
    Google(GoogleConfig),
}

/// Addresses that the clouds have fixed and no environment variable changes. Only tests have others.
#[derive(Clone, Debug, PartialEq)]
pub struct Places {
    /// Where containers of Amazon's ECS ask for credentials.
    pub aws_containers: String,
    /// Where virtual machines of Azure ask for tokens.
    pub azure_metadata: String,
    /// The authority that gives tokens of Entra ID, instead of the cloud's.
    pub azure_authority: Option<String>,
}

impl Default for Places {
    fn default() -> Self {
        Places {
            aws_containers: "http://169.254.170.2".to_owned(),
            azure_metadata: "http://169.254.169.254".to_owned(),
            azure_authority: None,
        }
    }
}

/// Makes requests ones that a cloud accepts, and keeps what that takes.
pub struct CloudAuth(Kind);

enum Kind {
    Aws(Box<Aws>),
    Azure(Box<Azure>),
    Google(Box<Google>),
}

impl CloudAuth {
    /// Files and variables are read with the first request, and what is missing then is an error of the request.
    pub fn new(config: CloudConfig, host: &Host) -> Self {
        Self::at(config, host, Places::default())
    }

    /// The same, with other addresses.
    pub fn at(config: CloudConfig, host: &Host, places: Places) -> Self {
        let fetcher = Fetcher::new(host.clone());
        CloudAuth(match config {
            CloudConfig::Aws(config) => Kind::Aws(Box::new(Aws::new(config, fetcher, places))),
            CloudConfig::Azure(config) => Kind::Azure(Box::new(Azure::new(config, fetcher, places))),
            CloudConfig::Google(config) => Kind::Google(Box::new(Google::new(config, fetcher))),
        })
    }

    /// Adds to a request what says who asks, and replaces what it has of that. Whatever this has to wait for has time limits of its own.
    pub(crate) async fn authorize(&self, request: &mut Request) -> Result<(), SendError> {
        match &self.0 {
            Kind::Aws(aws) => aws.authorize(request).await,
            Kind::Azure(azure) => azure.authorize(request).await,
            Kind::Google(google) => google.authorize(request).await,
        }
    }

    /// Sees the status of an answer: who was refused fetches new credentials, which a file or service may have by now.
    pub(crate) async fn look_at(&self, status: StatusCode) {
        if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return;
        }
        match &self.0 {
            Kind::Aws(aws) => aws.doubt().await,
            Kind::Azure(azure) => azure.doubt().await,
            Kind::Google(google) => google.doubt().await,
        }
    }
}
