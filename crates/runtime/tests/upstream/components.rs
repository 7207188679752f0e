//! The components that upstream's archives are made of.

use component::prelude::*;
use component::{Change, Services};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use value::{Capsule, CapsuleValue, FromValue, GoDuration, Type, ValueError};

/// What components leave for the test to see, by their global ids.
#[derive(Default)]
pub struct Seen {
    /// What summations added last.
    pub last_added: Mutex<BTreeMap<String, i64>>,
    /// Sums of receivers.
    pub sums: Mutex<BTreeMap<String, i64>>,
    /// Lines of receivers.
    pub lines: Mutex<BTreeMap<String, Vec<String>>>,
}

/// A poisoned lock belongs to a test that failed already.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

pub fn services() -> (Services, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    (Services::default().with(seen.clone()), seen)
}

fn seen<E: Block>(cx: &Context<E>) -> Arc<Seen> {
    cx.service::<Seen>().expect("tests provide it")
}

/// A receiver of numbers or of strings.
macro_rules! receiver {
    ($name:ident, $kind:literal, $taken:ty) => {
        #[derive(Clone, Default)]
        pub struct $name(Option<Arc<dyn Fn($taken) + Send + Sync>>);

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                match (&self.0, &other.0) {
                    (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                    (None, None) => true,
                    _ => false,
                }
            }
        }

        impl CapsuleValue for $name {
            fn type_name(&self) -> &str {
                $kind
            }

            fn equals(&self, other: &dyn CapsuleValue) -> bool {
                (other as &dyn std::any::Any).downcast_ref::<$name>() == Some(self)
            }
        }

        impl FromValue for $name {
            fn ty() -> Type {
                Type::Capsule($kind)
            }

            fn zero() -> Self {
                $name(None)
            }

            fn from_value(value: &Value) -> std::result::Result<Self, ValueError> {
                match value {
                    Value::Null => Ok($name(None)),
                    Value::Capsule(capsule) => capsule
                        .downcast_ref::<$name>()
                        .cloned()
                        .ok_or_else(|| ValueError::wrong_capsule($kind, capsule.type_name())),
                    other => Err(ValueError::wrong_kind("capsule", other)),
                }
            }

            fn to_value(&self) -> Value {
                Value::Capsule(Capsule::new(self.clone()))
            }
        }
    };
}

receiver!(IntReceiver, "testcomponents.IntReceiver", i64);
receiver!(StringReceiver, "testcomponents.StringReceiver", String);

/// What a component has as arguments now, and a wake-up when they change.
struct Current<A>(tokio::sync::watch::Sender<A>);

impl<A: Clone + Send + Sync + 'static> Current<A> {
    fn new(args: A) -> Arc<Self> {
        Arc::new(Current(tokio::sync::watch::Sender::new(args)))
    }

    fn change(self: &Arc<Self>, args: A) -> Change {
        let current = self.clone();
        Change::new(move || drop(current.0.send_replace(args)))
    }
}

/// `testcomponents.count`
pub struct Count {
    cx: Context<CountExports>,
    current: Arc<Current<CountArguments>>,
}

#[derive(Block, Clone, PartialEq)]
pub struct CountArguments {
    /// Time between steps.
    #[arg]
    pub frequency: GoDuration,
    /// Last number; 0 for none.
    #[arg]
    pub max: i64,
}

#[derive(Block, Clone, PartialEq)]
pub struct CountExports {
    /// The number.
    #[arg(default)]
    pub count: i64,
}

impl Component for Count {
    type Arguments = CountArguments;
    type Exports = CountExports;

    fn build(cx: &Context<CountExports>, args: CountArguments) -> Result<Self> {
        Ok(Count {
            cx: cx.clone(),
            current: Current::new(args),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let mut count = 0;
        loop {
            let CountArguments { frequency, max } = self.current.0.borrow().clone();
            let step = tokio::time::sleep(frequency.as_std());
            if stop.run_until_cancelled(step).await.is_none() {
                return Ok(());
            }
            if max == 0 || count < max {
                count += 1;
                self.cx.export(CountExports { count });
            }
        }
    }

    fn update(self: Arc<Self>, args: CountArguments) -> Result<Change> {
        Ok(self.current.change(args))
    }
}

/// `testcomponents.passthrough`. Upstream's sleeps within its update; here the lag passes before the export.
pub struct Passthrough {
    cx: Context<PassthroughExports>,
    current: Arc<Current<PassthroughArguments>>,
}

#[derive(Block, Clone, PartialEq)]
pub struct PassthroughArguments {
    /// What to export.
    #[arg]
    pub input: String,
    /// Time until an update shows.
    #[arg(default)]
    pub lag: GoDuration,
}

#[derive(Block, Clone, PartialEq)]
pub struct PassthroughExports {
    /// The input.
    #[arg(default)]
    pub output: String,
}

impl Component for Passthrough {
    type Arguments = PassthroughArguments;
    type Exports = PassthroughExports;

    fn build(cx: &Context<PassthroughExports>, args: PassthroughArguments) -> Result<Self> {
        cx.export(PassthroughExports {
            output: args.input.clone(),
        });
        Ok(Passthrough {
            cx: cx.clone(),
            current: Current::new(args),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let mut changes = self.current.0.subscribe();
        loop {
            let args = changes.borrow_and_update().clone();
            let pass = async {
                tokio::time::sleep(args.lag.as_std()).await;
                self.cx.export(PassthroughExports { output: args.input });
                // The sender is in `self`.
                let _ = changes.changed().await;
            };
            if stop.run_until_cancelled(pass).await.is_none() {
                return Ok(());
            }
        }
    }

    fn update(self: Arc<Self>, args: PassthroughArguments) -> Result<Change> {
        Ok(self.current.change(args))
    }
}

/// `testcomponents.summation`
pub struct Summation {
    cx: Context<SummationExports>,
    sum: AtomicI64,
}

#[derive(Block, Clone, PartialEq)]
pub struct SummationArguments {
    /// Number to add.
    #[arg]
    pub input: i64,
}

#[derive(Block, Clone, PartialEq)]
pub struct SummationExports {
    /// The sum.
    #[arg(default)]
    pub sum: i64,
    /// The last number.
    #[arg(default)]
    pub last_added: i64,
}

impl Summation {
    fn add(&self, input: i64) {
        let sum = self.sum.fetch_add(input, Ordering::SeqCst) + input;
        lock(&seen(&self.cx).last_added).insert(self.cx.id().to_string(), input);
        self.cx.export(SummationExports { sum, last_added: input });
    }
}

impl Component for Summation {
    type Arguments = SummationArguments;
    type Exports = SummationExports;

    fn build(cx: &Context<SummationExports>, args: SummationArguments) -> Result<Self> {
        let summation = Summation {
            cx: cx.clone(),
            sum: AtomicI64::new(0),
        };
        summation.add(args.input);
        Ok(summation)
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: SummationArguments) -> Result<Change> {
        Ok(Change::new(move || self.add(args.input)))
    }
}

/// `testcomponents.pulse`
pub struct Pulse {
    current: Arc<Current<PulseArguments>>,
    count: promtext::Counter,
}

#[derive(Block, Clone, PartialEq)]
pub struct PulseArguments {
    /// Time between pulses.
    #[arg]
    pub frequency: GoDuration,
    /// Number of pulses.
    #[arg]
    pub max: i64,
    /// Who gets them.
    #[arg]
    pub forward_to: Vec<IntReceiver>,
}

impl Component for Pulse {
    type Arguments = PulseArguments;
    type Exports = ();

    fn build(cx: &Context<()>, args: PulseArguments) -> Result<Self> {
        let count = cx.metrics().counter("pulse_count", "");
        Ok(Pulse {
            current: Current::new(args),
            count: count.map_err(|error| Error::new(error.to_string()))?,
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let mut sent = 0;
        loop {
            let args = self.current.0.borrow().clone();
            let step = tokio::time::sleep(args.frequency.as_std());
            if stop.run_until_cancelled(step).await.is_none() {
                return Ok(());
            }
            if sent < args.max {
                sent += 1;
                self.count.inc();
                args.forward_to
                    .iter()
                    .filter_map(|to| to.0.as_ref())
                    .for_each(|to| to(1));
            }
        }
    }

    fn update(self: Arc<Self>, args: PulseArguments) -> Result<Change> {
        Ok(self.current.change(args))
    }
}

/// `testcomponents.summation_receiver`
pub struct SummationReceiver;

#[derive(Block, Clone, PartialEq)]
pub struct SummationReceiverExports {
    /// Takes numbers.
    #[arg(default)]
    pub receiver: IntReceiver,
}

impl Component for SummationReceiver {
    type Arguments = ();
    type Exports = SummationReceiverExports;

    fn build(cx: &Context<SummationReceiverExports>, (): ()) -> Result<Self> {
        let (seen, id) = (seen(cx), cx.id().to_string());
        let add = move |n| *lock(&seen.sums).entry(id.clone()).or_default() += n;
        cx.export(SummationReceiverExports {
            receiver: IntReceiver(Some(Arc::new(add))),
        });
        Ok(SummationReceiver)
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, (): ()) -> Result<Change> {
        Ok(Change::new(|| {}))
    }
}

/// `testcomponents.stringer`
pub struct Stringer {
    args: StringerArguments,
}

#[derive(Block, Clone, PartialEq)]
pub struct StringerArguments {
    /// A string to write.
    #[arg(default)]
    pub input_string: Option<String>,
    /// A number to write.
    #[arg(default)]
    pub input_int: Option<i64>,
    /// An object to write.
    #[arg(default)]
    pub input_map: Option<BTreeMap<String, Value>>,
    /// A list to write.
    #[arg(default)]
    pub input_array: Option<Vec<Value>>,
    /// Who gets it.
    #[arg]
    pub forward_to: Vec<StringReceiver>,
}

impl Component for Stringer {
    type Arguments = StringerArguments;
    type Exports = ();

    fn build(_: &Context<()>, args: StringerArguments) -> Result<Self> {
        Ok(Stringer { args })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let args = &self.args;
        let values = [
            args.input_string.as_ref().map(Value::string),
            args.input_int.map(Value::int),
            args.input_map
                .clone()
                .map(|map| Value::object(map.into_iter().collect())),
            args.input_array.clone().map(Value::array),
        ];
        for value in values.into_iter().flatten() {
            let line = go_syntax(&value);
            let receivers = args.forward_to.iter().filter_map(|to| to.0.as_ref());
            receivers.for_each(|to| to(line.clone()));
        }
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, _: StringerArguments) -> Result<Change> {
        Ok(Change::new(|| {}))
    }
}

/// What Go's `%#v` makes of a value.
fn go_syntax(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(object) => {
            let fields: Vec<String> = object
                .iter()
                .map(|(name, value)| format!("{name:?}:{}", go_syntax(value)))
                .collect();
            format!("map[string]interface {{}}{{{}}}", fields.join(", "))
        }
        other => value::to_text(other),
    }
}

/// `testcomponents.string_receiver`
pub struct StringCollector;

#[derive(Block, Clone, PartialEq)]
pub struct StringCollectorExports {
    /// Takes strings.
    #[arg(default)]
    pub receiver: StringReceiver,
}

impl Component for StringCollector {
    type Arguments = ();
    type Exports = StringCollectorExports;

    fn build(cx: &Context<StringCollectorExports>, (): ()) -> Result<Self> {
        let (seen, id) = (seen(cx), cx.id().to_string());
        let add = move |line| lock(&seen.lines).entry(id.clone()).or_default().push(line);
        cx.export(StringCollectorExports {
            receiver: StringReceiver(Some(Arc::new(add))),
        });
        Ok(StringCollector)
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, (): ()) -> Result<Change> {
        Ok(Change::new(|| {}))
    }
}

/// Does nothing; for its stability.
pub struct Nothing;

impl Component for Nothing {
    type Arguments = ();
    type Exports = ();

    fn build(_: &Context<()>, (): ()) -> Result<Self> {
        Ok(Nothing)
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, (): ()) -> Result<Change> {
        Ok(Change::new(|| {}))
    }
}

const PREVIEW: Stability = Stability::PublicPreview;

pub const COMPONENTS: &[Registration] = &[
    Registration::of::<Count>("testcomponents.count", PREVIEW),
    Registration::of::<Passthrough>("testcomponents.passthrough", PREVIEW),
    Registration::of::<Summation>("testcomponents.summation", PREVIEW),
    Registration::of::<SummationReceiver>("testcomponents.summation_receiver", PREVIEW),
    Registration::of::<Pulse>("testcomponents.pulse", PREVIEW),
    Registration::of::<Stringer>("testcomponents.stringer", PREVIEW),
    Registration::of::<StringCollector>("testcomponents.string_receiver", PREVIEW),
    Registration::of::<Nothing>("testcomponents.experimental", Stability::Experimental),
    community(Registration::of::<Nothing>(
        "testcomponents.community",
        Stability::Experimental,
    )),
];

const fn community(mut registration: Registration) -> Registration {
    registration.community = true;
    registration
}

/// How long an eventual result may take.
pub const PATIENCE: Duration = Duration::from_secs(20);
