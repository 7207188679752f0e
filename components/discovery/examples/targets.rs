//! What 50,000 targets cost on their way from one component to the next: `cargo run --release -p discovery --example targets`.

use component::{RelabelRule, Target};
use discovery::COMPONENTS;
use signals::Labels;
use std::sync::Arc;
use std::time::Instant;
use value::{Block, Body, FromValue, Item, Place, Value};

const TARGETS: usize = 50_000;

fn target(number: usize) -> Target {
    let group = Labels::from_pairs((0..20).map(|n| {
        (
            format!("__meta_kubernetes_pod_label_number_{n}"),
            format!("value {n} of {number}"),
        )
    }));
    let own = [
        ("__address__", format!("10.0.{}.{}:80", number / 250, number % 250)),
        ("__meta_kubernetes_pod_container_name", "main".to_owned()),
    ];
    Target::new(group, Labels::from_pairs(own))
}

fn body(targets: &Value, rules: &[RelabelRule]) -> Body {
    let mut body = Body::default();
    body.items.push(Item::Attr {
        name: "targets".to_owned(),
        value: Ok(Some(targets.clone())),
        place: Place(0),
    });
    body.items.extend(rules.iter().map(|rule| Item::Block {
        name: "rule".to_owned(),
        body: value::encode(rule),
        place: Place(1),
    }));
    body
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = work();
    println!("{:>10.3} ms  {what}", began.elapsed().as_secs_f64() * 1e3);
    result
}

fn rss() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = text.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or_default();
    pages * 4096.0 / (1 << 20) as f64
}

fn main() {
    let mut targets: Vec<Target> = timed("make the targets", || (0..TARGETS).map(target).collect());
    println!("{:>10.1} MiB resident", rss());
    let value = timed("export: a list of values", || targets.to_value());
    let copy = targets.clone();
    timed("compare exports that are the same", || assert_eq!(copy, targets));
    timed("decode as arguments", || {
        Vec::<Target>::from_value(&value).expect("they are targets")
    });

    let mut rules = Vec::new();
    for n in 0..5 {
        rules.push(RelabelRule {
            source_labels: vec![format!("__meta_kubernetes_pod_label_number_{n}")],
            target_label: format!("label_{n}"),
            ..RelabelRule::defaults()
        });
    }
    let registration = COMPONENTS
        .iter()
        .find(|one| one.name == "discovery.relabel")
        .expect("it is listed");
    let parts = component::ContextParts {
        id: Arc::from("discovery.relabel.example"),
        data_path: Default::default(),
        host: host::Host::real(),
        budget: component::Budget::unlimited(),
        ledger: component::Ledger::default(),
        metrics: promtext::Registry::new(),
        services: component::Services::default(),
        stability: component::Stability::GenerallyAvailable,
        span: tracing::Span::none(),
        exported: Arc::new(|| {}),
        inspector: None,
    };
    let first = body(&value, &rules);
    let built = timed("discovery.relabel: 5 rules over all of them", || {
        registration.build(parts, &first)
    });
    let Ok(relabel) = built else {
        panic!("it should have been built")
    };
    println!("{:>10.1} MiB resident", rss());
    let update = |what: &str, targets: &[Target]| {
        let body = body(&targets.to_vec().to_value(), &rules);
        timed(what, || match relabel.clone().prepare(&body) {
            Ok(component::Prepared::Changed(change)) => change.apply(),
            _ => panic!("it should have changed"),
        });
    };
    targets[25_000] = target(TARGETS + 1);
    update("update of one", &targets);
    targets.remove(10);
    update("one less near the beginning", &targets);
    targets.reverse();
    update("all in another order", &targets);
    timed("its exports as a value", || relabel.exports());
}
