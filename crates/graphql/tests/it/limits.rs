//! What a request may cost.

use crate::support::{ask, attribute, body, component, data, graphql, post};
use axum::body::Body;
use axum::http::StatusCode;
use component::BoxFuture;
use graphql::{Build, GraphQl};
use serde_json::json;
use services::{ComponentInfo, Controller, NotFound};
use std::sync::Arc;
use value::Value;

#[tokio::test]
async fn bodies_and_queries_have_a_size() {
    let (graphql, _) = graphql(Vec::new(), None);
    let answer = post(&graphql, " ".repeat((1 << 20) + 1)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let query = format!("{{ alloy {{ version }} }} # {}", "x".repeat(64 << 10));
    let answer = ask(&graphql, &query).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.error().contains("65536"), "{}", answer.text);
}

#[tokio::test]
async fn queries_have_a_depth_and_a_number_of_fields() {
    let (graphql, _) = graphql(Vec::new(), None);
    let deep = format!(
        "{{ __schema {{ types {{ {}name{} }} }} }}",
        "ofType { ".repeat(40),
        " }".repeat(40)
    );
    let wide = format!(
        "{{ {} }}",
        (0..1001)
            .map(|n| format!("a{n}: alloy {{ version }}"))
            .collect::<Vec<_>>()
            .join(" ")
    );
    let mut multiplied = "{ ...F0 } fragment F12 on Query { alloy { version } }".to_owned();
    for n in 0..12 {
        multiplied.push_str(&format!(" fragment F{n} on Query {{ ...F{0} ...F{0} }}", n + 1));
    }
    let nested = format!(
        "{{ component(id: {}1{}) {{ id }} }}",
        "[".repeat(2000),
        "]".repeat(2000)
    );
    for query in [deep, wide, multiplied, nested, "{".repeat(5001)] {
        let answer = ask(&graphql, &query).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query:.60}");
        assert!(answer.text.len() < 100_000, "{query:.60}");
    }
}

/// What clients send to learn a schema, in full.
#[tokio::test]
async fn the_usual_introspection_is_within_the_limits() {
    let (graphql, _) = graphql(Vec::new(), None);
    let chain = "ofType { kind name ".repeat(9) + &"}".repeat(9);
    let query = format!(
        "query IntrospectionQuery {{ __schema {{ description queryType {{ name kind }} mutationType {{ name kind }}
           subscriptionType {{ name kind }} types {{ ...FullType }}
           directives {{ name description isRepeatable locations args(includeDeprecated: true) {{ ...InputValue }} }} }} }}
         fragment FullType on __Type {{ kind name description specifiedByURL
           fields(includeDeprecated: true) {{ name description args(includeDeprecated: true) {{ ...InputValue }}
             type {{ ...TypeRef }} isDeprecated deprecationReason }}
           inputFields(includeDeprecated: true) {{ ...InputValue }} interfaces {{ ...TypeRef }}
           enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }}
           possibleTypes {{ ...TypeRef }} }}
         fragment InputValue on __InputValue {{ name description type {{ ...TypeRef }} defaultValue isDeprecated deprecationReason }}
         fragment TypeRef on __Type {{ kind name {chain} }}"
    );
    let answer = data(&graphql, &query).await;
    assert_eq!(
        answer["__schema"]["queryType"],
        json!({"name": "Query", "kind": "OBJECT"})
    );
}

#[tokio::test(start_paused = true)]
async fn a_field_that_takes_too_long_is_an_error_of_its_own() {
    let (graphql, _) = graphql(
        vec![component("", "local.file.slow"), component("", "local.file.quick")],
        None,
    );
    let answer = ask(
        &graphql,
        r#"{ alloy { isReady } component(id: "local.file.slow") { id } quick: component(id: "local.file.quick") { id } }"#,
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.json()["data"],
        json!({"alloy": {"isReady": true}, "component": null, "quick": {"id": "local.file.quick"}})
    );
    assert_eq!(answer.error(), "this takes longer than 10 seconds");
    assert_eq!(answer.json()["errors"][0]["path"], json!(["component"]));
    let answer = ask(&graphql, "{ components { exports } }").await;
    assert_eq!(
        answer.json()["data"],
        json!({"components": [{"exports": null}, {"exports": null}]})
    );
    let answer = ask(&graphql, "{ components { arguments } }").await;
    assert_eq!(answer.error(), "this takes longer than 10 seconds", "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let (graphql, _) = graphql(Vec::new(), None);
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let answer = post(&graphql, Body::from_stream(never)).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn an_answer_does_not_grow_without_bound() {
    let mut large = component("", "local.file.large");
    large.arguments = Some(body(vec![attribute("text", Value::string("x".repeat(1 << 20)))]));
    let (graphql, _) = graphql(vec![large], None);
    let fields = (0..70)
        .map(|n| format!("a{n}: components {{ arguments }}"))
        .collect::<Vec<_>>()
        .join(" ");
    let answer = ask(&graphql, &format!("{{ {fields} }}")).await;
    assert!(
        answer.error().starts_with("the answer is too large"),
        "{:.200}",
        answer.text
    );
    assert!(answer.text.len() < 100 << 20);
}

#[tokio::test]
async fn many_fields_of_many_components_are_too_much() {
    let all = (0..5000).map(|n| component("", &format!("local.file.f{n}"))).collect();
    let (graphql, _) = graphql(all, None);
    let some = "id name health { message lastUpdated }";
    let answer = ask(&graphql, &format!("{{ components {{ {some} }} }}")).await;
    assert_eq!(answer.json()["data"]["components"].as_array().map(Vec::len), Some(5000));
    let many: Vec<String> = (0..900).map(|n| format!("a{n}: name")).collect();
    let answer = ask(&graphql, &format!("{{ components {{ {} }} }}", many.join(" "))).await;
    assert!(
        answer.error().starts_with("the answer is too large"),
        "{:.200}",
        answer.text
    );
}

/// A controller that has loaded nothing.
struct Nothing;

impl Controller for Nothing {
    fn ready(&self) -> bool {
        false
    }

    fn components(&self, _: &str) -> BoxFuture<'_, Result<Vec<ComponentInfo>, NotFound>> {
        Box::pin(std::future::ready(Err(NotFound)))
    }

    fn component(&self, _: &str) -> BoxFuture<'_, Option<ComponentInfo>> {
        Box::pin(std::future::ready(None))
    }

    fn reload(&self) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn nothing_runs_yet() {
    let graphql = GraphQl::new(Arc::new(Nothing), None, Build::default());
    let answer = ask(&graphql, "{ alloy { isReady } }").await;
    assert_eq!(answer.json()["data"], json!({"alloy": {"isReady": false}}));
    let answer = ask(&graphql, "{ components { id } }").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.error(), "no configuration runs yet");
}
