//! Every field of the schema.

use crate::support::{CANARY, ask, body, component, configuration, data, graphql};
use serde_json::{Value as Json, json};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn the_program() {
    let (graphql, _) = graphql(Vec::new(), None);
    let data = data(
        &graphql,
        "{ alloy { branch buildDate buildUser revision version isReady __typename } }",
    )
    .await;
    assert_eq!(
        data["alloy"],
        json!({"branch": "main", "buildDate": "", "buildUser": "", "revision": "abc", "version": "v1.2.3", "isReady": true,
               "__typename": "Alloy"})
    );
}

#[tokio::test]
async fn the_components_with_everything() {
    let (graphql, fake) = graphql(configuration(), None);
    let query = "{ components { id name health { message lastUpdated } arguments exports debugInfo } }";
    let data = data(&graphql, query).await;
    let write = &data["components"][0];
    assert_eq!(write["id"], "loki.write.default");
    assert_eq!(write["name"], "loki.write");
    assert_eq!(
        write["health"],
        json!({"message": "started component", "lastUpdated": "2026-01-02T03:04:05.123456789Z"})
    );
    let text = |field: &str| -> Json { serde_json::from_str(write[field].as_str().unwrap()).unwrap() };
    assert_eq!(
        text("arguments"),
        json!([
            {"name": "max", "type": "attr", "value": {"type": "number", "value": 3}},
            {"name": "password", "type": "attr", "value": {"type": "capsule", "value": "(secret)"}},
        ])
    );
    assert_eq!(text("exports")[0]["name"], "token");
    assert_eq!(text("debugInfo")[0]["value"]["value"], "sending");
    let plain = &data["components"][1];
    assert_eq!(
        (&plain["arguments"], &plain["exports"], &plain["debugInfo"]),
        (&json!("[]"), &Json::Null, &Json::Null)
    );
    assert_eq!(data["components"].as_array().unwrap().len(), 2, "none of modules");
    assert_eq!(
        fake.lookups.load(Ordering::SeqCst),
        2,
        "once each, whatever is asked for"
    );
    self::data(&graphql, "{ components { id name health { message } } }").await;
    assert_eq!(fake.lookups.load(Ordering::SeqCst), 2, "lists have it");
}

#[tokio::test]
async fn one_component() {
    let (graphql, fake) = graphql(configuration(), None);
    let answer = data(
        &graphql,
        r#"{ component(id: "m.x/local.file.inner") { id name arguments } }"#,
    )
    .await;
    assert_eq!(
        answer["component"],
        json!({"id": "m.x/local.file.inner", "name": "local.file", "arguments": "[]"})
    );
    assert_eq!(fake.lookups.load(Ordering::SeqCst), 1);
    let answer = data(&graphql, r#"{ component(id: "none") { id } }"#).await;
    assert_eq!(answer, json!({"component": null}));
}

#[tokio::test]
async fn the_remote_configuration_follows() {
    let mut inner = component("remotecfg/m.x", "local.file.inner");
    inner.exports = Some(body(Vec::new()));
    let remote = vec![component("remotecfg", "local.file.far"), inner];
    let (graphql, _) = graphql(configuration(), Some(remote));
    let answer = data(&graphql, "{ components { id arguments } }").await;
    let ids: Vec<&str> = answer["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        ["loki.write.default", "local.file.plain", "remotecfg/local.file.far"]
    );
    let query = r#"{ component(id: "remotecfg/m.x/local.file.inner") { id exports } }"#;
    assert_eq!(data(&graphql, query).await["component"]["exports"], "[]");
}

#[tokio::test]
async fn a_remote_configuration_that_has_not_come_adds_nothing() {
    let (graphql, _) = graphql(configuration(), Some(Vec::new()));
    let answer = data(&graphql, "{ components { id } }").await;
    assert_eq!(answer["components"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn no_secret_is_in_any_answer() {
    let (graphql, _) = graphql(configuration(), None);
    for query in [
        "{ components { id name health { message } arguments exports debugInfo } }",
        r#"{ component(id: "loki.write.default") { arguments exports debugInfo nothing } }"#,
        r#"{ component(id: "loki.write.default") { arguments exports debugInfo } }"#,
    ] {
        let answer = ask(&graphql, query).await;
        assert!(!answer.text.contains(CANARY), "{}", answer.text);
        assert!(
            answer.text.contains("(secret)") || !answer.json()["errors"].is_null(),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn introspection_gives_the_schema() {
    let (graphql, _) = graphql(Vec::new(), None);
    let kind = "type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";
    let query = format!("{{ __schema {{ types {{ kind name fields {{ name args {{ name {kind} }} {kind} }} }} }} }}");
    let answer = data(&graphql, &query).await;
    let mut lines: Vec<String> = Vec::new();
    for of in answer["__schema"]["types"].as_array().unwrap() {
        let name = of["name"].as_str().unwrap();
        if name.starts_with("__") {
            continue;
        }
        if of["kind"] == "SCALAR" && !["Boolean", "Float", "ID", "Int", "String"].contains(&name) {
            lines.push(format!("scalar {name}"));
        }
        for field in of["fields"].as_array().unwrap_or(&Vec::new()) {
            let args = field["args"].as_array().unwrap().iter();
            let args: Vec<String> = args
                .map(|arg| format!("{}: {}", arg["name"].as_str().unwrap(), type_name(&arg["type"])))
                .collect();
            let args = if args.is_empty() {
                String::new()
            } else {
                format!("({})", args.join(", "))
            };
            lines.push(format!(
                "{name}.{}{args}: {}",
                field["name"].as_str().unwrap(),
                type_name(&field["type"])
            ));
        }
    }
    lines.sort();
    assert_eq!(
        lines,
        [
            "Alloy.branch: String!",
            "Alloy.buildDate: String!",
            "Alloy.buildUser: String!",
            "Alloy.isReady: Boolean!",
            "Alloy.revision: String!",
            "Alloy.version: String!",
            "Component.arguments: String!",
            "Component.debugInfo: String",
            "Component.exports: String",
            "Component.health: Health!",
            "Component.id: ID!",
            "Component.name: String!",
            "Health.lastUpdated: Time!",
            "Health.message: String!",
            "Query.alloy: Alloy!",
            "Query.component(id: ID!): Component",
            "Query.components: [Component!]!",
            "scalar Time",
        ]
    );
    let roots = data(
        &graphql,
        "{ __schema { queryType { name } mutationType { name } subscriptionType { name } } }",
    )
    .await;
    assert_eq!(
        roots["__schema"],
        json!({"queryType": {"name": "Query"}, "mutationType": null, "subscriptionType": null})
    );
}

fn type_name(of: &Json) -> String {
    match of["kind"].as_str().unwrap() {
        "NON_NULL" => format!("{}!", type_name(&of["ofType"])),
        "LIST" => format!("[{}]", type_name(&of["ofType"])),
        _ => of["name"].as_str().unwrap().to_owned(),
    }
}
