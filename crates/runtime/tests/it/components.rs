//! Components for tests, and a controller that runs them.

pub use crate::shelf::Shelf;
use crate::shelf::shelf;
use component::prelude::*;
use component::{Change, Services};
use host::Host;
use promtext::Registry as Metrics;
use runtime::Catalogue;
use runtime::registry::{Allowed, Known, Registry};
use runtime::sources::SourceFile;
use runtime::{Controller, LoadError, Loaded, Options};
use signals::{Budget, Ledger};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;
use value::shape::Shape;

/// What happened, in order: `build x`, `start x`, `update x`, `stop x`.
#[derive(Default)]
pub struct Journal(Mutex<Vec<String>>);

impl Journal {
    fn write(&self, what: &str, id: &str) {
        self.0
            .lock()
            .expect("no test panics while it holds this")
            .push(format!("{what} {id}"));
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no test panics while it holds this"))
    }
}

/// Adds a number to its input and exports the sum.
pub struct Add {
    cx: Context<AddExports>,
    journal: Arc<Journal>,
}

#[derive(Block, Clone, PartialEq)]
pub struct AddArguments {
    /// Number to add to.
    #[arg]
    pub input: i64,
    /// Number to add.
    #[arg(default = 1)]
    pub plus: i64,
    /// Fails to build.
    #[arg(default)]
    pub broken: bool,
    /// Fails when it runs.
    #[arg(default)]
    pub crash: bool,
}

#[derive(Block, Clone, PartialEq)]
pub struct AddExports {
    /// The sum.
    #[arg(default)]
    pub output: i64,
}

impl Component for Add {
    type Arguments = AddArguments;
    type Exports = AddExports;

    fn build(cx: &Context<AddExports>, args: AddArguments) -> Result<Self> {
        let journal = cx.service::<Journal>().expect("tests provide it");
        if args.broken {
            return Err("it is broken".into());
        }
        journal.write("build", cx.id());
        cx.export(AddExports {
            output: args.input + args.plus,
        });
        Ok(Add {
            cx: cx.clone(),
            journal,
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        self.journal.write("start", self.cx.id());
        stop.cancelled().await;
        self.journal.write("stop", self.cx.id());
        Ok(())
    }

    fn update(self: Arc<Self>, args: AddArguments) -> Result<Change> {
        if args.broken {
            return Err("it is broken".into());
        }
        Ok(Change::new(move || {
            self.journal.write("update", self.cx.id());
            self.cx.export(AddExports {
                output: args.input + args.plus,
            });
        }))
    }
}

/// Counts up each second until `max`, and exports the count.
pub struct Count {
    cx: Context<CountExports>,
    max: AtomicI64,
}

#[derive(Block, Clone, PartialEq)]
pub struct CountArguments {
    /// Last number.
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
            max: AtomicI64::new(args.max),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let mut count = 0;
        while stop
            .run_until_cancelled(tokio::time::sleep(Duration::from_secs(1)))
            .await
            .is_some()
        {
            count = self.max.load(Ordering::SeqCst).min(count + 1);
            self.cx.export(CountExports { count });
        }
        Ok(())
    }

    fn update(self: Arc<Self>, args: CountArguments) -> Result<Change> {
        Ok(Change::new(move || self.max.store(args.max, Ordering::SeqCst)))
    }
}

/// Counts how often it was updated.
pub struct Watch {
    updates: Arc<Updates>,
}

/// How often a [`Watch`] was updated, and what it saw last.
#[derive(Default)]
pub struct Updates {
    pub times: AtomicUsize,
    pub last: AtomicI64,
}

#[derive(Block, Clone, PartialEq)]
pub struct WatchArguments {
    /// What to watch.
    #[arg]
    pub value: i64,
}

impl Component for Watch {
    type Arguments = WatchArguments;
    type Exports = ();

    fn build(cx: &Context<()>, args: WatchArguments) -> Result<Self> {
        let updates = cx.service::<Updates>().expect("tests provide it");
        updates.last.store(args.value, Ordering::SeqCst);
        Ok(Watch { updates })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: WatchArguments) -> Result<Change> {
        let updates = self.updates.clone();
        Ok(Change::new(move || {
            updates.times.fetch_add(1, Ordering::SeqCst);
            updates.last.store(args.value, Ordering::SeqCst);
        }))
    }
}

/// Panics when it runs.
pub struct Panics;

impl Component for Panics {
    type Arguments = ();
    type Exports = ();

    fn build(_: &Context<()>, (): ()) -> Result<Self> {
        Ok(Panics)
    }

    async fn run(self: Arc<Self>, _: CancellationToken) -> Result<()> {
        panic!("on purpose");
    }

    fn update(self: Arc<Self>, (): ()) -> Result<Change> {
        Ok(Change::new(|| {}))
    }
}

const COMPONENTS: &[Registration] = &[
    Registration::of::<Add>("test.add", Stability::GenerallyAvailable),
    Registration::of::<Count>("test.count", Stability::GenerallyAvailable),
    Registration::of::<Watch>("test.watch", Stability::GenerallyAvailable),
    Registration::of::<Panics>("test.panics", Stability::GenerallyAvailable),
    Registration::of::<Watch>("test.young", Stability::Experimental),
];

pub struct Bench {
    pub controller: Controller,
    pub journal: Arc<Journal>,
    pub updates: Arc<Updates>,
    pub metrics: Metrics,
    pub shelf: Arc<Shelf>,
}

/// A component that exists upstream only.
pub const KNOWN: Known = Known {
    name: "test.known",
    stability: Stability::GenerallyAvailable,
    community: false,
    arguments: |name| Shape {
        name: format!("arguments of {name}").into(),
        ..Shape::default()
    },
    exports: |_| Shape::default(),
};

/// A component that exists upstream only and is not settled.
pub const YOUNG: Known = Known {
    name: "test.known.young",
    stability: Stability::Experimental,
    ..KNOWN
};

/// A config block that exists upstream only, and is not settled.
pub const BLOCK: Known = Known { name: "block", ..YOUNG };

pub fn catalogue() -> Catalogue {
    catalogue_at(Stability::GenerallyAvailable)
}

fn catalogue_at(stability: Stability) -> Catalogue {
    Catalogue {
        registry: Registry::new(COMPONENTS.iter().copied(), [KNOWN, YOUNG]).with_blocks([BLOCK]),
        config_blocks: Vec::new(),
        imports: &[crate::shelf::KIND],
        check: false,
        allowed: Allowed {
            stability,
            community: false,
        },
    }
}

pub fn bench() -> Bench {
    bench_with(Stability::GenerallyAvailable)
}

pub fn bench_with(stability: Stability) -> Bench {
    bench_of("", Metrics::new(), stability)
}

/// A controller with an id of its own, and metrics that it may share with others.
pub fn bench_of(id: &str, metrics: Metrics, stability: Stability) -> Bench {
    let (shelf, folder) = shelf();
    let journal = Arc::new(Journal::default());
    let updates = Arc::new(Updates::default());
    let facts = eval::HostFacts {
        hostname: "host".to_owned(),
        os: "linux".to_owned(),
        arch: "amd64".to_owned(),
        version: "v0.0.0".to_owned(),
        env: Arc::new(|_| None),
    };
    let controller = Controller::new(Options {
        id: id.to_owned(),
        catalogue: catalogue_at(stability),
        stdlib: eval::Stdlib::new(&facts),
        host: Host::real(),
        budget: Budget::unlimited(),
        ledger: Ledger::default(),
        metrics: metrics.clone(),
        services: Services::default().with(journal.clone()).with(updates.clone()),
        storage: folder.into(),
        module_path: String::new(),
        workers: 2,
        shutdown_deadline: Some(Duration::from_secs(60)),
        inspector: None,
    });
    Bench {
        controller,
        journal,
        updates,
        metrics,
        shelf,
    }
}

/// What a load says, each on a line with its hint in brackets.
pub async fn check(text: &str, expected: &[&str]) {
    check_with(Stability::GenerallyAvailable, text, expected).await;
}

pub async fn check_with(stability: Stability, text: &str, expected: &[&str]) {
    let bench = bench_with(stability);
    let result = bench.load(text).await;
    let found: Vec<String> = result
        .err()
        .into_iter()
        .flat_map(|error| error.diagnostics.0)
        .map(|diagnostic| match &diagnostic.hint {
            Some(hint) => format!("{diagnostic} ({hint})"),
            None => diagnostic.to_string(),
        })
        .collect();
    assert_eq!(found, expected, "{text}");
    bench.controller.stop().await;
}

/// The report of a load that fails, with something on the shelf.
pub async fn check_imports(put: impl FnOnce(&Shelf), text: &str, expected: &str) {
    let bench = bench();
    put(&bench.shelf);
    let error = bench.load(text).await.expect_err(text);
    assert_eq!(error.report(false), expected, "{text}");
    bench.controller.stop().await;
}

pub fn file(text: &str) -> Vec<SourceFile> {
    vec![SourceFile {
        name: "config.alloy".to_owned(),
        text: text.as_bytes().to_vec(),
    }]
}

impl Bench {
    pub async fn load(&self, text: &str) -> Result<Loaded, LoadError> {
        self.controller.load(&file(text)).await
    }

    pub async fn settle(&self) {
        // Paused time moves only when every task is idle.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
