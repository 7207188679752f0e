//! What all kinds have in common, and `import.string`.

use crate::kit::{Watch, content, kind, open, open_with};
use std::path::Path;

#[test]
fn the_kinds_are_listed_and_http_refuses_files() {
    let names: Vec<_> = import::KINDS.iter().map(|kind| kind.name).collect();
    #[cfg(feature = "git")]
    assert_eq!(names, ["import.file", "import.git", "import.http", "import.string"]);
    #[cfg(not(feature = "git"))]
    assert_eq!(names, ["import.file", "import.http", "import.string"]);
    assert_eq!(kind("import.http").refuses, ["import.file"]);
    assert!(kind("import.file").refuses.is_empty());
}

#[test]
fn arguments_are_those_of_alloy() {
    for kind in import::KINDS {
        let schema = (kind.arguments)();
        let Some(differences) = testkit::schema::differences(kind.name, schema, <() as value::Block>::schema()) else {
            return;
        };
        // A password may come from a file, as everywhere else.
        let expected: &[&str] = match kind.name {
            "import.git" => &[
                "basic_auth.password: required is false and should not be",
                "argument basic_auth.password_file is not Alloy's",
            ],
            _ => &[],
        };
        assert_eq!(differences, expected, "{}", kind.name);
    }
}

#[tokio::test]
async fn a_string_is_at_hand_and_a_secret_one_is_named_so() {
    let data = Path::new("/nonexistent");
    let import = open("import.string", r#"content = "declare \"a\" {}""#, data).unwrap();
    let expected = content(&[("import.string.test", "declare \"a\" {}")], "/outer");
    assert_eq!(import.read().unwrap().unwrap(), expected);
    assert_eq!(import.clone().fetch().await.unwrap().content, expected);
    let mut watch = Watch::start(import, expected);
    watch.quiet().await;
    watch.end().await;

    let import = open_with(
        "import.string",
        "",
        Some(("content", "secret module")),
        data,
        crate::kit::host(),
    )
    .unwrap();
    let expected = content(&[("import.string.test (secret)", "secret module")], "/outer");
    assert_eq!(import.read().unwrap().unwrap(), expected);
}
