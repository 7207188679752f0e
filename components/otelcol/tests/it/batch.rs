//! `otelcol.processor.batch`: what is put together, and who is told what.

use crate::kit::{PATIENCE, Rig, bodies, logs};
use otelcol::processor::batch::COMPONENT;
use signals::{Budget, Client, FanOut, Otlp, OtlpBatch, Receiver, Refused, Signal};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Offers so many log records over an edge that checks that each has a fate.
fn offer(rig: &Rig, first: usize, count: usize, tenant: Option<&str>) -> JoinHandle<Result<(), Refused>> {
    let fan_out = FanOut::new(&rig.ledger, "source");
    fan_out.set(vec![Receiver {
        owner: Arc::from("batch"),
        sink: rig.input(),
    }]);
    let payload = Otlp {
        signal: Signal::Logs,
        payload: logs(first, count).into(),
        records: count as u64,
        client: tenant.map(|tenant| {
            Arc::new(Client {
                address: None,
                metadata: vec![("x-tenant".to_owned(), tenant.to_owned())],
            })
        }),
    };
    let permit = rig.budget.try_acquire(payload.payload.len() as u64).unwrap();
    tokio::spawn(async move { fan_out.accept(OtlpBatch::new(payload, permit)).await })
}

async fn done(accepted: JoinHandle<Result<(), Refused>>) -> Result<(), Refused> {
    tokio::time::timeout(PATIENCE, accepted)
        .await
        .expect("it is settled")
        .unwrap()
}

/// Lets what was offered take its place.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn lines(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("line {number}")).collect()
}

const CONFIG: &str = "timeout = \"1s\"\nsend_batch_size = 10\nsend_batch_max_size = 10\noutput { logs = [] }";

#[tokio::test(start_paused = true)]
async fn small_ones_are_put_together_and_large_ones_are_cut() {
    let mut rig = Rig::new(&COMPONENT, CONFIG);
    let small = offer(&rig, 0, 3, None);
    settle().await;
    assert!(rig.sink.sizes().is_empty(), "it waits");
    let large = offer(&rig, 3, 19, None);
    done(small).await.unwrap();
    settle().await;
    assert_eq!(rig.sink.sizes(), [10, 10]);
    assert!(!large.is_finished(), "a part of it waits");
    done(large).await.unwrap();
    assert_eq!(rig.sink.sizes(), [10, 10, 2]);
    assert_eq!(bodies(&rig.sink), lines(0..22));
    assert_eq!(rig.budget.used(), 0);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_now_is_offered_again_in_order() {
    let mut rig = Rig::new(&COMPONENT, CONFIG);
    rig.sink
        .refuse([Refused::retry("busy"), Refused::retry("busy"), Refused::retry("busy")]);
    let all = offer(&rig, 0, 20, None);
    done(all).await.unwrap();
    assert_eq!(bodies(&rig.sink), lines(0..20));
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_while_senders_are_told_to_send_again() {
    let mut rig = Rig::new(&COMPONENT, CONFIG);
    rig.sink.refuse(std::iter::repeat_n(Refused::retry("busy"), 10_000));
    let (one, two) = (offer(&rig, 0, 5, None), offer(&rig, 5, 5, None));
    for refused in [done(one).await, done(two).await] {
        assert!(refused.unwrap_err().is_retryable());
    }
    assert_eq!(rig.budget.used(), 0);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_is_to_blame_does_not_spoil_the_others() {
    let mut rig = Rig::new(&COMPONENT, CONFIG);
    let never = || Refused::permanent("bad", "never");
    // The batch, then what the first one has in it.
    rig.sink.refuse([never(), never()]);
    let bad = offer(&rig, 0, 5, None);
    settle().await;
    let good = offer(&rig, 5, 5, None);
    assert!(!done(bad).await.unwrap_err().is_retryable());
    done(good).await.unwrap();
    assert_eq!(bodies(&rig.sink), lines(5..10));
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn tenants_are_kept_apart() {
    let config = format!("metadata_keys = [\"X-Tenant\"]\nmetadata_cardinality_limit = 2\n{CONFIG}");
    let mut rig = Rig::with(&COMPONENT, &config, Budget::new(1 << 20), None);
    let offers = ["a", "b", "a"].map(|tenant| offer(&rig, 0, 1, Some(tenant)));
    settle().await;
    assert!(done(offer(&rig, 0, 1, Some("c"))).await.is_err(), "too many");
    for one in offers {
        done(one).await.unwrap();
    }
    let mut sizes = rig.sink.sizes();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2]);
    let taken = rig.sink.taken.lock().unwrap().clone();
    assert!(taken.iter().all(|one| one.client.as_ref().unwrap().metadata.len() == 1));
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_out_at_the_end() {
    let mut rig = Rig::new(&COMPONENT, &CONFIG.replace("1s", "1h"));
    let one = offer(&rig, 0, 3, None);
    settle().await;
    rig.stop().await;
    done(one).await.unwrap();
    assert_eq!(rig.sink.sizes(), [3]);
    assert!(done(offer(&rig, 0, 3, None)).await.unwrap_err().is_retryable());
}

#[tokio::test(start_paused = true)]
async fn who_went_away_is_not_sent() {
    let mut rig = Rig::new(&COMPONENT, CONFIG);
    let gone = offer(&rig, 0, 3, None);
    settle().await;
    gone.abort();
    settle().await;
    done(offer(&rig, 3, 3, None)).await.unwrap();
    assert_eq!(bodies(&rig.sink), lines(3..6));
    assert_eq!(rig.budget.used(), 0);
    rig.stop().await;
}
