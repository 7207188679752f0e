//! Keys from this machine: from a command, from the services of ECS and EKS for containers, and from the metadata service of EC2, in its
//! second version.

use super::Aws;
use crate::cloud::fetch::Fetcher;
use crate::credentials::header_value;
use crate::error::SendError;
use crate::{HeaderValue, Method};
use jiff::Timestamp;
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use sigv4::Credentials;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use url::{Host, Url};

/// Seconds that a session with the metadata service lasts.
const SESSION: &str = "21600";
const IMDS: &str = "the EC2 metadata service";

/// How long a command may take that prints keys.
const PROCESS: Duration = Duration::from_secs(60);

/// Keys as all of these give them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    #[serde(default, alias = "SessionToken")]
    token: Option<String>,
    #[serde(default)]
    expiration: Option<String>,
}

/// Time from now until the time that a service writes; `None` if it writes none.
pub(super) fn until(fetcher: &Fetcher, expiration: Option<&str>) -> Option<Duration> {
    let end: Timestamp = expiration?.parse().ok()?;
    let nanos = end.as_nanosecond() - i128::from(fetcher.host.clock.now());
    Some(Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX)))
}

impl Aws {
    fn parse(&self, what: &str, body: &[u8]) -> Result<(Credentials, Option<Duration>), SendError> {
        let answer: Answer =
            serde_json::from_slice(body).map_err(|_| SendError::new(format!("{what} answers without keys")))?;
        let lifetime = until(&self.fetcher, answer.expiration.as_deref());
        let credentials = Credentials {
            access_key: answer.access_key_id,
            secret_key: answer.secret_access_key,
            session_token: answer.token.unwrap_or_default(),
        };
        Ok((credentials, lifetime))
    }

    /// Keys that the `credential_process` of a profile prints
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>).
    pub(super) async fn process_keys(&self, command: &str) -> Result<(Credentials, Option<Duration>), SendError> {
        let what = "the profile's credential_process";
        let mut process = Command::new("sh");
        process.args(["-c", command]).stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(PROCESS, process.output()).await;
        let output = output
            .map_err(|_| SendError::new(format!("{what} does not end within {} seconds", PROCESS.as_secs())))?
            .map_err(|error| SendError::new(format!("cannot run {what}: {error}")))?;
        if !output.status.success() {
            // What it prints may hold keys.
            return Err(SendError::new(format!("{what} fails: {}", output.status)));
        }
        self.parse(what, &output.stdout)
    }

    /// Keys from the service that the environment of a container names.
    pub(super) async fn container_keys(&self) -> Result<(Credentials, Option<Duration>), SendError> {
        let var = |name: &str| self.fetcher.var(name);
        let url = match var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            Some(path) => format!("{}{path}", self.places.aws_containers),
            None => {
                let name = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
                let url = var(name).ok_or_else(|| SendError::new(format!("no AWS credentials: {name} is not set")))?;
                if !may_be_asked(&url) {
                    let hosts = "https, this machine, or 169.254.170.2, 169.254.170.23 or fd00:ec2::23";
                    return Err(SendError::new(format!(
                        "no AWS credentials: {name} leads to a host that is none of {hosts}"
                    )));
                }
                url
            }
        };
        let token = match var("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => {
                let token = self.fetcher.token_file("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file);
                Some(token.await?)
            }
            None => var("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        };
        let token = token
            .map(|token| header_value(token.as_bytes()))
            .transpose()
            .map_err(|error| {
                SendError::new(format!(
                    "the token for the container's AWS credentials is unusable: {error}"
                ))
            })?;
        let what = "the service for the container's AWS credentials";
        let make = |http: &reqwest::Client| {
            let request = http.get(url);
            match token {
                Some(token) => request.header(AUTHORIZATION, token),
                None => request,
            }
        };
        let answer = self.fetcher.near(what, make).await?;
        if !answer.status.is_success() {
            return Err(SendError::new(format!("{what} answers {}", answer.status)));
        }
        self.parse(what, &answer.body)
    }

    /// Keys of the role of the machine.
    pub(super) async fn instance_keys(&self) -> Result<(Credentials, Option<Duration>), SendError> {
        let session = self.session().await?;
        let path = "/latest/meta-data/iam/security-credentials/";
        let roles = self.metadata(&session, path).await?;
        let role = roles.lines().next().unwrap_or_default().trim();
        if role.is_empty() {
            return Err(SendError::new(format!("{IMDS} knows no role of this machine")));
        }
        let keys = self.metadata(&session, &format!("{path}{role}")).await?;
        self.parse(IMDS, keys.as_bytes())
    }

    /// The region of the machine.
    pub(super) async fn instance_region(&self) -> Result<String, SendError> {
        if self
            .fetcher
            .var("AWS_EC2_METADATA_DISABLED")
            .is_some_and(|off| off.eq_ignore_ascii_case("true"))
        {
            return Err(SendError::new(format!(
                "AWS_EC2_METADATA_DISABLED forbids to ask {IMDS}"
            )));
        }
        let session = self.session().await?;
        let region = self.metadata(&session, "/latest/meta-data/placement/region").await?;
        match region.trim() {
            "" => Err(SendError::new(format!("{IMDS} does not say the region"))),
            region => Ok(region.to_owned()),
        }
    }

    fn imds(&self) -> String {
        let endpoint = self
            .fetcher
            .var("AWS_EC2_METADATA_SERVICE_ENDPOINT")
            .unwrap_or_else(|| {
                let mode = self.fetcher.var("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
                match mode.is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6")) {
                    true => "http://[fd00:ec2::254]".to_owned(),
                    false => "http://169.254.169.254".to_owned(),
                }
            });
        endpoint.trim_end_matches('/').to_owned()
    }

    /// Begins a session with the metadata service.
    async fn session(&self) -> Result<HeaderValue, SendError> {
        let url = format!("{}/latest/api/token", self.imds());
        let make = |http: &reqwest::Client| {
            let request = http.request(Method::PUT, url);
            request.header("x-aws-ec2-metadata-token-ttl-seconds", SESSION)
        };
        let answer = self.fetcher.near(IMDS, make).await?;
        if !answer.status.is_success() {
            return Err(SendError::new(format!("{IMDS} answers {}", answer.status)));
        }
        header_value(&answer.body).map_err(|_| SendError::new(format!("{IMDS} answers without a token")))
    }

    async fn metadata(&self, session: &HeaderValue, path: &str) -> Result<String, SendError> {
        let url = format!("{}{path}", self.imds());
        let make = |http: &reqwest::Client| http.get(url).header("x-aws-ec2-metadata-token", session.clone());
        let answer = self.fetcher.near(IMDS, make).await?;
        if !answer.status.is_success() {
            return Err(SendError::new(format!("{IMDS} answers {} to {path}", answer.status)));
        }
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }
}

/// Whether a container's token may be sent to an address: encrypted, or to a service on the machine.
fn may_be_asked(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    if url.scheme() == "https" {
        return true;
    }
    let services: [IpAddr; 3] = [
        [169, 254, 170, 2].into(),
        [169, 254, 170, 23].into(),
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23].into(),
    ];
    let ip: IpAddr = match url.host() {
        Some(Host::Ipv4(ip)) => ip.into(),
        Some(Host::Ipv6(ip)) => ip.into(),
        Some(Host::Domain(name)) => return name == "localhost",
        None => return false,
    };
    ip.is_loopback() || services.contains(&ip)
}

#[cfg(test)]
mod tests {
    use super::may_be_asked;

    #[test]
    fn tokens_of_containers_do_not_travel() {
        for url in [
            "https://anywhere.example/x",
            "http://localhost:8080/",
            "http://127.0.0.7/",
            "http://[::1]/",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/",
        ] {
            assert!(may_be_asked(url), "{url}");
        }
        for url in [
            "http://example.com/",
            "http://169.254.169.254/",
            "http://localhost.example/",
            "/x",
            "",
        ] {
            assert!(!may_be_asked(url), "{url}");
        }
    }
}
