//! Streams of what passes, and what is ours: the ledger, work, queues.

use super::*;

/// Takes all, or drops the first record by a rule.
struct Takes;

impl Sink for Takes {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        let (_, mut custody) = batch.into_parts();
        custody.filter("noisy", Amount::one(1));
        custody.deliver_rest();
        Box::pin(std::future::ready(Ok(())))
    }
}

fn pipeline(server: &Server) -> FanOut {
    let out = FanOut::new(&server.ledger, "loki.process.a");
    let sink = Arc::new(Takes);
    out.set(vec![Receiver {
        owner: "loki.write.default".into(),
        sink,
    }]);
    out
}

async fn send(out: &FanOut) {
    let mut entry = Entry::new(NOW, "an error");
    entry.metadata.edit().push(("trace_id".into(), "1".into()));
    let entries = vec![entry, Entry::new(NOW, "fine")];
    let labels = Labels::from_pairs([("job", "api")]);
    out.accept(LogBatch::new(vec![LogStream { labels, entries }], Permit::none()))
        .await
        .unwrap();
}

/// What a stream says first, with the separator, while something is done again and again.
async fn first(server: &Server, path: &str, content_type: &str, end: &str, mut act: impl AsyncFnMut()) -> String {
    let mut stream = server.get(path).await;
    assert_eq!(stream.status(), 200, "{path}");
    assert_eq!(header(&stream, "content-type"), content_type, "{path}");
    assert_eq!(header(&stream, "cache-control"), "no-store", "{path}");
    let mut text = String::new();
    let reading = async {
        loop {
            act().await;
            if let Ok(chunk) = timeout(Duration::from_millis(50), stream.chunk()).await {
                text.push_str(std::str::from_utf8(&chunk.unwrap().expect("it goes on")).unwrap());
            }
            if let Some(at) = text.find(end) {
                return text[..at].to_owned();
            }
        }
    };
    timeout(Duration::from_secs(60), reading)
        .await
        .expect("something is said")
}

#[tokio::test]
async fn streams_are_as_the_specification_has_them() {
    let server = full().await;
    let out = pipeline(&server);
    let act = async || send(&out).await;
    // The example of 3.2 for `graph`, with what 3.8 says of types.
    let example = json!([{"componentID": "loki.process.a", "targetComponentIDs": ["loki.write.default"], "type": "loki_log", "rate": 2.5}]);
    let text = first(&server, "/ui/api/v0/web/graph?window=1", TEXT, "|;|", act).await;
    alike("graph", &example, &serde_json::from_str(&text).unwrap());
    // A module that nothing passes in is an empty list at each turn.
    let text = first(&server, "/ui/api/v0/web/graph/m.x?window=1", TEXT, "|;|", async || ()).await;
    assert_eq!(text, "[]");
    // Live debugging: texts of 3.8, each followed by the separator.
    let text = first(
        &server,
        "/ui/api/v0/web/debug/loki.process.a?sampleProb=1",
        TEXT,
        "|;|",
        act,
    )
    .await;
    assert_eq!(
        text,
        "[OUT]: timestamp: 2026-01-02T03:04:05.123456789Z, entry: an error, labels: {job=\"api\"}, \
         structured_metadata: {trace_id=\"1\"}"
    );
}

#[tokio::test]
async fn lines_of_tap_are_as_documented() {
    let server = full().await;
    let out = pipeline(&server);
    let lines = async |query: &str, act: &mut dyn FnMut()| {
        let path = format!("/api/v0/invar/tap?{query}");
        let send = async || {
            act();
            send(&out).await;
        };
        let text = first(&server, &path, "application/x-ndjson", "\n", send).await;
        serde_json::from_str::<Json>(&text).unwrap()
    };
    let edge = json!({
        "at": "2024-05-01T10:00:00.123456789Z", "from": "loki.process.a", "to": "loki.write.default", "moment": "edge",
        "signal": "logs", "timestamp": "2024-05-01T10:00:00Z", "labels": {"*": ""}, "line": "an error", "metadata": {"trace_id": "1"}
    });
    let found = lines("pattern=loki.process.*-%3E*&where=%7C%3D%20%22error%22", &mut || ()).await;
    alike("edge", &edge, &found);
    let mut bare = edge.clone();
    bare.as_object_mut().unwrap().remove("metadata");
    let found = lines("where=%7C%3D%20%22fine%22", &mut || ()).await;
    alike("edge", &bare, &found);

    // What happens inside of a component has its own moments.
    let object = |pairs: &[(&str, Value)]| {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Value::object(pairs.collect::<Object>())
    };
    let labels = object(&[("job", Value::string("api"))]);
    let line = |text: &str| ("line", Value::string(text));
    let inside = [
        (
            "stage.json[0]",
            object(&[line("after"), ("before", object(&[line("before")]))]),
            json!({
                "at": "2024-05-01T10:00:00Z", "from": "loki.process.a", "stage": "stage.json[0]", "moment": "stage", "signal": "logs",
                "labels": {}, "line": "after", "changed": {"line": "after"}, "before": {"line": "before"}
            }),
        ),
        (
            "out",
            object(&[
                line("after"),
                ("labels", labels),
                ("timestamp", Value::string("2024-05-01T10:00:00Z")),
                ("structured_metadata", object(&[])),
                ("extracted", object(&[("level", Value::string("info"))])),
            ]),
            json!({
                "at": "2024-05-01T10:00:00Z", "from": "loki.process.a", "moment": "out", "signal": "logs", "labels": {"job": "api"},
                "line": "after", "changed": {
                    "line": "after", "labels": {"job": "api"}, "timestamp": "2024-05-01T10:00:00Z", "structured_metadata": {},
                    "extracted": {"level": "info"}
                }
            }),
        ),
        (
            "dropped",
            object(&[("reason", Value::string("noisy"))]),
            json!({
                "at": "2024-05-01T10:00:00Z", "from": "loki.process.a", "moment": "dropped", "signal": "logs", "labels": {},
                "changed": {"reason": "noisy"}
            }),
        ),
    ];
    for (stage, event, example) in inside {
        let mut act = || server.live.event("loki.process.b", stage, event.clone());
        let found = lines("pattern=loki.process.b&beforeAfter=true", &mut act).await;
        alike(stage, &example, &found);
    }
    // And what did not fit.
    let act = async || {
        for _ in 0..1100 {
            let reason = object(&[("reason", Value::string("noisy"))]);
            server.live.event("loki.process.b", "dropped", reason);
        }
    };
    let path = "/api/v0/invar/tap?pattern=loki.process.b&beforeAfter=true";
    let text = first(&server, path, "application/x-ndjson", "{\"missed\":", act).await;
    assert!(text.ends_with("}\n"), "{text}");
}

#[tokio::test]
async fn what_the_ledger_tells_is_as_documented() {
    let server = full().await;
    let out = pipeline(&server);
    send(&out).await;
    let edge = server.ledger.edge("loki.write.default", "loki.write.default#far");
    for fate in [Fate::Rejected, Fate::Expired, Fate::DeadLettered] {
        edge.settle(fate, "400", Amount::one(1));
    }
    let count = json!({"items": 1, "bytes": 1});
    let by_reason = json!({"*": count});
    let example = json!({
        "edges": [{
            "from": "loki.process.a", "to": "loki.write.default", "entered": count, "delivered": count, "filtered": by_reason,
            "rejected": by_reason, "expired": by_reason, "dead_lettered": by_reason, "returned": count, "lost": count,
            "in_flight": count, "balanced": true
        }],
        "budget": {"limit": 1, "used": 1, "peak": 1, "waiting": 1}
    });
    let found = document(&server, "/api/v0/invar/ledger", JSON).await;
    alike("ledger", &example, &found);
    assert_eq!(found["edges"].as_array().map(Vec::len), Some(2));

    let now = host::Clock::now(&host::SystemClock);
    let labels = Labels::from_pairs([("job", "api")]);
    for message in ["", "it is noisy"] {
        server.ledger.examples().note(
            now,
            &"loki.write.default".into(),
            Fate::Filtered,
            &"noisy".into(),
            &"stage.drop#0".into(),
            &labels,
            b"an error",
            message,
        );
    }
    let shown = |message: Option<&str>| {
        let mut shown = json!({"at": "2024-05-01T10:00:00.123456789Z", "labels": {"job": "api"}, "line": "an error"});
        if let Some(message) = message {
            shown["message"] = message.into();
        }
        shown
    };
    let answer = json!({
        "component": "loki.write.default", "place": null, "fate": "filtered", "reason": "noisy", "items": 1, "bytes": 1,
        "rules": [{"block": "stage.drop#0", "place": null, "examples": [shown(None), shown(Some("it is noisy"))]}]
    });
    let example = json!({"since": null, "complete": true, "answers": [answer]});
    // A sink's own edge does not count beside those to its destinations, so that the rule is asked for where there are none.
    let plain = full().await;
    send(&pipeline(&plain)).await;
    let alone = document(&plain, "/api/v0/invar/why", JSON).await;
    let mut without = example.clone();
    without["answers"][0]["rules"] = json!([]);
    alike("why", &without, &alone);
    let found = document(&server, "/api/v0/invar/why?component=loki.write.default", JSON).await;
    assert_eq!(found["answers"].as_array().map(Vec::len), Some(3), "{found}");
    for message in ["", "it is noisy"] {
        plain.ledger.examples().note(
            now,
            &"loki.write.default".into(),
            Fate::Filtered,
            &"noisy".into(),
            &"stage.drop#0".into(),
            &labels,
            b"an error",
            message,
        );
    }
    alike(
        "why",
        &example,
        &document(&plain, "/api/v0/invar/why?label=job=api", JSON).await,
    );
    let mut since = example;
    since["since"] = "2024-05-01T10:00:00Z".into();
    alike(
        "why",
        &since,
        &document(&plain, "/api/v0/invar/why?since=10m", JSON).await,
    );
}

#[tokio::test]
async fn what_else_is_ours_is_as_documented() {
    let server = full().await;
    send(&pipeline(&server)).await;
    // Health is looked at when the server starts, so there is a first entry soon.
    let path = "/api/v0/invar/components/loki.process.a";
    let change = json!({"state": "healthy", "message": "started component", "at": "2024-05-01T10:00:00.123456789Z"});
    let known = async {
        while server.json(path).await["healthHistory"] == json!([]) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), known)
        .await
        .expect("its health is known");
    let example = json!({"id": "loki.process.a", "place": null, "healthHistory": [change], "busySeconds": 0.5});
    alike("component", &example, &document(&server, path, JSON).await);

    let count = json!({"items": 1, "bytes": 1});
    let row = json!({
        "id": "loki.process.a", "name": "loki.process", "health": "healthy", "message": "", "busySeconds": 0.5, "in": count,
        "out": count, "dropped": count
    });
    let process = json!({
        "cpuSeconds": 0.5, "residentBytes": 1, "startTime": "2024-05-01T10:00:00.123456789Z", "now": "2024-05-01T10:00:00.123456789Z"
    });
    let found = document(&server, "/api/v0/invar/top", JSON).await;
    alike("top", &json!({"components": [row], "process": process}), &found);
    assert_eq!(
        found["components"].as_array().map(Vec::len),
        Some(4),
        "those of the remote configuration too"
    );

    alike(
        "remotecfg",
        &remote_status(),
        &document(&server, "/api/v0/invar/remotecfg", JSON).await,
    );
    let bare = document(&Server::start().await, "/api/v0/invar/remotecfg", JSON).await;
    assert_eq!(bare, json!({"configured": false}));
}

#[tokio::test]
async fn queues_are_as_documented() {
    let server = full().await;
    assert_eq!(
        document(&server, "/api/v0/invar/queues", JSON).await,
        json!({"queues": []})
    );
    server.ledger.edge("loki.process.a", "loki.process.a#far");
    let labels = [("component_path", "/"), ("component_id", "loki.process.a")];
    let registry = server.metrics.scoped(&labels).unwrap();
    let gauge = |name: &str| registry.gauge_vec(name, "Help.", &["endpoint"]).unwrap().with(&["far"]);
    let (items, bytes, oldest) = (
        gauge("invar_queue_items"),
        gauge("invar_queue_bytes"),
        gauge("invar_queue_oldest_seconds"),
    );
    let queue = |state: &str, oldest: Json| {
        json!({"queues": [{
            "component": "loki.process.a", "destination": "far", "state": state, "message": "", "depthRecords": 1, "depthBytes": 1,
            "diskBytes": 1, "limitBytes": 1, "oldestSeconds": oldest, "inBytesPerSecond": null, "outBytesPerSecond": null,
            "secondsToLoss": null
        }]})
    };
    let check = async |state: &str, oldest: Json| {
        let found = document(&server, "/api/v0/invar/queues", JSON).await;
        alike(state, &queue(state, oldest), &found);
    };
    items.set(0.0);
    bytes.set(0.0);
    oldest.set(0.0);
    check("healthy", Json::Null).await;
    items.set(3.0);
    bytes.set(300.0);
    oldest.set(7.0);
    let state = server.json("/api/v0/invar/queues").await["queues"][0]["state"].clone();
    let state = state.as_str().unwrap();
    assert!(["catching up", "failing"].contains(&state), "{state}");
    check(state, json!(7)).await;
    server.controller.components.lock().unwrap()[0].health = Health::new(HealthState::Unhealthy, "it is down", NOW);
    check("failing", json!(7)).await;
    let message = &server.json("/api/v0/invar/queues").await["queues"][0]["message"];
    assert_eq!(message, "it is down");
}
