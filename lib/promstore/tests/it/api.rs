//! Shapes of answers.

use crate::{NOW, data, filled, get, send, store};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use prommodel::Kind;
use remotewrite::{Sample, v1, v2};
use serde_json::json;

#[tokio::test]
async fn answers_have_prometheus_shapes() {
    let store = filled();
    let time = [("time", "1700000000")];
    let query = async |text: &str| data(&store, "/api/v1/query", &[&time[..], &[("query", text)]].concat()).await;
    assert_eq!(
        query("g{instance=\"a\"}").await,
        json!({"resultType": "vector", "result": [
            {"metric": {"__name__": "g", "instance": "a", "job": "api"}, "value": [1_700_000_000, "3"]},
        ]})
    );
    assert_eq!(
        query("1+1").await,
        json!({"resultType": "scalar", "result": [1_700_000_000, "2"]})
    );
    assert_eq!(
        query("g{instance=\"a\"}[20s]").await,
        json!({"resultType": "matrix", "result": [
            {"metric": {"__name__": "g", "instance": "a", "job": "api"},
             "values": [[1_699_999_985, "3"], [1_700_000_000, "3"]]},
        ]})
    );
    let range = [
        ("query", "sum by (job) (rate(c[1m]))"),
        ("start", "1699999985.5"),
        ("end", "1700000000.5"),
        ("step", "15"),
    ];
    let answer = data(&store, "/api/v1/query_range", &range).await;
    assert_eq!(answer["resultType"], "matrix");
    assert_eq!(answer["result"][0]["metric"], json!({"job": "api"}));
    assert_eq!(answer["result"][0]["values"][0][0], json!(1_699_999_985.5));
    assert_eq!(answer["result"][0]["values"].as_array().map(Vec::len), Some(2));

    let form = "query=g%7Binstance%3D%22b%22%7D&time=1700000000";
    let request = Request::post("/api/v1/query")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form));
    let (status, body) = send(&store, request.expect("a request")).await;
    assert_eq!(
        (status, body.as_str()),
        (
            StatusCode::OK,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"g","instance":"b","job":"api"},"value":[1700000000,"5"]}]}}"#
        )
    );
}

#[tokio::test]
async fn labels_and_series_can_be_listed() {
    let store = filled();
    let list = async |path: &str, parameters: &[(&str, &str)]| data(&store, path, parameters).await;
    assert_eq!(
        list("/api/v1/labels", &[]).await,
        json!(["__name__", "instance", "job"])
    );
    assert_eq!(list("/api/v1/label/__name__/values", &[]).await, json!(["c", "g"]));
    assert_eq!(
        list("/api/v1/label/__name__/values", &[("match[]", "{__name__=~\"g.*\"}")]).await,
        json!(["g"])
    );
    assert_eq!(list("/api/v1/label/nothing/values", &[]).await, json!([]));
    assert_eq!(
        list(
            "/api/v1/series",
            &[("match[]", "c{instance!=\"a\"}"), ("match[]", "g{instance=\"a\"}")]
        )
        .await,
        json!([
            {"__name__": "c", "instance": "b", "job": "api"},
            {"__name__": "g", "instance": "a", "job": "api"},
        ])
    );
    assert_eq!(
        list("/api/v1/series", &[("match[]", "c"), ("start", "1700000100")]).await,
        json!([])
    );
    assert_eq!(list("/api/v1/status/buildinfo", &[]).await["revision"], "invar");
    assert_eq!(list("/api/v1/query_exemplars", &[("query", "c")]).await, json!([]));
    assert_eq!(list("/api/v1/rules", &[]).await, json!({"groups": []}));
}

#[tokio::test]
async fn errors_say_what_is_wrong() {
    let store = filled();
    for (path, parameters, status, kind, text) in [
        (
            "/api/v1/query",
            &[("query", "")][..],
            400,
            "bad_data",
            "no expression found",
        ),
        (
            "/api/v1/query",
            &[("query", "c{")],
            400,
            "bad_data",
            "1:3: parse error: unexpected end of input",
        ),
        (
            "/api/v1/query",
            &[("query", "rate(c[5m:1m])")],
            400,
            "bad_data",
            "subqueries are not supported: the embedded store knows",
        ),
        (
            "/api/v1/query",
            &[("query", "c"), ("time", "x")],
            400,
            "bad_data",
            "invalid parameter \"time\"",
        ),
        (
            "/api/v1/query",
            &[("query", "c + on(instance) {job=\"api\"}")],
            422,
            "execution",
            "many-to-many",
        ),
        (
            "/api/v1/query",
            &[("query", "rate({job=\"api\"}[5m])")],
            422,
            "execution",
            "same labelset",
        ),
        (
            "/api/v1/query_range",
            &[("query", "c"), ("start", "2"), ("end", "1"), ("step", "1")],
            400,
            "bad_data",
            "end timestamp",
        ),
        (
            "/api/v1/query_range",
            &[("query", "c"), ("start", "1"), ("end", "2"), ("step", "0")],
            400,
            "bad_data",
            "zero or negative",
        ),
        (
            "/api/v1/query_range",
            &[("query", "c"), ("start", "1"), ("end", "20000"), ("step", "1")],
            400,
            "bad_data",
            "11,000",
        ),
        (
            "/api/v1/query_range",
            &[("query", "c[5m]"), ("start", "1"), ("end", "2"), ("step", "1")],
            400,
            "bad_data",
            "range vector",
        ),
        (
            "/api/v1/query_range",
            &[("query", "c"), ("end", "2"), ("step", "1")],
            400,
            "bad_data",
            "\"start\"",
        ),
        ("/api/v1/series", &[], 400, "bad_data", "no match[] parameter"),
        (
            "/api/v1/series",
            &[("match[]", "{a=\"\"}")],
            400,
            "bad_data",
            "non-empty matcher",
        ),
    ] {
        let (got, body) = get(&store, path, parameters).await;
        assert_eq!(got.as_u16(), status, "{path} {parameters:?} {body}");
        let answer: serde_json::Value = serde_json::from_str(&body).expect("the answer is JSON");
        assert_eq!(
            (&answer["status"], &answer["errorType"]),
            (&json!("error"), &json!(kind)),
            "{body}"
        );
        assert!(
            answer["error"].as_str().is_some_and(|error| error.contains(text)),
            "{parameters:?}: {body}"
        );
    }
}

async fn push(store: &std::sync::Arc<promstore::Store>, message: &[u8], kind: &str) -> (StatusCode, String) {
    let body = snap::raw::Encoder::new()
        .compress_vec(message)
        .expect("it can be compressed");
    let request = Request::post("/api/v1/write")
        .header("content-type", kind)
        .header("content-encoding", "snappy")
        .body(Body::from(body));
    send(store, request.expect("a request")).await
}

#[tokio::test]
async fn remote_write_is_taken_in_both_versions() {
    let store = store();
    let sample = |value, at| Sample {
        value,
        timestamp: NOW + at,
        start_timestamp: 0,
    };
    let mut first = v1::Writer::default();
    let up = v1::EncodedLabels::new([("__name__", "up"), ("job", "x")]);
    first.sample(&up, sample(1.0, 0));
    first.metadata("up", Kind::Gauge, "Whether it is.", "");
    let protobuf = "application/x-protobuf";
    assert_eq!(push(&store, first.message(), protobuf).await.0, StatusCode::NO_CONTENT);
    // The same again is no error, another value is.
    assert_eq!(push(&store, first.message(), protobuf).await.0, StatusCode::NO_CONTENT);
    let mut other = v1::Writer::default();
    other.sample(&up, sample(0.0, 0));
    other.sample(&up, sample(0.0, 1000));
    other.sample(&up, sample(5.0, 3_600_000));
    let (status, body) = push(&store, other.message(), protobuf).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        body.contains("2 samples were not stored; the first, of up{job=\"x\"} at 1700000000000"),
        "{body}"
    );

    let mut second = v2::Writer::default();
    let labels = [("__name__", "down"), ("job", "x")];
    second.sample(labels, v2::Metadata::default(), sample(2.0, 0));
    let mut message = Vec::new();
    second.finish(&mut message);
    let kind = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    assert_eq!(push(&store, &message, kind).await.0, StatusCode::NO_CONTENT);
    assert_eq!(
        data(&store, "/api/v1/label/__name__/values", &[]).await,
        json!(["down", "up"])
    );
    assert_eq!(
        data(&store, "/api/v1/metadata", &[]).await,
        json!({"up": [{"type": "gauge", "help": "Whether it is.", "unit": ""}]})
    );

    assert_eq!(push(&store, b"\xff\xff", protobuf).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(
        push(&store, first.message(), "text/plain").await.0,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let request = Request::post("/api/v1/write").header("origin", "http://evil.example");
    let request = request.header("host", "127.0.0.1:3100").body(Body::empty());
    assert_eq!(send(&store, request.expect("a request")).await.0, StatusCode::FORBIDDEN);
}
