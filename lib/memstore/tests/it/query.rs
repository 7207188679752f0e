//! What is found.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::{NOW, data, get, lines, push_json, push_lines, send, store};

const SECOND: i64 = 1_000_000_000;

async fn found(store: &std::sync::Arc<memstore::Store>, params: &[(&str, &str)]) -> Value {
    data(store, "query_range", params).await
}

#[tokio::test]
async fn selectors_and_line_filters() {
    let store = store();
    push_lines(
        &store,
        json!({"app": "api", "env": "prod"}),
        NOW - 100,
        &["GET /", "error: no disk", "debug error"],
    )
    .await;
    push_lines(
        &store,
        json!({"app": "web", "env": "prod"}),
        NOW - 50,
        &["error: no route"],
    )
    .await;
    push_lines(&store, json!({"app": "api", "env": "dev"}), NOW - 20, &["error in dev"]).await;
    for (query, expect) in [
        (
            r#"{app="api"}"#,
            &["error in dev", "debug error", "error: no disk", "GET /"][..],
        ),
        (
            r#"{app="api", env!="dev"} |= "error""#,
            &["debug error", "error: no disk"],
        ),
        (
            r#"{env=~"pr.*"} |= "error" != "debug""#,
            &["error: no disk", "error: no route"],
        ),
        (r#"{app!~"a.*", app=~".+"}"#, &["error: no route"]),
        (r#"{app="api"} |~ "^(GET|POST)" "#, &["GET /"]),
        (r#"{app="api"} !~ `error`"#, &["GET /"]),
        (r#"{app="api", missing=""} |= "GET""#, &["GET /"]),
        (r#"{app="none"}"#, &[]),
        (r#"{app=~"pi"}"#, &[]),
        (r#"{app="web"} |= "nothing" or "route""#, &["error: no route"]),
        (r#"{} |= "dev""#, &["error in dev"]),
    ] {
        assert_eq!(lines(&found(&store, &[("query", query)]).await), expect, "{query}");
    }
}

#[tokio::test]
async fn bad_queries_are_refused_with_a_reason() {
    let store = store();
    for (params, expect) in [
        (&[][..], "parameter \"query\" is missing"),
        (
            &[("query", "{app=api}")],
            "query \"{app=api}\": parse error at offset 5: ",
        ),
        (
            &[("query", r#"{app=~"("}"#)],
            "query \"{app=~\"(\"}\": parse error at offset 6: error parsing regexp: missing closing ): `(`",
        ),
        (&[("query", r#"rate({app="api"}[5m])"#)], ""),
        (
            &[("query", r#"{a="1"} | json"#)],
            "query \"{a=\"1\"} | json\": parse error at offset 8: only the line filters |= != |~ !~ are supported here",
        ),
        (
            &[("query", r#"{a="1"}"#), ("limit", "0")],
            "parameter \"limit\": \"0\" is not a number above 0",
        ),
        (
            &[("query", r#"{a="1"}"#), ("limit", "5001")],
            "parameter \"limit\": 5001 is more than 5000, the most that one query gives",
        ),
        (
            &[("query", r#"{a="1"}"#), ("start", "9"), ("end", "8")],
            "parameter \"end\" is before \"start\"",
        ),
        (
            &[("query", r#"{a="1"}"#), ("direction", "up")],
            "parameter \"direction\": \"up\" is neither forward nor backward",
        ),
        (
            &[("query", r#"{a="1"}"#), ("since", "1")],
            "parameter \"since\": \"1\" is not a duration: write it as 90s, 15m or 1h30m",
        ),
    ] {
        let (status, text) = get(&store, "query_range", params).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{params:?}");
        assert!(text.len() > 5 && text.starts_with(expect), "{params:?}: {text}");
    }
    assert_eq!(get(&store, "query", &[]).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(get(&store, "query", &[("query", "{")]).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn spans_limits_and_order() {
    let store = store();
    let at = |seconds: i64| NOW - seconds * SECOND;
    // Out of order, and two streams interleaved.
    push_lines(&store, json!({"s": "1"}), at(30), &["30"]).await;
    push_lines(&store, json!({"s": "1"}), at(4000), &["4000"]).await;
    push_lines(&store, json!({"s": "2"}), at(20), &["20"]).await;
    push_lines(&store, json!({"s": "1"}), at(10), &["10"]).await;
    push_lines(&store, json!({"s": "1"}), at(40), &["40"]).await;
    let q = ("query", r#"{s=~".+"}"#);
    let one = ("query", r#"{s="1"}"#);
    assert_eq!(
        lines(&found(&store, &[one]).await),
        ["10", "30", "40"],
        "the last hour, newest first"
    );
    assert_eq!(
        lines(&found(&store, &[one, ("direction", "forward")]).await),
        ["40", "30", "10"]
    );
    assert_eq!(
        lines(&found(&store, &[one, ("since", "2h")]).await),
        ["10", "30", "40", "4000"]
    );
    assert_eq!(
        lines(&found(&store, &[q, ("limit", "2")]).await),
        ["10", "20"],
        "over all streams"
    );
    assert_eq!(
        lines(&found(&store, &[q, ("limit", "2"), ("direction", "forward")]).await),
        ["40", "30"]
    );
    // The start is included, the end is not.
    let (start, end) = (at(30).to_string(), at(10).to_string());
    assert_eq!(
        lines(&found(&store, &[q, ("start", &start), ("end", &end)]).await),
        ["30", "20"]
    );
    // `query` looks back from `time`, which is included.
    let instant = data(&store, "query", &[one, ("time", &at(30).to_string())]).await;
    assert_eq!(lines(&instant), ["30", "40"]);
}

#[tokio::test]
async fn entries_of_one_time_keep_their_order() {
    let store = store();
    let values: Vec<_> = (0..50).map(|i| json!([NOW.to_string(), i.to_string()])).collect();
    push_json(
        &store,
        &json!({"streams": [{"stream": {"a": "1"}, "values": values}]}).to_string(),
    )
    .await;
    let end = (NOW + 1).to_string();
    let mut params = vec![("query", r#"{a="1"}"#), ("end", &end[..]), ("limit", "10")];
    assert_eq!(
        lines(&found(&store, &params).await),
        ["49", "48", "47", "46", "45", "44", "43", "42", "41", "40"]
    );
    params.push(("direction", "forward"));
    assert_eq!(
        lines(&found(&store, &params).await),
        ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
    );
}

#[tokio::test]
async fn limits_hold_over_many_chunks() {
    let store = store();
    // About 40 chunks of 64 KiB in two streams, timestamps in a scrambled order.
    let text = "x".repeat(500);
    let mut all: Vec<(i64, String)> = Vec::new();
    for round in 0..50i64 {
        let mut entries = Vec::new();
        for i in 0..100i64 {
            let age = (round * 100 + i) * 7919 % 5003 + 1;
            let line = format!("{age} {text}");
            entries.push(json!([(NOW - age).to_string(), line]));
            all.push((NOW - age, line));
        }
        let stream = json!({"s": (round % 2).to_string()});
        push_json(
            &store,
            &json!({"streams": [{"stream": stream, "values": entries}]}).to_string(),
        )
        .await;
    }
    all.sort();
    for (limit, direction) in [(1, "forward"), (777, "forward"), (777, "backward"), (5000, "backward")] {
        let text = limit.to_string();
        let data = found(
            &store,
            &[
                ("query", r#"{s=~".*", s!=""}"#),
                ("limit", &text),
                ("direction", direction),
            ],
        )
        .await;
        let mut got: Vec<&str> = lines(&data);
        got.sort_unstable();
        let mut expect: Vec<&str> = match direction {
            "forward" => all.iter().take(limit).map(|(_, line)| &line[..]).collect(),
            _ => all.iter().rev().take(limit).map(|(_, line)| &line[..]).collect(),
        };
        expect.sort_unstable();
        assert_eq!(got, expect, "{limit} {direction}");
    }
}

#[tokio::test]
async fn labels_values_and_series() {
    let store = store();
    push_lines(&store, json!({"app": "api", "env": "prod"}), NOW - 5 * SECOND, &["x"]).await;
    push_lines(&store, json!({"app": "web", "pod": "w-0"}), NOW - 100 * SECOND, &["x"]).await;
    let start = (NOW - 10 * SECOND).to_string();
    assert_eq!(data(&store, "labels", &[]).await, json!(["app", "env", "pod"]));
    assert_eq!(
        data(&store, "labels", &[("start", &start)]).await,
        json!(["app", "env"])
    );
    assert_eq!(
        data(&store, "labels", &[("query", r#"{app="web"}"#)]).await,
        json!(["app", "pod"])
    );
    assert_eq!(data(&store, "label/app/values", &[]).await, json!(["api", "web"]));
    assert_eq!(
        data(&store, "label/app/values", &[("end", &start)]).await,
        json!(["web"])
    );
    assert_eq!(data(&store, "label/nothing/values", &[]).await, json!([]));
    let series = data(
        &store,
        "series",
        &[("match[]", r#"{env="prod"}"#), ("match[]", r#"{pod=~"w.*"}"#)],
    )
    .await;
    assert_eq!(
        series,
        json!([{"app": "api", "env": "prod"}, {"app": "web", "pod": "w-0"}])
    );
    assert_eq!(
        data(&store, "series", &[("match[]", r#"{env="dev"}"#)]).await,
        json!([])
    );
    assert_eq!(
        get(&store, "series", &[("match[]", "nonsense")]).await.0,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn forms_and_encoding_flags() {
    let store = store();
    let document = json!({"streams": [{"stream": {"a": "1"}, "values": [[(NOW - 1).to_string(), "x", {"k": "v"}]]}]});
    push_json(&store, &document.to_string()).await;
    let request = Request::post("/loki/api/v1/query_range")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-loki-response-encoding-flags", "categorize-labels")
        .body(Body::from("query=%7Ba%3D%221%22%7D"))
        .unwrap();
    let (status, body) = send(&store, request).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["data"]["encodingFlags"], json!(["categorize-labels"]));
    assert_eq!(
        answer["data"]["result"][0]["values"][0][2],
        json!({"structuredMetadata": {"k": "v"}})
    );
}

#[tokio::test]
async fn the_rest_of_the_surface() {
    let store = store();
    push_lines(&store, json!({"a": "1"}), NOW, &["x"]).await;
    let plain = async |path: &str| send(&store, Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(plain("/ready").await, (StatusCode::OK, "ready\n".into()));
    let (_, state) = plain("/api/v1/state").await;
    let state: Value = serde_json::from_str(&state).unwrap();
    assert_eq!(
        (&state["entries"], &state["streams"], &state["max_bytes"]),
        (&json!(1), &json!(1), &json!(64 << 20))
    );
    let (status, page) = plain("/").await;
    assert_eq!(status, StatusCode::OK);
    // Nothing that a browser would load from elsewhere.
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("//cdn"));
    // Grafana's question whether there is a Loki.
    let data = data(
        &store,
        "query",
        &[("query", "vector(1)+vector(1)"), ("time", "4000000000")],
    )
    .await;
    assert_eq!(
        data["result"],
        json!([{"metric": {}, "value": [4_000_000_000i64, "2"]}])
    );
}
