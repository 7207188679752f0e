//! Pages from a folder.

use super::web;
use std::fs;
use ui::Dir;

#[test]
fn a_folder_gives_what_the_program_has() {
    let dir = Dir::new(web()).expect("web/ is a folder of pages");
    assert_eq!(dir.index("/ui").expect("it can be read"), ui::index("/ui"));
    for path in ui::paths() {
        let (found, embedded) = (
            dir.asset(path).expect("it is there"),
            ui::asset(path).expect("it is there"),
        );
        assert_eq!(found.content_type, embedded.content_type);
        assert_eq!(found.etag, embedded.etag, "{path}");
        assert_eq!(
            found.plain().expect("it is gzip"),
            embedded.plain().expect("it is gzip")
        );
    }
}

#[test]
fn edits_are_seen_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    fs::create_dir(root.join("src")).expect("a folder");
    fs::write(root.join("index.html"), "<html data-prefix=\"{{prefix}}\">").expect("a file");
    fs::write(root.join("src/main.js"), "1").expect("a file");
    let dir = Dir::new(root).expect("it has an index");
    let first = dir.asset("src/main.js").expect("it is there");
    fs::write(root.join("src/main.js"), "2").expect("a file");
    let second = dir.asset("src/main.js").expect("it is there");
    assert_eq!(second.plain().expect("it is gzip"), b"2");
    assert_ne!(first.etag, second.etag);
    fs::remove_file(root.join("src/main.js")).expect("it is there");
    assert_eq!(dir.asset("src/main.js"), None);
}

#[test]
fn nothing_outside_of_the_folder_is_read() {
    let outer = tempfile::tempdir().expect("a folder");
    let root = outer.path().join("web");
    fs::create_dir_all(root.join("src/deep")).expect("folders");
    fs::write(root.join("index.html"), "").expect("a file");
    fs::write(root.join("package.js"), "not served").expect("a file");
    fs::write(root.join("src/main.js"), "served").expect("a file");
    fs::write(outer.path().join("secret.js"), "secret").expect("a file");
    std::os::unix::fs::symlink(outer.path().join("secret.js"), root.join("src/link.js")).expect("a link");
    std::os::unix::fs::symlink(outer.path(), root.join("src/out")).expect("a link");
    std::os::unix::fs::symlink(root.join("src/main.js"), root.join("src/deep/inside.js")).expect("a link");
    let dir = Dir::new(&root).expect("it has an index");
    let absolute = outer.path().join("secret.js").display().to_string();
    for path in [
        "../secret.js",
        "src/../../secret.js",
        "src/link.js",
        "src/out/secret.js",
        &absolute,
        "/secret.js",
        "./src/main.js",
        "src/deep/../main.js",
        "package.js",
        "src",
        "",
        "..",
        "src/main.js\0.js",
        "src/deep.js",
    ] {
        assert_eq!(dir.asset(path), None, "{path:?}");
    }
    assert!(dir.asset("src/main.js").is_some());
    assert!(
        dir.asset("src/deep/inside.js").is_some(),
        "a link that stays inside is followed"
    );
}

#[test]
fn a_folder_without_a_page_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(Dir::new(folder.path()).is_err());
    assert!(Dir::new(folder.path().join("nothing")).is_err());
}
