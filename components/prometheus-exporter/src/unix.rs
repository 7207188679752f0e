//! `prometheus.exporter.unix`: what node exporter tells of a machine.

mod args;

pub use args::Arguments;

use crate::shell::{self, Exports};
use arc_swap::ArcSwap;
use component::Exporter;
use component::prelude::*;
use nodemetrics::{Failure, NodeMetrics};
use promtext::{Family, Kind, Point, Series};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use value::Seg;

/// `prometheus.exporter.unix` in the catalogue.
pub const COMPONENT: Registration = Registration::of::<Unix>("prometheus.exporter.unix", Stability::GenerallyAvailable);

/// A `prometheus.exporter.unix`.
pub struct Unix {
    cx: Context<Exports>,
    machine: Arc<Machine>,
}

/// What is asked for metrics.
struct Machine {
    span: tracing::Span,
    current: ArcSwap<Current>,
    /// How often it was asked.
    asked: AtomicU64,
    /// How often at this moment.
    asking: AtomicU64,
    /// What was said of the collectors that do not succeed.
    failures: Mutex<HashMap<&'static str, String>>,
}

/// The collectors of one configuration.
struct Current {
    node: NodeMetrics,
    about_itself: bool,
}

/// The error of the library at the argument that is to blame.
fn placed(args: &Arguments, error: &nodemetrics::Error) -> Error {
    use nodemetrics::Error as Wrong;
    let argument = |option: &str, message: String| match option.split_once('.') {
        Some((block, name)) => Error::about(name, message).inside(block, 0),
        None => Error::about(option, message),
    };
    let index = |list: &[String], name: &String| list.iter().position(|one| one == name);
    match error {
        Wrong::Regex { option, message } => argument(option, message.clone()),
        Wrong::Exclusive { include, exclude } => {
            let name = |option: &'static str| option.rsplit('.').next().unwrap_or(option);
            let (block, _) = exclude.split_once('.').unwrap_or(("", exclude));
            Error::about(name(include), format!("excludes {:?}", name(exclude)))
                .with(name(exclude))
                .inside(block, 0)
        }
        Wrong::UnknownCollector(unknown) => {
            let lists = [
                ("set_collectors", &args.set_collectors),
                ("enable_collectors", &args.enable_collectors),
                ("disable_collectors", &args.disable_collectors),
            ];
            let found = lists
                .iter()
                .find_map(|(name, list)| Some((name, index(list, unknown)?)));
            match found {
                Some((name, at)) => {
                    Error::about(*name, format!("there is no collector {unknown:?}")).at([Seg::Index(at)])
                }
                None => Error::new(error.to_string()),
            }
        }
        Wrong::UnknownIpvsLabel(label) => {
            let wrong = Error::about("backend_labels", format!("backends have no label {label:?}"));
            let at = index(&args.ipvs.backend_labels, label).map(Seg::Index);
            wrong.at(at).inside("ipvs", 0)
        }
    }
}

impl Current {
    fn new(args: &Arguments) -> Result<Arc<Current>> {
        let node = NodeMetrics::new(args.options()).map_err(|error| placed(args, &error))?;
        Ok(Arc::new(Current {
            node,
            about_itself: args.include_exporter_metrics,
        }))
    }
}

/// Says once which collectors do nothing here.
fn warn_of_unsupported(args: &Arguments) {
    let unsupported = nodemetrics::unsupported(&args.options().collectors);
    if !unsupported.is_empty() {
        let collectors = unsupported.join(",");
        tracing::warn!(collectors, "these collectors are not supported and expose nothing");
    }
}

impl Machine {
    /// Says what is new about collectors that do not succeed.
    fn report(&self, failures: Vec<(&'static str, Failure)>) {
        let mut said = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failing: HashMap<&'static str, String> = failures
            .into_iter()
            // Most machines have no tape drives.
            .filter(|(_, failure)| !matches!(failure, Failure::NoData))
            .map(|(name, failure)| (name, failure.to_string()))
            .collect();
        for (collector, err) in &failing {
            if said.get(collector) != Some(err) {
                tracing::warn!(collector, err, "a collector failed; this is said once");
            }
        }
        *said = failing;
    }

    /// What node exporter tells of its own handler.
    fn about_itself(&self) -> Vec<Family> {
        let mut asking = Family::new(
            "promhttp_metric_handler_requests_in_flight",
            "Current number of scrapes being served.",
            Kind::Gauge,
        );
        asking.series.push(Series {
            labels: Vec::new(),
            point: Point::Number(self.asking.load(Ordering::Relaxed) as f64),
        });
        let mut asked = Family::new(
            "promhttp_metric_handler_requests_total",
            "Total number of scrapes by HTTP status code.",
            Kind::Counter,
        );
        let answered = self.asked.load(Ordering::Relaxed) as f64;
        for (code, count) in [("200", answered), ("500", 0.0), ("503", 0.0)] {
            asked.series.push(Series {
                labels: vec![("code".into(), code.into())],
                point: Point::Number(count),
            });
        }
        vec![asking, asked]
    }
}

impl Exporter for Machine {
    fn gather(&self, _: &[(String, String)]) -> std::result::Result<Vec<Family>, String> {
        let _entered = self.span.enter();
        self.asking.fetch_add(1, Ordering::Relaxed);
        let current = self.current.load();
        let gathered = current.node.gather_all();
        self.report(gathered.failures);
        let mut families = gathered.families;
        if current.about_itself {
            families.extend(self.about_itself());
            families.sort_by(|one, other| one.name.cmp(&other.name));
        }
        self.asking.fetch_sub(1, Ordering::Relaxed);
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(families)
    }
}

impl Component for Unix {
    type Arguments = Arguments;
    type Exports = Exports;

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        let problems = nodemetrics::problems(&args.options());
        problems.iter().map(|error| placed(args, error)).collect()
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let current = Current::new(&args)?;
        warn_of_unsupported(&args);
        cx.export(Exports {
            targets: vec![shell::target(cx, "unix", &shell::machine(cx))],
        });
        Ok(Unix {
            cx: cx.clone(),
            machine: Arc::new(Machine {
                span: cx.span().clone(),
                current: ArcSwap::new(current),
                asked: AtomicU64::default(),
                asking: AtomicU64::default(),
                failures: Mutex::default(),
            }),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let _exported = shell::register(&self.cx, self.machine.clone());
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let current = Current::new(&args)?;
        Ok(Change::new(move || {
            warn_of_unsupported(&args);
            self.machine.current.store(current);
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use component::{Budget, ContextParts, EXPORTER_ADDRESS, Exporters, Ledger, Services};
    use std::path::Path;

    fn arguments(change: impl FnOnce(&mut Arguments)) -> Arguments {
        let mut args = Arguments::defaults();
        change(&mut args);
        args
    }

    /// A machine whose load is `load`.
    fn machine(root: &Path, load: &str) -> Arguments {
        std::fs::write(root.join("loadavg"), format!("{load} 0.5 0.25 1/100 4711\n")).unwrap();
        arguments(|args| {
            args.procfs_path = root.to_string_lossy().into_owned();
            args.set_collectors = vec!["loadavg".to_owned(), "systemd".to_owned()];
        })
    }

    fn context(services: Services) -> Context<Exports> {
        Context::new(ContextParts {
            id: "prometheus.exporter.unix.x".into(),
            data_path: Default::default(),
            host: host::Host::real(),
            budget: Budget::unlimited(),
            ledger: Ledger::default(),
            metrics: promtext::Registry::new(),
            services,
            stability: Stability::GenerallyAvailable,
            span: tracing::Span::none(),
            exported: Arc::new(|| {}),
            inspector: None,
        })
    }

    fn value(families: &[Family], name: &str) -> Option<f64> {
        match families
            .iter()
            .find(|family| *family.name == *name)?
            .series
            .first()?
            .point
        {
            Point::Number(value) => Some(value),
            _ => None,
        }
    }

    #[tokio::test]
    async fn it_is_asked_by_its_id_and_follows_updates() {
        let root = tempfile::tempdir().unwrap();
        let exporters = Arc::new(Exporters::default());
        let cx = context(Services::default().with(exporters.clone()));
        let unix = Arc::new(Unix::build(&cx, machine(root.path(), "1.5")).unwrap());
        let stop = CancellationToken::new();
        let running = tokio::spawn(unix.clone().run(stop.clone()));
        while exporters.get(cx.id()).is_none() {
            tokio::task::yield_now().await;
        }
        let exporter = exporters
            .at("/api/v0/component/prometheus.exporter.unix.x/metrics")
            .unwrap();
        let families = exporter.gather(&[]).unwrap();
        assert_eq!(value(&families, "node_load1"), Some(1.5));
        assert_eq!(value(&families, "promhttp_metric_handler_requests_in_flight"), None);

        let mut args = machine(root.path(), "1.5");
        args.include_exporter_metrics = true;
        args.set_collectors = vec!["time".to_owned()];
        unix.clone().update(args).unwrap().apply();
        let families = exporter.gather(&[]).unwrap();
        assert_eq!(value(&families, "node_load1"), None);
        assert!(value(&families, "node_time_seconds").is_some());
        assert_eq!(
            value(&families, "promhttp_metric_handler_requests_in_flight"),
            Some(1.0)
        );
        assert_eq!(value(&families, "promhttp_metric_handler_requests_total"), Some(1.0));
        assert!(families.windows(2).all(|pair| pair[0].name < pair[1].name));

        stop.cancel();
        running.await.unwrap().unwrap();
        assert!(exporters.get(cx.id()).is_none());
    }

    #[test]
    fn its_target_is_within_the_process() {
        let target = shell::target(&context(Services::default()), "unix", "box");
        let label = |name: &str| target.get(name).expect("the label is there").to_string();
        assert_eq!(label("__address__"), EXPORTER_ADDRESS);
        assert_eq!(label("job"), "integrations/unix");
        assert_eq!(label("instance"), "box");
    }

    #[test]
    fn what_is_wrong_is_told_at_its_argument() {
        let args = arguments(|args| {
            args.filesystem.fs_types_exclude = "(".to_owned();
            args.netclass.ignored_devices = "[".to_owned();
            args.netdev.device_include = "a".to_owned();
            args.netdev.device_exclude = "b".to_owned();
            args.ipvs.backend_labels = vec!["proto".to_owned(), "nope".to_owned()];
        });
        let problems = nodemetrics::problems(&args.options());
        let found: Vec<_> = problems.iter().map(|error| placed(&args, error)).collect();
        let mut places: Vec<_> = found.iter().map(|one| (one.block(), one.argument().unwrap())).collect();
        places.sort_unstable();
        assert_eq!(
            places,
            [
                ("filesystem#0", "fs_types_exclude"),
                ("ipvs#0", "backend_labels"),
                ("netclass#0", "ignored_devices"),
                ("netdev#0", "device_include"),
            ]
        );
        let args = arguments(|args| args.enable_collectors = vec!["cpu".to_owned(), "nope".to_owned()]);
        let problems = nodemetrics::problems(&args.options());
        let error = placed(&args, &problems[0]);
        assert_eq!(error.argument(), Some("enable_collectors"));
        assert_eq!(
            error.to_string(),
            "enable_collectors[1]: there is no collector \"nope\""
        );
    }

    #[test]
    fn the_defaults_are_fine_and_are_those_of_the_library_except_for_guests() {
        let options = Arguments::defaults().options();
        assert_eq!(nodemetrics::problems(&options), []);
        let mut theirs = nodemetrics::Options::default();
        theirs.cpu.guest = false;
        assert_eq!(options, theirs);
    }
}
