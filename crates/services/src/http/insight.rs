//! What Alloy's API does not have: health over time, work and records by component, queues, the remote configuration.

use super::answer;
use super::api::{JSON, json};
use super::health::Change;
use super::ledger::Count;
use super::routes::Call;
use crate::logging::global_id;
use crate::metrics::Proc;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use component::{Health, HealthState};
use promtext::{Family, Point};
use serde::Serialize;
use serde_json::json;
use signals::Amount;
use std::collections::{BTreeMap, HashMap};

/// Between a sink and a destination, in the id of the second half of its edges.
const DESTINATION: char = '#';

/// `/api/v0/invar/components/{id}`.
pub(crate) async fn component(call: Call) -> Response<Body> {
    let Some(info) = call.app.component(&call.open).await else {
        return answer::error(StatusCode::NOT_FOUND, format!("component {:?} not found", call.open));
    };
    let id = info.global_id();
    let page = ComponentPage {
        place: call.app.place(&id, "").await,
        health_history: call.app.health.of(&id),
        busy_seconds: call.app.ledger.meter(&id).busy().as_secs_f64(),
        id,
    };
    json(&call, JSON, &page)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ComponentPage {
    id: String,
    place: Option<String>,
    health_history: Vec<Change>,
    busy_seconds: f64,
}

/// `/api/v0/invar/top`.
pub(crate) async fn top(call: Call) -> Response<Body> {
    let edges = call.app.ledger.snapshot();
    let mut flows: BTreeMap<&str, Flow> = BTreeMap::new();
    for edge in &edges {
        let dropped = edge.given_up();
        match edge.to.split_once(DESTINATION) {
            Some((sink, _)) => {
                let flow = flows.entry(sink).or_default();
                flow.out += edge.delivered;
                flow.dropped += dropped;
            }
            None => {
                flows.entry(&edge.from).or_default().out += edge.delivered;
                if !edge.to.is_empty() {
                    flows.entry(&edge.to).or_default().input += edge.entered;
                }
                let decides = if edge.to.is_empty() { &edge.from } else { &edge.to };
                flows.entry(decides).or_default().dropped += dropped;
            }
        }
    }
    let components = call.app.healths().await;
    let components = components.iter().map(|(id, name, health)| {
        let flow = flows.get(id.as_str()).copied().unwrap_or_default();
        json!({
            "id": id,
            "name": name,
            "health": health.state.as_str(),
            "message": health.message,
            "busySeconds": call.app.ledger.meter(id).busy().as_secs_f64(),
            "in": Count::from(flow.input),
            "out": Count::from(flow.out),
            "dropped": Count::from(flow.dropped),
        })
    });
    let now = call.app.clock.now();
    let (cpu, resident) = Proc::default().usage();
    let page = json!({
        "components": components.collect::<Vec<_>>(),
        "process": {
            "cpuSeconds": cpu,
            "residentBytes": resident,
            "startTime": gotime::format_rfc3339_nano(call.app.started),
            "now": gotime::format_rfc3339_nano(now),
        },
    });
    json(&call, JSON, &page)
}

/// What a component took, passed on, and dropped.
#[derive(Clone, Copy, Default)]
struct Flow {
    input: Amount,
    out: Amount,
    dropped: Amount,
}

/// `/api/v0/invar/queues`.
pub(crate) async fn queues(call: Call) -> Response<Body> {
    let families = call.app.metrics.gather().families;
    let family = |name: &str| by_destination(families.iter().find(|family| *family.name == *name));
    let (items, bytes) = (family("invar_queue_items"), family("invar_queue_bytes"));
    let (oldest, disk) = (family("invar_queue_oldest_seconds"), family("invar_queue_disk_bytes"));
    let healths = call.app.healths().await;
    let healths: HashMap<&str, &Health> = healths.iter().map(|(id, _, health)| (id.as_str(), health)).collect();
    let mut queues = Vec::new();
    for edge in call.app.ledger.snapshot() {
        let Some((component, destination)) = edge.to.split_once(DESTINATION) else {
            continue;
        };
        let Some(health) = healths.get(component) else {
            // Counters outlive what they count.
            continue;
        };
        let key = (component.to_owned(), destination.to_owned());
        let of = |values: &Values| values.get(&key).copied().unwrap_or_default();
        let (depth_records, depth_bytes) = (of(&items), of(&bytes));
        let flow = call.app.rates.of(&edge.to);
        let grows = flow.map_or(0.0, |flow| flow.entered - flow.left);
        let limit = call.app.queue_limit;
        // One queue on disk for all destinations of a sink.
        let used = disk
            .get(&(component.to_owned(), String::new()))
            .copied()
            .unwrap_or(depth_bytes);
        let empty = depth_records == 0.0;
        let state = match flow {
            _ if health.state == HealthState::Unhealthy => "failing",
            _ if empty => "healthy",
            Some(flow) if flow.left == 0.0 => "failing",
            _ => "catching up",
        };
        queues.push(json!({
            "component": component,
            "destination": destination,
            "state": state,
            "message": if state == "failing" { health.message.as_str() } else { "" },
            "depthRecords": depth_records,
            "depthBytes": depth_bytes,
            "diskBytes": used,
            "limitBytes": limit,
            "oldestSeconds": (!empty).then(|| of(&oldest)),
            "inBytesPerSecond": flow.map(|flow| flow.entered),
            "outBytesPerSecond": flow.map(|flow| flow.left),
            "secondsToLoss": seconds_to_loss(empty, grows, used, limit),
        }));
    }
    json(&call, JSON, &json!({ "queues": queues }))
}

/// How long until a queue that grows is full.
fn seconds_to_loss(empty: bool, grows: f64, used: f64, limit: u64) -> Option<f64> {
    // Bytes on disk are compressed: as they were, so will those be that come.
    (!empty && grows > 0.0 && limit > 0).then(|| ((limit as f64 - used) / grows).max(0.0))
}

/// Values of a family by component and endpoint.
type Values = HashMap<(String, String), f64>;

fn by_destination(family: Option<&Family>) -> Values {
    let series = family.into_iter().flat_map(|family| &family.series);
    let numbers = series.filter_map(|series| {
        let label = |name: &str| {
            let found = series.labels.iter().find(|(label, _)| **label == *name);
            found.map_or("", |(_, value)| value)
        };
        match series.point {
            Point::Number(number) => {
                let id = global_id(label("component_path"), label("component_id"));
                Some(((id, label("endpoint").to_owned()), number))
            }
            _ => None,
        }
    });
    numbers.collect()
}

/// `/api/v0/invar/remotecfg`.
pub(crate) async fn remote(call: Call) -> Response<Body> {
    let status = match &call.app.parts.remote {
        Some(remote) => remote.status(),
        None => json!({"configured": false}),
    };
    json(&call, JSON, &status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_queue_that_grows_will_be_full() {
        assert_eq!(seconds_to_loss(false, 10.0, 900.0, 1000), Some(10.0));
        assert_eq!(seconds_to_loss(false, -1.0, 900.0, 1000), None);
        assert_eq!(seconds_to_loss(true, 10.0, 0.0, 1000), None);
        assert_eq!(seconds_to_loss(false, 10.0, 2000.0, 1000), Some(0.0));
    }
}
