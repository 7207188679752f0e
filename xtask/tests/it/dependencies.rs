//! Which crate may know which (ARCHITECTURE.md, "Rooms").

use crate::workspace::members;

#[test]
fn lib_knows_nothing_of_invar() {
    let members = members();
    for member in members.values().filter(|member| member.room == "lib") {
        for dependency in &member.dependencies {
            if let Some(other) = members.get(dependency) {
                assert_eq!(
                    other.room, "lib",
                    "lib/{} depends on {}/{dependency}",
                    member.name, other.room
                );
            }
        }
    }
}

#[test]
fn syntax_depends_on_nothing_of_ours() {
    let members = members();
    let syntax = &members["syntax"];
    let ours: Vec<_> = syntax
        .dependencies
        .iter()
        .filter(|name| members.contains_key(*name))
        .collect();
    assert!(ours.is_empty(), "syntax depends on {ours:?}");
}

#[test]
fn value_and_components_never_see_syntax() {
    let members = members();
    // Everything that a component can reach through its dependencies.
    let reach = |start: &str| {
        let mut seen = std::collections::BTreeSet::new();
        let mut stack = vec![start.to_owned()];
        while let Some(name) = stack.pop() {
            if seen.insert(name.clone())
                && let Some(member) = members.get(&name)
            {
                stack.extend(
                    member
                        .dependencies
                        .iter()
                        .filter(|name| members.contains_key(*name))
                        .cloned(),
                );
            }
        }
        seen
    };
    assert!(!reach("value").contains("syntax"));
    assert!(!reach("component").contains("syntax"));
    for member in members.values().filter(|member| member.room == "components") {
        let reached = reach(&member.name);
        for forbidden in ["syntax", "eval", "runtime", "services"] {
            assert!(
                !reached.contains(forbidden),
                "components/{} reaches {forbidden}",
                member.name
            );
        }
        for other in members
            .values()
            .filter(|other| other.room == "components" && other.name != member.name)
        {
            assert!(
                !reached.contains(&other.name),
                "components/{} reaches components/{}",
                member.name,
                other.name
            );
        }
    }
}

#[test]
fn runtime_names_no_component_and_no_service() {
    let members = members();
    for dependency in &members["runtime"].dependencies {
        if let Some(other) = members.get(dependency) {
            assert_ne!(other.room, "components", "runtime depends on components/{dependency}");
        }
        assert_ne!(dependency, "services", "runtime depends on services");
    }
    for member in members
        .values()
        .filter(|member| member.room == "crates" && member.name != "invar")
    {
        for dependency in &member.dependencies {
            let components = members.get(dependency).is_some_and(|other| other.room == "components");
            assert!(!components, "crates/{} depends on components/{dependency}", member.name);
        }
    }
}

#[test]
fn dependencies_are_declared_once_in_the_root() {
    for member in members().values() {
        let manifest = std::fs::read_to_string(member.dir.join("Cargo.toml")).expect("the manifest was read before");
        let own = manifest
            .lines()
            .find(|line| line.contains("version = \"") && !line.starts_with("version"));
        assert_eq!(
            own, None,
            "{}/{}: this belongs into [workspace.dependencies]",
            member.room, member.name
        );
    }
}
