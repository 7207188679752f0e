//! What a running Invar says of itself: counters as of one moment.

use crate::client::Session;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Records and their bytes, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Count {
    pub items: u64,
    pub bytes: u64,
}

/// Everything that is shown, as of one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub top: Top,
    pub queues: Vec<Queue>,
    pub edges: Vec<Edge>,
    pub budget: Budget,
}

/// The answer of `/api/v0/invar/top`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Top {
    pub components: Vec<Component>,
    pub process: Process,
}

/// A component.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    pub id: String,
    #[serde(default)]
    pub name: String,
    pub health: String,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub busy_seconds: f64,
    pub r#in: Count,
    pub out: Count,
    pub dropped: Count,
}

/// The process. What cannot be read on its machine is left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    pub cpu_seconds: Option<f64>,
    pub resident_bytes: Option<f64>,
    pub start_time: String,
    pub now: String,
}

#[derive(Deserialize)]
struct Queues {
    queues: Vec<Queue>,
}

/// A queue on disk.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Queue {
    pub component: String,
    pub destination: String,
    pub state: String,
    pub message: String,
    pub depth_records: f64,
    pub depth_bytes: f64,
    pub limit_bytes: Option<f64>,
    pub oldest_seconds: Option<f64>,
    pub in_bytes_per_second: Option<f64>,
    pub out_bytes_per_second: Option<f64>,
    pub seconds_to_loss: Option<f64>,
}

#[derive(Deserialize)]
struct Ledger {
    edges: Vec<Edge>,
    #[serde(default)]
    budget: Budget,
}

/// What went from one component to another, and what became of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Edge {
    pub from: String,
    pub to: String,
    pub entered: Count,
    pub filtered: BTreeMap<String, Count>,
    pub rejected: BTreeMap<String, Count>,
    pub expired: BTreeMap<String, Count>,
    pub dead_lettered: BTreeMap<String, Count>,
    pub lost: Count,
    pub in_flight: Count,
}

impl Edge {
    /// What entered it and will not arrive.
    pub fn dropped(&self) -> u64 {
        let named = [&self.filtered, &self.rejected, &self.expired, &self.dead_lettered];
        let named = named.iter().flat_map(|reasons| reasons.values());
        named.fold(self.lost.items, |sum, count| sum.saturating_add(count.items))
    }
}

/// The memory budget, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Budget {
    pub limit: u64,
    pub used: u64,
    pub peak: u64,
    pub waiting: u64,
}

impl Snapshot {
    /// Asks for all of it.
    pub async fn take(session: &Session) -> Result<Snapshot, String> {
        let top: Top = ask(session, "/api/v0/invar/top").await?;
        let queues: Queues = ask(session, "/api/v0/invar/queues").await?;
        let ledger: Ledger = ask(session, "/api/v0/invar/ledger").await?;
        Ok(Snapshot {
            top,
            queues: queues.queues,
            edges: ledger.edges,
            budget: ledger.budget,
        })
    }
}

async fn ask<T: DeserializeOwned>(session: &Session, path: &str) -> Result<T, String> {
    let body = session.get(path, &[]).await?;
    serde_json::from_slice(&body)
        .map_err(|error| format!("the answer of {} to {path} is not understood: {error}", session.addr()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_they_are_documented() {
        let top: Top = serde_json::from_str(
            r#"{"components": [{"id": "m/loki.write.a", "name": "loki.write", "health": "unhealthy", "message": "no route",
                "busySeconds": 1.5, "in": {"items": 1, "bytes": 2}, "out": {"items": 3, "bytes": 4},
                "dropped": {"items": 5, "bytes": 6}}],
                "process": {"cpuSeconds": 7.25, "residentBytes": 8e6, "startTime": "2026-01-02T03:04:05Z",
                "now": "2026-01-02T03:04:06.5Z"}}"#,
        )
        .expect("the answer is read");
        assert_eq!(top.components[0].dropped, Count { items: 5, bytes: 6 });
        assert_eq!(top.process.cpu_seconds, Some(7.25));
        let queues: Queues = serde_json::from_str(
            r#"{"queues": [{"component": "c", "destination": "d", "state": "held", "message": "401", "depthRecords": 9,
                "depthBytes": 10, "limitBytes": 0, "oldestSeconds": null, "inBytesPerSecond": 1.5,
                "outBytesPerSecond": 0.0, "secondsToLoss": null, "other": 1}]}"#,
        )
        .expect("the answer is read");
        assert_eq!(queues.queues[0].depth_records, 9.0);
        let ledger: Ledger = serde_json::from_str(
            r#"{"edges": [{"from": "a", "to": "b", "entered": {"items": 10, "bytes": 100}, "delivered": {"items": 4, "bytes": 40},
                "filtered": {"x": {"items": 2, "bytes": 20}}, "rejected": {"y": {"items": 1, "bytes": 10}}, "expired": {},
                "dead_lettered": {"z": {"items": 1, "bytes": 10}}, "returned": {"items": 0, "bytes": 0},
                "lost": {"items": 1, "bytes": 1}, "in_flight": {"items": 1, "bytes": 1}, "balanced": true}],
                "budget": {"limit": 100, "used": 1, "peak": 2, "waiting": 0}}"#,
        )
        .expect("the answer is read");
        assert_eq!(ledger.edges[0].dropped(), 5);
        assert_eq!(ledger.budget.limit, 100);
    }
}
