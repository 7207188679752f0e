//! Tokens of Google.

use super::{Machine, failure};
use crate::kit::{Server, send};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use net::cloud::{CloudConfig, GoogleConfig};
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;

/// A key that was made for this test and opens nothing.
const KEY: &str = include_str!("service-account-key.pem");

fn config(file: &str) -> CloudConfig {
    CloudConfig::Google(GoogleConfig {
        credentials_file: file.to_owned(),
    })
}

async fn tokens() -> Server {
    Server::start(|_| r#"{"access_token": "t0ken", "expires_in": 3599, "token_type": "Bearer"}"#.into_response()).await
}

#[tokio::test]
async fn a_service_account_signs_who_it_is() {
    let (server, api) = (tokens().await, Server::content().await);
    let file = serde_json::json!({
        "type": "service_account",
        "client_email": "writer@project.iam.gserviceaccount.com",
        "private_key_id": "kid1",
        "private_key": KEY,
        "token_uri": server.url("/token"),
        "quota_project_id": "payer",
    });
    let machine = Machine {
        files: &[("/key.json", &file.to_string())],
        ..Machine::default()
    };
    let client = machine.client(config("/key.json"));
    for _ in 0..2 {
        send(&client, &api.url("/")).await.unwrap();
    }
    for seen in api.seen() {
        assert_eq!(seen.header("authorization"), "Bearer t0ken");
        assert_eq!(seen.header("x-goog-user-project"), "payer");
    }
    let asked = server.seen();
    assert_eq!(asked.len(), 1);
    let start = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    let assertion = asked[0].text().strip_prefix(start).unwrap();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let json = |part: &str| serde_json::from_slice::<serde_json::Value>(&decode(part)).unwrap();
    assert_eq!(
        json(header),
        serde_json::json!({"alg": "RS256", "typ": "JWT", "kid": "kid1"})
    );
    let expected = serde_json::json!({
        "iss": "writer@project.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/monitoring.write",
        "aud": server.url("/token"),
        "iat": 1_440_938_160,
        "exp": 1_440_941_760,
    });
    assert_eq!(json(claims), expected);
    let der = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    public.verify(signed.as_bytes(), &decode(signature)).unwrap();
}

#[tokio::test]
async fn default_credentials_are_looked_for_in_order() {
    let (server, api) = (tokens().await, Server::content().await);
    let user = |secret: &str| {
        let file = serde_json::json!({
            "type": "authorized_user",
            "client_id": "cid",
            "client_secret": secret,
            "refresh_token": "r3fresh",
            "token_uri": server.url("/user"),
        });
        file.to_string()
    };
    let (named, usual) = (user("named"), user("usual"));
    let files = [
        ("/named.json", named.as_str()),
        (
            "/home/u/.config/gcloud/application_default_credentials.json",
            usual.as_str(),
        ),
    ];
    let metadata = server.addr.to_string();
    let env = [
        ("GCE_METADATA_HOST", metadata.as_str()),
        ("HOME", "/home/u"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/named.json"),
    ];
    for count in [3, 2, 1] {
        let machine = Machine {
            files: &files,
            env: &env[..count],
            ..Machine::default()
        };
        send(&machine.client(config("")), &api.url("/")).await.unwrap();
    }
    let asked = server.seen();
    let form =
        |secret: &str| format!("grant_type=refresh_token&client_id=cid&client_secret={secret}&refresh_token=r3fresh");
    assert_eq!(
        (asked[0].path.as_str(), asked[0].text()),
        ("/user", form("named").as_str())
    );
    assert_eq!(asked[1].text(), form("usual"));
    let scope = "https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fmonitoring.write";
    let path = "/computeMetadata/v1/instance/service-accounts/default/token";
    assert_eq!(asked[2].path, format!("{path}?scopes={scope}"));
    assert_eq!(asked[2].header("metadata-flavor"), "Google");
    assert!(
        api.seen()
            .iter()
            .all(|seen| seen.header("authorization") == "Bearer t0ken")
    );
}

#[tokio::test]
async fn what_is_unusable_is_named_without_secrets() {
    let server = Server::start(|seen| {
        let echo = format!(
            r#"{{"error": "invalid_grant", "error_description": "{}"}}"#,
            seen.text()
        );
        (StatusCode::BAD_REQUEST, echo).into_response()
    })
    .await;
    let user = format!(
        r#"{{"type": "authorized_user", "client_secret": "s3cret", "refresh_token": "r3fresh", "token_uri": "{}"}}"#,
        server.url("/")
    );
    let machine = Machine {
        files: &[
            ("/user.json", &user),
            ("/external.json", r#"{"type": "external_account"}"#),
            ("/key.json", r#"{"type": "service_account", "private_key": "s3cret"}"#),
            ("/text.json", "s3cret"),
        ],
        ..Machine::default()
    };
    for (file, expected) in [
        (
            "/user.json",
            "Google's authorization server answers 400 Bad Request, invalid_grant",
        ),
        (
            "/external.json",
            "\"/external.json\" has credentials of type \"external_account\", which are not supported; \
             use one of type \"service_account\" or \"authorized_user\"",
        ),
        ("/key.json", "\"/key.json\" has no usable private_key"),
        ("/text.json", "\"/text.json\" is not a JSON file with credentials"),
    ] {
        let error = failure(&machine.client(config(file))).await;
        assert_eq!(error, format!("no token for Google Cloud: {expected}"));
    }
    let error = failure(&machine.client(config("/missing.json"))).await;
    assert!(
        error.starts_with("no token for Google Cloud: cannot read the credentials \"/missing.json\""),
        "{error}"
    );
}
