//! Tokens of Entra ID.

use super::{Machine, failure};
use crate::kit::{Server, send};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use net::cloud::{AzureCloud, AzureConfig, AzureIdentity, CloudConfig, Places};
use value::Secret;

fn config(identity: AzureIdentity) -> CloudConfig {
    CloudConfig::Azure(AzureConfig {
        cloud: AzureCloud::Public,
        scope: String::new(),
        identity,
    })
}

fn application() -> AzureIdentity {
    AzureIdentity::Secret {
        tenant_id: "contoso.com".to_owned(),
        client_id: "cid".to_owned(),
        secret: Secret::new("s3cret"),
    }
}

/// An endpoint that gives tokens with what else its answers say.
async fn tokens(more: &'static str) -> Server {
    Server::start(move |_| format!(r#"{{"token_type": "Bearer", "access_token": "t0ken", {more}}}"#).into_response())
        .await
}

fn places(server: &Server) -> Places {
    Places {
        azure_authority: Some(server.url("")),
        azure_metadata: server.url(""),
        ..Places::default()
    }
}

const FORM: &str = "grant_type=client_credentials&client_id=cid&scope=https%3A%2F%2Fmonitor.azure.com%2F%2F.default";

#[tokio::test]
async fn an_application_shows_its_secret_or_the_token_of_its_workload() {
    let (authority, api) = (tokens(r#""expires_in": 3599"#).await, Server::content().await);
    let machine = Machine {
        files: &[("/token", "j.w.t\n")],
        env: &[("AZURE_FEDERATED_TOKEN_FILE", "/token")],
        places: places(&authority),
    };
    let client = machine.client(config(application()));
    for _ in 0..3 {
        send(&client, &api.url("/")).await.unwrap();
    }
    let workload = |file: &str| AzureIdentity::Workload {
        tenant_id: "tid".to_owned(),
        client_id: "cid".to_owned(),
        token_file: file.to_owned(),
    };
    send(&machine.client(config(workload("/token"))), &api.url("/"))
        .await
        .unwrap();
    send(&machine.client(config(workload(""))), &api.url("/"))
        .await
        .unwrap();
    assert!(
        api.seen()
            .iter()
            .all(|seen| seen.header("authorization") == "Bearer t0ken")
    );
    let asked = authority.seen();
    assert_eq!(asked.len(), 3, "a token is kept");
    assert_eq!(asked[0].path, "/contoso.com/oauth2/v2.0/token");
    assert_eq!(asked[0].text(), format!("{FORM}&client_secret=s3cret"));
    for asked in &asked[1..] {
        assert_eq!(asked.path, "/tid/oauth2/v2.0/token");
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        assert_eq!(
            asked.text(),
            format!("{FORM}&client_assertion_type={kind}&client_assertion=j.w.t")
        );
    }
}

#[tokio::test]
async fn another_cloud_or_scope_is_asked_for() {
    let (authority, api) = (tokens(r#""expires_in": 3599"#).await, Server::content().await);
    for (cloud, scope) in [
        (AzureCloud::China, ""),
        (AzureCloud::Government, ""),
        (AzureCloud::Public, "api://x/.default"),
    ] {
        let machine = Machine {
            places: places(&authority),
            ..Machine::default()
        };
        let config = AzureConfig {
            cloud,
            scope: scope.to_owned(),
            identity: application(),
        };
        send(&machine.client(CloudConfig::Azure(config)), &api.url("/"))
            .await
            .unwrap();
    }
    let scopes = [
        "https%3A%2F%2Fmonitor.azure.cn%2F%2F.default",
        "https%3A%2F%2Fmonitor.azure.us%2F%2F.default",
        "api%3A%2F%2Fx%2F.default",
    ];
    for (asked, scope) in authority.seen().iter().zip(scopes) {
        assert!(asked.text().contains(&format!("&scope={scope}&")), "{}", asked.text());
    }
}

#[tokio::test]
async fn machines_and_applications_vouch_for_identities() {
    let (service, api) = (
        tokens(r#""expires_on": "1440941760", "resource": "r""#).await,
        Server::content().await,
    );
    let managed = |id: &str| {
        config(AzureIdentity::Managed {
            client_id: id.to_owned(),
        })
    };
    let machine = Machine {
        places: places(&service),
        ..Machine::default()
    };
    send(&machine.client(managed("cid")), &api.url("/")).await.unwrap();
    send(&machine.client(managed("")), &api.url("/")).await.unwrap();
    let application = Machine {
        env: &[
            ("IDENTITY_ENDPOINT", &service.url("/msi/token")),
            ("IDENTITY_HEADER", "h3ader"),
        ],
        ..Machine::default()
    };
    send(&application.client(managed("cid")), &api.url("/")).await.unwrap();
    let asked = service.seen();
    let resource = "resource=https%3A%2F%2Fmonitor.azure.com%2F";
    let imds = format!("/metadata/identity/oauth2/token?api-version=2018-02-01&{resource}");
    assert_eq!(asked[0].path, format!("{imds}&client_id=cid"));
    assert_eq!(
        (asked[1].path.as_str(), asked[1].header("metadata")),
        (imds.as_str(), "true")
    );
    assert_eq!(
        asked[2].path,
        format!("/msi/token?api-version=2019-08-01&{resource}&client_id=cid")
    );
    assert_eq!(asked[2].header("x-identity-header"), "h3ader");
    assert!(
        api.seen()
            .iter()
            .all(|seen| seen.header("authorization") == "Bearer t0ken")
    );
}

#[tokio::test]
async fn the_agent_of_arc_wants_to_see_a_file_of_its_own() {
    let key = "/var/opt/azcmagent/tokens/1.key";
    for (file, works) in [
        (key, true),
        ("/etc/shadow.key", false),
        ("/var/opt/azcmagent/tokens/../../../../etc/1.key", false),
    ] {
        let agent = Server::start(move |seen| match seen.header("authorization") {
            "Basic chall3nge" => r#"{"access_token": "t0ken", "expires_in": "86400"}"#.into_response(),
            _ => (
                StatusCode::UNAUTHORIZED,
                [("www-authenticate", format!("Basic realm={file}"))],
            )
                .into_response(),
        })
        .await;
        let api = Server::content().await;
        let machine = Machine {
            env: &[
                ("IDENTITY_ENDPOINT", &agent.url("/token")),
                ("IMDS_ENDPOINT", "http://x"),
            ],
            files: &[(file, "chall3nge\n")],
            ..Machine::default()
        };
        let client = machine.client(config(AzureIdentity::Default {
            tenant_id: String::new(),
        }));
        match works {
            true => {
                send(&client, &api.url("/")).await.unwrap();
                assert_eq!(api.seen()[0].header("authorization"), "Bearer t0ken");
            }
            false => {
                let error = failure(&client).await;
                assert!(error.contains("none of /var/opt/azcmagent/tokens/*.key"), "{error}");
                assert_eq!(agent.seen().len(), 1);
            }
        }
    }
}

#[tokio::test]
async fn the_environment_says_who_asks_and_in_which_order() {
    let (authority, api) = (tokens(r#""expires_in": 3599"#).await, Server::content().await);
    let all = [
        ("AZURE_CLIENT_ID", "cid"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/token"),
        ("AZURE_TENANT_ID", "etid"),
        ("AZURE_CLIENT_SECRET", "s3cret"),
    ];
    let machine = |env: usize| Machine {
        files: &[("/token", "j.w.t")],
        env: &all[..env],
        places: places(&authority),
    };
    for (env, tenant) in [(4, "tid"), (3, "tid"), (3, ""), (1, "")] {
        let identity = AzureIdentity::Default {
            tenant_id: tenant.to_owned(),
        };
        send(&machine(env).client(config(identity)), &api.url("/"))
            .await
            .unwrap();
    }
    let asked = authority.seen();
    assert!(asked[0].path.starts_with("/etid/") && asked[0].text().ends_with("client_secret=s3cret"));
    assert!(asked[1].path.starts_with("/tid/") && asked[1].text().ends_with("client_assertion=j.w.t"));
    assert!(asked[2].path.starts_with("/etid/") && asked[2].text().ends_with("client_assertion=j.w.t"));
    assert!(asked[3].path.starts_with("/metadata/") && asked[3].path.ends_with("client_id=cid"));
}

#[tokio::test]
async fn refusals_are_named_without_what_was_sent() {
    let authority = Server::start(|seen| {
        let echo = format!(
            r#"{{"error": "invalid_client", "error_description": "AADSTS7000215: {}", "error_codes": [7000215]}}"#,
            seen.text()
        );
        (StatusCode::UNAUTHORIZED, echo).into_response()
    })
    .await;
    let machine = Machine {
        places: places(&authority),
        ..Machine::default()
    };
    let error = failure(&machine.client(config(application()))).await;
    let expected = format!(
        "no token for Azure: {} answers 401 Unauthorized, invalid_client, AADSTS7000215",
        authority.url("")
    );
    assert_eq!(error, expected);
    assert!(!format!("{:?}", application()).contains("s3cret"));
    let error = failure(&machine.client(config(AzureIdentity::Default {
        tenant_id: String::new(),
    })))
    .await;
    assert!(
        error.contains("AZURE_CLIENT_SECRET") && error.contains("metadata service"),
        "{error}"
    );
}
