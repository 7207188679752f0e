//! What the crate was built with.

use super::{referred, web};
use std::collections::BTreeSet;
use std::fs;
use walkdir::WalkDir;

#[test]
fn every_file_of_the_pages_is_there_as_it_is_on_disk() {
    let mut expected = BTreeSet::new();
    for folder in ["src", "vendor"] {
        for entry in WalkDir::new(web().join(folder)) {
            let entry = entry.expect("the folder can be read");
            let path = entry.path().strip_prefix(web()).expect("it lies below web");
            let name = path.to_str().expect("names are UTF-8");
            let served = [".js", ".css", "LICENSE", ".graphlib"]
                .iter()
                .any(|end| name.ends_with(end));
            if entry.file_type().is_file() && served {
                let found = ui::asset(name).unwrap_or_else(|| panic!("{name} is not embedded"));
                let content = fs::read(entry.path()).expect("the file can be read");
                assert_eq!(found.plain().expect("it is gzip"), content, "{name}");
                assert!(found.etag.starts_with('"') && found.etag.len() == 34, "{}", found.etag);
                expected.insert(name.to_owned());
            }
        }
    }
    assert_eq!(ui::paths().map(str::to_owned).collect::<BTreeSet<_>>(), expected);
    assert!(expected.len() > 30, "only {} files: is web/ complete?", expected.len());
}

#[test]
fn what_is_no_file_of_the_pages_is_nothing() {
    for path in [
        "",
        "/",
        "src",
        "src/",
        "src/main",
        "src/nothing.js",
        "index.html",
        "../index.html",
        "src/../src/main.js",
        "/src/main.js",
        "package.json",
        "tests/vendor.mjs",
        "vendor/README.md",
        "vendor/preact/preact.d.ts",
        "src/main.js/",
        "src//main.js",
    ] {
        assert_eq!(ui::asset(path), None, "{path}");
    }
}

#[test]
fn types_are_what_browsers_insist_on() {
    let of = |path: &str| ui::asset(path).expect("it is there").content_type;
    assert_eq!(of("src/main.js"), "text/javascript; charset=utf-8");
    assert_eq!(of("src/style/tokens.css"), "text/css; charset=utf-8");
    assert_eq!(of("vendor/preact/LICENSE"), "text/plain; charset=utf-8");
}

#[test]
fn the_page_refers_to_files_that_are_there_and_to_nothing_elsewhere() {
    for prefix in ["", "/ui", "/a/b"] {
        let page = ui::index(prefix);
        let paths = referred(&page, prefix);
        assert!(paths.len() > 10, "{paths:?}");
        for path in paths {
            assert!(ui::asset(&path).is_some(), "the page refers to {path}");
        }
        assert!(page.contains(&format!("data-prefix=\"{prefix}\"")));
        assert!(!page.contains("{{"));
        // A policy forbids scripts in the page.
        for script in page.split("<script").skip(1) {
            let (attributes, rest) = script.split_once('>').expect("the tag ends");
            assert!(attributes.contains("src=") && rest.starts_with("</script>"), "{script}");
        }
    }
}

#[test]
fn nothing_of_the_pages_loads_from_elsewhere() {
    for path in ui::paths().filter(|path| path.starts_with("src/")) {
        let asset = ui::asset(path).expect("it is there");
        let text = String::from_utf8(asset.plain().expect("it is gzip")).expect("sources are UTF-8");
        for found in ["https://", "http://", "//cdn", "innerHTML", "eval(", "new Function"] {
            assert!(!text.contains(found), "{path} has {found}");
        }
    }
}

#[test]
fn a_prefix_cannot_break_out_of_its_attribute() {
    let page = ui::index("/\"><script>alert('1')</script>&");
    assert!(!page.contains("<script>"));
    assert!(page.contains("data-prefix=\"/&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;\""));
}

#[test]
fn the_pages_are_small() {
    let size: usize = ui::paths()
        .map(|path| ui::asset(path).expect("it is there").gzip.len())
        .sum();
    println!("{size} bytes compressed");
    assert!(size < 150_000, "{size} bytes compressed");
}
