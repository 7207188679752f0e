//! Which configurations are accepted.

use super::kit::{Rig, endpoint, refusal};
use loki::write::Arguments;
use testkit::loki_sink::LokiSink;
use value::{Block, ByteSize, GoDuration};

const URL: &str = "url = \"http://loki:3100/loki/api/v1/push\"";

#[test]
fn defaults_are_those_of_alloy() {
    let args = Arguments::defaults();
    assert!(args.endpoints.is_empty() && args.external_labels.is_empty() && !args.wal.enabled);
    let endpoint = loki::write::EndpointArgs::defaults();
    assert_eq!(
        (endpoint.batch_wait, endpoint.batch_size, endpoint.remote_timeout),
        (GoDuration::seconds(1), ByteSize(1 << 20), GoDuration::seconds(10))
    );
    assert_eq!(
        (endpoint.min_backoff_period, endpoint.max_backoff_period),
        (GoDuration::millis(500), GoDuration::minutes(5))
    );
    let queue = &endpoint.queue_config;
    assert_eq!(
        (queue.capacity, queue.min_shards, queue.drain_timeout),
        (ByteSize(10 << 20), 1, GoDuration::seconds(15))
    );
    assert!(queue.block_on_overflow && endpoint.retry_on_http_429);
    assert!(endpoint.http.follow_redirects && endpoint.http.enable_http2);
}

#[test]
fn what_makes_no_sense_is_an_error_that_says_what_to_do() {
    let cases = [
        (String::new(), "missing required block \"endpoint\""),
        ("endpoint { }".to_owned(), "missing required attribute \"url\""),
        (
            "endpoint {\n url = \"loki:3100\"\n}".to_owned(),
            " has the scheme \"loki\"; use \"http\" or \"https\"",
        ),
        (
            "endpoint {\n url = \"\"\n}".to_owned(),
            " should look like \"http://loki:3100/loki/api/v1/push\": relative URL without a base",
        ),
        (
            format!("endpoint {{\n{URL}\n}}\nendpoint {{\n{URL}\n}}"),
            "endpoint: two endpoints are named \"loki:3100\"; give each endpoint block its own \"name\"",
        ),
        (
            format!("endpoint {{\n{URL}\n name = \"a\"\n}}\nendpoint {{\n{URL}\n name = \"a\"\n tenant_id = \"x\"\n}}"),
            "endpoint: name: two endpoints are named \"a\"; give each endpoint block its own \"name\"",
        ),
        (
            format!("endpoint {{\n{URL}\n remote_timeout = \"0s\"\n}}"),
            " must be greater than 0",
        ),
        (
            format!("endpoint {{\n{URL}\n headers = {{\"a b\" = \"c\"}}\n}}"),
            " has \"a b\", which is not the name of a header",
        ),
        (
            format!("endpoint {{\n{URL}\n bearer_token = \"a\"\n basic_auth {{ }}\n}}"),
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
        ),
        (
            format!("endpoint {{\n{URL}\n tls_config {{\n ca_file = \"/nonexistent/ca\"\n}}\n}}"),
            "endpoint \"loki:3100\": cannot read ca_file \"/nonexistent/ca\": No such file or directory (os error 2)",
        ),
        (
            format!("endpoint {{\n{URL}\n}}\nwal {{\n min_read_frequency = \"2s\"\n}}"),
            "min_read_frequency must be less than max_read_frequency",
        ),
    ];
    for (config, expected) in cases {
        assert_eq!(refusal(&config), expected, "{config}");
    }
}

#[tokio::test]
async fn everything_that_alloy_takes_is_taken() {
    let sink = LokiSink::start();
    let more = r#"
        name = "full"
        batch_size = "10KiB"
        remote_timeout = "5s"
        headers = {"X-A" = "b"}
        max_backoff_retries = 0
        tenant_id = "t"
        retry_on_http_429 = false
        follow_redirects = false
        enable_http2 = false
        http_headers = {"X-B" = ["c"]}
        proxy_from_environment = false
        queue_config {
            capacity = "1MiB"
            min_shards = 2
            drain_timeout = "1m"
            block_on_overflow = true
        }
        basic_auth {
            username = "u"
            password = "p"
        }
        tls_config {
            server_name = "loki"
            insecure_skip_verify = true
            min_version = "TLS12"
        }"#;
    let config = format!(
        "{}\nexternal_labels = {{\"cluster\" = \"c\"}}\nmax_streams = 10\nwal {{\n enabled = true\n max_segment_age = \"2h\"\n}}",
        endpoint(&sink, more)
    );
    let rig = Rig::new(&config);
    assert_eq!(rig.send("a", &["x"]).await, Ok(()));
    assert_eq!(sink.requests()[0].header("x-b"), Some("c"));
}
