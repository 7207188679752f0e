//! Samples of series that come together, through relabelling to a receiver: what arrives is what arrives of the same samples one by one.

use crate::receiver::RemoteWriteServer;
use crate::remote_write::{balanced, endpoint, out, send};
use crate::rig::World;
use prommodel::{Block, BlockBuilder};
use signals::{Exemplar, Metrics, Runs, Sample};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type Got = BTreeSet<(BTreeMap<String, String>, i64, u64)>;

/// Series of a target, in blocks of 50 and what is left.
fn blocks(world: &World, instance: &str, series: usize) -> Vec<Arc<Block>> {
    let table = &world.table;
    let common = [table.label("instance", instance), table.label("job", "j")];
    let mut builder = BlockBuilder::new(table, table.series(&common));
    let mut blocks = Vec::new();
    for at in 0..series {
        let name = table.label("__name__", &format!("m{}", at % 20));
        let number = table.label("number", &at.to_string());
        builder.push(&[name, common[0].clone(), common[1].clone(), number]);
        if builder.len() == 50 {
            blocks.push(builder.build());
        }
    }
    if !builder.is_empty() {
        blocks.push(builder.build());
    }
    blocks
}

/// All rows but every eleventh have a value; every second one is so much earlier.
fn runs(blocks: &[Arc<Block>], time: i64, earlier: i64) -> Runs {
    let rows: usize = blocks.iter().map(|block| block.len()).sum();
    let values = (0..rows).map(|at| at as f64).collect();
    let times = (0..rows as i64).map(|at| time - at % 2 * earlier);
    let times = if earlier > 0 { times.collect() } else { Vec::new() };
    let given = |block: &Block| {
        (0..block.len())
            .filter(|row| row % 11 != 0)
            .fold(0, |rows, row| rows | 1 << row)
    };
    let list = blocks.iter().map(|block| (block.clone(), given(block)));
    Runs::new(values, times, time, list)
}

/// The same samples one by one.
fn alone(runs: &Runs) -> Vec<Sample> {
    let samples = runs.iter().map(|(row, timestamp, value)| Sample {
        series: row.to_series(),
        timestamp,
        value,
    });
    samples.collect()
}

fn got(server: &RemoteWriteServer) -> Got {
    let samples = server.samples();
    let set: Got = samples
        .iter()
        .map(|(labels, time, bits)| (labels.clone().into_iter().collect(), *time, *bits))
        .collect();
    assert_eq!(set.len(), samples.len(), "each once");
    set
}

const RELABEL: &str = r#"
rule {
    source_labels = ["number"]
    regex = ".*9"
    action = "drop"
}
rule {
    source_labels = ["number"]
    regex = "(.*)5"
    target_label = "five"
}
rule {
    target_label = "team"
    replacement = "t"
}
"#;

#[tokio::test]
async fn what_arrives_is_what_arrives_of_samples_one_by_one() {
    let v2 = "protobuf_message = \"io.prometheus.write.v2.Request\"";
    let rules = "write_relabel_config {\nsource_labels = [\"number\"]\nregex = \"1?7\"\naction = \"drop\"\n}";
    let external = "external_labels = { cluster = \"c1\", job = \"none\" }\n";
    for (before, more) in [
        ("", String::new()),
        ("", v2.to_owned()),
        (external, rules.to_owned()),
        (external, format!("{v2}\n{rules}")),
    ] {
        let mut each = Vec::new();
        for together in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let (world, server) = (World::new(dir.path()), RemoteWriteServer::start().await);
            let config = format!("{before}{}", endpoint(&server.url, &more));
            let write = world.start("prometheus.remote_write", &config, &[]);
            let relabel = world.start("prometheus.relabel", RELABEL, &[write.receiver()]);
            let out = out(&world, &relabel);
            for (round, instance) in ["x", "y", "x", "x"].into_iter().enumerate() {
                let blocks = blocks(&world, instance, 130);
                let time = 1_000_000 + 10_000 * round as i64;
                let runs = runs(&blocks, time, 500 * (time % 20_000 / 10_000));
                let mut metrics = Metrics::default();
                metrics.exemplars.push(Exemplar {
                    series: blocks[0].row(1).to_series(),
                    timestamp: time,
                    value: 1.0,
                    labels: Arc::new([("trace_id".into(), format!("t{round}").into())]),
                });
                match together {
                    true => metrics.runs = runs,
                    false => metrics.samples = alone(&runs),
                }
                send(&out, metrics).await;
            }
            let mut exemplars = server.exemplars();
            exemplars.sort();
            assert_eq!(exemplars.len(), 4);
            each.push((got(&server), exemplars));
            let edge = world
                .ledger
                .edge("prometheus.relabel.x", "prometheus.remote_write.x")
                .snapshot();
            assert_eq!(edge.lost.items, 0);
            let kept = (0..130).filter(|at| at % 50 % 11 != 0 && at % 10 != 9).count() as u64;
            let left = edge.filtered.get("write_relabel").map_or(0, |amount| amount.items);
            assert_eq!(edge.delivered.items + left, 4 * (kept + 1), "{edge:?}");
            relabel.stop().await;
            write.stop().await;
        }
        assert_eq!(each[0], each[1]);
        assert!(each[0].0.len() > 390, "{}", each[0].0.len());
    }
}

#[tokio::test]
async fn the_order_is_kept_and_what_waits_on_disk_comes_later() {
    let dir = tempfile::tempdir().unwrap();
    let (world, server) = (World::new(dir.path()), RemoteWriteServer::start().await);
    server.judge(|_| 503);
    let write = world.start("prometheus.remote_write", &endpoint(&server.url, ""), &[]);
    let out_ = out(&world, &write);
    let all = blocks(&world, "x", 130);
    for round in 1..=3 {
        let metrics = Metrics {
            runs: runs(&all, round * 1000, 0),
            ..Metrics::default()
        };
        send(&out_, metrics).await;
    }
    write.stop().await;
    server.judge(|samples| if samples.len() > 100 { 413 } else { 204 });
    let write = world.start("prometheus.remote_write", &endpoint(&server.url, ""), &[]);
    let out_ = out(&world, &write);
    let last = Metrics {
        // Their samples one by one fall into the same lanes.
        samples: alone(&runs(&all, 4000, 0)),
        ..Metrics::default()
    };
    send(&out_, last).await;
    server.wait(4 * 117).await;
    let samples = server.samples();
    assert_eq!(samples.len(), 4 * 117);
    for number in (0..130).filter(|at| at % 50 % 11 != 0) {
        let times = samples
            .iter()
            .filter(|(labels, _, _)| labels["number"] == number.to_string());
        let times: Vec<i64> = times.map(|(_, time, _)| *time).collect();
        assert_eq!(times, [1000, 2000, 3000, 4000], "{number}");
    }
    write.stop().await;
}

#[tokio::test]
async fn a_refused_row_is_a_dead_letter_and_an_old_one_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let (world, server) = (World::new(dir.path()), RemoteWriteServer::start().await);
    server.judge(|samples| {
        let bad = samples.iter().any(|(labels, _, _)| labels["number"] == "13");
        if bad { 400 } else { 204 }
    });
    let now = world.host.clock.now() / 1_000_000;
    let config = endpoint(&server.url, "").replace("queue_config {\n", "queue_config {\nsample_age_limit = \"1h\"\n");
    let write = world.start("prometheus.remote_write", &config, &[]);
    let out = out(&world, &write);
    let all = blocks(&world, "x", 60);
    // Rows with an odd number are half an hour too old.
    let metrics = Metrics {
        runs: runs(&all, now - 30 * 60_000, 60 * 60_000),
        ..Metrics::default()
    };
    send(&out, metrics).await;
    let metrics = Metrics {
        runs: runs(&all, now, 0),
        ..Metrics::default()
    };
    send(&out, metrics).await;
    let numbers: Vec<String> = server
        .samples()
        .iter()
        .map(|(labels, _, _)| labels["number"].clone())
        .collect();
    let even = (0..60).filter(|at| at % 50 % 11 != 0 && at % 2 == 0).count();
    let given = (0..60).filter(|at| at % 50 % 11 != 0).count();
    assert_eq!(
        numbers.len(),
        even + given - 1,
        "13 is odd, and refused in the second round"
    );
    let edge = world.ledger.edge("source", "prometheus.remote_write.x").snapshot();
    assert_eq!(edge.dead_lettered["refused"].items, 1, "{edge:?}");
    assert_eq!(edge.filtered["write_relabel"].items as usize, given - even, "{edge:?}");
    balanced(&world, (even + given - 1) as u64);
    write.stop().await;
}
