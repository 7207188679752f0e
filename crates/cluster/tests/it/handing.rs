//! Positions that pass from one member to another.

use crate::node::{Extra, Member, keys, options, settled, until};
use component::{BoxFuture, HandOver, Op};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub const COMPONENT: &str = "loki.source.test.a";

/// What a component works on, and where it is.
#[derive(Default)]
pub struct Positions(pub Mutex<BTreeMap<String, u64>>);

impl HandOver for Positions {
    fn take(&self, key: &str) -> BoxFuture<'static, Option<Vec<u8>>> {
        let mut positions = self.0.lock().expect("no test panics with the lock");
        let taken = positions.remove(key);
        Box::pin(async move { taken.map(|position| position.to_string().into_bytes()) })
    }
}

pub fn positions(entries: &[u64]) -> Arc<Positions> {
    let entries = entries.iter().map(|key| (key.to_string(), key % 1000));
    Arc::new(Positions(Mutex::new(entries.collect())))
}

pub async fn ask(member: &Member, key: u64) -> Option<u64> {
    let position = member.cluster.ask_previous(COMPONENT, key, &key.to_string()).await?;
    String::from_utf8(position).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_member_gets_the_positions_of_what_becomes_its_own() {
    let extra = Extra::default();
    let mut members = Member::several(&["a"], &extra).await;
    let all: Vec<u64> = keys().take(200).collect();
    let had = positions(&all);
    let _offer = members[0].cluster.offer(COMPONENT, had.clone());
    assert_eq!(ask(&members[0], all[0]).await, None, "nobody had it before");
    let mut joining = options("b");
    joining.join_addresses = vec![members[0].address.to_string()];
    let b = Member::start(joining, &extra).await;
    until("it sees the other", || b.cluster.peers().len() == 2).await;
    b.service.participate();
    // As soon as it is responsible, whether the other one knows it or not.
    until("it owns some", || {
        all.iter()
            .any(|key| b.cluster.owner(*key, Op::ReadWrite).is_some_and(|owner| owner.is_self))
    })
    .await;
    let mine: Vec<u64> = all.iter().copied().filter(|key| b.cluster.owns(*key)).collect();
    assert!(!mine.is_empty() && mine.len() < all.len());
    for &key in &mine[..mine.len().min(20)] {
        assert_eq!(ask(&b, key).await, Some(key % 1000));
        assert!(!had.0.lock().unwrap().contains_key(&key.to_string()));
    }
    assert_eq!(ask(&b, mine[0]).await, None, "it was handed over");
    assert_eq!(b.cluster.ask_previous("another.component", mine[1], "k").await, None);
    members.push(b);
    until("both", || settled(&members)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_goes_is_asked_before() {
    let extra = Extra::default();
    let members = Member::several(&["a", "b"], &extra).await;
    let of_b: Vec<u64> = keys().filter(|key| members[1].cluster.owns(*key)).take(3).collect();
    let had = positions(&of_b);
    let offer = members[1].cluster.offer(COMPONENT, had.clone());
    // A member that is started anew does not withdraw what its successor offers.
    let again = members[1].cluster.offer(COMPONENT, had);
    drop(offer);
    let service = members[1].service.clone();
    let leaving = tokio::spawn(async move { service.leave().await });
    until("the other takes over", || {
        of_b.iter().all(|key| members[0].cluster.owns(*key))
    })
    .await;
    assert_eq!(ask(&members[0], of_b[0]).await, Some(of_b[0] % 1000));
    drop(again);
    assert_eq!(ask(&members[0], of_b[1]).await, None);
    leaving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_dead_does_not_hold_up_the_others() {
    let extra = Extra::default();
    let mut members = Member::several(&["a", "b"], &extra).await;
    let of_b: Vec<u64> = keys().filter(|key| members[1].cluster.owns(*key)).take(1).collect();
    members.remove(1).kill().await;
    until("one is left", || settled(&members)).await;
    assert_eq!(ask(&members[0], of_b[0]).await, None);
}
