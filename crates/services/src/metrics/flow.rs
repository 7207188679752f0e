//! The ledger, the memory budget and the log as metrics.

use crate::logging::Logging;
use promtext::{Collector, Desc, Family, Kind, Label};
use signals::{Amount, Budget, Fate, Ledger};

/// `invar_ledger_*`: what entered each edge of the graph, and the fate of it.
pub(super) struct LedgerMetrics(pub(super) Ledger);

const ENTERED_ITEMS: &str = "invar_ledger_entered_items_total";
const ENTERED_BYTES: &str = "invar_ledger_entered_bytes_total";
const ITEMS: &str = "invar_ledger_items_total";
const BYTES: &str = "invar_ledger_bytes_total";
const IN_FLIGHT_ITEMS: &str = "invar_ledger_in_flight_items";
const IN_FLIGHT_BYTES: &str = "invar_ledger_in_flight_bytes";

fn desc(name: &str, kind: Kind) -> Desc {
    Desc {
        name: name.into(),
        kind,
    }
}

impl Collector for LedgerMetrics {
    fn describe(&self) -> Vec<Desc> {
        vec![
            desc(ENTERED_ITEMS, Kind::Counter),
            desc(ENTERED_BYTES, Kind::Counter),
            desc(ITEMS, Kind::Counter),
            desc(BYTES, Kind::Counter),
            desc(IN_FLIGHT_ITEMS, Kind::Gauge),
            desc(IN_FLIGHT_BYTES, Kind::Gauge),
        ]
    }

    fn collect(&self, families: &mut Vec<Family>) {
        let counter = |name: &str, help: &str| Family::new(name, help, Kind::Counter);
        let mut entered_items = counter(ENTERED_ITEMS, "Records that a component offered to another.");
        let mut entered_bytes = counter(ENTERED_BYTES, "Bytes of records that a component offered to another.");
        let mut items = counter(
            ITEMS,
            "Records that a component offered to another, by what became of them.",
        );
        let mut bytes = counter(
            BYTES,
            "Bytes of records that a component offered to another, by what became of them.",
        );
        let mut flying_items = Family::new(IN_FLIGHT_ITEMS, "Records without a fate yet.", Kind::Gauge);
        let mut flying_bytes = Family::new(IN_FLIGHT_BYTES, "Bytes of records without a fate yet.", Kind::Gauge);
        for edge in self.0.snapshot() {
            let labels: Vec<Label> = vec![
                ("from".into(), edge.from.as_str().into()),
                ("to".into(), edge.to.as_str().into()),
            ];
            let in_flight = edge.in_flight();
            entered_items.push(labels.clone(), edge.entered.items as f64);
            entered_bytes.push(labels.clone(), edge.entered.bytes as f64);
            flying_items.push(labels.clone(), in_flight.items as f64);
            flying_bytes.push(labels.clone(), in_flight.bytes as f64);
            let mut fate = |fate: &str, reason: &str, amount: Amount| {
                let mut labels = labels.clone();
                labels.push(("fate".into(), fate.into()));
                labels.push(("reason".into(), reason.into()));
                items.push(labels.clone(), amount.items as f64);
                bytes.push(labels, amount.bytes as f64);
            };
            fate("delivered", "", edge.delivered);
            fate("returned", "", edge.returned);
            fate("lost", "", edge.lost);
            for kind in Fate::ALL {
                for (reason, amount) in edge.named(kind) {
                    fate(kind.as_str(), reason, *amount);
                }
            }
        }
        families.extend([entered_items, entered_bytes, items, bytes, flying_items, flying_bytes]);
    }
}

/// `invar_budget_*`: memory that records take.
pub(super) struct BudgetMetrics(pub(super) Budget);

const BUDGET: &str = "invar_budget_bytes";
const WAITING: &str = "invar_budget_waiting";

impl Collector for BudgetMetrics {
    fn describe(&self) -> Vec<Desc> {
        vec![desc(BUDGET, Kind::Gauge), desc(WAITING, Kind::Gauge)]
    }

    fn collect(&self, families: &mut Vec<Family>) {
        let mut bytes = Family::new(BUDGET, "Memory budget of records on their way, in bytes.", Kind::Gauge);
        let mut kind = |kind: &str, value: u64| bytes.push(vec![("kind".into(), kind.into())], value as f64);
        if self.0.limit() != u64::MAX {
            kind("limit", self.0.limit());
        }
        kind("used", self.0.used());
        kind("peak", self.0.peak());
        let mut waiting = Family::new(WAITING, "Senders that wait for room in the memory budget.", Kind::Gauge);
        waiting.push(Vec::new(), self.0.waiting() as f64);
        families.extend([bytes, waiting]);
    }
}

/// `invar_logging_*`: lines of Invar's own log that did not go to `write_to`.
pub(super) struct LogMetrics(pub(super) Logging);

const NOT_FORWARDED: &str = "invar_logging_lines_not_forwarded_total";

impl Collector for LogMetrics {
    fn describe(&self) -> Vec<Desc> {
        vec![desc(NOT_FORWARDED, Kind::Counter)]
    }

    fn collect(&self, families: &mut Vec<Family>) {
        let counts = self.0.not_forwarded();
        let help =
            "Lines of the program's own log that were printed and not sent to the write_to of the logging block.";
        let mut family = Family::new(NOT_FORWARDED, help, Kind::Counter);
        for (reason, count) in [
            ("queue_full", counts.queue_full),
            ("own", counts.own),
            ("refused", counts.refused),
        ] {
            family.push(vec![("reason".into(), reason.into())], count as f64);
        }
        families.push(family);
    }
}

/// `invar_tasks`: what the process is doing at once.
pub(super) struct TaskMetrics(pub(super) tokio::runtime::Handle);

const TASKS: &str = "invar_tasks";

impl Collector for TaskMetrics {
    fn describe(&self) -> Vec<Desc> {
        vec![desc(TASKS, Kind::Gauge)]
    }

    fn collect(&self, families: &mut Vec<Family>) {
        let mut family = Family::new(TASKS, "Asynchronous tasks that are alive.", Kind::Gauge);
        family.push(Vec::new(), self.0.metrics().num_alive_tasks() as f64);
        families.push(family);
    }
}
