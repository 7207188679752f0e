//! This machine, seen by node exporter and by us.

use crate::node_exporter::{BINARY, ENABLED, Page, Peer, SETTINGS, SETTINGS_INFO, STEADY, compare};
use nodemetrics::{NodeMetrics, Options};
use std::thread;
use std::time::Duration;

#[test]
fn this_machine_looks_as_node_exporter_sees_it() {
    let Some(peer) = Peer::start() else {
        println!("skipped: {BINARY} is not installed");
        return;
    };
    let mut options = Options::default();
    options.collectors.enable = ENABLED.map(str::to_owned).to_vec();
    options.sysctl_include = SETTINGS.map(str::to_owned).to_vec();
    options.sysctl_include_info = SETTINGS_INFO.map(str::to_owned).to_vec();
    let node = NodeMetrics::new(options).unwrap();
    // Devices, mounts or processes may come and go between the two looks; what stays different over several looks is a difference.
    let mut differences = Vec::new();
    for _ in 0..5 {
        let theirs = Page::new(&peer.scrape());
        let ours = Page::new(&promtext::encode(&node.gather(), promtext::Format::Text));
        differences = compare(&theirs, &ours);
        if differences.is_empty() {
            let steady = ours
                .series
                .keys()
                .filter(|(name, _)| STEADY.contains(&name.as_str()))
                .count();
            println!(
                "{} families and {} series as node exporter has them, {steady} values",
                ours.families.len(),
                ours.series.len()
            );
            return;
        }
        thread::sleep(Duration::from_millis(200));
    }
    panic!("{} differences:\n{}", differences.len(), differences.join("\n"));
}
