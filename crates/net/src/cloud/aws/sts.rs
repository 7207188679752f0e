//! Roles, from Amazon's security token service (<https://docs.aws.amazon.com/STS/latest/APIReference/>).

use super::plan::{Role, WebIdentity};
use super::{Aws, DATE, TOKEN, sign};
use crate::client::Request;
use crate::cloud::fetch::{code, encode};
use crate::credentials::header_value;
use crate::error::SendError;
use crate::{HeaderMap, Method};
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use sigv4::{Credentials, Scope};
use std::time::Duration;
use url::Url;

const VERSION: &str = "2011-06-15";
/// Seconds of a session, as Amazon's SDK for Go asks for them.
const SECONDS: &str = "900";

impl Aws {
    /// Keys of a session in a role, for who has other keys.
    pub(super) async fn assume(
        &self,
        role: &Role,
        credentials: &Credentials,
        region: &str,
    ) -> Result<(Credentials, Option<Duration>), SendError> {
        let session = self.session_name(role);
        let mut form = vec![
            ("Action", "AssumeRole"),
            ("DurationSeconds", or(&role.seconds, SECONDS)),
            ("RoleArn", &role.arn),
            ("RoleSessionName", &session),
            ("Version", VERSION),
        ];
        if !role.external_id.is_empty() {
            form.push(("ExternalId", &role.external_id));
        }
        self.ask("AssumeRole", &role.arn, encode(form), region, Some(credentials))
            .await
    }

    /// Keys of a session in a role, for who has a token of a provider of identities that the role trusts.
    pub(super) async fn assume_with_web_identity(
        &self,
        identity: &WebIdentity,
        region: &str,
    ) -> Result<(Credentials, Option<Duration>), SendError> {
        let token = self
            .fetcher
            .token_file("the web identity token", &identity.file)
            .await?;
        let role = &identity.role;
        let session = self.session_name(role);
        let mut form = vec![
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", role.arn.as_str()),
            ("RoleSessionName", &session),
            ("Version", VERSION),
            ("WebIdentityToken", &token),
        ];
        if !role.seconds.is_empty() {
            form.push(("DurationSeconds", &role.seconds));
        }
        self.ask("AssumeRoleWithWebIdentity", &role.arn, encode(form), region, None)
            .await
    }

    fn session_name(&self, role: &Role) -> String {
        match role.session.as_str() {
            "" => format!("invar-{}", self.fetcher.host.clock.now()),
            name => name.to_owned(),
        }
    }

    async fn ask(
        &self,
        action: &str,
        arn: &str,
        form: String,
        region: &str,
        credentials: Option<&Credentials>,
    ) -> Result<(Credentials, Option<Duration>), SendError> {
        let what = format!("{action} of {arn:?}");
        let url = self.endpoint(region);
        let parsed = Url::parse(&url).map_err(|error| SendError::new(format!("{what} at {url:?}: {error}")))?;
        let mut headers = HeaderMap::new();
        if let Some(credentials) = credentials {
            let mut request = Request {
                method: Method::POST,
                url: parsed,
                headers: HeaderMap::new(),
                body: Bytes::from(form.clone()).into(),
                timeout: Duration::ZERO,
            };
            let kind = reqwest::header::HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers.insert(CONTENT_TYPE, kind);
            let region = if region == "aws-global" { "us-east-1" } else { region };
            let scope = Scope { region, service: "sts" };
            let signed = sign(&request, scope, credentials, self.fetcher.host.clock.now());
            for (name, value) in [
                (AUTHORIZATION, Some(signed.authorization)),
                (DATE, Some(signed.date)),
                (TOKEN, signed.security_token),
            ] {
                if let Some(value) = value {
                    let value = header_value(value.as_bytes());
                    headers.insert(
                        name,
                        value.map_err(|_| SendError::new("the AWS keys cannot be in a header"))?,
                    );
                }
            }
        }
        let answer = self.fetcher.form(&what, &url, form, headers).await?;
        let body = String::from_utf8_lossy(&answer.body);
        if !answer.status.is_success() {
            let code = element(&body, "Code").and_then(code).unwrap_or("no code");
            return Err(SendError::new(format!("{what}: AWS answers {}, {code}", answer.status)));
        }
        let get = |name: &str| element(&body, name).map(str::to_owned);
        match (get("AccessKeyId"), get("SecretAccessKey"), get("SessionToken")) {
            (Some(access_key), Some(secret_key), Some(session_token)) => {
                let lifetime = super::keys::until(&self.fetcher, element(&body, "Expiration"));
                let credentials = Credentials {
                    access_key,
                    secret_key,
                    session_token,
                };
                Ok((credentials, lifetime))
            }
            _ => Err(SendError::new(format!("{what}: AWS answers without keys"))),
        }
    }

    /// Where the service is. `AWS_ENDPOINT_URL_STS` and `AWS_ENDPOINT_URL` have it elsewhere, as in all of Amazon's SDKs.
    fn endpoint(&self, region: &str) -> String {
        let var = |name: &str| self.fetcher.var(name);
        let ignored =
            var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if let (false, Some(url)) = (ignored, var("AWS_ENDPOINT_URL_STS").or_else(|| var("AWS_ENDPOINT_URL"))) {
            return url;
        }
        regional(region, self.config.fips)
    }
}

fn or<'a>(value: &'a str, usual: &'a str) -> &'a str {
    if value.is_empty() { usual } else { value }
}

/// The service's address in a region, by the partitions of Amazon's published endpoints.
fn regional(region: &str, fips: bool) -> String {
    const PARTITIONS: [(&str, &str); 6] = [
        ("cn-", "amazonaws.com.cn"),
        ("eusc-", "amazonaws.eu"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("us-iso-", "c2s.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
    ];
    if region == "aws-global" {
        return "https://sts.amazonaws.com/".to_owned();
    }
    let partition = PARTITIONS.iter().find(|(start, _)| region.starts_with(start));
    let domain = partition.map_or("amazonaws.com", |(_, domain)| domain);
    // All endpoints of the government's regions are validated.
    let service = if fips && !region.starts_with("us-gov-") {
        "sts-fips"
    } else {
        "sts"
    };
    format!("https://{service}.{region}.{domain}/")
}

/// The text of the first element of a name, in answers whose texts need no unescaping: keys are base64, codes are words.
fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_endpoints() {
        for (region, fips, url) in [
            ("eu-central-1", false, "https://sts.eu-central-1.amazonaws.com/"),
            ("us-east-1", true, "https://sts-fips.us-east-1.amazonaws.com/"),
            ("us-gov-west-1", true, "https://sts.us-gov-west-1.amazonaws.com/"),
            ("cn-north-1", false, "https://sts.cn-north-1.amazonaws.com.cn/"),
            ("us-isob-east-1", false, "https://sts.us-isob-east-1.sc2s.sgov.gov/"),
            ("aws-global", false, "https://sts.amazonaws.com/"),
        ] {
            assert_eq!(regional(region, fips), url);
        }
    }
}
