//! `discovery.file`

use crate::kit::{Rig, build};
use std::fs;
use std::path::Path;

const SHOWN: &[&str] = &["__address__", "job", "__meta_filepath"];

fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_read_again_when_they_change_and_a_broken_one_keeps_its_targets() {
    let dir = tempfile::tempdir().unwrap();
    let (json, yaml) = (dir.path().join("a.json"), dir.path().join("b.yml"));
    replace(&json, r#"[{"targets": ["one:1"], "labels": {"job": "j"}}]"#);
    replace(&yaml, "- targets: [two:2]\n  labels: {job: y}\n");
    let at = dir.path().display();
    let rig = Rig::start(
        "discovery.file",
        &format!("files = [\"{at}/*.json\", \"{at}/b.yml\", \"{at}/none.yaml\"]"),
    );
    let (a, b) = (json.display().to_string(), yaml.display().to_string());
    let expected = [format!("one:1 j {a}"), format!("two:2 y {b}")];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    rig.until_lines(SHOWN, &expected).await;

    replace(&json, "[{");
    rig.until_unhealthy("cannot read").await;
    assert_eq!(rig.lines(SHOWN), expected);
    assert!(rig.metric("prometheus_sd_file_read_errors_total", &[]).unwrap() >= 1.0);

    replace(&json, r#"[{"targets": ["three:3", "four:4"]}]"#);
    rig.until_healthy().await;
    let expected = [
        format!("three:3 - {a}"),
        format!("four:4 - {a}"),
        format!("two:2 y {b}"),
    ];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    rig.until_lines(SHOWN, &expected).await;

    fs::remove_file(&yaml).unwrap();
    rig.until_lines(SHOWN, &expected[..2]).await;
    rig.end().await;
}

#[tokio::test]
async fn other_arguments_leave_the_targets_until_there_are_new_ones() {
    let dir = tempfile::tempdir().unwrap();
    replace(&dir.path().join("a.json"), r#"[{"targets": ["a:1"]}]"#);
    replace(&dir.path().join("b.json"), r#"[{"targets": ["b:1"]}]"#);
    let at = dir.path().display();
    let rig = Rig::start("discovery.file", &format!("files = [\"{at}/a.json\"]"));
    rig.until_lines(&["__address__"], &["a:1"]).await;
    rig.update(&format!("files = [\"{at}/b.json\"]"));
    assert_eq!(rig.lines(&["__address__"]), ["a:1"]);
    rig.until_lines(&["__address__"], &["b:1"]).await;
    rig.end().await;
}

#[tokio::test]
async fn names_that_are_none_of_files_for_discovery_are_refused() {
    for name in ["/a/b.txt", "/a/*/b.json", "/a/**.json", "b"] {
        let error = build("discovery.file", &format!("files = [\"{name}\"]")).unwrap_err();
        assert!(error.contains("is not valid for file discovery"), "{error}");
    }
    let error = build("discovery.file", "files = []\nrefresh_interval = \"0s\"").unwrap_err();
    assert!(error.contains("must be greater than 0"), "{error}");
}
