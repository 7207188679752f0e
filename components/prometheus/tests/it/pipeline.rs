//! Scrape, relabel, write: through all of them, over HTTP on both sides.

use crate::receiver::RemoteWriteServer;
use crate::rig::{Running, World};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use prommodel::STALE_NAN;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A target that exposes what the number of the scrape says: none for an error.
async fn target(bodies: fn(u32) -> Option<String>) -> String {
    let count = Arc::new(AtomicU32::new(0));
    let answer = move || {
        let round = count.fetch_add(1, Ordering::Relaxed);
        async move {
            match bodies(round) {
                Some(body) => (StatusCode::OK, body),
                None => (StatusCode::SERVICE_UNAVAILABLE, String::new()),
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let router = Router::new().route("/metrics", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    addr.to_string()
}

/// What sends to a server at once.
fn writer(world: &World, server: &RemoteWriteServer) -> Running {
    let config = format!(
        "endpoint {{\nurl = {:?}\nqueue_config {{\nbatch_send_deadline = \"10ms\"\n}}\n}}",
        server.url
    );
    world.start("prometheus.remote_write", &config, &[])
}

fn scrape(addr: &str) -> String {
    format!(
        "targets = [{{\"__address__\" = {addr:?}, \"zone\" = \"a\"}}]\njob_name = \"test\"\nscrape_interval = \"100ms\"\nscrape_timeout = \"100ms\""
    )
}

#[tokio::test]
async fn what_is_exposed_arrives_and_what_is_gone_is_marked() {
    let dir = tempfile::tempdir().unwrap();
    let (world, server) = (World::new(dir.path()), RemoteWriteServer::start().await);
    let addr = target(|round| match round {
        0 | 1 => Some("a{x=\"1\"} 1\nb 2\nnoise 3\n".to_owned()),
        2 => Some("a{x=\"1\"} 1\nnoise 3\n".to_owned()),
        _ => None,
    })
    .await;
    let write = writer(&world, &server);
    let relabel = world.start(
        "prometheus.relabel",
        "rule {\nsource_labels = [\"__name__\"]\nregex = \"noise|scrape_.*\"\naction = \"drop\"\n}\nrule {\ntarget_label = \"env\"\nreplacement = \"test\"\n}",
        &[write.receiver()],
    );
    let scraper = world.start("prometheus.scrape", &scrape(&addr), &[relabel.receiver()]);
    // 3 + 3 + (2 and a marker) + (up and a marker).
    server.wait(11).await;
    let got = server.samples();
    let of = |name: &str| -> Vec<f64> {
        let mine = got.iter().filter(|(labels, _, _)| labels["__name__"] == name);
        mine.map(|(_, _, bits)| {
            if *bits == STALE_NAN {
                -1.0
            } else {
                f64::from_bits(*bits)
            }
        })
        .collect()
    };
    assert_eq!(of("a"), [1.0, 1.0, 1.0, -1.0]);
    assert_eq!(of("b"), [2.0, 2.0, -1.0]);
    assert_eq!(of("up")[..4], [1.0, 1.0, 1.0, 0.0]);
    assert!(of("noise").is_empty());
    let (labels, _, _) = got.iter().find(|(labels, _, _)| labels["__name__"] == "a").unwrap();
    let expect = [
        ("__name__", "a"),
        ("env", "test"),
        ("instance", &*addr),
        ("job", "test"),
        ("x", "1"),
        ("zone", "a"),
    ];
    let labels: Vec<(&str, &str)> = labels
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(labels, expect);
    let dropped = world
        .ledger
        .edge("prometheus.scrape.x", "prometheus.relabel.x")
        .snapshot();
    assert!(dropped.filtered["relabel"].items >= 3 + 3 * 4, "{dropped:?}");
    scraper.stop().await;
    relabel.stop().await;
    write.stop().await;
    let edge = world
        .ledger
        .edge("prometheus.scrape.x", "prometheus.relabel.x")
        .snapshot();
    let settled = edge.delivered.items + edge.filtered["relabel"].items + edge.returned.items;
    assert_eq!((edge.entered.items, edge.lost.items), (settled, 0), "{edge:?}");
}

#[tokio::test]
async fn a_target_that_is_removed_takes_its_series_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (world, server) = (World::new(dir.path()), RemoteWriteServer::start().await);
    let addr = target(|_| Some("a 1\n".to_owned())).await;
    let write = writer(&world, &server);
    let scraper = world.start("prometheus.scrape", &scrape(&addr), &[write.receiver()]);
    server.wait(6).await;
    let empty = "targets = []\njob_name = \"test\"\nscrape_interval = \"100ms\"\nscrape_timeout = \"100ms\"";
    scraper.update("prometheus.scrape", empty, &[write.receiver()]);
    let stale = || {
        server
            .samples()
            .iter()
            .filter(|(_, _, bits)| *bits == STALE_NAN)
            .count()
    };
    for _ in 0..300 {
        if stale() == 6 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(stale(), 6, "the series and the five of the report");
    scraper.stop().await;
    write.stop().await;
}

#[tokio::test]
async fn a_reload_goes_on_with_the_series() {
    let dir = tempfile::tempdir().unwrap();
    let (world, server) = (World::new(dir.path()), RemoteWriteServer::start().await);
    let addr = target(|_| Some("a 1\n".to_owned())).await;
    let write = writer(&world, &server);
    let scraper = world.start("prometheus.scrape", &scrape(&addr), &[write.receiver()]);
    server.wait(6).await;
    let faster = scrape(&addr).replace("100ms", "50ms");
    scraper.update("prometheus.scrape", &faster, &[write.receiver()]);
    let before = server.samples().len();
    server.wait(before + 30).await;
    let got = server.samples();
    assert!(
        got.iter().all(|(_, _, bits)| *bits != STALE_NAN),
        "no series was marked"
    );
    let added = got
        .iter()
        .filter(|(labels, _, bits)| labels["__name__"] == "scrape_series_added" && *bits != 0);
    assert_eq!(added.count(), 1, "known series stay known");
    scraper.stop().await;
    write.stop().await;
}

/// Memory that was sent away comes back although the scraper itself waits for memory.
#[tokio::test]
async fn a_small_budget_slows_down_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = RemoteWriteServer::start().await;
    // Two scrapes of 1,000 samples have room, and a third has not.
    let limit = 120 << 10;
    let world = World::with_budget(dir.path(), limit);
    let addr = target(|_| Some((0..1000).map(|at| format!("a{at} 1\n")).collect())).await;
    let write = world.start(
        "prometheus.remote_write",
        &format!(
            "endpoint {{\nurl = {:?}\nqueue_config {{\nbatch_send_deadline = \"10s\"\nmax_samples_per_send = 100000\n}}\n}}",
            server.url
        ),
        &[],
    );
    let config = scrape(&addr).replace("100ms", "20ms");
    let scraper = world.start("prometheus.scrape", &config, &[write.receiver()]);
    server.wait(10_000).await;
    assert!(world.budget.peak() <= limit, "{}", world.budget.peak());
    scraper.stop().await;
    write.stop().await;
}

#[tokio::test]
async fn a_target_that_another_member_scrapes_goes_without_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let (mut world, server) = (World::new(dir.path()), RemoteWriteServer::start().await);
    let member = testkit::cluster::ScriptedCluster::new(true);
    world.cluster = Some(Arc::new(component::Cluster::new(member.clone())));
    let addr = target(|_| Some("a 1\n".to_owned())).await;
    let write = writer(&world, &server);
    let clustered = format!("{}\nclustering {{\nenabled = true\n}}", scrape(&addr));
    let scraper = world.start("prometheus.scrape", &clustered, &[write.receiver()]);
    server.wait(6).await;
    member.set(false);
    // What is under way arrives; then there is silence.
    let quiet = async {
        loop {
            let before = server.samples().len();
            tokio::time::sleep(Duration::from_millis(500)).await;
            if server.samples().len() == before {
                return before;
            }
        }
    };
    let before = tokio::time::timeout(Duration::from_secs(30), quiet).await.unwrap();
    member.set(true);
    server.wait(before + 12).await;
    assert!(
        server.samples().iter().all(|(_, _, bits)| *bits != STALE_NAN),
        "the series went on elsewhere"
    );
    // Without the block everything is scraped, whoever else there is.
    member.set(false);
    scraper.update("prometheus.scrape", &scrape(&addr), &[write.receiver()]);
    let before = server.samples().len();
    server.wait(before + 12).await;
    scraper.stop().await;
    write.stop().await;
}
