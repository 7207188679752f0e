//! Changed exports reach dependants, and nothing else.

use crate::components::bench;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_changed_export_reaches_the_end_of_a_chain() {
    let bench = bench();
    let text = r#"
        test.count "c" { max = 5 }
        test.add "a" { input = test.count.c.count }
        test.add "b" {
            input = test.add.a.output
            plus  = 10
        }
        test.watch "w" { value = test.add.b.output }
    "#;
    bench.load(text).await.unwrap();
    assert_eq!(
        bench.updates.last.load(Ordering::SeqCst),
        11,
        "evaluated from leaves to roots at the load"
    );
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(bench.updates.last.load(Ordering::SeqCst), 16);
    assert_eq!(
        bench.updates.times.load(Ordering::SeqCst),
        5,
        "equal exports stop the propagation"
    );
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_dependants_are_evaluated() {
    let bench = bench();
    let text = r#"
        test.count "c" { max = 3 }
        test.add "near" { input = test.count.c.count }
        test.add "far" { input = 1 }
    "#;
    bench.load(text).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let updates = bench.journal.take();
    assert_eq!(updates.iter().filter(|line| *line == "update test.add.near").count(), 3);
    assert!(!updates.iter().any(|line| line == "update test.add.far"), "{updates:?}");
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_evaluation_keeps_the_old_arguments_and_shows_in_health() {
    let bench = bench();
    let text = r#"
        test.count "c" { max = 5 }
        test.add "a" { input = 10 / (3 - test.count.c.count) }
        test.watch "w" { value = test.add.a.output }
    "#;
    bench.load(text).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3500)).await;
    let node = bench.controller.component("test.add.a").unwrap();
    let health = node.health;
    assert_eq!(health.state, component::HealthState::Unhealthy);
    assert!(health.message.contains("divide by zero"), "{}", health.message);
    assert_eq!(
        bench.updates.last.load(Ordering::SeqCst),
        11,
        "the last good value stays"
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    let node = bench.controller.component("test.add.a").unwrap();
    assert_eq!(
        node.health.state,
        component::HealthState::Healthy,
        "it recovers with the next good value"
    );
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_one_component() {
    let bench = bench();
    bench
        .load("test.panics \"p\" { }\ntest.count \"c\" { max = 5 }\n")
        .await
        .unwrap();
    bench.settle().await;
    let panicked = bench.controller.component("test.panics.p").unwrap().health;
    assert_eq!(panicked.state, component::HealthState::Exited);
    assert!(panicked.message.contains("panic: on purpose"), "{}", panicked.message);
    let other = bench.controller.component("test.count.c").unwrap().health;
    assert_eq!(other.state, component::HealthState::Healthy);
    bench.controller.stop().await;
}
