//! `invar schema`, and the pages made from it.

use crate::support::{invar, texts};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn out(arguments: &[&str]) -> String {
    let (out, error, code) = texts(&invar(arguments, ""));
    assert_eq!((error.as_str(), code), ("", 0), "{arguments:?}");
    out
}

fn json(arguments: &[&str]) -> Json {
    serde_json::from_str(&out(arguments)).expect("it prints JSON")
}

#[test]
fn everything_is_listed_with_what_it_is() {
    let list = out(&["schema"]);
    let words = |name: &str| {
        let line = list.lines().find(|line| line.split(' ').next() == Some(name));
        let line = line.unwrap_or_else(|| panic!("{name} is not listed"));
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(words("loki.write"), "generally-available - yes");
    assert_eq!(words("otelcol.exporter.datadog"), "generally-available yes -");
    assert_eq!(words("loki.enrich"), "experimental - -");
    assert_eq!(words("logging"), "generally-available - yes");
    let list = json(&["schema", "--json"]);
    assert_eq!(list["components"].as_array().map(Vec::len), Some(185));
    assert_eq!(list["blocks"].as_array().map(Vec::len), Some(14));
    let echo = list["components"].as_array().into_iter().flatten();
    let echo = echo.filter(|one| one["name"] == "loki.echo").collect::<Vec<_>>();
    assert_eq!(
        echo,
        [&serde_json::json!({
            "name": "loki.echo", "kind": "component", "stability": "generally-available", "community": false, "runs": true,
        })]
    );
}

#[test]
fn a_component_is_described_in_words() {
    let text = out(&["schema", "local.file_match"]);
    for expected in [
        "local.file_match: component, generally-available; this version runs it\n",
        "\nArguments\n",
        "  path_targets       list(map(string)), required\n",
        "  sync_period        duration = \"10s\"\n",
        "\nExports\n",
        "  targets  list(map(string))\n",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
    let text = out(&["schema", "loki.process"]);
    for expected in [
        "  stage.match { }  any number\n",
        "    selector             string, required\n",
        "    and stage.* blocks again\n",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
}

#[test]
fn what_does_not_run_is_described_too() {
    let text = out(&["schema", "prometheus.exporter.snmp"]);
    for expected in [
        "prometheus.exporter.snmp: component, generally-available; this version does not run it\n",
        "  target \"LABEL\" { }  any number\n",
        "    address       string, required\n",
        "  targets  list(map(string))\n",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
    assert!(out(&["schema", "declare"]).ends_with("\nIt takes any block.\n"));
}

#[test]
fn a_program_gets_the_same_as_json() {
    let page = json(&["schema", "loki.write", "--json"]);
    assert_eq!(page["name"], "loki.write");
    let endpoint = &page["arguments"]["blocks"][0];
    assert_eq!(
        (&endpoint["name"], &endpoint["repeated"]),
        (&"endpoint".into(), &true.into())
    );
    let attributes = endpoint["attributes"].as_array().into_iter().flatten();
    let by_name: BTreeMap<_, _> = attributes.map(|one| (one["name"].as_str(), one)).collect();
    assert_eq!(by_name[&Some("url")]["required"], true);
    assert_eq!(by_name[&Some("batch_wait")]["default"], "1s");
    assert_eq!(by_name[&Some("batch_wait")]["type"], "duration");
    assert_eq!(page["exports"][0]["name"], "receiver");
    assert_eq!(page["exports"][0]["type"], "loki.LogsReceiver");
    // Stages hold stages; the list is not repeated.
    let page = json(&["schema", "loki.process", "--json"]);
    let stages = page["arguments"]["blocks"].as_array().into_iter().flatten();
    let found = stages.filter(|one| one["name"] == "stage.match").collect::<Vec<_>>();
    assert_eq!((found.len(), &found[0]["recursive"]), (1, &true.into()));
    assert_eq!(found[0]["blocks"], serde_json::json!([]));
}

/// Every page can be printed; none is empty and none goes on for ever.
#[test]
fn every_name_has_a_page() {
    let list = json(&["schema", "--json"]);
    // One of each family: a process each is what takes time.
    let mut families = BTreeMap::new();
    for one in ["components", "blocks"]
        .iter()
        .flat_map(|list_name| list[list_name].as_array().into_iter().flatten())
    {
        let name = one["name"].as_str().unwrap_or_default();
        families.insert(name.rsplit_once('.').map_or(name, |(family, _)| family), name);
    }
    assert!(families.len() > 20, "{families:?}");
    for name in families.values() {
        assert!(out(&["schema", name]).starts_with(&format!("{name}: ")), "{name}");
        assert_eq!(json(&["schema", name, "--json"])["name"], *name);
    }
}

#[test]
fn a_name_that_nobody_has_is_an_error_with_a_suggestion() {
    let (out, error, code) = texts(&invar(&["schema", "loki.wrte"], ""));
    assert_eq!(
        (out.as_str(), error.as_str(), code),
        (
            "",
            "Error: there is no component or config block \"loki.wrte\"; did you mean \"loki.write\"?\n",
            1
        )
    );
    let (_, error, code) = texts(&invar(&["schema", "qqqqqqqqqqqqqq"], ""));
    assert!(error.contains("\"invar schema\" lists all of them"), "{error}");
    assert_eq!(code, 1);
}

/// Files below a folder by their path in it.
fn files(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap_or(&path).display().to_string();
                found.insert(name, fs::read_to_string(&path).unwrap_or_default());
            }
        }
    }
    found
}

#[test]
fn the_reference_pages_are_fresh() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().to_str().expect("a temporary path is text");
    out(&["schema", "--markdown", path]);
    let fresh = files(dir.path());
    let written = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference"));
    assert!(fresh.contains_key("README.md") && fresh.contains_key("components/loki.write.md"));
    let stale: Vec<&String> = fresh
        .keys()
        .chain(written.keys())
        .filter(|name| fresh.get(*name) != written.get(*name))
        .collect();
    assert!(stale.is_empty(), "run cargo xtask docs; stale: {stale:?}");
    // Pages link to each other.
    let index = &fresh["README.md"];
    for name in fresh.keys().filter(|name| *name != "README.md") {
        assert!(index.contains(&format!("]({name})")), "{name} is not in the index");
    }
}
