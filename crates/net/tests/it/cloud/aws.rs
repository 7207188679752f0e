//! Signatures for Amazon, checked as Amazon does: what arrived is signed again with the key that was meant.

use super::{AN_HOUR_LATER, Machine, NOW, failure};
use crate::kit::{Seen, Server, request, send};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use net::HeaderValue;
use net::cloud::{AwsConfig, CloudConfig, Places};
use sigv4::{Credentials, Scope};
use value::Secret;

fn keys(access_key: &str, secret_key: &str, session_token: &str) -> Credentials {
    Credentials {
        access_key: access_key.to_owned(),
        secret_key: secret_key.to_owned(),
        session_token: session_token.to_owned(),
    }
}

fn config() -> AwsConfig {
    AwsConfig {
        service: "aps".to_owned(),
        ..AwsConfig::default()
    }
}

fn static_keys() -> AwsConfig {
    AwsConfig {
        access_key: "AKID".to_owned(),
        secret_key: Secret::new("s3cret"),
        region: "eu-central-1".to_owned(),
        ..config()
    }
}

/// Checks the signature of a request that arrived. Gives the names of the headers that are signed.
#[track_caller]
fn check(seen: &Seen, server: &Server, scope: Scope<'_>, credentials: &Credentials) -> String {
    let authorization = seen.header("authorization");
    let (_, rest) = authorization.split_once("SignedHeaders=").unwrap();
    let (names, _) = rest.split_once(", ").unwrap();
    let set_by_signer = ["host", "x-amz-date", "x-amz-security-token"];
    let headers: Vec<(&str, &[u8])> = names
        .split(';')
        .filter(|name| !set_by_signer.contains(name))
        .map(|name| (name, seen.headers[name].as_bytes()))
        .collect();
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let request = sigv4::Request {
        method: seen.method.as_str(),
        host: &server.addr.to_string(),
        path,
        query,
        headers: &headers,
        body: &seen.body,
    };
    let signed = sigv4::sign(&request, scope, credentials, NOW);
    assert_eq!(authorization, signed.authorization);
    assert_eq!(seen.header("x-amz-date"), "20150830T123600Z");
    assert_eq!(seen.header("x-amz-security-token"), credentials.session_token);
    names.to_owned()
}

fn aps(region: &str) -> Scope<'_> {
    Scope { region, service: "aps" }
}

#[tokio::test]
async fn what_is_sent_is_signed() {
    let api = Server::content().await;
    let client = Machine::default().client(CloudConfig::Aws(static_keys()));
    let mut own = request(&api.url("//workspaces/ws//api/v1/remote_write?b=2&a=x+y"));
    for (name, value) in [
        ("content-encoding", "snappy"),
        ("user-agent", "Invar"),
        ("uber-trace-id", "1:2:3:4"),
        ("x-mine", "  a   b "),
        ("authorization", "Mine"),
        ("x-amz-date", "long ago"),
    ] {
        own.headers.insert(name, HeaderValue::from_static(value));
    }
    client.send(own, 10).await.unwrap();
    let seen = &api.seen()[0];
    assert_eq!(seen.path, "/workspaces/ws/api/v1/remote_write?b=2&a=x+y");
    assert_eq!(seen.header("uber-trace-id"), "1:2:3:4");
    let names = check(seen, &api, aps("eu-central-1"), &keys("AKID", "s3cret", ""));
    assert_eq!(names, "content-encoding;content-length;host;x-amz-date;x-mine");
    assert!(seen.headers.get_all("authorization").iter().count() == 1);
}

#[tokio::test]
async fn a_machine_gives_the_keys_of_its_role_and_its_region() {
    let imds = Server::start(|seen| {
        let with_token = seen.header("x-aws-ec2-metadata-token") == "t0ken";
        let at = "/latest/meta-data/iam/security-credentials/";
        match (seen.method.as_str(), seen.path.as_str()) {
            ("PUT", "/latest/api/token") => "t0ken".into_response(),
            ("GET", path) if with_token && path == at => "the-role\n".into_response(),
            ("GET", path) if with_token && path == format!("{at}the-role") => format!(
                r#"{{"Code": "Success", "AccessKeyId": "IAK", "SecretAccessKey": "ISK", "Token": "IT", "Expiration": "{AN_HOUR_LATER}"}}"#
            )
            .into_response(),
            ("GET", "/latest/meta-data/placement/region") if with_token => "eu-north-1".into_response(),
            _ => StatusCode::UNAUTHORIZED.into_response(),
        }
    })
    .await;
    let api = Server::content().await;
    let client = Machine {
        env: &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &imds.url("/"))],
        ..Machine::default()
    }
    .client(CloudConfig::Aws(config()));
    for _ in 0..3 {
        send(&client, &api.url("/")).await.unwrap();
    }
    for seen in api.seen() {
        check(&seen, &api, aps("eu-north-1"), &keys("IAK", "ISK", "IT"));
    }
    assert_eq!(
        imds.seen().len(),
        5,
        "keys and region are fetched once, in two sessions"
    );
    assert_eq!(imds.seen()[0].header("x-aws-ec2-metadata-token-ttl-seconds"), "21600");
}

#[tokio::test]
async fn a_container_shows_its_token() {
    let service = Server::start(|seen| match (seen.path.as_str(), seen.header("authorization")) {
        ("/v2/credentials/id", "tok") => {
            r#"{"AccessKeyId": "CAK", "SecretAccessKey": "CSK", "Token": "CT"}"#.into_response()
        }
        _ => StatusCode::FORBIDDEN.into_response(),
    })
    .await;
    let api = Server::content().await;
    let ask = async |name: &str, uri: &str| {
        let env = [
            (name, uri),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/token"),
            ("AWS_REGION", "eu-west-3"),
        ];
        let machine = Machine {
            env: &env,
            files: &[("/token", "tok\n")],
            places: Places {
                aws_containers: service.url(""),
                ..Places::default()
            },
        };
        send(&machine.client(CloudConfig::Aws(config())), &api.url("/")).await
    };
    let (relative, full) = (
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    );
    let path = "/v2/credentials/id";
    ask(relative, path).await.unwrap();
    ask(full, &service.url(path)).await.unwrap();
    for seen in api.seen() {
        check(&seen, &api, aps("eu-west-3"), &keys("CAK", "CSK", "CT"));
    }
    let error = ask(full, "http://example.com/x").await.unwrap_err().to_string();
    assert!(error.contains(full), "{error}");
    let error = ask(relative, "/other").await.unwrap_err().to_string();
    assert!(error.ends_with("answers 403 Forbidden"), "{error}");
    assert_eq!(service.seen().len(), 3);
}

fn session(action: &str) -> String {
    format!(
        "<{action}Response><{action}Result><Credentials><AccessKeyId>RAK</AccessKeyId><SecretAccessKey>RSK</SecretAccessKey>\
         <SessionToken>RT</SessionToken><Expiration>{AN_HOUR_LATER}</Expiration></Credentials></{action}Result></{action}Response>"
    )
}

#[tokio::test]
async fn a_role_is_assumed_with_the_keys_that_are_there() {
    let sts = Server::start(|_| session("AssumeRole").into_response()).await;
    let api = Server::content().await;
    let client = Machine {
        env: &[("AWS_ENDPOINT_URL_STS", &sts.url("/"))],
        ..Machine::default()
    }
    .client(CloudConfig::Aws(AwsConfig {
        role_arn: "arn:aws:iam::1:role/writer".to_owned(),
        external_id: "e x".to_owned(),
        ..static_keys()
    }));
    for _ in 0..2 {
        send(&client, &api.url("/")).await.unwrap();
    }
    let asked = sts.seen();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].text(),
        "Action=AssumeRole&DurationSeconds=900&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fwriter\
         &RoleSessionName=invar-1440938160000000000&Version=2011-06-15&ExternalId=e+x"
    );
    let scope = Scope {
        region: "eu-central-1",
        service: "sts",
    };
    check(&asked[0], &sts, scope, &keys("AKID", "s3cret", ""));
    check(&api.seen()[1], &api, aps("eu-central-1"), &keys("RAK", "RSK", "RT"));
}

#[tokio::test]
async fn a_web_identity_is_exchanged_for_a_role() {
    let sts = Server::start(|_| session("AssumeRoleWithWebIdentity").into_response()).await;
    let api = Server::content().await;
    let client = Machine {
        env: &[
            ("AWS_ENDPOINT_URL", &sts.url("/")),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token"),
            ("AWS_ROLE_ARN", "arn:r"),
            ("AWS_ROLE_SESSION_NAME", "me"),
            ("AWS_REGION", "us-west-2"),
        ],
        files: &[("/var/run/token", "j.w.t\n")],
        ..Machine::default()
    }
    .client(CloudConfig::Aws(config()));
    send(&client, &api.url("/")).await.unwrap();
    let asked = &sts.seen()[0];
    assert_eq!(
        asked.text(),
        "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Ar&RoleSessionName=me&Version=2011-06-15&WebIdentityToken=j.w.t"
    );
    assert_eq!(asked.header("authorization"), "");
    check(&api.seen()[0], &api, aps("us-west-2"), &keys("RAK", "RSK", "RT"));
}

#[tokio::test]
async fn a_command_prints_keys() {
    let api = Server::content().await;
    let keys_of = |command: &str| {
        let json = r#"{"Version": 1, "AccessKeyId": "PAK", "SecretAccessKey": "PSK", "SessionToken": "PT"}"#;
        let file = format!("[default]\nregion = eu-south-1\ncredential_process = {command} '{json}'\n");
        let machine = Machine {
            files: &[("/config", &file)],
            env: &[("AWS_CONFIG_FILE", "/config")],
            ..Machine::default()
        };
        machine.client(CloudConfig::Aws(config()))
    };
    send(&keys_of("echo"), &api.url("/")).await.unwrap();
    check(&api.seen()[0], &api, aps("eu-south-1"), &keys("PAK", "PSK", "PT"));
    let error = failure(&keys_of("exit 3; echo")).await;
    assert_eq!(error, "the profile's credential_process fails: exit status: 3");
}

#[tokio::test]
async fn what_fails_is_named_without_secrets() {
    let sts = Server::start(|seen| {
        let echo = format!(
            "<Error><Code>AccessDenied</Code><Message>{} s3cret</Message></Error>",
            seen.text()
        );
        (StatusCode::FORBIDDEN, echo).into_response()
    })
    .await;
    let env = [("AWS_ENDPOINT_URL_STS", sts.url("/"))];
    let env = env.each_ref().map(|(name, value)| (*name, value.as_str()));
    let machine = Machine {
        env: &env,
        ..Machine::default()
    };
    let role = AwsConfig {
        role_arn: "arn:r".to_owned(),
        ..static_keys()
    };
    assert_eq!(
        failure(&machine.client(CloudConfig::Aws(role.clone()))).await,
        "AssumeRole of \"arn:r\": AWS answers 403 Forbidden, AccessDenied"
    );
    assert!(!format!("{role:?}").contains("s3cret"));
    let nothing = Machine {
        env: &[("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", "/home/u")],
        ..Machine::default()
    };
    let error = failure(&nothing.client(CloudConfig::Aws(config()))).await;
    assert_eq!(
        error,
        "no AWS credentials: AWS_ACCESS_KEY_ID and AWS_WEB_IDENTITY_TOKEN_FILE are not set; \
         profile \"default\" in \"/home/u/.aws/config\" or \"/home/u/.aws/credentials\" has no keys; \
         AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and …_FULL_URI are not set; \
         AWS_EC2_METADATA_DISABLED forbids to ask the machine's metadata service"
    );
    let imds = Server::start(|_| StatusCode::NOT_FOUND.into_response()).await;
    let machine = Machine {
        env: &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &imds.url(""))],
        ..Machine::default()
    };
    let error = failure(&machine.client(CloudConfig::Aws(config()))).await;
    assert!(error.starts_with("no AWS credentials: AWS_ACCESS_KEY_ID"), "{error}");
    assert!(
        error.ends_with("; the EC2 metadata service answers 404 Not Found"),
        "{error}"
    );
}
