//! Who owns what in a cluster of Alloys.

use hashring::{Ring, label_hash, text_hash};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn owners_are_those_of_alloy() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/cluster-hash.json");
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return;
    };
    let vectors: Value = serde_json::from_slice(&text).expect("the vectors are JSON");
    let ring = |key: &str| {
        let names = vectors[key].as_array().expect("a list").iter();
        Ring::new(names.map(|name| name.as_str().expect("a name").to_owned()))
    };
    let (three, five) = (ring("nodes_3"), ring("nodes_5"));
    let targets = vectors["targets"].as_array().expect("a list");
    assert!(targets.len() > 2);
    for target in targets {
        let labels: BTreeMap<String, String> = serde_json::from_value(target["labels"].clone()).expect("labels");
        let plain = labels.iter().filter(|(name, _)| !name.starts_with("__meta_"));
        let key = label_hash(plain.map(|(name, value)| (name.as_str(), value.as_str())));
        assert_eq!(
            format!("{key:016x}"),
            target["non_meta_hash_hex"].as_str().expect("a hash")
        );
        assert_eq!(
            three.owner(key).map(String::as_str),
            target["owner_of_3_nodes"].as_str()
        );
        assert_eq!(five.owner(key).map(String::as_str), target["owner_of_5_nodes"].as_str());
        let key = text_hash(target["operator_string_key"].as_str().expect("a text"));
        assert_eq!(
            format!("{key:016x}"),
            target["operator_key_hash_hex"].as_str().expect("a hash")
        );
        assert_eq!(
            three.owner(key).map(String::as_str),
            target["operator_owner_of_3_nodes"].as_str()
        );
    }
}

#[test]
fn everything_has_one_owner_and_few_things_move() {
    assert_eq!(Ring::<String>::new([]).owner(1), None);
    let (three, four) = (Ring::new(["a", "b", "c"]), Ring::new(["a", "b", "c", "d"]));
    let keys: Vec<u64> = (0..10_000).map(|n: u32| text_hash(&n.to_string())).collect();
    let moved = keys
        .iter()
        .filter(|key| three.owner(**key) != four.owner(**key))
        .count();
    let new = keys.iter().filter(|key| four.owner(**key) == Some(&"d")).count();
    assert_eq!(moved, new, "what moves goes to the one that came");
    assert!((2000..3000).contains(&new), "{new}");
}
