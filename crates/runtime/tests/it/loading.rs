//! What the loader refuses, and how it says so.

use crate::components::{catalogue, file};

fn check(text: &str, expected: &[&str]) {
    let outcome = runtime::loader::load(&catalogue(), &file(text));
    let found: Vec<String> = outcome
        .diagnostics
        .iter()
        .map(|diagnostic| match &diagnostic.hint {
            Some(hint) => format!("{diagnostic} ({hint})"),
            None => diagnostic.to_string(),
        })
        .collect();
    assert_eq!(found, expected, "{text}");
    assert_eq!(outcome.checked().is_ok(), expected.is_empty());
}

#[test]
fn names_that_do_not_exist() {
    check(
        "test.ad \"a\" { }",
        &["config.alloy:1:1: cannot find the definition of component name \"test.ad\" (did you mean \"test.add\"?)"],
    );
    check(
        "test.known \"a\" { }",
        &[
            "config.alloy:1:1: component \"test.known\" is known, but this version of Invar cannot run it (of this family it \
         runs test.add, test.count, test.panics, test.watch, test.young)",
        ],
    );
    check(
        "test.add { input = 1 }",
        &["config.alloy:1:1: component \"test.add\" must have a label"],
    );
    check(
        "test.young \"a\" { value = 1 }",
        &[
            "config.alloy:1:1: component \"test.young\" is at stability level \"experimental\", which is below the minimum \
         allowed stability level \"generally-available\". Use --stability.level command-line flag to enable \
         \"experimental\" features",
        ],
    );
    check("level = 1", &["config.alloy:1:1: unrecognized attribute level"]);
}

#[test]
fn references() {
    check(
        "test.add \"a\" { input = test.add.b.output }\ntest.add \"bb\" { input = 1 }",
        &[
            "config.alloy:1:24: component \"test.add.b.output\" does not exist or is out of scope (did you mean \
         \"test.add.bb.output\"?)",
        ],
    );
    check(
        "test.add \"a\" { input = test.add.a.output }",
        &["config.alloy:1:1: self reference: test.add.a (a component cannot refer to its own exports)"],
    );
    check(
        "test.add \"a\" { input = test.add.b.output }\ntest.add \"b\" { input = test.add.c.output }\ntest.add \"c\" { input = \
         test.add.a.output }",
        &[
            "config.alloy:1:1: cycle: test.add.a, test.add.b, test.add.c (test.add.a -> test.add.b -> test.add.c -> test.add.a: \
           remove one of these references)",
        ],
    );
    check(
        "test.add \"a\" { input = 1 }\ntest.add \"a\" { input = 2 }",
        &["config.alloy:2:1: block test.add.a already declared at config.alloy:1:1"],
    );
}

#[test]
fn a_reference_to_a_refused_block_is_not_another_problem() {
    check(
        "test.known \"k\" { }\ntest.add \"a\" { input = test.known.k.output }",
        &[
            "config.alloy:1:1: component \"test.known\" is known, but this version of Invar cannot run it (of this family it \
         runs test.add, test.count, test.panics, test.watch, test.young)",
        ],
    );
}

#[test]
fn every_problem_is_reported_at_once() {
    let outcome = runtime::loader::load(
        &catalogue(),
        &file("test.nope \"a\" { }\ntest.add \"b\" { input = missing.x }\ntest.add \"b\" { input = 1 }"),
    );
    assert_eq!(outcome.diagnostics.len(), 3, "{}", outcome.diagnostics.joined());
}
