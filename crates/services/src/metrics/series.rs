//! The label service: how much it holds, and forgetting what nobody holds any more.

use prommodel::Table;
use promtext::{Collector, Desc, Family, Kind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often label sets are looked for that nobody holds any more.
const SWEEP: Duration = Duration::from_secs(60);

/// The label sets of metrics of a process.
pub struct LabelService {
    table: Table,
    /// Seconds since the Unix epoch.
    checked: AtomicU64,
}

impl LabelService {
    /// A service for a table.
    pub fn new(table: Table) -> Arc<LabelService> {
        Arc::new(LabelService {
            table,
            checked: AtomicU64::new(0),
        })
    }

    /// Forgets what nobody holds, again and again. Never returns.
    pub async fn run(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            if self.table.is_empty() {
                continue;
            }
            let service = self.clone();
            // A million series take some ten milliseconds.
            let _ = tokio::task::spawn_blocking(move || service.table.sweep()).await;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.checked.store(now.as_secs(), Ordering::Relaxed);
        }
    }
}

const IDS: (&str, &str) = ("alloy_labelstore_global_ids_count", "Total number of global ids.");
const CHECKED: (&str, &str) = (
    "alloy_labelstore_last_stale_check_timestamp",
    "Last time stale check was ran expressed in unix timestamp.",
);

impl Collector for LabelService {
    fn describe(&self) -> Vec<Desc> {
        let desc = |(name, _): (&str, &str)| Desc {
            name: name.into(),
            kind: Kind::Gauge,
        };
        [IDS, CHECKED].into_iter().map(desc).collect()
    }

    fn collect(&self, families: &mut Vec<Family>) {
        let values = [self.table.len(), self.checked.load(Ordering::Relaxed)];
        for ((name, help), value) in [IDS, CHECKED].into_iter().zip(values) {
            let mut family = Family::new(name, help, Kind::Gauge);
            family.push(Vec::new(), value as f64);
            families.push(family);
        }
    }
}
