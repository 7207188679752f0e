//! GET, POST, OPTIONS, and what is wrong with a request.

use crate::support::{Answer, ask, configuration, graphql, post, send};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use graphql::GraphQl;
use serde_json::json;

async fn get(graphql: &GraphQl, query: &str) -> Answer {
    send(
        graphql,
        Request::get(format!("/graphql?{query}")).body(Body::empty()).unwrap(),
    )
    .await
}

#[tokio::test]
async fn get_takes_parameters() {
    let (graphql, _) = graphql(configuration(), None);
    let answer = get(&graphql, "query=%7Balloy%7Bversion%7D%7D").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.text, r#"{"data":{"alloy":{"version":"v1.2.3"}}}"#);
    let both = "query=query+A($id:ID!)%7Bcomponent(id:$id)%7Bname%7D%7D+query+B%7Balloy%7BisReady%7D%7D";
    let answer = get(
        &graphql,
        &format!("{both}&operationName=A&variables=%7B%22id%22:%22local.file.plain%22%7D&other=1"),
    )
    .await;
    assert_eq!(answer.json()["data"], json!({"component": {"name": "local.file"}}));
    let answer = get(&graphql, &format!("{both}&operationName=B&variables=")).await;
    assert_eq!(answer.json()["data"], json!({"alloy": {"isReady": true}}));

    let answer = get(&graphql, &format!("{both}&variables=%7B")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.error().starts_with("variables could not be decoded"),
        "{}",
        answer.text
    );
    assert_eq!(get(&graphql, "").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn post_takes_json() {
    let (graphql, _) = graphql(configuration(), None);
    let query = "query A($id: ID!) { component(id: $id) { name } } query B { alloy { isReady } }";
    let body = json!({"query": query, "operationName": "A", "variables": {"id": "local.file.plain"}, "extensions": {}});
    let answer = post(&graphql, body.to_string()).await;
    assert_eq!(answer.json()["data"], json!({"component": {"name": "local.file"}}));
    for body in ["", "{", "[]", r#"{"query": 1}"#, r#"{"operationName": "A"}"#] {
        let answer = post(&graphql, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(
            answer.error().starts_with("json request body could not be decoded"),
            "{}",
            answer.text
        );
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let request = Request::post("/graphql").header("content-type", kind);
        let request = request
            .body(Body::from(r#"{"query": "{ alloy { version } }"}"#))
            .unwrap();
        let answer = send(&*graphql, request).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "a page of another site can send {kind:?}"
        );
        assert!(answer.error().starts_with("transport not supported"), "{}", answer.text);
    }
    let request = Request::post("/graphql").header("content-type", "application/JSON; charset=utf-8");
    let request = request
        .body(Body::from(r#"{"query": "{ alloy { version } }"}"#))
        .unwrap();
    assert_eq!(send(&*graphql, request).await.status, StatusCode::OK);
}

#[tokio::test]
async fn options_and_other_methods() {
    let (graphql, _) = graphql(Vec::new(), None);
    let request = |method: Method| {
        Request::builder()
            .method(method)
            .uri("/graphql")
            .body(Body::empty())
            .unwrap()
    };
    let answer = send(&*graphql, request(Method::OPTIONS)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["allow"], "OPTIONS, GET, POST");
    assert!(
        answer.headers.get("access-control-allow-origin").is_none(),
        "pages of other sites may not read it"
    );
    assert_eq!(answer.text, "");
    let answer = send(&*graphql, request(Method::PUT)).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (StatusCode::METHOD_NOT_ALLOWED, "use GET or POST")
    );
}

#[tokio::test]
async fn documents_that_are_wrong_are_not_executed() {
    let (graphql, _) = graphql(Vec::new(), None);
    for query in [
        "{ alloy { version }",
        "{ nothing }",
        "{ alloy { version { x } } }",
        "{ components }",
        "{ component { id } }",
        "{ component(id: [1]) { id } }",
        "query A { alloy { version } } query B { alloy { version } }",
        "query A($x: Nothing) { alloy { version } }",
        "{ ...F } fragment F on Query { ...F }",
        "mutation { x }",
        "subscription { x }",
        "fragment F on Query { alloy { version } }",
        " ",
    ] {
        let answer = ask(&graphql, query).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{query}: {}",
            answer.text
        );
        assert!(!answer.error().is_empty(), "{query}: {}", answer.text);
        assert!(answer.json().get("data").is_none(), "{query}: {}", answer.text);
    }
    let answer = ask(&graphql, "{\n  nothing\n}").await;
    assert_eq!(
        answer.json()["errors"][0]["locations"],
        json!([{"line": 2, "column": 3}])
    );
}
