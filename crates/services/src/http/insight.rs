//! What Alloy's API does not have: health over time, work and records by component, queues, the remote configuration.

use super::answer;
use super::api::{JSON, json};
use super::health::Change;
use super::routes::Call;
use crate::metrics::Proc;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use component::HealthState;
use promtext::{Family, Point};
use serde::Serialize;
use serde_json::json;
use signals::{Amount, EdgeSnapshot, Fate};
use std::collections::BTreeMap;

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
        let dropped = dropped(edge);
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
            "in": count(flow.input),
            "out": count(flow.out),
            "dropped": count(flow.dropped),
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

fn dropped(edge: &EdgeSnapshot) -> Amount {
    let mut sum = edge.lost;
    for fate in Fate::ALL {
        for amount in edge.named(fate).values() {
            sum += *amount;
        }
    }
    sum
}

fn count(amount: Amount) -> serde_json::Value {
    json!({"items": amount.items, "bytes": amount.bytes})
}

/// `/api/v0/invar/queues`.
pub(crate) async fn queues(call: Call) -> Response<Body> {
    let families = call.app.metrics.gather().families;
    let healths = call.app.healths().await;
    let mut queues = Vec::new();
    for edge in call.app.ledger.snapshot() {
        let Some((component, destination)) = edge.to.split_once(DESTINATION) else {
            continue;
        };
        let Some((_, _, health)) = healths.iter().find(|(id, ..)| id == component) else {
            // Counters outlive what they count.
            continue;
        };
        let of = |name: &str| {
            let found = waiting(&families, name).find(|(c, d, _)| c == component && d == destination);
            found.map_or(0.0, |(_, _, value)| value)
        };
        let (depth_records, depth_bytes) = (of("invar_queue_items"), of("invar_queue_bytes"));
        let flow = call.app.rates.of(&edge.to);
        let grows = flow.map_or(0.0, |flow| flow.entered - flow.left);
        let disk = waiting(&families, "invar_queue_disk_bytes").find(|(c, _, _)| c == component);
        let limit = call.app.queue_limit;
        let used = disk.map_or(depth_bytes, |(_, _, bytes)| bytes);
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
            "oldestSeconds": (!empty).then(|| of("invar_queue_oldest_seconds")),
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

/// The series of a family by component and endpoint.
fn waiting<'f>(families: &'f [Family], name: &str) -> impl Iterator<Item = (String, String, f64)> + use<'f> {
    let family = families.iter().find(|family| *family.name == *name);
    family
        .into_iter()
        .flat_map(|family| &family.series)
        .filter_map(|series| {
            let label = |name: &str| {
                let found = series.labels.iter().find(|(label, _)| **label == *name);
                found.map(|(_, value)| value.to_string()).unwrap_or_default()
            };
            let path = label("component_path");
            let module = path.trim_matches('/');
            let local = label("component_id");
            let id = match module {
                "" => local,
                module => format!("{module}/{local}"),
            };
            match series.point {
                Point::Number(number) => Some((id, label("endpoint"), number)),
                _ => None,
            }
        })
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
