//! The service against a scripted server and a scripted graph, on paused time.

use crate::graph::{Graph, Ill, Refused};
use crate::server::{Failure, Server};
use crate::service::Setup;
use crate::{RemoteConfig, RemoteOptions, RemotecfgArgs, State};
use collectorapi::{CallError, Code, ConfigAnswer, ConfigRequest, Registration};
use component::{CancellationToken, Health, HealthState};
use futures_util::future::BoxFuture;
use host::Host;
use promtext::Registry;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::task::JoinHandle;
use value::{Block, Body};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

/// Answers with a content; its hash is its length.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Scripted>>);

#[derive(Default)]
struct Scripted {
    content: String,
    /// Answers to any call instead of what it should be.
    failure: Option<Failure>,
    calls: Vec<String>,
}

impl Script {
    fn says(&self, content: &str) {
        let mut script = lock(&self.0);
        script.content = content.to_owned();
        script.failure = None;
    }

    fn fails(&self, failure: Failure) {
        lock(&self.0).failure = Some(failure);
    }

    /// The calls since it was asked last.
    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.0).calls)
    }

    fn call(&self, call: String) -> Result<String, Failure> {
        let mut script = lock(&self.0);
        script.calls.push(call);
        match &script.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(script.content.clone()),
        }
    }
}

impl Server for Script {
    fn register(&self, message: Registration, _: Duration) -> BoxFuture<'static, Result<(), Failure>> {
        let result = self.call(format!("register {} {}", message.id, message.name));
        Box::pin(async move { result.map(drop) })
    }

    fn config(&self, message: ConfigRequest, _: Duration) -> BoxFuture<'static, Result<ConfigAnswer, Failure>> {
        let mut call = format!("config {}", message.hash);
        if let Some(status) = &message.status {
            call.push_str(&format!(" {} {}", status.state.as_str(), status.error_message));
        }
        if let Some((body, _)) = message.effective.as_ref().and_then(|effective| effective.files.get("")) {
            call.push_str(&format!(" runs {:?}", String::from_utf8_lossy(body)));
        }
        let result = self.call(call.split_whitespace().collect::<Vec<_>>().join(" "));
        Box::pin(async move {
            let content = result?;
            let hash = content.len().to_string();
            let not_modified = hash == message.hash;
            Ok(ConfigAnswer {
                content: if not_modified { String::new() } else { content },
                hash,
                not_modified,
            })
        })
    }

    fn unregister(&self, id: &str, _: Duration) -> BoxFuture<'static, Result<(), Failure>> {
        let result = self.call(format!("unregister {id}"));
        Box::pin(async move { result.map(drop) })
    }
}

/// A configuration is words: each is a component; `ill` is one that is not well, `bad` is refused.
#[derive(Clone, Default)]
struct Words(Arc<Mutex<Vec<String>>>);

impl Words {
    fn loads(&self) -> Vec<String> {
        lock(&self.0).clone()
    }
}

impl Graph for Words {
    fn load<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<(), Refused>> {
        let refused = || Refused {
            report: format!("{text:?} is bad"),
            brief: "bad".to_owned(),
        };
        let result = if text.contains("bad") { Err(refused()) } else { Ok(()) };
        if result.is_ok() {
            lock(&self.0).push(text.to_owned());
        }
        Box::pin(std::future::ready(result))
    }

    fn ill(&self) -> Vec<Ill> {
        let running = lock(&self.0).last().cloned().unwrap_or_default();
        let ill = running
            .split_whitespace()
            .filter(|word| *word == "ill")
            .map(|word| Ill {
                id: format!("remotecfg/{word}"),
                health: Health::new(HealthState::Unhealthy, "no luck", 0),
                arguments: Body::default(),
            });
        ill.collect()
    }

    fn redact(&self, text: &str) -> String {
        text.to_uppercase()
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        lock(&self.0).push("stop".to_owned());
        Box::pin(std::future::ready(()))
    }
}

struct Bench {
    service: RemoteConfig,
    server: Script,
    graph: Words,
    metrics: Registry,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Bench {
    /// The service with its state in a folder, which asks every minute.
    fn start(folder: &tempfile::TempDir, grace: u64, content: &str) -> Bench {
        let metrics = Registry::new();
        let service = RemoteConfig::new(RemoteOptions {
            host: Host::real(),
            storage: folder.path().to_owned(),
            metrics: metrics.clone(),
            version: "v1".to_owned(),
            grace: Duration::from_secs(grace),
        });
        let (server, graph, stop) = (Script::default(), Words::default(), CancellationToken::new());
        match content {
            "" => server.fails(Failure::Unreachable("down".to_owned())),
            content => server.says(content),
        }
        let running = tokio::spawn(service.clone().run(Arc::new(graph.clone()), stop.clone()));
        let bench = Bench {
            service,
            server,
            graph,
            metrics,
            stop,
            running,
        };
        bench.set(Some("me"));
        bench
    }

    fn set(&self, id: Option<&str>) {
        let setup = id.map(|id| {
            Arc::new(Setup {
                args: RemotecfgArgs {
                    url: "http://u:p@h/".to_owned(),
                    id: id.to_owned(),
                    name: "n".to_owned(),
                    ..RemotecfgArgs::defaults()
                },
                server: Arc::new(self.server.clone()),
            })
        });
        self.service.set(setup);
    }

    async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    fn state(&self) -> State {
        self.service.status().status
    }

    async fn stop(self) -> Vec<String> {
        self.stop.cancel();
        self.running.await.unwrap();
        self.server.calls()
    }

    fn metric(&self, line: &str) -> bool {
        let text = promtext::encode(&self.metrics.gather().families, promtext::Format::Text);
        text.lines().any(|other| other == line)
    }
}

fn kept(folder: &tempfile::TempDir) -> Vec<String> {
    let files = std::fs::read_dir(folder.path().join("remotecfg"));
    let files = files.into_iter().flatten().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_none());
    files.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_configuration_is_tried_applied_and_kept_and_the_server_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(&folder, 30, "one");
    bench.pass(5).await;
    assert_eq!(
        bench.server.calls(),
        ["register me n", "config", "config 3 applying runs \"one\""]
    );
    assert_eq!(
        (bench.graph.loads(), bench.state()),
        (vec!["one".to_owned()], State::Applying)
    );
    assert!(kept(&folder).is_empty());
    bench.pass(30).await;
    assert_eq!(bench.server.calls(), ["config 3 applied"]);
    assert_eq!((kept(&folder), bench.state()), (vec!["one".to_owned()], State::Applied));
    bench.pass(115).await;
    assert_eq!(bench.server.calls(), ["config 3", "config 3"]);
    let status = bench.service.status();
    assert_eq!(
        (
            status.url.as_str(),
            status.hash.as_str(),
            status.source.as_str(),
            status.attributes["collector.version"].as_str()
        ),
        ("http://h", "3", "ONE", "v1")
    );
    for line in [
        "remotecfg_last_load_successful 1",
        "remotecfg_last_load_not_modified 1",
        "remotecfg_load_attempts_total 5",
        "remotecfg_load_failures_total 0",
        "remotecfg_hash{hash=\"3f7996ff\"} 1",
        "remotecfg_request_duration_seconds_count 5",
    ] {
        assert!(bench.metric(line), "{line}");
    }
    let graph = bench.graph.clone();
    assert_eq!(bench.stop().await, ["unregister me"]);
    assert_eq!(graph.loads(), ["one", "stop"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_leaves_what_runs_and_is_not_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(&folder, 0, "one");
    bench.pass(5).await;
    assert_eq!(bench.state(), State::Applied);
    bench.server.calls();
    bench.server.says("bad b");
    bench.pass(180).await;
    let calls = bench.server.calls();
    assert_eq!(
        calls,
        ["config 3", "config 5 failed \"bad b\" is bad", "config 5", "config 5"]
    );
    let status = bench.service.status();
    assert_eq!(
        (status.status, status.message.as_str(), status.source.as_str()),
        (State::Failed, "bad", "ONE")
    );
    assert_eq!(
        (bench.graph.loads(), kept(&folder)),
        (vec!["one".to_owned()], vec!["one".to_owned()])
    );
    bench.server.says("one");
    bench.pass(60).await;
    // It runs already.
    assert_eq!((bench.graph.loads().len(), bench.state()), (1, State::Applied));
    assert_eq!(bench.server.calls(), ["config 5", "config 3 applied"]);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_ends_well_does_not_say_that_what_was_refused_was_applied() {
    let folder = tempfile::tempdir().unwrap();
    // Longer than two polls, so that the second one brings something else.
    let bench = Bench::start(&folder, 150, "one");
    bench.pass(5).await;
    assert_eq!(bench.state(), State::Applying);
    bench.server.says("bad b");
    bench.pass(90).await;
    assert_eq!(bench.state(), State::Failed);
    bench.pass(150).await;
    assert_eq!((kept(&folder), bench.state()), (vec!["one".to_owned()], State::Failed));
    assert!(bench.metric("remotecfg_hash{hash=\"3f7996ff\"} 1"));
    // The server takes it back: what runs is what it wants.
    bench.server.says("one");
    bench.pass(60).await;
    assert_eq!(bench.state(), State::Applied);
    assert_eq!(bench.service.status().message, "");
    assert!(bench.metric("remotecfg_last_load_successful 1"));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn components_that_are_ill_bring_back_what_ran_before() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(&folder, 20, "one");
    bench.pass(30).await;
    bench.server.says("one ill");
    bench.server.calls();
    bench.pass(60).await;
    let why = "component remotecfg/ill is unhealthy: no luck; the configuration before this one runs again";
    assert_eq!(
        bench.server.calls(),
        [
            "config 3".to_owned(),
            "config 7 applying runs \"one ill\"".to_owned(),
            format!("config 7 failed {why} runs \"one\"")
        ]
    );
    assert_eq!(bench.graph.loads(), ["one", "one ill", "one"]);
    let status = bench.service.status();
    assert_eq!((status.status, status.message.as_str()), (State::Failed, why));
    bench.pass(300).await;
    assert_eq!((bench.graph.loads().len(), kept(&folder)), (3, vec!["one".to_owned()]));
    // What is new is tried again. Something newer takes its place, and goes back to what was good.
    bench.server.says("one, two");
    bench.pass(60).await;
    assert_eq!(bench.state(), State::Applied);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn something_newer_takes_the_place_of_what_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(&folder, 300, "one");
    bench.pass(310).await;
    assert_eq!(bench.state(), State::Applied);
    bench.server.says("fine two");
    bench.pass(60).await;
    assert_eq!(bench.state(), State::Applying);
    bench.server.says("one ill");
    bench.pass(70).await;
    assert_eq!(bench.graph.loads(), ["one", "fine two", "one ill", "one"]);
    // What is known to be good needs no trial.
    bench.server.says("three");
    bench.pass(60).await;
    assert_eq!(bench.state(), State::Applying);
    bench.server.says("one");
    bench.pass(60).await;
    assert_eq!(bench.state(), State::Applied);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_anything_before_it_what_is_ill_runs_on_until_it_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(&folder, 20, "ill");
    bench.pass(15).await;
    let status = bench.service.status();
    assert_eq!(status.status, State::Failed);
    assert!(status.message.contains("it runs on"), "{}", status.message);
    assert_eq!((bench.graph.loads(), kept(&folder).len()), (vec!["ill".to_owned()], 0));
    lock(&bench.graph.0).push("well".to_owned());
    bench.pass(60).await;
    assert_eq!((bench.state(), kept(&folder)), (State::Applied, vec!["ill".to_owned()]));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_runs_while_the_server_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(&folder, 0, "one");
    bench.pass(5).await;
    bench.stop().await;
    let bench = Bench::start(&folder, 30, "");
    bench.pass(150).await;
    let status = bench.service.status();
    assert_eq!(
        (
            status.status,
            status.message.as_str(),
            status.hash.as_str(),
            status.source.as_str()
        ),
        (State::Applied, "the server cannot be reached: down", "3f7996ff", "ONE")
    );
    // It is not asked for the configuration if it cannot even be told who this is.
    assert_eq!(bench.server.calls(), ["register me n"; 3]);
    bench.server.says("one");
    bench.pass(60).await;
    assert_eq!(bench.server.calls(), ["register me n", "config applied runs \"one\""]);
    assert_eq!(
        (bench.graph.loads(), bench.service.status().message.as_str()),
        (vec!["one".to_owned()], "")
    );
    // A server that has forgotten everything is told everything again.
    bench
        .server
        .fails(Failure::Refused(CallError::new(Code::NotFound, "who?")));
    bench.pass(60).await;
    bench.server.says("one");
    bench.pass(60).await;
    assert_eq!(
        bench.server.calls(),
        ["config 3", "register me n", "config 3 applied runs \"one\""]
    );
    bench.stop().await;
    // What is kept is what a first configuration goes back to.
    let bench = Bench::start(&folder, 30, "one ill");
    bench.pass(15).await;
    assert_eq!(
        (bench.graph.loads(), bench.state()),
        (vec!["one ill".to_owned(), "one".to_owned()], State::Failed)
    );
    bench.stop().await;
    // The same for one that is refused.
    let bench = Bench::start(&folder, 30, "bad");
    bench.pass(15).await;
    assert_eq!(
        (bench.graph.loads(), bench.state()),
        (vec!["one".to_owned()], State::Failed)
    );
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_the_block_nothing_runs() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(&folder, 0, "one");
    bench.pass(5).await;
    bench.server.calls();
    bench.set(Some("other"));
    bench.pass(5).await;
    assert_eq!(
        bench.server.calls(),
        [
            "unregister me",
            "register other n",
            "config runs \"one\"",
            "config 3 applied"
        ]
    );
    bench.set(None);
    bench.pass(5).await;
    assert_eq!(bench.server.calls(), ["unregister other"]);
    assert_eq!(bench.graph.loads(), ["one", ""]);
    assert_eq!(bench.service.status(), crate::Status::default());
    bench.pass(600).await;
    assert!(bench.stop().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_ends_the_program_again_and_again_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(&folder, 0, "one");
    bench.pass(5).await;
    bench.stop().await;
    for _ in 0..3 {
        let bench = Bench::start(&folder, 30, "two");
        bench.pass(5).await;
        assert_eq!(
            (bench.state(), bench.graph.loads()),
            (State::Applying, vec!["two".to_owned()])
        );
        bench.running.abort();
    }
    let bench = Bench::start(&folder, 30, "two");
    bench.pass(5).await;
    let status = bench.service.status();
    assert_eq!(
        (status.status, bench.graph.loads()),
        (State::Failed, vec!["one".to_owned()])
    );
    assert!(status.message.contains("ended 3 times"), "{}", status.message);
    bench.server.says("three");
    bench.pass(100).await;
    assert_eq!((bench.state(), bench.graph.loads().len()), (State::Applied, 2));
    bench.stop().await;
    // Who is told to stop has not failed.
    for _ in 0..5 {
        let bench = Bench::start(&folder, 30, "four");
        bench.pass(5).await;
        assert_eq!(bench.state(), State::Applying);
        bench.stop().await;
    }
}
