//! Configurations that run beside the program's own.

use crate::components::{bench_of, check};
use component::Stability;
use promtext::Registry as Metrics;
use std::sync::atomic::Ordering;
use std::time::Duration;

const TEXT: &str = r#"
declare "plus" {
    argument "input" { }
    test.add "inner" { input = argument.input.value }
    export "output" { value = test.add.inner.output }
}
test.count "c" { max = 3 }
plus "a" { input = test.count.c.count }
test.watch "w" { value = plus.a.output }
"#;

#[tokio::test(start_paused = true)]
async fn its_id_stands_in_front_of_all_ids_and_in_the_metrics() {
    let metrics = Metrics::new();
    let main = bench_of("", metrics.clone(), Stability::GenerallyAvailable);
    let guest = bench_of("guest", metrics.clone(), Stability::GenerallyAvailable);
    main.load("test.count \"c\" { max = 3 }").await.unwrap();
    guest.load(TEXT).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    // Values pass through a module, so that its nodes are found by their ids.
    assert_eq!(guest.updates.last.load(Ordering::SeqCst), 4);
    let listed = |module: &str| -> Vec<String> {
        let nodes = guest.controller.components(module).unwrap_or_default().into_iter();
        nodes
            .map(|info| format!("{} in {}", info.spec.id, info.module))
            .collect()
    };
    assert_eq!(
        listed(""),
        ["test.count.c in guest", "plus.a in guest", "test.watch.w in guest"]
    );
    assert_eq!(listed("guest"), listed(""));
    assert_eq!(listed("guest/plus.a"), ["test.add.inner in guest/plus.a"]);
    assert_eq!(guest.controller.modules(), ["guest/plus.a"]);
    assert!(guest.controller.components("plus.a").is_none());
    assert!(guest.controller.component("test.count.c").is_none());
    assert!(guest.controller.component("guest/test.count.c").is_some());
    assert!(guest.controller.component("guest/plus.a/test.add.inner").is_some());
    let text = promtext::encode(&metrics.gather().families, promtext::Format::Text);
    for line in [
        "alloy_component_controller_running_components{controller_id=\"\",controller_path=\"/\",health_type=\"healthy\"} 1",
        "alloy_component_controller_running_components{controller_id=\"guest\",controller_path=\"/\",health_type=\"healthy\"} 3",
        "alloy_component_controller_running_components{controller_id=\"plus.a\",controller_path=\"/guest\",health_type=\"healthy\"} 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    // A reload keeps what stays, and what went is stopped under its own name.
    guest.load("test.count \"c\" { max = 3 }").await.unwrap();
    assert_eq!(listed(""), ["test.count.c in guest"]);
    guest.controller.stop().await;
    main.controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn it_configures_nothing_but_its_components() {
    let guest = bench_of("guest", Metrics::new(), Stability::GenerallyAvailable);
    let error = guest
        .load("block { }\nargument \"a\" { optional = true }")
        .await
        .unwrap_err();
    assert_eq!(
        error.diagnostics.joined(),
        "config.alloy:1:1: block block not allowed inside a module: it belongs into the program's own configuration"
    );
    guest.controller.stop().await;
    check(
        "argument \"a\" { optional = true }",
        &["config.alloy:1:1: argument blocks only allowed inside a module"],
    )
    .await;
}
