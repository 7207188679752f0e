//! `/metrics` and what is in it.

use crate::support::{Server, header};
use flate2::read::{GzDecoder, ZlibDecoder};
use host::ManualClock;
use services::logging::Logging;
use services::metrics::{Build, ConfigMetrics, Proc, register};
use std::io::Read;
use std::sync::Arc;

async fn server() -> Server {
    let server = Server::start().await;
    let logging = Logging::new(
        Arc::new(ManualClock::at(0)),
        Box::new(std::io::sink()),
        &server.ledger,
        &server.budget,
    );
    let build = Build {
        version: "1.2.3",
        revision: "abc",
        branch: "main",
    };
    register(
        &server.metrics,
        build,
        Proc::default(),
        &server.ledger,
        &server.budget,
        &logging,
    )
    .unwrap();
    ConfigMetrics::new(&server.metrics, "").unwrap().loaded(["a"], 0);
    server
}

#[tokio::test]
async fn the_families_that_dashboards_use_are_there() {
    let server = server().await;
    server.ledger.edge("a", "b");
    let response = server.get("/metrics").await;
    assert_eq!(
        header(&response, "content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = response.text().await.unwrap();
    let scrape = promtext::parse_text(&text).unwrap();
    assert!(text.contains("alloy_build_info{branch=\"main\",goarch=\""), "{text}");
    assert!(
        text.contains("revision=\"abc\",tags=\"\",version=\"1.2.3\"} 1\n"),
        "{text}"
    );
    let ledger = [("from", "a"), ("to", "b"), ("fate", "delivered"), ("reason", "")];
    assert_eq!(scrape.value("invar_ledger_items_total", &ledger), Some(0.0));
    assert_eq!(scrape.value("invar_ledger_bytes_total", &ledger), Some(0.0));
    assert_eq!(
        scrape.value("invar_ledger_entered_items_total", &[("from", "a"), ("to", "b")]),
        Some(0.0)
    );
    assert_eq!(
        scrape.value("invar_budget_bytes", &[("kind", "limit")]),
        Some(1_048_576.0)
    );
    assert_eq!(scrape.value("invar_budget_bytes", &[("kind", "used")]), Some(0.0));
    assert_eq!(scrape.value("invar_budget_waiting", &[]), Some(0.0));
    assert_eq!(
        scrape.value("invar_logging_lines_not_forwarded_total", &[("reason", "own")]),
        Some(0.0)
    );
    assert_eq!(scrape.value("alloy_config_last_load_successful", &[]), Some(1.0));
    let resident = scrape.value("process_resident_memory_bytes", &[]);
    assert_eq!(
        resident.is_some_and(|bytes| bytes > 100_000.0),
        cfg!(target_os = "linux")
    );
    assert_eq!(
        scrape
            .value("alloy_resources_process_resident_memory_bytes", &[])
            .is_some(),
        cfg!(target_os = "linux")
    );
}

#[tokio::test]
async fn the_format_and_the_coding_are_those_asked_for() {
    let server = server().await;
    let request = server.client.get(server.url("/metrics"));
    let request = request.header(
        "accept",
        "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;q=0.5",
    );
    let open = request.send().await.unwrap();
    assert_eq!(
        header(&open, "content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let text = open.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(text.contains("# TYPE alloy_config_load_failures counter\n"), "{text}");

    for coding in ["gzip", "deflate"] {
        let request = server
            .client
            .get(server.url("/metrics"))
            .header("accept-encoding", coding);
        let response = request.send().await.unwrap();
        assert_eq!(header(&response, "content-encoding"), coding);
        assert_eq!(header(&response, "vary"), "Accept-Encoding");
        let bytes = response.bytes().await.unwrap();
        let mut text = String::new();
        if coding == "gzip" {
            GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
        } else {
            ZlibDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
        }
        assert!(
            promtext::parse_text(&text)
                .unwrap()
                .value("invar_budget_waiting", &[])
                .is_some()
        );
    }
    let plain = server.get("/metrics").await;
    assert_eq!(header(&plain, "content-encoding"), "");
}
