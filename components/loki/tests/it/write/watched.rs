//! Looking at what is offered to a destination.

use super::kit::{Rig, endpoint};
use signals::{Seen, Tap};
use std::sync::{Arc, Mutex};
use testkit::loki_sink::LokiSink;

/// Notes the lines that go to destinations.
#[derive(Default)]
struct Seer(Mutex<Vec<String>>);

impl Tap for Seer {
    fn wants(&self, from: &str, to: &str) -> bool {
        from == "loki.write.test" && to.starts_with("loki.write.test#")
    }

    fn passes(&self, _: &str, to: &str, records: Seen<'_>) {
        let Seen::Logs(logs) = records else {
            panic!("logs were sent")
        };
        let line = String::from_utf8_lossy(&logs[0].entries[0].line);
        self.0.lock().unwrap().push(format!("{to} {line}"));
    }
}

#[tokio::test]
async fn what_a_sink_takes_for_a_destination_can_be_seen() {
    let sink = LokiSink::start();
    let mut rig = Rig::new(&endpoint(&sink, "name = \"far\""));
    assert_eq!(rig.send("a", &["before"]).await, Ok(()));
    let seer = Arc::new(Seer::default());
    let watching = rig.ledger.watch(seer.clone());
    assert_eq!(rig.send("a", &["1"]).await, Ok(()));
    drop(watching);
    assert_eq!(rig.send("a", &["after"]).await, Ok(()));
    rig.stop().await;
    assert_eq!(*seer.0.lock().unwrap(), ["loki.write.test#far 1"]);
}
