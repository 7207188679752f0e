//! Two members of a cluster, and a file that both can reach.

use super::{Rig, until};
use crate::file::{Arguments, args::Clustering};
use component::{Cluster, Target};
use std::sync::Arc;
use std::sync::atomic::Ordering;
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

    fn start(&mut self, target: &Target) {
        let args = Arguments {
            clustering: Clustering { enabled: true },
            ..self.rig.args(vec![target.clone()])
        };
        self.rig.start(args);
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
