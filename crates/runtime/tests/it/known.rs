//! Components and config blocks that exist upstream only.

use crate::components::catalogue;
use component::Stability;
use runtime::registry::Allowed;

const SETTLED: Allowed = Allowed {
    stability: Stability::GenerallyAvailable,
    community: false,
};
const YOUNG: Allowed = Allowed {
    stability: Stability::Experimental,
    community: false,
};

#[test]
fn they_are_described_and_not_found() {
    let registry = catalogue().registry;
    let known = registry.describe("test.known", SETTLED).expect("it is known");
    assert_eq!(
        (known.name, known.stability),
        ("test.known", Stability::GenerallyAvailable)
    );
    assert!(known.registration().is_none());
    assert_eq!(known.arguments().name, "arguments of test.known");
    let error = registry.find("test.known", SETTLED).err().expect("it cannot run");
    assert_eq!(
        error.message,
        "component \"test.known\" is known, but this version of Invar cannot run it"
    );
    let runs = registry.describe("test.add", SETTLED).expect("it exists");
    assert!(runs.registration().is_some() && runs.arguments().attribute("input").is_some());
    assert_eq!(registry.descriptions().count(), registry.components().count() + 2);
}

#[test]
fn what_is_allowed_counts_where_a_configuration_is_checked() {
    let registry = catalogue().registry;
    let message = |name: &str| registry.describe(name, SETTLED).err().map(|error| error.message);
    let gate = |name: &str| {
        format!(
            "{name} is at stability level \"experimental\", which is below the minimum allowed stability level \
             \"generally-available\". Use --stability.level command-line flag to enable \"experimental\" features"
        )
    };
    assert_eq!(
        message("test.known.young"),
        Some(gate("component \"test.known.young\""))
    );
    assert_eq!(message("test.young"), Some(gate("component \"test.young\"")));
    assert!(registry.describe("test.known.young", YOUNG).is_ok());
    // No flag makes it run, so none is asked for.
    let error = registry.find("test.known.young", SETTLED).err();
    assert!(error.is_some_and(|error| error.message.ends_with("cannot run it")));
    let block = registry.describe_block("block", SETTLED).and_then(Result::err);
    assert_eq!(block.map(|error| error.message), Some(gate("config block \"block\"")));
    assert!(
        registry
            .describe_block("block", YOUNG)
            .is_some_and(|found| found.is_ok())
    );
    assert!(registry.describe_block("test.add", YOUNG).is_none());
}

#[test]
fn a_name_that_nobody_has_is_an_error_everywhere() {
    let registry = catalogue().registry;
    let described = registry.describe("test.knwon", SETTLED).err();
    assert_eq!(described, registry.find("test.knwon", SETTLED).err());
    let error = described.expect("there is no such component");
    assert_eq!(
        error.message,
        "cannot find the definition of component name \"test.knwon\""
    );
    assert_eq!(error.hint.as_deref(), Some("did you mean \"test.known\"?"));
}
