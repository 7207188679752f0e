//! Real configurations.

use crate::{alloy_files, format_checked, shared};

/// Files that are no valid configuration, with the first error.
const FAULTY: &[(&str, &str)] = &[(
    "configs/alloy-scenarios/routing/config.alloy",
    "configs/alloy-scenarios/routing/config.alloy:110:2: expected }, got EOF",
)];

#[test]
fn real_configurations_parse_and_format() {
    let Some(shared) = shared() else {
        return;
    };
    let files = alloy_files(&shared.join("configs"));
    assert!(files.len() > 150, "only {} files", files.len());
    let mut faulty = Vec::new();
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.strip_prefix(&shared).unwrap().to_string_lossy().into_owned();
        match syntax::parse(&name, text.as_bytes()).1.first() {
            Some(diag) => faulty.push((name, diag.to_string())),
            None => drop(format_checked(&text)),
        }
    }
    let expected: Vec<_> = FAULTY
        .iter()
        .map(|(name, error)| (name.to_string(), error.to_string()))
        .collect();
    assert_eq!(faulty, expected);
}
