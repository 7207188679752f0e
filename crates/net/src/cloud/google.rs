//! Tokens of Google, for writing to Cloud Monitoring.
//!
//! Where credentials are looked for: "How Application Default Credentials works"
//! (<https://cloud.google.com/docs/authentication/application-default-credentials>). How a service account proves who it is:
//! <https://developers.google.com/identity/protocols/oauth2/service-account>, RFC 7523.

use super::cached::{Cached, Fetched};
use super::fetch::{Fetcher, code, encode};
use crate::client::Request;
use crate::credentials::header_value;
use crate::error::SendError;
use crate::oauth2::read_token;
use crate::{Answer, HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::AUTHORIZATION;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;

const SCOPE: &str = "https://www.googleapis.com/auth/monitoring.write";
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
/// The project that pays for requests, if the credentials name one.
const PROJECT: HeaderName = HeaderName::from_static("x-goog-user-project");
const METADATA: &str = "Google's metadata service";
/// Seconds that an assertion is valid: the most that Google takes.
const ASSERTION: i64 = 3600;

/// Who asks for tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GoogleConfig {
    /// File with credentials; empty for Application Default Credentials.
    pub credentials_file: String,
}

pub(crate) struct Google {
    config: GoogleConfig,
    fetcher: Fetcher,
    access: Cached<Access>,
}

/// What a request carries.
#[derive(Clone)]
struct Access {
    token: HeaderValue,
    project: Option<HeaderValue>,
}

/// Credentials as Google's tools write them into files.
#[derive(Deserialize)]
struct File {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    token_uri: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    refresh_token: String,
    #[serde(default)]
    quota_project_id: String,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: String,
}

impl Google {
    pub(crate) fn new(config: GoogleConfig, fetcher: Fetcher) -> Self {
        Google {
            config,
            fetcher,
            access: Cached::default(),
        }
    }

    pub(crate) async fn authorize(&self, request: &mut Request) -> Result<(), SendError> {
        let access = self.access.get(self.fetch()).await?;
        request.headers.insert(AUTHORIZATION, access.token);
        if let Some(project) = access.project {
            request.headers.insert(PROJECT, project);
        }
        Ok(())
    }

    pub(crate) async fn doubt(&self) {
        self.access.doubt().await;
    }

    async fn fetch(&self) -> Result<Fetched<Access>, SendError> {
        let found = self.file().await;
        let fetched = match found {
            Ok(Some(path)) => self.by_file(&path).await,
            Ok(None) => self.by_metadata().await,
            Err(error) => Err(error),
        };
        fetched.map_err(|error| SendError::new(format!("no token for Google Cloud: {error}")))
    }

    /// The file with credentials, if there is one.
    async fn file(&self) -> Result<Option<String>, SendError> {
        if !self.config.credentials_file.is_empty() {
            return Ok(Some(self.config.credentials_file.clone()));
        }
        if let Some(path) = self.fetcher.var("GOOGLE_APPLICATION_CREDENTIALS") {
            return Ok(Some(path));
        }
        let Some(home) = self.fetcher.var("HOME") else {
            return Ok(None);
        };
        let path = format!("{home}/.config/gcloud/application_default_credentials.json");
        let (fs, file) = (self.fetcher.host.fs.clone(), path.clone());
        let there = tokio::task::spawn_blocking(move || fs.read(file.as_ref()).is_ok()).await;
        Ok(Some(path).filter(|_| there.unwrap_or(false)))
    }

    async fn by_file(&self, path: &str) -> Result<Fetched<Access>, SendError> {
        let wrong = |message: &str| SendError::new(format!("{path:?} {message}"));
        let content = self.fetcher.file("the credentials", path).await?;
        // The error of the parser could show a part of the file.
        let file: File = serde_json::from_slice(&content).map_err(|_| wrong("is not a JSON file with credentials"))?;
        let uri = match file.token_uri.as_str() {
            "" => TOKEN_URI,
            uri => uri,
        };
        let form = match file.kind.as_str() {
            "service_account" => {
                let assertion = assertion(&file, uri, self.fetcher.seconds()).map_err(|message| wrong(&message))?;
                let kind = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                encode([("grant_type", kind), ("assertion", assertion.as_str())])
            }
            "authorized_user" => encode([
                ("grant_type", "refresh_token"),
                ("client_id", &file.client_id),
                ("client_secret", &file.client_secret),
                ("refresh_token", &file.refresh_token),
            ]),
            kind => {
                let known = "use one of type \"service_account\" or \"authorized_user\"";
                return Err(wrong(&format!(
                    "has credentials of type {kind:?}, which are not supported; {known}"
                )));
            }
        };
        let what = "Google's authorization server";
        let answer = self.fetcher.form(what, uri, form, HeaderMap::new()).await?;
        let project = self
            .fetcher
            .var("GOOGLE_CLOUD_QUOTA_PROJECT")
            .unwrap_or(file.quota_project_id);
        take(what, &answer, &project)
    }

    /// A token of the service account of the machine.
    async fn by_metadata(&self) -> Result<Fetched<Access>, SendError> {
        // An address without a name, so that a machine elsewhere does not ask its resolver for one.
        let host = self
            .fetcher
            .var("GCE_METADATA_HOST")
            .unwrap_or_else(|| "169.254.169.254".to_owned());
        let path = "/computeMetadata/v1/instance/service-accounts/default/token";
        let url = format!("http://{host}{path}?{}", encode([("scopes", SCOPE)]));
        let make = |http: &reqwest::Client| http.get(url).header("metadata-flavor", "Google");
        let answer = self.fetcher.near(METADATA, make).await.and_then(|answer| {
            take(
                METADATA,
                &answer,
                &self.fetcher.var("GOOGLE_CLOUD_QUOTA_PROJECT").unwrap_or_default(),
            )
        });
        answer.map_err(|error| {
            let tried =
                "credentials_file and GOOGLE_APPLICATION_CREDENTIALS are not set, and there is no file of gcloud";
            SendError::new(format!("{tried}; {error}"))
        })
    }
}

fn take(what: &str, answer: &Answer, project: &str) -> Result<Fetched<Access>, SendError> {
    if !answer.status.is_success() {
        let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
        let reason = code(&refusal.error).map(|code| format!(", {code}")).unwrap_or_default();
        return Err(SendError::new(format!("{what} answers {}{reason}", answer.status)));
    }
    let token = read_token(&answer.body).ok_or_else(|| SendError::new(format!("{what} answers without a token")))?;
    let project = Some(project).filter(|project| !project.is_empty());
    let access = Access {
        token: token.header,
        project: project.and_then(|project| header_value(project.as_bytes()).ok()),
    };
    Ok((access, token.valid))
}

/// What a service account signs to get a token.
fn assertion(file: &File, audience: &str, now: i64) -> Result<String, String> {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(serde_json::json!({"alg": "RS256", "typ": "JWT", "kid": file.private_key_id}));
    let claims = part(serde_json::json!({
        "iss": file.client_email,
        "scope": SCOPE,
        "aud": audience,
        "iat": now,
        "exp": now + ASSERTION,
    }));
    let unusable = || "has no usable private_key".to_owned();
    let key = match PrivateKeyDer::from_pem_slice(file.private_key.as_bytes()).map_err(|_| unusable())? {
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        _ => return Err(unusable()),
    };
    let key = key.map_err(|_| unusable())?;
    let signed = format!("{header}.{claims}");
    let mut signature = vec![0; key.public().modulus_len()];
    // What blinds the key has to be the system's: what the host offers is not made for keys.
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut signature,
    )
    .map_err(|_| unusable())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
