//! Credentials, headers, redirects and proxies, as the server sees them.

use crate::kit::{Server, client, request, send};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use net::{Authorization, BasicAuth, Client, HeaderValue, HttpClientConfig, OAuth2, ProxyConfig};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use value::Secret;

#[tokio::test]
async fn a_password_file_is_read_for_each_request() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    let server = Server::content().await;
    let client = client(&HttpClientConfig {
        basic_auth: Some(BasicAuth {
            username: "Aladdin".to_owned(),
            password_file: file.display().to_string(),
            ..BasicAuth::default()
        }),
        ..HttpClientConfig::default()
    });
    let error = send(&client, &server.url("/")).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot read password_file"), "{error}");
    assert!(server.seen().is_empty());
    std::fs::write(&file, "open sesame\n").unwrap();
    send(&client, &server.url("/")).await.unwrap();
    std::fs::write(&file, "other").unwrap();
    send(&client, &server.url("/")).await.unwrap();
    let seen = server.seen();
    // The example of RFC 7617.
    assert_eq!(seen[0].header("authorization"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert_ne!(seen[1].header("authorization"), seen[0].header("authorization"));
}

#[tokio::test]
async fn tokens_and_schemes_and_headers_of_the_configuration() {
    let server = Server::content().await;
    let bearer = HttpClientConfig {
        bearer_token: Secret::new("t0ken"),
        http_headers: [("X-Extra".to_owned(), vec![Secret::new("1"), Secret::new("2")])].into(),
        ..HttpClientConfig::default()
    };
    let custom = HttpClientConfig {
        authorization: Some(Authorization {
            scheme: " ApiKey ".to_owned(),
            credentials: Secret::new("abc"),
            ..Authorization::default()
        }),
        ..HttpClientConfig::default()
    };
    send(&client(&bearer), &server.url("/a")).await.unwrap();
    send(&client(&custom), &server.url("/b")).await.unwrap();
    let mut own = request(&server.url("/c"));
    own.headers.insert("authorization", HeaderValue::from_static("Mine 1"));
    own.headers.insert("x-extra", HeaderValue::from_static("mine"));
    client(&bearer).send(own, 10).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].header("authorization"), "Bearer t0ken");
    assert_eq!(seen[0].headers.get_all("x-extra").iter().count(), 2);
    assert_eq!(seen[0].body.as_ref(), b"body");
    assert_eq!(seen[1].header("authorization"), "ApiKey abc");
    assert_eq!(
        (seen[2].header("authorization"), seen[2].header("x-extra")),
        ("Mine 1", "mine")
    );
    assert_eq!(seen[2].headers.get_all("x-extra").iter().count(), 1);
}

#[tokio::test]
async fn tokens_are_fetched_kept_and_fetched_again_when_they_are_refused() {
    // This authorization server takes the client's credentials in the form only, and gives another token each time.
    let count = Mutex::new(0);
    let tokens = Server::start(move |seen| {
        let form = String::from_utf8_lossy(&seen.body).into_owned();
        if !form.contains("client_secret=s3cret") {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let mut count = count.lock().unwrap();
        *count += 1;
        format!(r#"{{"access_token": "token{count}", "token_type": "bearer", "expires_in": "3600"}}"#).into_response()
    })
    .await;
    let api = Server::start(|seen| match seen.header("authorization") {
        "Bearer token2" => StatusCode::NO_CONTENT.into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    })
    .await;
    let client = client(&HttpClientConfig {
        oauth2: Some(OAuth2 {
            client_id: "id".to_owned(),
            client_secret: Secret::new("s3cret"),
            scopes: vec!["a".to_owned(), "b".to_owned()],
            token_url: tokens.url("/token"),
            endpoint_params: [("audience".to_owned(), "x y".to_owned())].into(),
            ..OAuth2::default()
        }),
        ..HttpClientConfig::default()
    });
    assert_eq!(
        send(&client, &api.url("/")).await.unwrap().status,
        StatusCode::UNAUTHORIZED
    );
    for _ in 0..3 {
        assert_eq!(
            send(&client, &api.url("/")).await.unwrap().status,
            StatusCode::NO_CONTENT
        );
    }
    let asked = tokens.seen();
    assert_eq!(
        asked.len(),
        3,
        "one with the credentials in a header, then one for each token"
    );
    assert!(asked[0].header("authorization").starts_with("Basic "));
    assert_eq!(
        asked[1].body.as_ref(),
        b"grant_type=client_credentials&scope=a+b&audience=x+y&client_id=id&client_secret=s3cret"
    );
}

#[tokio::test]
async fn an_authorization_server_that_says_no_is_named_without_the_secret() {
    let tokens = Server::start(|seen| (StatusCode::FORBIDDEN, seen.body.clone()).into_response()).await;
    let api = Server::content().await;
    let client = client(&HttpClientConfig {
        oauth2: Some(OAuth2 {
            client_id: "id".to_owned(),
            client_secret: Secret::new("s3cret"),
            token_url: tokens.url("/token"),
            ..OAuth2::default()
        }),
        ..HttpClientConfig::default()
    });
    let error = send(&client, &api.url("/")).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot fetch a token: the authorization server answers 403 Forbidden"
    );
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn redirects_are_followed_only_if_wanted() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/old" => (StatusCode::PERMANENT_REDIRECT, [("location", "/new")]).into_response(),
        _ => StatusCode::NO_CONTENT.into_response(),
    })
    .await;
    let follow = client(&HttpClientConfig::default());
    assert_eq!(
        send(&follow, &server.url("/old")).await.unwrap().status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(server.seen()[1].body.as_ref(), b"body");
    let stay = client(&HttpClientConfig {
        follow_redirects: false,
        ..HttpClientConfig::default()
    });
    let answer = send(&stay, &server.url("/old")).await.unwrap();
    assert_eq!(
        (answer.status, answer.header("location")),
        (StatusCode::PERMANENT_REDIRECT, Some("/new"))
    );
}

#[tokio::test]
async fn who_pushes_is_not_redirected_to_a_request_without_a_body() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/temporary" => (StatusCode::TEMPORARY_REDIRECT, [("location", "/new")]).into_response(),
        "/login" => (StatusCode::FOUND, [("location", "/new")]).into_response(),
        "/circle" => (StatusCode::TEMPORARY_REDIRECT, [("location", "/circle")]).into_response(),
        _ => StatusCode::NO_CONTENT.into_response(),
    })
    .await;
    let pushing = Client::pushing(&HttpClientConfig::default(), Arc::new(host::RealFs)).unwrap();
    let status = async |path: &str| send(&pushing, &server.url(path)).await.map(|answer| answer.status);
    assert_eq!(status("/temporary").await, Ok(StatusCode::NO_CONTENT));
    assert_eq!(server.seen()[1].body.as_ref(), b"body");
    assert_eq!(status("/login").await, Ok(StatusCode::FOUND));
    assert!(
        status("/circle")
            .await
            .unwrap_err()
            .to_string()
            .contains("too many redirects")
    );
    // Others follow, as browsers do.
    let usual = client(&HttpClientConfig::default());
    assert_eq!(
        send(&usual, &server.url("/login")).await.unwrap().status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn a_proxy_gets_its_credentials_and_exceptions_go_around_it() {
    let proxy = Server::content().await;
    let direct = Server::content().await;
    let client = client(&HttpClientConfig {
        proxy: ProxyConfig {
            proxy_url: format!("http://user:pa55@{}", proxy.addr),
            no_proxy: "127.0.0.1".to_owned(),
            proxy_connect_header: [("X-Via".to_owned(), vec![Secret::new("invar")])].into(),
            ..ProxyConfig::default()
        },
        ..HttpClientConfig::default()
    });
    send(&client, "http://loki.example/push").await.unwrap();
    send(&client, &direct.url("/direct")).await.unwrap();
    let (through, around) = (proxy.seen(), direct.seen());
    assert_eq!((through.len(), around.len()), (1, 1));
    assert_eq!(through[0].path, "http://loki.example/push");
    assert_eq!(through[0].header("proxy-authorization"), "Basic dXNlcjpwYTU1");
    assert_eq!(through[0].header("x-via"), "invar");
    assert_eq!(around[0].header("proxy-authorization"), "");
}

#[tokio::test]
async fn errors_say_what_happened_and_not_where_with_which_password() {
    let client = client(&HttpClientConfig::default());
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = send(&client, &format!("http://user:pa55@{closed}/x"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("refused") && !error.is_timeout(), "{error}");
    assert!(!error.to_string().contains("pa55"), "{error}");

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut slow = request(&format!("http://{}/", silent.local_addr().unwrap()));
    slow.timeout = Duration::from_millis(50);
    let error = client.send(slow, 10).await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.to_string(), "no answer in time");
}

#[tokio::test]
async fn only_the_beginning_of_an_answer_is_read() {
    let server = Server::start(|_| (StatusCode::BAD_REQUEST, "a \n\t b ".repeat(10_000)).into_response()).await;
    let answer = client(&HttpClientConfig::default())
        .send(request(&server.url("/")), 6)
        .await
        .unwrap();
    assert_eq!((answer.body.len(), answer.text().as_str()), (6, "a b"));
}
