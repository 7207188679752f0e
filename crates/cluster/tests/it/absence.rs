//! A member that does not run for a while.

use crate::handing::{COMPONENT, ask, positions};
use crate::node::{Extra, Member, keys, options, settled, until};
use std::sync::mpsc;
use std::time::Duration;

/// A member on a thread of its own; the second sender stops all of it for a while.
fn apart(join: String, extra: Extra) -> (Member, mpsc::Sender<Duration>) {
    let (ready, member) = mpsc::channel();
    let (stop, stops) = mpsc::channel::<Duration>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime starts");
        runtime.block_on(async {
            let mut options = options("z");
            options.join_addresses = vec![join];
            let started = Member::start(options, &extra).await;
            started.service.participate();
            ready.send(started).expect("the test waits for it");
            loop {
                match stops.try_recv() {
                    Ok(length) => std::thread::sleep(length),
                    Err(mpsc::TryRecvError::Empty) => tokio::time::sleep(Duration::from_millis(5)).await,
                    Err(mpsc::TryRecvError::Disconnected) => return,
                }
            }
        });
    });
    (member.recv().expect("it starts"), stop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_declared_down_owns_nothing_until_it_knows() {
    let extra = Extra::default();
    let mut members = Member::several(&["a", "b"], &extra).await;
    let (z, stop) = apart(members[0].address.to_string(), extra.clone());
    members.push(z);
    until("three", || settled(&members)).await;
    let all: Vec<u64> = keys().collect();
    let of_z: Vec<u64> = all
        .iter()
        .copied()
        .filter(|key| members[2].cluster.owns(*key))
        .collect();
    assert!(!of_z.is_empty());
    let _offers = [0, 1].map(|one: usize| members[one].cluster.offer(COMPONENT, positions(&all)));
    let none = || of_z.iter().all(|key| !members[2].cluster.owns(*key));
    stop.send(Duration::from_secs(12)).unwrap();
    until("it is declared down", || settled(&members[..2])).await;
    // From the outside, while it does not run.
    assert!(none(), "it still owns something");
    until("it is back", || members[0].sees().len() == 3).await;
    assert!(none(), "it took its work back before it knew");
    until("three again", || settled(&members)).await;
    // Who did its work meanwhile has the position.
    let back: Vec<u64> = all
        .iter()
        .copied()
        .filter(|key| members[2].cluster.owns(*key))
        .collect();
    assert_eq!(back, of_z);
    for key in &of_z[..3] {
        assert_eq!(ask(&members[2], *key).await, Some(key % 1000));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alone_nobody_is_asked() {
    let (alone, stop) = apart("127.0.0.1:1".to_owned(), Extra::default());
    until("it owns everything", || settled(std::slice::from_ref(&alone))).await;
    let mut changes = alone.cluster.changes();
    changes.borrow_and_update();
    stop.send(Duration::from_secs(3)).unwrap();
    for _ in 0..160 {
        assert!(settled(std::slice::from_ref(&alone)), "it let go of something");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(!changes.has_changed().unwrap());
}
