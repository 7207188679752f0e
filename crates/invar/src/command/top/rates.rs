//! What happened between two looks.

use super::snapshot::{Budget, Component, Count, Edge, Queue, Snapshot};
use serde::Serialize;
use std::collections::HashMap;

/// What is shown: the newer of two snapshots, with rates since the older one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// When, by the clock of the process that was asked: RFC 3339.
    pub at: String,
    /// Seconds that the rates are taken over; 0 if there are none.
    pub interval_seconds: f64,
    pub process: ProcessView,
    pub budget: Budget,
    pub components: Vec<Row>,
    pub queues: Vec<Queue>,
    #[serde(skip)]
    pub edges: Vec<EdgeView>,
}

/// The process.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessView {
    /// CPU seconds since the start.
    pub cpu_seconds: Option<f64>,
    /// Share of one core: 1.5 is one and a half.
    pub cpu_share: Option<f64>,
    pub resident_bytes: Option<f64>,
    pub uptime_seconds: Option<f64>,
}

/// A component.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    pub id: String,
    pub name: String,
    pub health: String,
    pub message: String,
    /// Share of one core.
    pub cpu_share: f64,
    pub r#in: Rate,
    pub out: Rate,
    pub dropped: Rate,
}

impl Row {
    /// Bytes that go through it: what a source lets out and a sink takes in count as well.
    pub fn bytes(&self) -> f64 {
        self.r#in.bytes_per_second.max(self.out.bytes_per_second)
    }
}

/// Records and bytes a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    pub items_per_second: f64,
    pub bytes_per_second: f64,
}

/// An edge.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EdgeView {
    pub from: String,
    pub to: String,
    pub items_per_second: f64,
    /// Records that are on it now.
    pub in_flight: u64,
    /// Records that entered it and will not arrive, since the start.
    pub dropped: u64,
}

/// The rates between two snapshots. Without an older one, or if the process was started again in between, they are those since its start.
pub fn view(before: Option<&Snapshot>, after: Snapshot) -> View {
    let process = &after.top.process;
    let same = before.filter(|before| before.top.process.start_time == process.start_time);
    let since = same.map_or(&process.start_time, |before| &before.top.process.now);
    let interval = seconds(since, &process.now).filter(|interval| *interval > 0.0);
    let per_second = |amount: f64| interval.map_or(0.0, |interval| amount / interval);
    let rate = |before: Count, after: Count| Rate {
        items_per_second: per_second(grown(before.items, after.items)),
        bytes_per_second: per_second(grown(before.bytes, after.bytes)),
    };

    let components: HashMap<&str, &Component> = same
        .iter()
        .flat_map(|before| &before.top.components)
        .map(|component| (component.id.as_str(), component))
        .collect();
    let nothing = Component::default();
    let row = |now: &Component| {
        // One that is new has counted since it came, which is within the interval.
        let before = components.get(now.id.as_str()).copied().unwrap_or(&nothing);
        let busy = match now.busy_seconds - before.busy_seconds {
            grown if grown >= 0.0 => grown,
            _ => now.busy_seconds,
        };
        Row {
            id: now.id.clone(),
            name: now.name.clone(),
            health: now.health.clone(),
            message: now.message.clone(),
            cpu_share: per_second(busy),
            r#in: rate(before.r#in, now.r#in),
            out: rate(before.out, now.out),
            dropped: rate(before.dropped, now.dropped),
        }
    };
    let edges: HashMap<(&str, &str), &Edge> = same
        .iter()
        .flat_map(|before| &before.edges)
        .map(|edge| ((edge.from.as_str(), edge.to.as_str()), edge))
        .collect();
    let edge = |now: &Edge| {
        let before = edges.get(&(now.from.as_str(), now.to.as_str()));
        EdgeView {
            from: now.from.clone(),
            to: now.to.clone(),
            items_per_second: rate(before.map(|edge| edge.entered).unwrap_or_default(), now.entered).items_per_second,
            in_flight: now.in_flight.items,
            dropped: now.dropped(),
        }
    };
    let cpu_before = match same {
        Some(before) => before.top.process.cpu_seconds,
        None => Some(0.0),
    };
    let cpu = process.cpu_seconds.zip(cpu_before);
    View {
        process: ProcessView {
            cpu_seconds: process.cpu_seconds,
            cpu_share: cpu.map(|(now, before)| per_second((now - before).max(0.0))),
            resident_bytes: process.resident_bytes,
            uptime_seconds: seconds(&process.start_time, &process.now),
        },
        interval_seconds: interval.unwrap_or(0.0),
        budget: after.budget,
        components: after.top.components.iter().map(row).collect(),
        edges: after.edges.iter().map(edge).collect(),
        at: process.now.clone(),
        queues: after.queues,
    }
}

/// How much a counter grew. One that is smaller than it was began again.
fn grown(before: u64, after: u64) -> f64 {
    after.checked_sub(before).unwrap_or(after) as f64
}

/// Seconds from one time to another, both RFC 3339.
fn seconds(from: &str, to: &str) -> Option<f64> {
    let from: jiff::Timestamp = from.parse().ok()?;
    let to: jiff::Timestamp = to.parse().ok()?;
    Some(to.duration_since(from).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::top::snapshot::{Process, Top};

    fn count(items: u64, bytes: u64) -> Count {
        Count { items, bytes }
    }

    fn snapshot(now: &str, busy: f64, input: Count) -> Snapshot {
        Snapshot {
            top: Top {
                components: vec![Component {
                    id: "a".to_owned(),
                    busy_seconds: busy,
                    r#in: input,
                    ..Component::default()
                }],
                process: Process {
                    cpu_seconds: Some(busy * 2.0),
                    resident_bytes: None,
                    start_time: "2026-01-02T03:00:00Z".to_owned(),
                    now: now.to_owned(),
                },
            },
            edges: vec![Edge {
                from: "a".to_owned(),
                to: "b".to_owned(),
                entered: input,
                lost: count(1, 1),
                ..Edge::default()
            }],
            ..Snapshot::default()
        }
    }

    #[test]
    fn rates_are_differences_over_the_time_of_the_process() {
        let before = snapshot("2026-01-02T03:00:10Z", 1.0, count(100, 1000));
        let after = snapshot("2026-01-02T03:00:12.5Z", 1.5, count(200, 6000));
        let view = view(Some(&before), after);
        assert_eq!(view.interval_seconds, 2.5);
        let row = &view.components[0];
        assert_eq!(row.cpu_share, 0.2);
        assert_eq!(row.r#in.items_per_second, 40.0);
        assert_eq!(row.bytes(), 2000.0);
        assert_eq!(view.process.cpu_share, Some(0.4));
        assert_eq!(view.process.uptime_seconds, Some(12.5));
        assert_eq!((view.edges[0].items_per_second, view.edges[0].dropped), (40.0, 1));
    }

    #[test]
    fn the_first_look_shows_rates_since_the_start() {
        let view = view(None, snapshot("2026-01-02T03:00:10Z", 1.0, count(100, 1000)));
        assert_eq!(view.interval_seconds, 10.0);
        assert_eq!(view.components[0].r#in.items_per_second, 10.0);
        assert_eq!(view.process.cpu_share, Some(0.2));
    }

    #[test]
    fn what_began_again_counts_from_zero() {
        let before = snapshot("2026-01-02T03:00:10Z", 5.0, count(100, 1000));
        let mut after = snapshot("2026-01-02T03:00:12Z", 1.0, count(20, 200));
        let again = view(Some(&before), after.clone());
        assert_eq!(again.components[0].cpu_share, 0.5);
        assert_eq!(again.components[0].r#in.items_per_second, 10.0);
        after.top.process.start_time = "2026-01-02T03:00:11Z".to_owned();
        let restarted = view(Some(&before), after);
        assert_eq!(restarted.interval_seconds, 1.0);
        assert_eq!(restarted.components[0].r#in.items_per_second, 20.0);
    }

    #[test]
    fn without_time_in_between_there_are_no_rates() {
        let before = snapshot("2026-01-02T03:00:10Z", 1.0, count(100, 1000));
        let mut odd = before.clone();
        assert_eq!(view(Some(&before), before.clone()).interval_seconds, 0.0);
        odd.top.process.now = "soon".to_owned();
        let view = view(Some(&before), odd);
        assert_eq!(view.interval_seconds, 0.0);
        assert_eq!(view.components[0].r#in, Rate::default());
        assert_eq!(view.process.uptime_seconds, None);
    }
}
