//! A load happens whole or not at all.

use crate::components::bench;
use std::sync::atomic::Ordering;

const GOOD: &str = r#"
test.add "a" { input = 1 }
test.add "b" { input = test.add.a.output }
test.watch "w" { value = test.add.b.output }
"#;

#[tokio::test(start_paused = true)]
async fn nodes_start_from_leaves_to_roots_and_stop_the_other_way() {
    let bench = bench();
    bench.load(GOOD).await.unwrap();
    bench.settle().await;
    assert_eq!(
        bench.journal.take(),
        [
            "build test.add.a",
            "build test.add.b",
            "start test.add.a",
            "start test.add.b"
        ]
    );
    bench.controller.stop().await;
    assert_eq!(bench.journal.take(), ["stop test.add.b", "stop test.add.a"]);
}

#[tokio::test(start_paused = true)]
async fn an_equal_configuration_touches_nothing() {
    let bench = bench();
    bench.load(GOOD).await.unwrap();
    bench.settle().await;
    bench.journal.take();
    bench.load(&format!("// another comment\n{GOOD}")).await.unwrap();
    bench.settle().await;
    assert!(bench.journal.take().is_empty());
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn any_failure_leaves_everything_as_it_was() {
    let bench = bench();
    bench.load(GOOD).await.unwrap();
    bench.settle().await;
    bench.journal.take();
    for broken in [
        GOOD.replace("input = 1", "input = 2 +"),
        GOOD.replace("input = 1", "input = \"x\""),
        GOOD.replace("input = 1", "input = 2\n broken = true")
            .replace("{ input = 2", "{\ninput = 2"),
        GOOD.replace("test.add.a.output", "test.add.z.output"),
        GOOD.replace("input = 1", "input = test.add.b.output"),
        format!(
            "{}\ntest.add \"c\" {{\n input = 1\n broken = true\n}}",
            GOOD.replace("input = 1", "input = 7")
        ),
        format!("{GOOD}\ntest.unknown \"u\" {{ }}"),
    ] {
        assert!(bench.load(&broken).await.is_err(), "{broken}");
        bench.settle().await;
        let journal = bench.journal.take();
        assert!(
            journal.iter().all(|line| line.starts_with("build")),
            "{journal:?} after {broken}"
        );
        assert_eq!(bench.updates.last.load(Ordering::SeqCst), 3);
    }
    let states: Vec<_> = bench
        .controller
        .components("")
        .unwrap()
        .iter()
        .map(|node| node.health.state)
        .collect();
    assert_eq!(states, [component::HealthState::Healthy; 3]);
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_updates_what_it_concerns() {
    let bench = bench();
    bench.load(GOOD).await.unwrap();
    bench.settle().await;
    bench.journal.take();
    bench.load(&GOOD.replace("input = 1", "input = 5")).await.unwrap();
    bench.settle().await;
    assert_eq!(bench.journal.take(), ["update test.add.a", "update test.add.b"]);
    assert_eq!(bench.updates.last.load(Ordering::SeqCst), 7);
    bench
        .load("test.add \"a\" { input = 5 }\ntest.add \"n\" { input = test.add.a.output }\n")
        .await
        .unwrap();
    bench.settle().await;
    assert_eq!(
        bench.journal.take(),
        ["build test.add.n", "stop test.add.b", "start test.add.n"]
    );
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn metrics_of_a_removed_component_are_gone() {
    let bench = bench();
    bench.load(GOOD).await.unwrap();
    let before = bench.controller.components("").unwrap().len();
    bench.load("").await.unwrap();
    assert_eq!((before, bench.controller.components("").unwrap().len()), (3, 0));
    let text = promtext::encode(&bench.metrics.gather().families, promtext::Format::Text);
    assert!(!text.contains("test.add"), "{text}");
    bench.controller.stop().await;
}
