//! `remote.http`

use crate::kit::{Rig, Server, build};
use value::{OptionalSecret, Value};

fn content(rig: &Rig) -> (bool, String) {
    let Value::Capsule(capsule) = rig.export("content") else {
        panic!("no capsule")
    };
    let found = capsule.downcast_ref::<OptionalSecret>().unwrap();
    (found.is_secret, found.expose().to_str_lossy().into_owned())
}

const POLL: &str = "poll_frequency = \"60ms\"\npoll_timeout = \"50ms\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_is_there_at_once_and_the_last_one_stays() {
    let server = Server::start("  one\n").await;
    let url = format!(
        "url = \"{}/x?y=z\"\nheaders = {{\"X-Own\" = \"h\"}}\n{POLL}",
        server.url
    );
    let rig = Rig::start("remote.http", &url);
    assert_eq!(content(&rig), (false, "one".to_owned()));
    assert_eq!(rig.health(), "polled endpoint");
    let (path, headers) = server.first();
    assert_eq!((path.as_str(), headers["x-own"].to_str().unwrap()), ("/x?y=z", "h"));
    server.answers(200, "two");
    rig.until("the new answer", |rig| content(rig).1 == "two").await;
    server.answers(500, "broken");
    rig.until("a failure", |rig| rig.health().contains("status 500")).await;
    assert_eq!(content(&rig).1, "two");
    // Other arguments are refused while they do not work.
    let secret = format!("{url}\nis_secret = true");
    assert!(rig.update(&secret).unwrap_err().contains("status 500"));
    server.answers(200, "three");
    rig.update(&secret).unwrap();
    assert_eq!(content(&rig), (true, "three".to_owned()));
    rig.until("health", |rig| rig.health() == "polled endpoint").await;
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_work_is_not_built() {
    let server = Server::start("x").await;
    server.answers(404, "none");
    let error = build("remote.http", &format!("url = \"{}\"", server.url))
        .err()
        .unwrap();
    assert!(
        error.contains("polling failed") && error.contains("status 404"),
        "{error}"
    );
    for (arguments, expected) in [
        ("url = \"x\"", "is no URL"),
        ("url = \"http://x\"\npoll_timeout = \"1m\"", "must be less than"),
        ("url = \"http://x\"\npoll_frequency = \"0s\"", "must be greater than 0"),
        ("url = \"http://x\"\nmethod = \"a b\"", "not a method of HTTP"),
    ] {
        let error = build("remote.http", arguments).err().unwrap();
        assert!(error.contains(expected), "{arguments}: {error}");
    }
}
