//! Endpoints of clouds: who asks there.

use component::Error;
use net::cloud::{AwsConfig, AzureCloud, AzureConfig, AzureIdentity, CloudConfig, GoogleConfig};
use value::{Block, Invalid, Secret};

/// Signs requests with AWS' Signature Version 4. Keys, if they are not given, come from where AWS' SDKs look for them: the environment, a
/// web identity, the shared files, the service of the container, that of the machine.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = SigV4Args::validate)]
pub struct SigV4Args {
    /// Id of the access key, with `secret_key`.
    #[arg(default)]
    pub access_key: String,
    /// Secret key, with `access_key`.
    #[arg(default)]
    pub secret_key: Secret,
    /// What the owner of the role wants to be told, with `role_arn`.
    #[arg(default)]
    pub external_id: String,
    /// Profile of the shared files; it wins over keys of the environment.
    #[arg(default)]
    pub profile: String,
    /// Region that requests are signed for; if empty that of the environment, the profile or the machine.
    #[arg(default)]
    pub region: String,
    /// Role to assume with the keys that were found.
    #[arg(default)]
    pub role_arn: String,
    /// Service that requests are signed for.
    #[arg(default = "aps".to_owned())]
    pub service_name: String,
    /// Whether roles are assumed at the endpoints of STS that are validated under FIPS 140.
    #[arg(default)]
    pub use_fips_sts_endpoint: bool,
}

/// Asks Microsoft Entra ID for tokens, in exactly one of four ways.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = AzureAdArgs::validate)]
pub struct AzureAdArgs {
    /// Cloud: `AzurePublic`, `AzureChina` or `AzureGovernment`.
    #[arg(default = "AzurePublic".to_owned())]
    pub cloud: String,
    /// Scope of the tokens; if empty that of the ingestion of metrics by Azure Monitor in this cloud.
    #[arg(default)]
    pub scope: String,
    /// A managed identity of the machine or application that this runs on.
    #[arg(block)]
    pub managed_identity: Option<ManagedIdentityArgs>,
    /// An application with a secret.
    #[arg(block)]
    pub oauth: Option<AzureOAuthArgs>,
    /// What is found: an application or a workload identity in the environment, else a managed identity.
    #[arg(block)]
    pub sdk: Option<AzureSdkArgs>,
    /// An application that trusts the cluster's tokens.
    #[arg(block)]
    pub workload_identity: Option<WorkloadIdentityArgs>,
}

/// A managed identity.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct ManagedIdentityArgs {
    /// Client id; empty for the identity of the machine itself.
    #[arg]
    pub client_id: String,
}

/// An application with a secret.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct AzureOAuthArgs {
    /// Client id.
    #[arg]
    pub client_id: String,
    /// Client secret.
    #[arg]
    pub client_secret: Secret,
    /// Tenant id.
    #[arg]
    pub tenant_id: String,
}

/// What is found in the environment.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct AzureSdkArgs {
    /// Tenant id of a workload identity; if empty that of the environment.
    #[arg]
    pub tenant_id: String,
}

/// An application that trusts the cluster's tokens.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct WorkloadIdentityArgs {
    /// Client id.
    #[arg]
    pub client_id: String,
    /// Tenant id.
    #[arg]
    pub tenant_id: String,
    /// File with the cluster's token; read for each of Entra ID's.
    #[arg(default = "/var/run/secrets/azure/tokens/azure-identity-token".to_owned())]
    pub token_file_path: String,
}

/// Asks Google for tokens that may write to Cloud Monitoring.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct GoogleIamArgs {
    /// File with the credentials of a service account or a user; if empty Application Default Credentials.
    #[arg(default)]
    pub credentials_file: String,
}

impl SigV4Args {
    fn validate(&self) -> Result<(), Invalid> {
        component::first(self.problems())
    }

    /// Everything that is wrong with the block.
    pub(super) fn problems(&self) -> Vec<Error> {
        let mut found = Vec::new();
        let alone = match (self.access_key.is_empty(), self.secret_key.is_empty()) {
            (false, true) => Some(("access_key", "secret_key")),
            (true, false) => Some(("secret_key", "access_key")),
            _ => None,
        };
        if let Some((given, missing)) = alone {
            let message = format!("must come with {missing}; leave both out to use those of the environment");
            found.push(Error::about(given, message).with(missing));
        }
        if !self.external_id.is_empty() && self.role_arn.is_empty() {
            found.push(Error::about("external_id", "can only be used with role_arn").with("role_arn"));
        }
        found
    }

    pub(super) fn config(&self) -> CloudConfig {
        CloudConfig::Aws(AwsConfig {
            access_key: self.access_key.clone(),
            secret_key: self.secret_key.clone(),
            profile: self.profile.clone(),
            region: self.region.clone(),
            role_arn: self.role_arn.clone(),
            external_id: self.external_id.clone(),
            service: match self.service_name.as_str() {
                "" => "aps".to_owned(),
                name => name.to_owned(),
            },
            fips: self.use_fips_sts_endpoint,
        })
    }
}

impl AzureAdArgs {
    fn validate(&self) -> Result<(), Invalid> {
        component::first(self.problems())
    }

    /// Everything that is wrong with the block and those within.
    pub(super) fn problems(&self) -> Vec<Error> {
        let mut found = Vec::new();
        if self.azure_cloud().is_none() {
            let known = "\"AzurePublic\", \"AzureChina\" or \"AzureGovernment\"";
            found.push(Error::about(
                "cloud",
                format!("{:?} is no cloud of Azure; use {known}", self.cloud),
            ));
        }
        if !self
            .scope
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_:/.- \t\n\r".contains(c))
        {
            found.push(Error::about("scope", "has characters that no scope has"));
        }
        let blocks = [
            self.managed_identity.is_some(),
            self.oauth.is_some(),
            self.sdk.is_some(),
            self.workload_identity.is_some(),
        ];
        if blocks.into_iter().filter(|set| *set).count() != 1 {
            let message = "exactly one of managed_identity, oauth, sdk & workload_identity must be configured";
            found.push(Error::new(message).certain());
        }
        if let Some(block) = &self.managed_identity {
            let wrong = Some(guid("client_id", &block.client_id)).filter(|_| !block.client_id.is_empty());
            found.extend(wrong.flatten().map(|error| error.inside("managed_identity", 0)));
        }
        if let Some(block) = &self.oauth {
            let secret = block.client_secret.is_empty();
            let secret = secret.then(|| Error::about("client_secret", "must not be empty"));
            let wrong = [guid("client_id", &block.client_id), secret, tenant(&block.tenant_id)];
            found.extend(wrong.into_iter().flatten().map(|error| error.inside("oauth", 0)));
        }
        if let Some(block) = &self.sdk {
            let wrong = Some(tenant(&block.tenant_id)).filter(|_| !block.tenant_id.is_empty());
            found.extend(wrong.flatten().map(|error| error.inside("sdk", 0)));
        }
        if let Some(block) = &self.workload_identity {
            let wrong = [guid("client_id", &block.client_id), guid("tenant_id", &block.tenant_id)];
            found.extend(
                wrong
                    .into_iter()
                    .flatten()
                    .map(|error| error.inside("workload_identity", 0)),
            );
        }
        found
    }

    fn azure_cloud(&self) -> Option<AzureCloud> {
        match self.cloud.as_str() {
            "" | "AzurePublic" => Some(AzureCloud::Public),
            "AzureChina" => Some(AzureCloud::China),
            "AzureGovernment" => Some(AzureCloud::Government),
            _ => None,
        }
    }

    /// `None` for a block with [`problems`](Self::problems).
    pub(super) fn config(&self) -> Option<CloudConfig> {
        let identity = if let Some(block) = &self.managed_identity {
            AzureIdentity::Managed {
                client_id: block.client_id.clone(),
            }
        } else if let Some(block) = &self.oauth {
            AzureIdentity::Secret {
                tenant_id: block.tenant_id.clone(),
                client_id: block.client_id.clone(),
                secret: block.client_secret.clone(),
            }
        } else if let Some(block) = &self.workload_identity {
            AzureIdentity::Workload {
                tenant_id: block.tenant_id.clone(),
                client_id: block.client_id.clone(),
                token_file: block.token_file_path.clone(),
            }
        } else {
            AzureIdentity::Default {
                tenant_id: self.sdk.as_ref()?.tenant_id.clone(),
            }
        };
        Some(CloudConfig::Azure(AzureConfig {
            cloud: self.azure_cloud()?,
            scope: self.scope.clone(),
            identity,
        }))
    }
}

impl GoogleIamArgs {
    pub(super) fn config(&self) -> CloudConfig {
        CloudConfig::Google(GoogleConfig {
            credentials_file: self.credentials_file.clone(),
        })
    }
}

fn guid(argument: &str, value: &str) -> Option<Error> {
    let wrong = uuid::Uuid::parse_str(value).is_err();
    wrong.then(|| Error::about(argument, format!("{value:?} is not a GUID")))
}

/// A tenant is a GUID or a domain; it becomes a part of an address.
fn tenant(value: &str) -> Option<Error> {
    let right = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let wrong = value.is_empty() || !value.chars().all(right);
    wrong.then(|| Error::about("tenant_id", format!("{value:?} is neither a GUID nor a domain")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "11111111-2222-3333-4444-555555555555";

    fn azure(change: impl FnOnce(&mut AzureAdArgs)) -> Vec<String> {
        let mut args = AzureAdArgs::defaults();
        change(&mut args);
        args.problems().iter().map(Error::to_string).collect()
    }

    fn oauth(secret: &str, client_id: &str, tenant_id: &str) -> Option<AzureOAuthArgs> {
        Some(AzureOAuthArgs {
            client_id: client_id.to_owned(),
            client_secret: Secret::new(secret),
            tenant_id: tenant_id.to_owned(),
        })
    }

    #[test]
    fn exactly_one_way_into_one_of_three_clouds() {
        assert_eq!(azure(|args| args.oauth = oauth("s", GUID, "contoso.com")), [""; 0]);
        let managed = |id: &str| ManagedIdentityArgs {
            client_id: id.to_owned(),
        };
        assert_eq!(azure(|args| args.managed_identity = Some(managed(""))), [""; 0]);
        let found = azure(|args| {
            args.cloud = "azurepublic".to_owned();
            args.scope = "https://x/{y}".to_owned();
        });
        assert!(
            found[0].contains("cloud: ") && found[0].contains("AzureGovernment"),
            "{found:?}"
        );
        assert!(found[1].contains("scope: "), "{found:?}");
        assert!(found[2].contains("exactly one"), "{found:?}");
        let two = azure(|args| {
            args.oauth = oauth("s", GUID, GUID);
            args.managed_identity = Some(managed(GUID));
        });
        assert!(two.len() == 1 && two[0].contains("exactly one"), "{two:?}");
    }

    #[test]
    fn ids_are_checked_where_they_stand() {
        let found = azure(|args| args.oauth = oauth("", "me", "a/b"));
        assert!(
            found[0].starts_with("oauth: client_id: \"me\" is not a GUID"),
            "{found:?}"
        );
        assert!(found[1].starts_with("oauth: client_secret: "), "{found:?}");
        assert!(found[2].starts_with("oauth: tenant_id: "), "{found:?}");
        let workload = WorkloadIdentityArgs {
            client_id: GUID.to_owned(),
            tenant_id: "contoso.com".to_owned(),
            token_file_path: "/t".to_owned(),
        };
        let found = azure(|args| args.workload_identity = Some(workload));
        assert!(
            found.len() == 1 && found[0].starts_with("workload_identity: tenant_id: "),
            "{found:?}"
        );
    }

    #[test]
    fn keys_come_in_pairs_and_external_ids_with_roles() {
        let with = |change: &dyn Fn(&mut SigV4Args)| {
            let mut args = SigV4Args::defaults();
            change(&mut args);
            let problems = args.problems().into_iter();
            problems
                .map(|error| error.argument().unwrap_or("").to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(with(&|_| {}), [""; 0]);
        assert_eq!(with(&|args| args.access_key = "a".to_owned()), ["access_key"]);
        assert_eq!(with(&|args| args.secret_key = Secret::new("a")), ["secret_key"]);
        assert_eq!(with(&|args| args.external_id = "a".to_owned()), ["external_id"]);
    }
}
