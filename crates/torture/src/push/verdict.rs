//! The result.

use super::Signal;
use crate::child::Balance;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// What became of the records.
#[derive(Clone, Debug)]
pub struct PushVerdict {
    pub(super) signal: Signal,
    /// Records of requests that were answered with success.
    pub accepted: u64,
    /// Different ones that arrived.
    pub received: u64,
    /// Accepted and not received.
    pub lost: u64,
    /// Arrived again.
    pub duplicates: u64,
    /// How many could: they were on their way when the program was killed, or a client got no answer.
    pub repeatable: u64,
    /// Arrived for the first time after a later record of the same client.
    pub out_of_order: u64,
    /// Arrived otherwise than they were pushed; of stale markers every bit counts.
    pub altered: u64,
    /// Answers that asked to come again.
    pub refused: u64,
    /// Answers that neither took records nor said when to come again, and how often each came.
    pub odd: BTreeMap<String, u64>,
    /// How often the program was killed.
    pub kills: u32,
    /// Resident memory at its peak, in bytes.
    pub peak_rss: u64,
    /// Bound for it, in bytes.
    pub memory_limit: Option<u64>,
    /// The ledger of the last process; none if it did not answer.
    pub balance: Option<Balance>,
    /// From the first record to the last.
    pub duration: Duration,
}

impl PushVerdict {
    /// What is wrong.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut fault = |wrong: bool, text: String| {
            if wrong {
                faults.push(text);
            }
        };
        fault(self.accepted == 0, "nothing was accepted".to_owned());
        fault(self.lost > 0, format!("{} records lost", self.lost));
        fault(
            self.duplicates > self.repeatable,
            format!(
                "{} records repeated, and at most {} were on their way when something happened",
                self.duplicates, self.repeatable
            ),
        );
        // Batches of log records are put together from several clients, and have no order among them.
        fault(
            self.signal == Signal::Metrics && self.out_of_order > 0,
            format!("{} samples overtook others of their series", self.out_of_order),
        );
        fault(self.altered > 0, format!("{} records altered", self.altered));
        for (answer, times) in &self.odd {
            fault(
                true,
                format!("{times} answers that are of no use to a client: {answer}"),
            );
        }
        if let Some(limit) = self.memory_limit.filter(|limit| self.peak_rss > *limit) {
            let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
            fault(
                true,
                format!(
                    "{:.1} MiB of memory, and {:.1} MiB are allowed",
                    mib(self.peak_rss),
                    mib(limit)
                ),
            );
        }
        match &self.balance {
            None => fault(true, "the ledger could not be read".to_owned()),
            Some(balance) => {
                for edge in &balance.unbalanced {
                    fault(true, format!("the ledger does not balance on {edge}"));
                }
                let open = balance.in_flight + balance.lost;
                fault(open > 0, format!("{open} records have no fate in the ledger"));
            }
        }
        faults
    }

    /// Whether nothing is wrong.
    pub fn passed(&self) -> bool {
        self.faults().is_empty()
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mib = self.peak_rss as f64 / (1 << 20) as f64;
        let mut rows = vec![
            ("accepted", self.accepted.to_string()),
            ("received", self.received.to_string()),
            ("lost", self.lost.to_string()),
            (
                "duplicated",
                format!("{} (at most {} were on their way)", self.duplicates, self.repeatable),
            ),
            ("out of order", self.out_of_order.to_string()),
            ("answers to come again", self.refused.to_string()),
            ("kills", self.kills.to_string()),
            ("peak memory", format!("{mib:.1} MiB")),
            ("duration", format!("{:.1} s", self.duration.as_secs_f64())),
        ];
        let faults = self.faults();
        rows.extend(faults.iter().map(|fault| ("fault", fault.clone())));
        let result = if faults.is_empty() { "passed" } else { "failed" };
        rows.push(("result", result.to_owned()));
        for (name, value) in rows {
            let _ = writeln!(out, "{name:<24}{value}");
        }
        out
    }

    /// For programs.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "signal": self.signal.as_str(),
            "accepted": self.accepted,
            "received": self.received,
            "lost": self.lost,
            "ledger_lost": self.balance.as_ref().map(|balance| balance.lost + balance.in_flight),
            "duplicated": self.duplicates,
            "repeatable": self.repeatable,
            "out_of_order": self.out_of_order,
            "altered": self.altered,
            "refused": self.refused,
            "odd_answers": self.odd,
            "kills": self.kills,
            "peak_rss": self.peak_rss,
            "memory_limit": self.memory_limit,
            "duration_seconds": self.duration.as_secs_f64(),
            "faults": self.faults(),
            "passed": self.passed(),
        })
    }
}
