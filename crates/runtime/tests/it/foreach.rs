//! `foreach`.

use crate::components::{bench_with, check_with};
use component::Stability;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn modules(bench: &crate::components::Bench) -> Vec<String> {
    bench.controller.modules()
}

#[tokio::test(start_paused = true)]
async fn a_child_for_each_item() {
    let bench = bench_with(Stability::Experimental);
    let text = r#"
        foreach "f" {
            collection = ["a b", 5, 5]
            var        = "item"
            template {
                test.add "x" { input = coalesce(test.add.outside.output, 0) }
                test.add "y" { input = test.add.x.output }
            }
        }
        test.add "outside" { input = 1 }
    "#;
    bench.load(text).await.unwrap();
    assert_eq!(
        modules(&bench),
        [
            "foreach.f/foreach_a_b_1",
            "foreach.f/foreach_5_1",
            "foreach.f/foreach_5_2"
        ]
    );
    bench.settle().await;
    bench.journal.take();
    bench.load(&text.replace("5, 5", "5")).await.unwrap();
    assert_eq!(
        bench.journal.take(),
        [
            "stop foreach.f/foreach_5_2/test.add.y",
            "stop foreach.f/foreach_5_2/test.add.x"
        ]
    );
    bench
        .load(&text.replace("5, 5", "5").replace("input = 1", "input = 7"))
        .await
        .unwrap();
    bench.settle().await;
    let mut updates = bench.journal.take();
    updates.sort();
    assert_eq!(
        updates,
        [
            "update foreach.f/foreach_5_1/test.add.x",
            "update foreach.f/foreach_5_1/test.add.y",
            "update foreach.f/foreach_a_b_1/test.add.x",
            "update foreach.f/foreach_a_b_1/test.add.y",
            "update test.add.outside",
        ],
        "what changes outside of the template reaches what refers to it inside"
    );
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_collection_that_changes_makes_and_ends_children() {
    let bench = bench_with(Stability::Experimental);
    let text = r#"
        test.count "c" { max = 2 }
        foreach "f" {
            collection = [test.count.c.count, 10]
            var        = "item"
            template {
                test.add "x" { input = item }
            }
        }
    "#;
    bench.load(text).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(modules(&bench), ["foreach.f/foreach_2_1", "foreach.f/foreach_10_1"]);
    let journal = bench.journal.take();
    let starts: Vec<_> = journal.iter().filter(|line| line.starts_with("start")).collect();
    assert_eq!(starts.len(), 4, "10 was started once: {journal:?}");
    assert!(journal.contains(&"stop foreach.f/foreach_1_1/test.add.x".to_owned()));
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_item_that_cannot_be_built_leaves_the_children_as_they_were() {
    let bench = bench_with(Stability::Experimental);
    let text = r#"
        test.count "c" { max = 1 }
        foreach "f" {
            collection = [test.count.c.count, 10]
            var        = "item"
            template {
                test.add "x" {
                    input  = item
                    broken = item == 1
                }
            }
        }
    "#;
    bench.load(text).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(modules(&bench), ["foreach.f/foreach_0_1", "foreach.f/foreach_10_1"]);
    let health = bench.controller.component("foreach.f").unwrap().health;
    assert_eq!(health.state, component::HealthState::Unhealthy);
    assert!(health.message.contains("it is broken"), "{}", health.message);
    bench.load(&text.replace("== 1", "== 100")).await.unwrap();
    assert_eq!(modules(&bench), ["foreach.f/foreach_1_1", "foreach.f/foreach_10_1"]);
    let health = bench.controller.component("foreach.f").unwrap().health;
    assert_eq!(health.state, component::HealthState::Healthy, "{}", health.message);
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nested_ones_see_out_and_modules_within_do_not() {
    let bench = bench_with(Stability::Experimental);
    let text = r#"
        declare "sum" {
            argument "a" { }
            argument "b" { }
            test.add "s" {
                input = argument.a.value
                plus  = argument.b.value
            }
            export "out" { value = test.add.s.output }
        }
        foreach "f" {
            collection = [1, 2]
            var        = "one"
            template {
                foreach "g" {
                    collection = [10]
                    var        = "two"
                    template {
                        sum "s" {
                            a = one + two
                            b = test.add.outside.output
                        }
                        test.watch "w" { value = sum.s.out }
                    }
                }
            }
        }
        test.add "outside" { input = test.count.c.count }
        test.count "c" { max = 100 }
    "#;
    bench.load(text).await.unwrap();
    let id = "foreach.f/foreach_2_1/foreach.g/foreach_10_1";
    let found = bench.controller.components(id).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(bench.updates.last.load(Ordering::SeqCst), 13);
    tokio::time::sleep(Duration::from_millis(4500)).await;
    let exports = value::body_json(&bench.controller.component(&format!("{id}/sum.s")).unwrap().exports);
    assert!(exports.contains("17"), "12 + 4 + 1: {exports}");
    bench.controller.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_foreach() {
    check_with(
        Stability::GenerallyAvailable,
        "foreach \"f\" { }",
        &[
            "config.alloy:1:1: config block \"foreach\" is at stability level \"experimental\", which is below the minimum \
           allowed stability level \"generally-available\". Use --stability.level command-line flag to enable \"experimental\" \
           features",
        ],
    )
    .await;
    let young = Stability::Experimental;
    check_with(
        young,
        "foreach \"f\" {\n collection = []\n var = \"x\"\n}",
        &["config.alloy:1:1: missing required block \"template\""],
    )
    .await;
    check_with(
        young,
        "foreach \"f\" {\n collection = [1]\n var = \"x\"\n template { test.add \"a\" { input = y } }\n}",
        &["config.alloy:4:36: component \"y\" does not exist or is out of scope"],
    )
    .await;
    check_with(
        young,
        "foreach \"f\" {\n collection = [1]\n var = \"x\"\n template { argument \"a\" { } }\n}",
        &["config.alloy:4:13: argument not allowed in foreach"],
    )
    .await;
}
