//! Imports, with content that tests provide.

use crate::components::{Bench, Shelf, bench, check_imports};
use component::HealthState;
use std::sync::atomic::Ordering;
use std::time::Duration;

const USER: &str = r#"
import.test "lib" { name = "lib" }
lib.plus "a" { input = 1 }
test.watch "w" { value = lib.plus.a.output }
"#;

fn plus(n: i64) -> String {
    format!(
        "declare \"plus\" {{
            argument \"input\" {{ }}
            test.add \"inner\" {{
                input = argument.input.value
                plus  = {n}
            }}
            export \"output\" {{ value = test.add.inner.output }}
        }}"
    )
}

fn last(bench: &Bench) -> i64 {
    bench.updates.last.load(Ordering::SeqCst)
}

fn import_health(bench: &Bench) -> component::Health {
    bench.controller.import_health("import.test.lib").expect("it is loaded")
}

#[tokio::test(start_paused = true)]
async fn content_is_fetched_and_followed() {
    let bench = bench();
    bench.shelf.put("lib", &plus(10));
    bench.load(USER).await.unwrap();
    assert_eq!(last(&bench), 11);
    bench.shelf.put("lib", &plus(20));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(last(&bench), 21);
    assert_eq!(import_health(&bench).state, HealthState::Healthy);
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn bad_content_is_refused_told_and_tried_again() {
    let bench = bench();
    bench.shelf.put("lib", &plus(10));
    bench.load(USER).await.unwrap();
    bench.settle().await;
    bench.journal.take();
    for bad in [
        "declare \"plus\" {",
        "test.add \"x\" { input = 1 }",
        "declare \"other\" { }",
        &plus(5).replace("plus  =", "broken = true\nplus ="),
    ] {
        bench.shelf.put("lib", bad);
        tokio::time::sleep(Duration::from_secs(20)).await;
        let health = import_health(&bench);
        assert_eq!(health.state, HealthState::Unhealthy, "{bad}");
        assert!(
            health
                .message
                .contains("imported content from \"import.test.lib\" is invalid"),
            "{}",
            health.message
        );
        assert_eq!(last(&bench), 11);
        assert_eq!(bench.journal.take(), Vec::<String>::new(), "{bad}");
    }
    // Retried without new content: what it needs is there now.
    bench.shelf.put("lib", "import.test \"deep\" { name = \"deep\" }\ndeclare \"plus\" {\n argument \"input\" { }\n deep.plus \"d\" { input = argument.input.value }\n export \"output\" { value = deep.plus.d.output }\n}");
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(last(&bench), 11);
    bench.shelf.put("deep", &plus(100));
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(last(&bench), 101);
    assert_eq!(import_health(&bench).state, HealthState::Healthy);
    // And the nested one is followed too.
    bench.shelf.put("deep", &plus(200));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(last(&bench), 201);
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_module_that_takes_other_arguments_is_refused_until_they_are_given() {
    let bench = bench();
    bench.shelf.put("lib", &plus(10));
    bench.load(USER).await.unwrap();
    let renamed = plus(20)
        .replace(
            "argument \"input\" { }",
            "argument \"number\" { optional = true\n default = 0 }",
        )
        .replace("argument.input.value", "argument.number.value");
    bench.shelf.put("lib", &renamed);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(last(&bench), 11);
    let health = import_health(&bench);
    assert!(
        health
            .message
            .contains("Provided argument \"input\" is not defined in the module"),
        "{}",
        health.message
    );
    // Neither of the two could be loaded alone.
    bench.load(&USER.replace("input = 1", "number = 1")).await.unwrap();
    bench.settle().await;
    assert_eq!(last(&bench), 21);
    assert_eq!(import_health(&bench).state, HealthState::Healthy);
    // What is refused is no obstacle to another change.
    bench.shelf.put("lib", "declare {");
    tokio::time::sleep(Duration::from_secs(5)).await;
    bench.load(&USER.replace("input = 1", "number = 2")).await.unwrap();
    bench.settle().await;
    assert_eq!(last(&bench), 22);
    assert_eq!(import_health(&bench).state, HealthState::Unhealthy);
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_module_exports_may_depend_on_content_that_is_fetched() {
    let bench = bench();
    bench.shelf.put("lib", &plus(10));
    let text = r#"
        declare "outer" {
            import.test "lib" { name = "lib" }
            lib.plus "a" { input = 1 }
            export "sum" { value = lib.plus.a.output }
        }
        outer "o" { }
        test.watch "w" { value = outer.o.sum }
    "#;
    bench.load(text).await.unwrap();
    assert_eq!(last(&bench), 11);
    // What runs has another export under the same id until the content is there.
    let renamed = text
        .replace("export \"sum\"", "export \"total\"")
        .replace("o.sum", "o.total");
    let other = renamed.replace("name = \"lib\"", "name = \"new\"");
    bench.shelf.put("new", &plus(20));
    bench.load(&other).await.unwrap();
    bench.settle().await;
    assert_eq!(last(&bench), 21);
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_import_holds_up_no_other() {
    let bench = bench();
    bench.shelf.put("lib", &plus(1));
    bench.shelf.put("other", "declare \"d\" { export \"x\" { value = 1 } }");
    let text = format!("{USER}\nimport.test \"other\" {{ name = \"other\" }}\nother.d \"i\" {{ }}");
    bench.load(&text).await.unwrap();
    bench.shelf.put("other", "declare {");
    bench.shelf.put("lib", &plus(2));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(last(&bench), 3);
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_was_fetched_and_stops_what_went() {
    let bench = bench();
    bench.shelf.put("lib", &plus(1));
    bench.load(USER).await.unwrap();
    bench.settle().await;
    bench.journal.take();
    let fetches = bench.shelf.fetches();
    bench
        .load(&format!("{USER}\ntest.add \"new\" {{ input = 1 }}"))
        .await
        .unwrap();
    bench.settle().await;
    assert_eq!(bench.journal.take(), ["build test.add.new", "start test.add.new"]);
    assert_eq!(bench.shelf.fetches(), fetches);
    assert_eq!(bench.shelf.watchers(), 1);
    bench.load("").await.unwrap();
    bench.settle().await;
    assert_eq!(bench.shelf.watchers(), 0);
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn other_arguments_are_another_import() {
    let bench = bench();
    bench.shelf.put("lib", &plus(1));
    bench.shelf.put("new", &plus(7));
    bench.load(USER).await.unwrap();
    bench
        .load(&USER.replace("name = \"lib\"", "name = \"new\""))
        .await
        .unwrap();
    bench.settle().await;
    assert_eq!(last(&bench), 8);
    assert_eq!(bench.shelf.watchers(), 1);
    bench.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_import_whose_name_comes_from_a_component_follows_it() {
    let bench = bench();
    bench.shelf.put("v0", &plus(10));
    bench.shelf.put("v1", &plus(20));
    let text = format!(
        "test.count \"c\" {{ max = 1 }}\n{}",
        USER.replace("name = \"lib\"", "name = \"v\" + test.count.c.count")
    );
    let text = text.replace(
        "\"v\" + test.count.c.count",
        "string.format(\"v%d\", test.count.c.count)",
    );
    bench.load(&text).await.unwrap();
    assert_eq!(last(&bench), 11);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(last(&bench), 21);
    bench.controller.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_imports() {
    let shelf = |content: &'static str| move |shelf: &Shelf| shelf.put("lib", content);
    check_imports(
        shelf("declare \"m\" {\n  test.nope \"x\" { }\n}"),
        "import.test \"lib\" { name = \"lib\" }\nlib.m \"i\" { }",
        "Error: shelf/lib:2:3: cannot find the definition of component name \"test.nope\"

1 | declare \"m\" {
2 |   test.nope \"x\" { }
  |   ^^^^^^^^^
3 | }
  hint: did you mean \"test.known\"?
  in lib.m \"i\" at config.alloy:2:1
",
    )
    .await;
    check_imports(
        shelf("declare \"m\" { }"),
        "import.test \"lib\" { name = \"lib\" }\nlib.n \"i\" { }",
        "Error: config.alloy:2:1: custom component config not found in the registry, namespace: \"lib\", componentName: \"n\"

1 | import.test \"lib\" { name = \"lib\" }
2 | lib.n \"i\" { }
  | ^^^^^
  hint: it has m
",
    )
    .await;
    check_imports(
        shelf("test.add \"x\" { input = 1 }"),
        "import.test \"lib\" { name = \"lib\" }",
        "Error: shelf/lib:1:1: only declare and import blocks are allowed in a module, got test.add

1 | test.add \"x\" { input = 1 }
  | ^^^^^^^^
  in import.test \"lib\" at config.alloy:1:1
",
    )
    .await;
    check_imports(
        |_| {},
        "import.test \"lib\" { name = \"lib\" }",
        "Error: config.alloy:1:1: fetching the content of import.test.lib: nothing is called lib

1 | import.test \"lib\" { name = \"lib\" }
  | ^^^^^^^^^^^^^^^^^
",
    )
    .await;
    check_imports(
        shelf("declare \"m\" { outside \"x\" { } }"),
        "declare \"outside\" { }\nimport.test \"lib\" { name = \"lib\" }\nlib.m \"i\" { }",
        "Error: shelf/lib:1:15: cannot find the definition of component name \"outside\"

1 | declare \"m\" { outside \"x\" { } }
  |               ^^^^^^^
  in lib.m \"i\" at config.alloy:3:1
",
    )
    .await;
}
