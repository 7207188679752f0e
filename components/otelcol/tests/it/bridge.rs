//! A component that takes one kind of batches and passes on another, between a source and a sink of the test.

use crate::rig::{block, parts};
use component::{CancellationToken, Instance, Prepared, Registration};
use promtext::Registry;
use signals::{Accepting, Batch, EdgeSnapshot, FanOut, Ledger, Payload, Receiver, Refused, Sink};
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;
use value::{Body, Item, Place, Value};

/// Takes batches, except when it is told to refuse.
pub struct Taker<P> {
    taken: Mutex<Vec<P>>,
    refusals: Mutex<usize>,
}

impl<P> Taker<P> {
    /// What was taken since the last time.
    pub fn take(&self) -> Vec<P> {
        std::mem::take(&mut self.taken.lock().unwrap())
    }

    /// Refuses the next batches.
    pub fn refuse(&self, count: usize) {
        *self.refusals.lock().unwrap() = count;
    }
}

impl<P: Payload> Sink<P> for Taker<P> {
    fn accept(self: Arc<Self>, batch: Batch<P>) -> Accepting {
        Box::pin(async move {
            {
                let mut refusals = self.refusals.lock().unwrap();
                if *refusals > 0 {
                    *refusals -= 1;
                    return Err(Refused::retry("not now"));
                }
            }
            let (payload, mut custody) = batch.into_parts();
            self.taken.lock().unwrap().push(payload);
            custody.deliver_rest();
            Ok(())
        })
    }
}

pub struct Bridge<In: 'static, Out> {
    pub source: FanOut<In>,
    pub sink: Arc<Taker<Out>>,
    pub ledger: Ledger,
    pub instance: Arc<dyn Instance>,
    name: &'static str,
    to: (&'static str, &'static str),
    out: Value,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

/// The component's block with what it sends to: an attribute of its own, or of a block in it.
fn body(name: &str, config: &str, (inner, attribute): (&str, &str), receiver: &Value) -> Body {
    let mut body = block(name, config);
    let item = Item::Attr {
        name: attribute.to_owned(),
        value: Ok(Some(Value::array(vec![receiver.clone()]))),
        place: Place(u32::MAX),
    };
    if inner.is_empty() {
        body.items.push(item);
    } else {
        body.items.push(Item::Block {
            name: inner.to_owned(),
            body: Body {
                items: vec![item],
                ..Body::default()
            },
            place: Place(u32::MAX),
        });
    }
    body
}

impl<In: Payload, Out: Payload> Bridge<In, Out> {
    /// `to` names the block, if any, and the attribute that has what the component sends to; `wrap` makes a value of a receiver, and `receiver`
    /// takes one out of what the component exports.
    pub fn new(
        (component, name): (&Registration, &'static str),
        config: &str,
        to: (&'static str, &'static str),
        wrap: impl FnOnce(Receiver<Out>) -> Value,
        receiver: impl FnOnce(&Arc<dyn Instance>) -> Option<Receiver<In>>,
    ) -> Bridge<In, Out> {
        let (ledger, sink) = (
            Ledger::default(),
            Arc::new(Taker {
                taken: Mutex::default(),
                refusals: Mutex::default(),
            }),
        );
        let out = wrap(Receiver {
            owner: Arc::from("sink"),
            sink: sink.clone(),
        });
        let id = format!("{name}.test");
        let parts = parts(&id, &ledger, &Registry::new(), None);
        let instance = match component.build(parts, &body(name, config, to, &out)) {
            Ok(instance) => instance,
            Err(error) => panic!("{error:?}"),
        };
        let source = FanOut::new(&ledger, "source");
        source.set(receiver(&instance).into_iter().collect());
        let stop = CancellationToken::new();
        let run = instance.clone().run(stop.clone());
        Bridge {
            source,
            sink,
            ledger,
            instance,
            name,
            to,
            out,
            stop,
            running: tokio::spawn(async move { run.await.unwrap() }),
        }
    }

    /// Gives the component other arguments.
    pub fn update(&self, config: &str) {
        let body = body(self.name, config, self.to, &self.out);
        match self.instance.clone().prepare(&body) {
            Ok(Prepared::Changed(change)) => change.apply(),
            Ok(Prepared::Unchanged) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Offers a batch; what the sink took of it.
    pub async fn pass(&self, batch: Batch<In>) -> Vec<Out> {
        assert_eq!(self.source.accept(batch).await, Ok(()));
        self.sink.take()
    }

    /// The edge into the component.
    pub fn edge(&self) -> EdgeSnapshot {
        self.ledger.edge("source", &format!("{}.test", self.name)).snapshot()
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}
