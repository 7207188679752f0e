//! `declare`, `argument`, `export` and instances of them.

use crate::components::{bench, check};
use std::sync::atomic::Ordering;
use std::time::Duration;

const PLUS: &str = r#"
declare "plus" {
    argument "input" { }
    argument "more" {
        optional = true
        default  = 10
    }
    test.add "inner" {
        input = argument.input.value
        plus  = argument.more.value
    }
    export "output" {
        value = test.add.inner.output
    }
}
"#;

#[tokio::test(start_paused = true)]
async fn values_flow_into_a_module_and_out_of_it() {
    let bench = bench();
    let text = format!(
        "{PLUS}
        test.count \"c\" {{ max = 3 }}
        plus \"a\" {{ input = test.count.c.count }}
        plus \"b\" {{
            input = plus.a.output
            more  = 100
        }}
        test.watch \"w\" {{ value = plus.b.output }}"
    );
    bench.load(&text).await.unwrap();
    assert_eq!(bench.updates.last.load(Ordering::SeqCst), 110);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(bench.updates.last.load(Ordering::SeqCst), 113);
    let ids: Vec<String> = bench
        .controller
        .components("plus.a")
        .unwrap()
        .into_iter()
        .map(|info| format!("{} in {}", info.spec.id, info.module))
        .collect();
    assert_eq!(ids, ["test.add.inner in plus.a"]);
    let info = bench.controller.component("plus.b").unwrap();
    assert_eq!(info.modules, ["plus.b"]);
    assert_eq!(
        value::body_json(&info.exports),
        r#"[{"name":"output","type":"attr","value":{"type":"number","value":113}}]"#
    );
    assert_eq!(info.health.state, component::HealthState::Healthy);
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_parts_of_a_module_start_and_stop_with_their_surroundings() {
    let bench = bench();
    let text = format!(
        "test.add \"after\" {{ input = plus.m.output }}
        {PLUS}
        plus \"m\" {{ input = test.add.before.output }}
        test.add \"before\" {{ input = 1 }}"
    );
    bench.load(&text).await.unwrap();
    bench.settle().await;
    assert_eq!(
        bench.journal.take(),
        [
            "build test.add.before",
            "build plus.m/test.add.inner",
            "build test.add.after",
            "start test.add.before",
            "start plus.m/test.add.inner",
            "start test.add.after",
        ]
    );
    bench.load("test.add \"before\" { input = 1 }").await.unwrap();
    assert_eq!(
        bench.journal.take(),
        ["stop test.add.after", "stop plus.m/test.add.inner"]
    );
    bench.load(&text).await.unwrap();
    bench.settle().await;
    bench.journal.take();
    bench.controller.stop().await;
    assert_eq!(
        bench.journal.take(),
        [
            "stop test.add.after",
            "stop plus.m/test.add.inner",
            "stop test.add.before"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_reload_touches_only_what_changed_within_a_module() {
    let bench = bench();
    let text = |plus: i64| {
        format!(
            "declare \"two\" {{
                argument \"in\" {{ }}
                test.add \"kept\" {{ input = argument.in.value }}
                test.add \"changed\" {{
                    input = test.add.kept.output
                    plus  = {plus}
                }}
                export \"out\" {{ value = test.add.changed.output }}
            }}
            two \"x\" {{ in = 1 }}
            test.watch \"w\" {{ value = two.x.out }}"
        )
    };
    bench.load(&text(1)).await.unwrap();
    bench.settle().await;
    bench.journal.take();
    bench.load(&text(5)).await.unwrap();
    bench.settle().await;
    assert_eq!(bench.journal.take(), ["update two.x/test.add.changed"]);
    assert_eq!(bench.updates.last.load(Ordering::SeqCst), 7);
    bench.load(&text(5).replace("in = 1", "in = 2")).await.unwrap();
    bench.settle().await;
    assert_eq!(
        bench.journal.take(),
        ["update two.x/test.add.kept", "update two.x/test.add.changed"]
    );
    assert_eq!(bench.updates.last.load(Ordering::SeqCst), 8);
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_module_that_fails_within_leaves_everything_as_it_was() {
    let bench = bench();
    let good = format!("{PLUS}\nplus \"a\" {{ input = 1 }}\ntest.add \"other\" {{ input = 1 }}");
    bench.load(&good).await.unwrap();
    bench.settle().await;
    bench.journal.take();
    let bad = good
        .replace("plus  = argument", "broken = true\nplus  = argument")
        .replace("\"other\" { input = 1", "\"other\" { input = 9");
    let error = bench.load(&bad).await.unwrap_err();
    assert_eq!(
        error.report(false),
        r#"Error: config.alloy:8:5: Failed to build component: building component: it is broken

7 |     }
8 |     test.add "inner" {
  |     ^^^^^^^^^^^^^^^^
9 |         input = argument.input.value
  in plus "a" at config.alloy:18:1
"#
    );
    bench.settle().await;
    assert_eq!(bench.journal.take(), Vec::<String>::new());
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_module_sees_modules_around_it_and_no_components() {
    let bench = bench();
    let text = r#"
        declare "outer" {
            declare "leaf" {
                export "out" { value = 2 }
            }
            leaf "l" { }
            helper "h" { }
            export "out" { value = leaf.l.out + helper.h.out }
        }
        declare "helper" {
            export "out" { value = 40 }
        }
        outer "o" { }
        test.watch "w" { value = outer.o.out }
    "#;
    bench.load(text).await.unwrap();
    assert_eq!(bench.updates.last.load(Ordering::SeqCst), 42);
    bench.controller.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_modules() {
    check(
        "declare \"m\" { test.add \"a\" { input = test.add.outside.output } }\nm \"x\" { }\ntest.add \"outside\" { input = 1 }",
        &[
            "config.alloy:1:38: component \"test.add.outside.output\" does not exist or is out of scope (\"test.add.outside\" is \
             outside of the module: give it as an argument)",
        ],
    )
    .await;
    check(
        "declare \"m\" { argument \"needed\" { } }\nm \"x\" { }",
        &["config.alloy:2:1: missing required argument \"needed\" to module"],
    )
    .await;
    check(
        "declare \"m\" { argument \"needed\" { } }\nm \"x\" {\n  needed = 1\n  need = 2\n}",
        &["config.alloy:4:3: Provided argument \"need\" is not defined in the module (it takes needed)"],
    )
    .await;
    check(
        "argument \"x\" { }\nexport \"y\" { value = 1 }",
        &[
            "config.alloy:1:1: argument blocks only allowed inside a module",
            "config.alloy:2:1: export blocks only allowed inside a module",
        ],
    )
    .await;
    check(
        "declare \"declare\" { }\ndeclare { }",
        &[
            "config.alloy:1:1: 'declare' is not a valid label for a declare block",
            "config.alloy:2:1: declare block must have a label",
        ],
    )
    .await;
    check(
        "declare \"a\" { b \"x\" { } }\ndeclare \"b\" { a \"x\" { } }\na \"i\" { }",
        &[
            "config.alloy:1:1: cycle: declare.a, declare.b (declare.a -> declare.b -> declare.a: modules cannot be made of each \
           other)",
        ],
    )
    .await;
    check(
        "declare \"a\" { a \"x\" { } }",
        &["config.alloy:1:1: self reference: declare.a (a module cannot be made of itself)"],
    )
    .await;
    check(
        "declare \"test\" { }\ntest.add \"x\" { input = 1 }",
        &[
            "config.alloy:2:1: custom component config not found in the registry, namespace: \"test\", componentName: \"add\" \
           (\"test\" is a declare; it hides every test.* component)",
        ],
    )
    .await;
    check(
        "declare \"m\" { }\nm \"x\" { inner { } }",
        &["config.alloy:2:9: nested blocks not supported here"],
    )
    .await;
    check(
        "declare \"m\" { export \"out\" { value = argument.none.value } }\nm \"x\" { }",
        &["config.alloy:1:38: component \"argument.none.value\" does not exist or is out of scope"],
    )
    .await;
    check(
        "m \"x\" { to = m.x.out }\ndeclare \"m\" {\n argument \"to\" { }\n export \"out\" { value = 1 }\n}",
        &["config.alloy:1:1: self reference: m.x (a component cannot refer to its own exports)"],
    )
    .await;
    // A module that nobody uses may need what is not allowed.
    check("declare \"unused\" { test.young \"x\" { value = 1 } }", &[]).await;
    check(
        "declare \"used\" { test.young \"x\" { value = 1 } }\nused \"a\" { }\nused \"b\" { }",
        &[
            "config.alloy:1:18: component \"test.young\" is at stability level \"experimental\", which is below the minimum \
           allowed stability level \"generally-available\". Use --stability.level command-line flag to enable \"experimental\" \
           features",
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_controllers_of_modules_have_metrics() {
    let bench = bench();
    let text = format!("{PLUS}\nplus \"a\" {{ input = 1 }}\ntest.add \"other\" {{ input = 1 }}");
    bench.load(&text).await.unwrap();
    let scrape = || {
        let text = promtext::encode(&bench.metrics.gather().families, promtext::Format::Text);
        promtext::parse_text(&text).unwrap()
    };
    let running = "alloy_component_controller_running_components";
    let healthy = |id| {
        [
            ("controller_path", "/"),
            ("controller_id", id),
            ("health_type", "healthy"),
        ]
    };
    assert_eq!(scrape().value(running, &healthy("")), Some(2.0));
    assert_eq!(scrape().value(running, &healthy("plus.a")), Some(1.0));
    bench.load("test.add \"other\" { input = 1 }").await.unwrap();
    assert_eq!(scrape().value(running, &healthy("")), Some(1.0));
    assert_eq!(scrape().value(running, &healthy("plus.a")), None);
    bench.controller.stop().await;
}
