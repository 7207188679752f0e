//! Basic authentication and its filter.

use crate::support::{Server, attr, block, component, header, inner};
use component::HealthState;
use reqwest::StatusCode;
use services::http::{AuthArgs, BasicArgs, FilterArgs, HttpArgs};
use std::sync::atomic::Ordering;
use value::{Secret, Value};

fn auth(filter: Option<FilterArgs>) -> HttpArgs {
    HttpArgs {
        auth: Some(AuthArgs {
            basic: Some(BasicArgs {
                username: "admin".to_owned(),
                password: Secret::new("s:3cret"),
            }),
            filter,
        }),
        tls: None,
    }
}

async fn status(server: &Server, path: &str, credentials: Option<(&str, &str)>) -> u16 {
    let mut request = server.client.get(server.url(path));
    if let Some((username, password)) = credentials {
        request = request.basic_auth(username, Some(password));
    }
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn every_path_needs_the_right_name_and_password() {
    let server = Server::start().await;
    server
        .controller
        .components
        .lock()
        .unwrap()
        .push(component("a.b", "", HealthState::Healthy));
    server.configure(auth(None));
    let paths = [
        "/-/healthy",
        "/-/ready",
        "/-/reload",
        "/-/support",
        "/metrics",
        "/debug/pprof/",
        "/api/v0/component/a.b/",
        "/api/v0/invar/ledger",
        "/api/v0/web/components",
        "/api/v0/web/modules/x/components",
        "/api/v0/web/components/a.b",
        "/api/v0/web/peers",
        "/api/nothing",
        "/",
        "//metrics",
        "/%2Fmetrics",
    ];
    for path in paths {
        let response = server.get(path).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(header(&response, "www-authenticate"), "Basic realm=\"Restricted\"");
        assert_eq!(response.text().await.unwrap(), "");
        assert_ne!(status(&server, path, Some(("admin", "s:3cret"))).await, 401, "{path}");
    }
    assert_eq!(server.controller.reloads.load(Ordering::SeqCst), 1);
    for wrong in [
        ("admin", "s"),
        ("admin", ""),
        ("Admin", "s:3cret"),
        ("", ""),
        ("admin:s:3cret", ""),
    ] {
        assert_eq!(status(&server, "/metrics", Some(wrong)).await, 401, "{wrong:?}");
    }
    for header in [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YWRtaW4=",
        "Bearer YWRtaW46czozY3JldA==",
        "BASIC YWRtaW46czozY3JldA==",
    ] {
        let response = server
            .client
            .get(server.url("/metrics"))
            .header("authorization", header)
            .send()
            .await
            .unwrap();
        let expected = if header.starts_with("BASIC") { 200 } else { 401 };
        assert_eq!(response.status().as_u16(), expected, "{header}");
    }
    server.configure(HttpArgs::default());
    assert_eq!(status(&server, "/metrics", None).await, 200);
}

#[tokio::test]
async fn a_filter_says_which_paths_need_it() {
    let server = Server::start().await;
    let filter = |paths: &[&str], matching| {
        Some(FilterArgs {
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
            authenticate_matching_paths: matching,
        })
    };
    server.configure(auth(filter(&["/metrics", "/api"], true)));
    assert_eq!(status(&server, "/metrics", None).await, 401);
    assert_eq!(status(&server, "/%6Detrics", None).await, 401);
    assert_eq!(status(&server, "/api/v0/web/peers", None).await, 401);
    assert_eq!(status(&server, "/-/ready", None).await, 200);
    server.configure(auth(filter(&["/-/"], false)));
    assert_eq!(status(&server, "/-/ready", None).await, 200);
    assert_eq!(status(&server, "/metrics", None).await, 401);
    // An empty filter matches nothing, so nothing needs authentication: as upstream.
    server.configure(auth(filter(&[], true)));
    assert_eq!(status(&server, "/metrics", None).await, 200);
}

#[tokio::test]
async fn the_block_decodes_with_its_defaults() {
    let credentials = vec![
        attr("username", Value::string("admin")),
        attr("password", Value::string("s:3cret")),
    ];
    let args: HttpArgs = block(vec![inner(
        "auth",
        vec![inner("basic", credentials), inner("filter", Vec::new())],
    )])
    .unwrap();
    assert_eq!(
        args,
        auth(Some(FilterArgs {
            paths: Vec::new(),
            authenticate_matching_paths: true
        }))
    );
    assert!(!format!("{args:?}").contains("3cret"));
    assert_eq!(block::<HttpArgs>(Vec::new()).unwrap(), HttpArgs::default());
    let error = block::<HttpArgs>(vec![inner("auth", vec![inner("basic", Vec::new())])]).unwrap_err();
    assert!(error.contains("missing required attribute \"username\""), "{error}");
}
