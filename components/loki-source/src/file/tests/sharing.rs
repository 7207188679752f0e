//! Two members of a cluster, and a file that both can reach.

use super::{Rig, until};
use crate::file::Arguments;
use component::{BoxFuture, Cluster, ClusterView, ClusteringArgs, HandOver, LogsReceiver, Target};
use signals::{Accepting, LogBatch, Receiver, Sink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use testkit::cluster::ScriptedCluster;

struct Member {
    rig: Rig,
    cluster: Arc<ScriptedCluster>,
}

impl Member {
    fn new(owns: bool) -> Member {
        let cluster = ScriptedCluster::new(owns);
        let mut rig = Rig::new();
        rig.cluster = Some(Arc::new(Cluster::new(cluster.clone())));
        Member { rig, cluster }
    }

    fn args(&self, target: &Target, enabled: bool) -> Arguments {
        Arguments {
            clustering: ClusteringArgs { enabled },
            ..self.rig.args(vec![target.clone()])
        }
    }

    fn start(&mut self, target: &Target) {
        self.rig.start(self.args(target, true));
    }
}

fn pair() -> (Member, Member, Target) {
    let (mut first, mut second) = (Member::new(true), Member::new(false));
    second.cluster.set_previous(Some(first.cluster.clone()));
    first.cluster.set_previous(Some(second.cluster.clone()));
    first.rig.append("a.log", "1\n2\n");
    let target = first.rig.target("a.log", &[("job", "x")]);
    first.start(&target);
    second.start(&target);
    (first, second, target)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_a_file_over_goes_on_where_the_other_stopped() {
    let (mut first, mut second, _) = pair();
    first.rig.expect(&["1", "2"]).await;
    assert!(second.rig.sink.lines().is_empty());
    // The new owner knows it first: it asks, and the old one stops.
    second.cluster.set(true);
    first.rig.append("a.log", "3\n");
    until("the third line is read once", || {
        first.rig.sink.lines().len() + second.rig.sink.lines().len() == 3
    })
    .await;
    first.cluster.set(false);
    first.rig.append("a.log", "4\n5\n");
    until("the rest is read by the new owner", || {
        second.rig.sink.lines().ends_with(&["4".to_owned(), "5".to_owned()])
    })
    .await;
    // And back, the old owner knowing it first.
    second.cluster.set(false);
    first.cluster.set(true);
    first.rig.append("a.log", "6\n");
    until("the first owner is back", || {
        first.rig.sink.lines().last().is_some_and(|line| line == "6")
    })
    .await;
    let mut all = first.rig.sink.lines();
    all.extend(second.rig.sink.lines());
    all.sort();
    assert_eq!(all, ["1", "2", "3", "4", "5", "6"], "each line once");
    first.rig.stop().await;
    second.rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_its_way_arrives_before_the_position_is_passed_on() {
    let (mut first, mut second, _) = pair();
    first.rig.expect(&["1", "2"]).await;
    first.rig.sink.open.send_replace(false);
    first.rig.append("a.log", "3\n");
    until("the third line is on its way", || first.rig.budget.used() > 0).await;
    second.cluster.set(true);
    first.cluster.set(false);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(second.rig.sink.lines().is_empty(), "it waits for the position");
    first.rig.sink.open.send_replace(true);
    first.rig.append("a.log", "4\n");
    until("the new owner goes on", || second.rig.sink.lines() == ["4"]).await;
    assert_eq!(first.rig.sink.lines(), ["1", "2", "3"]);
    first.rig.stop().await;
    second.rig.stop().await;
    assert_eq!(first.rig.sink.refusals.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_of_long_ago_is_not_passed_on() {
    let (mut first, mut second) = (Member::new(true), Member::new(true));
    first.rig.append("a.log", "1\n");
    let target = first.rig.target("a.log", &[("job", "x")]);
    second.start(&target);
    second.rig.expect(&["1"]).await;
    second.rig.stop().await;
    assert!(second.rig.positions().contains(": \"2\""), "{}", second.rig.positions());
    // Others read it since then.
    first.rig.append("a.log", "2\n3\n");
    first.start(&target);
    first.rig.expect(&["1", "2", "3"]).await;
    std::fs::rename(first.rig.path("a.log"), first.rig.path("a.log.1")).unwrap();
    first.rig.append("a.log", "4\n5\n6\n");
    first.rig.expect(&["1", "2", "3", "4", "5", "6"]).await;
    first.rig.stop().await;
    assert!(first.rig.positions().contains(": \"6\""), "{}", first.rig.positions());
    // It can be asked when it reads something.
    second.rig.append("b.log", "x\n");
    let other = second.rig.target("b.log", &[]);
    second.start(&other);
    second.rig.expect(&["1", "x"]).await;
    second.cluster.set(false);
    first.cluster.set_previous(Some(second.cluster.clone()));
    first.rig.append("a.log", "7\n");
    first.start(&target);
    first.rig.expect(&["1", "2", "3", "4", "5", "6", "7"]).await;
    first.rig.stop().await;
    second.rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_again_gets_the_same_answer() {
    let (mut first, mut second, target) = pair();
    first.rig.expect(&["1", "2"]).await;
    first.cluster.set(false);
    let asker = ScriptedCluster::new(true);
    asker.set_previous(Some(first.cluster.clone()));
    let key = serde_json::json!({ "path": first.rig.path("a.log"), "labels": "{job=\"x\"}" }).to_string();
    let ask = || asker.ask_previous("loki.source.file.test", 0, &key);
    let answer = ask().await.unwrap();
    first.rig.update(first.args(&target, true));
    assert_eq!(ask().await.unwrap(), answer);
    // Of what it never had it knows nothing.
    let unknown = key.replace("a.log", "b.log");
    assert_eq!(asker.ask_previous("loki.source.file.test", 0, &unknown).await, None);
    first.rig.stop().await;
    second.rig.stop().await;
}

/// Counts how often it is asked.
#[derive(Default)]
struct Asked(AtomicUsize);

impl HandOver for Asked {
    fn take(&self, _: &str) -> BoxFuture<'static, Option<Vec<u8>>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(None))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clustering_can_be_switched_on_and_off() {
    let mut member = Member::new(true);
    let (previous, asked) = (ScriptedCluster::new(false), Arc::new(Asked::default()));
    let _offer = previous.offer("loki.source.file.test", asked.clone());
    member.cluster.set_previous(Some(previous));
    member.rig.append("a.log", "1\n");
    let target = member.rig.target("a.log", &[]);
    member.rig.start(member.args(&target, false));
    member.rig.expect(&["1"]).await;
    assert_eq!(asked.0.load(Ordering::SeqCst), 0);
    member.rig.update(member.args(&target, true));
    until("the reader is a member's", || asked.0.load(Ordering::SeqCst) == 1).await;
    member.rig.append("a.log", "2\n");
    member.rig.expect(&["1", "2"]).await;
    member.cluster.set(false);
    let tailers = || super::lock(&member.rig.running.as_ref().unwrap().0.tailers).len();
    until("the file is left to others", || tailers() == 0).await;
    member.rig.append("a.log", "3\n");
    member.rig.update(member.args(&target, false));
    member.rig.expect(&["1", "2", "3"]).await;
    member.rig.stop().await;
}

/// Panics once, then passes on.
struct Fragile(AtomicBool, Arc<dyn Sink>);

impl Sink for Fragile {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        assert!(self.0.swap(true, Ordering::SeqCst), "once");
        self.1.clone().accept(batch)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_panics_starts_again() {
    let mut rig = Rig::new();
    rig.append("a.log", "1\n");
    let mut args = rig.args(vec![rig.target("a.log", &[])]);
    args.forward_to = vec![LogsReceiver(Some(Receiver {
        owner: Arc::from("test.sink"),
        sink: Arc::new(Fragile(AtomicBool::new(false), rig.sink.clone())),
    }))];
    rig.start(args);
    rig.expect(&["1"]).await;
    rig.stop().await;
}
