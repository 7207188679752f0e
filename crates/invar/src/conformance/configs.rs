//! Configurations that people use: `../shared/configs`.

use super::{Checker, shared};
use runtime::sources::SourceFile;
use std::path::{Path, PathBuf};

/// Files that do not pass, by their own fault: what must be said of them, at its place, and why that is right.
pub(super) const FAULTY: &[(&str, &[&str], &str)] = &[
    (
        "alloy-modules/modules/databases/timeseries/loki/metrics.alloy",
        &["157:68: component \"argument.port.value\" does not exist or is out of scope"],
        "the module declares no argument \"port\"",
    ),
    (
        "alloy-modules/modules/databases/timeseries/mimir/metrics.alloy",
        &["157:68: component \"argument.port.value\" does not exist or is out of scope"],
        "the module declares no argument \"port\"",
    ),
    (
        "alloy-scenarios/routing/config.alloy",
        &["110:2: expected }, got EOF"],
        "the last block is not closed",
    ),
    (
        "k8s-monitoring-helm/charts/k8s-monitoring/docs/examples/extra-rules/alloy-singleton.alloy",
        &[
            "152:14: the function \"env\" is deprecated",
            "201:14: the function \"env\" is deprecated",
        ],
        "it uses a deprecated function, and a warning fails, as in Alloy",
    ),
    (
        "k8s-monitoring-helm/charts/k8s-monitoring/docs/examples/service-integrations/mongodb-atlas/alloy-metrics.alloy",
        &[
            "55:16: the function \"nonsensitive\" is deprecated",
            "67:16: the function \"nonsensitive\" is deprecated",
        ],
        "it uses a deprecated function, and a warning fails, as in Alloy",
    ),
];

/// All `*.alloy` files in a folder and those inside of it, by name.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "alloy") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn real_configurations_pass_unless_they_are_faulty() {
    let Some(folder) = shared("configs") else { return };
    let checker = Checker::new();
    let files = files(&folder);
    assert!(files.len() >= 179, "{} files", files.len());
    let mut wrong = Vec::new();
    let mut faulty = 0;
    for path in files {
        let name = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
        let file = SourceFile {
            name: name.clone(),
            text: std::fs::read(&path).expect("the file can be read"),
        };
        let found = checker.validate(&[file], &crate::app::module_path(&path));
        let said: Vec<String> = found
            .diagnostics
            .iter()
            .map(|one| {
                let place = one.start;
                format!("{place}: {}", one.message)
            })
            .collect();
        let listed = FAULTY.iter().find(|(file, ..)| *file == name);
        faulty += usize::from(listed.is_some());
        let expected = listed.map_or(&[][..], |(_, expected, _)| expected);
        if said != expected {
            wrong.push(format!("{name}: expected {expected:#?}, got {said:#?}"));
        }
    }
    assert_eq!(faulty, FAULTY.len(), "a file that is listed is not there");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
