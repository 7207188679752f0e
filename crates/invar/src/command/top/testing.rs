//! A state for tests.

use super::rates::{EdgeView, ProcessView, Rate, Row, View};
use super::snapshot::{Budget, Queue};
use super::state::State;
use crate::cli::SortBy;

pub fn row(id: &str, health: &str, cpu_share: f64) -> Row {
    let name = id.rsplit('/').next().unwrap_or_default();
    let name = name.rsplit_once('.').map_or(name, |(name, _)| name);
    Row {
        id: id.to_owned(),
        name: name.to_owned(),
        health: health.to_owned(),
        message: "started component".to_owned(),
        cpu_share,
        ..Row::default()
    }
}

fn rate(items_per_second: f64, bytes_per_second: f64) -> Rate {
    Rate {
        items_per_second,
        bytes_per_second,
    }
}

/// Logs from a file through a process to a destination that does not take them.
pub fn state() -> State {
    let mut source = row("loki.source.file.logs", "healthy", 0.021);
    source.out = rate(1520.0, 250_000.0);
    let mut process = row("loki.process.shop", "healthy", 0.124);
    process.r#in = rate(1520.0, 250_000.0);
    process.out = rate(1400.0, 225_000.0);
    process.dropped = rate(120.0, 25_000.0);
    let mut write = row("loki.write.central", "unhealthy", 0.03);
    write.message = "endpoint central: connection refused\nfor the 7th time".to_owned();
    write.r#in = rate(1400.0, 225_000.0);
    let edge = |from: &str, to: &str, items_per_second, in_flight, dropped| EdgeView {
        from: from.to_owned(),
        to: to.to_owned(),
        items_per_second,
        in_flight,
        dropped,
    };
    let mut state = State::new("http://127.0.0.1:12345/", SortBy::Cpu, "");
    state.view = View {
        at: "2026-01-02T03:04:05Z".to_owned(),
        interval_seconds: 1.0,
        process: ProcessView {
            cpu_seconds: Some(100.0),
            cpu_share: Some(0.19),
            resident_bytes: Some(48e6),
            uptime_seconds: Some(277_500.0),
        },
        budget: Budget {
            limit: 64 << 20,
            used: 10 << 20,
            peak: 20 << 20,
            waiting: 2,
        },
        components: vec![
            row("local.file.token", "healthy", 0.0),
            source,
            process,
            write,
            row("mod.a/loki.echo.x", "exited", 0.0),
        ],
        queues: vec![
            Queue {
                component: "loki.write.central".to_owned(),
                destination: "central".to_owned(),
                state: "failing".to_owned(),
                message: "connection refused".to_owned(),
                depth_records: 48_200.0,
                depth_bytes: 7.5e6,
                limit_bytes: Some(1e9),
                oldest_seconds: Some(34.0),
                in_bytes_per_second: Some(225_000.0),
                out_bytes_per_second: Some(0.0),
                seconds_to_loss: Some(4411.0),
            },
            Queue {
                component: "loki.write.central".to_owned(),
                destination: "audit".to_owned(),
                state: "healthy".to_owned(),
                ..Queue::default()
            },
        ],
        edges: vec![
            edge("loki.source.file.logs", "loki.process.shop", 1520.0, 3, 0),
            edge("loki.process.shop", "loki.write.central", 1400.0, 48_200, 120),
            edge("loki.write.central", "loki.write.central#central", 0.0, 48_200, 0),
        ],
    };
    state
}
