//! Positions that others were told in time.

use crate::handing::{COMPONENT, ask, positions};
use crate::node::{Extra, Member, keys, options, settled, until};
use component::Published;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

fn published(key: u64, position: u64) -> Published {
    Published {
        hash: key,
        key: key.to_string(),
        value: position.to_string().into_bytes(),
    }
}

fn of(member: &Member) -> Vec<u64> {
    keys().filter(|key| member.cluster.owns(*key)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_vanishes_has_told_where_it_was() {
    let extra = Extra::default();
    let mut members = Member::several(&["a", "b"], &extra).await;
    let of_b = of(&members[1]);
    let _offer = members[1].cluster.offer(COMPONENT, positions(&of_b[..1]));
    let all = of_b.iter().map(|key| published(*key, 7)).collect();
    members[1].cluster.publish(COMPONENT, all);
    let requests = of_b.len().div_ceil(256);
    assert!(requests >= 2, "{} keys", of_b.len());
    until("all are told", || extra.told.load(Ordering::SeqCst) >= requests).await;
    // Later ones count, and what cannot be told is left out.
    for position in 0..100 {
        members[1]
            .cluster
            .publish(COMPONENT, vec![published(of_b[1], position)]);
    }
    let odd = Published {
        value: b"no JSON".to_vec(),
        ..published(of_b[2], 0)
    };
    members[1]
        .cluster
        .publish(COMPONENT, vec![odd, published(of_b[3], 1234)]);
    let address = members[1].address;
    let last = extra.told.load(Ordering::SeqCst);
    until("the later ones are told", || {
        members[1].cluster.publish(COMPONENT, vec![published(of_b[1], 99)]);
        extra.told.load(Ordering::SeqCst) > last + 3
    })
    .await;
    // As long as it is there it is asked itself.
    members.remove(1).kill().await;
    // Nobody answers there, and nothing is refused.
    let silent = tokio::net::TcpListener::bind(address).await;
    until("one is left", || settled(&members)).await;
    let start = Instant::now();
    assert_eq!(ask(&members[0], of_b[0]).await, Some(7));
    assert_eq!(ask(&members[0], of_b[1]).await, Some(99));
    assert_eq!(ask(&members[0], of_b[2]).await, Some(7));
    assert_eq!(ask(&members[0], of_b[3]).await, Some(1234));
    assert_eq!(ask(&members[0], *of_b.last().unwrap()).await, Some(7));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    // Whoever goes on from it has its own position.
    assert_eq!(ask(&members[0], of_b[1]).await, None);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    drop(silent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_there_knows_better_than_what_it_told() {
    let extra = Extra::default();
    let mut members = Member::several(&["a", "b"], &extra).await;
    let of_b = of(&members[1]);
    members[1]
        .cluster
        .publish(COMPONENT, of_b.iter().map(|key| published(*key, 7)).collect());
    until("they are told", || {
        extra.told.load(Ordering::SeqCst) >= of_b.len().div_ceil(256)
    })
    .await;
    let service = members[1].service.clone();
    let _offer = members[1].cluster.offer(COMPONENT, positions(&of_b[..1]));
    let leaving = tokio::spawn(async move { service.leave().await });
    until("the other takes over", || {
        of_b.iter().all(|key| members[0].cluster.owns(*key))
    })
    .await;
    assert_eq!(ask(&members[0], of_b[0]).await, Some(of_b[0] % 1000));
    // It has no position of its own for this one.
    assert_eq!(ask(&members[0], of_b[1]).await, Some(7));
    leaving.await.unwrap();
    drop(members.remove(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_goes_to_who_would_be_next() {
    let extra = Extra::default();
    let mut members = Member::several(&["a", "b", "c"], &extra).await;
    let of_a = of(&members[0]);
    let told: Vec<Published> = of_a.iter().map(|key| published(*key, key % 100)).collect();
    members[0].cluster.publish(COMPONENT, told);
    // To both of the others, each in one request or more.
    until("they are told", || {
        extra.told.load(Ordering::SeqCst) >= of_a.len().div_ceil(256).max(2)
    })
    .await;
    let half = of_a.len() / 256 + 2;
    until("all is on its way", || extra.told.load(Ordering::SeqCst) >= 2.min(half)).await;
    members.remove(0).kill().await;
    until("two are left", || settled(&members)).await;
    let mut asked = [0, 0];
    for key in of_a.iter().take(100) {
        let owner = members.iter().position(|member| member.cluster.owns(*key)).unwrap();
        assert_eq!(ask(&members[owner], *key).await, Some(key % 100));
        asked[owner] += 1;
    }
    assert!(asked[0] > 0 && asked[1] > 0, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alone_there_is_nobody_to_tell() {
    let extra = Extra::default();
    let member = Member::start(options("a"), &extra).await;
    member.service.participate();
    until("it takes part", || member.sees() == ["a participant"]).await;
    member.cluster.publish(COMPONENT, vec![published(1, 1)]);
    assert_eq!(extra.told.load(Ordering::SeqCst), 0);
}
