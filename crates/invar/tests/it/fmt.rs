//! `invar fmt` on several files, folders and patterns.

use crate::support::{binary, invar, texts};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A folder with files that are formatted, are not, and cannot be.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for folder in ["b/c", ".hidden"] {
        fs::create_dir_all(dir.path().join(folder)).expect("a folder can be made");
    }
    for (name, text) in [
        ("good.alloy", "a = 1\n"),
        ("ugly.alloy", "a=1"),
        ("b/c/ugly.alloy", "b   {}\n"),
        ("b/other.txt", "a=1"),
        (".hidden/ugly.alloy", "a=1"),
    ] {
        fs::write(dir.path().join(name), text).expect("a file can be written");
    }
    dir
}

/// Runs the command in a folder.
fn fmt(dir: &Path, arguments: &[&str]) -> (String, String, i32) {
    let output = Command::new(binary())
        .arg("fmt")
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts");
    texts(&output)
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).expect("the file can be read")
}

#[test]
fn folders_and_patterns_need_to_be_told_what_to_do() {
    let dir = folder();
    let check = |arguments: &[&str], what: &str| {
        let expected = format!("Error: {what} to standard output: use -w, -t or --diff\n");
        assert_eq!(
            fmt(dir.path(), arguments),
            (String::new(), expected, 1),
            "{arguments:?}"
        );
    };
    check(&["."], "cannot format a directory");
    check(&["**/*.alloy"], "cannot format a pattern");
    check(&["good.alloy", "ugly.alloy"], "cannot format several files");
    let one = fmt(dir.path(), &["ugly.alloy"]);
    assert_eq!(one, ("a = 1\n".to_owned(), String::new(), 0));
}

#[test]
fn every_file_that_is_not_formatted_is_named() {
    let dir = folder();
    let expected = "file b/c/ugly.alloy is not formatted correctly\nfile ugly.alloy is not formatted correctly\n\
        Error: 2 of 3 files are not formatted correctly\n";
    let (out, error, code) = fmt(dir.path(), &["-t", "."]);
    assert_eq!(
        (out.as_str(), error.replace("./", "").as_str(), code),
        ("", expected, 1)
    );
    // The shell's names, or an own pattern; what is named twice is looked at once.
    let (_, error, _) = fmt(
        dir.path(),
        &["-t", "b/c/ugly.alloy", "good.alloy", "ugly.alloy", "ugly.alloy"],
    );
    assert_eq!(error, expected);
    let (_, error, _) = fmt(dir.path(), &["-t", "{b,.}/**/ugly.alloy"]);
    assert!(error.contains("file b/c/ugly.alloy is not"), "{error}");
    assert_eq!(fmt(dir.path(), &["-t", "g*.alloy"]).2, 0);
}

#[test]
fn an_error_in_one_file_does_not_stop_the_others() {
    let dir = folder();
    fs::write(dir.path().join("bad.alloy"), "a = ").expect("a file can be written");
    let (out, error, code) = fmt(dir.path(), &["-w", "bad.alloy", "missing.alloy", "b", "ugly.alloy"]);
    assert_eq!(
        error,
        "bad.alloy:1:5: expected expression, got EOF\nmissing.alloy: No such file or directory (os error 2)\n\
         Error: encountered 2 errors during formatting\n"
    );
    assert_eq!((out.as_str(), code), ("", 1));
    assert_eq!(read(dir.path(), "bad.alloy"), "a = ");
    assert_eq!(read(dir.path(), "ugly.alloy"), "a = 1\n");
    assert_eq!(read(dir.path(), "b/c/ugly.alloy"), "b { }\n");
    assert_eq!(read(dir.path(), "b/other.txt"), "a=1");
    assert_eq!(read(dir.path(), ".hidden/ugly.alloy"), "a=1");
}

#[test]
fn what_matches_nothing_is_an_error() {
    let dir = folder();
    let (_, error, code) = fmt(dir.path(), &["-t", "x/*.alloy", "good.alloy"]);
    assert_eq!(
        (error.as_str(), code),
        (
            "x/*.alloy: no file matches this pattern\nError: encountered 1 error during formatting\n",
            1
        )
    );
    fs::create_dir(dir.path().join("empty")).expect("a folder can be made");
    let (_, error, code) = fmt(dir.path(), &["-w", "empty"]);
    assert!(
        error.starts_with("empty: there is no *.alloy file in this folder\n"),
        "{error}"
    );
    assert_eq!(code, 1);
    let (_, error, _) = fmt(dir.path(), &["-t", "{a"]);
    assert!(error.contains("an opening brace without a closing one"), "{error}");
}

#[test]
fn names_that_look_like_patterns_are_files_first() {
    let dir = folder();
    fs::write(dir.path().join("[u]gly.alloy"), "b=2").expect("a file can be written");
    assert_eq!(fmt(dir.path(), &["[u]gly.alloy"]).0, "b = 2\n");
}

#[test]
fn differences_are_printed_and_can_be_applied() {
    let dir = folder();
    let lines = "a = 1\nb = 2\nc = 3\nd   = 4\ne = 5\nf = 6\ng = 7\nh = 8\n\n";
    fs::write(dir.path().join("long.alloy"), lines).expect("a file can be written");
    let (out, error, code) = fmt(dir.path(), &["--diff", "long.alloy"]);
    let expected = "--- long.alloy\n+++ long.alloy\n@@ -1,9 +1,8 @@\n a = 1\n b = 2\n c = 3\n-d   = 4\n+d = 4\n e = 5\n f = 6\n g = 7\n h = 8\n-\n";
    assert_eq!((out.as_str(), error.as_str(), code), (expected, "", 1));
    let (out, error, code) = fmt(dir.path(), &["--diff", "-t", "*.alloy"]);
    assert!(
        out.contains("--- long.alloy") && out.contains("-a=1\n\\ No newline at end of file\n+a = 1\n"),
        "{out}"
    );
    assert!(
        error.ends_with("Error: 2 of 3 files are not formatted correctly\n"),
        "{error}"
    );
    assert_eq!(code, 1);
    assert_eq!(
        fmt(dir.path(), &["--diff", "good.alloy"]),
        (String::new(), String::new(), 0)
    );
    let (out, error, code) = texts(&invar(&["fmt", "--diff"], "a=1\n"));
    assert_eq!(out, "--- <stdin>\n+++ <stdin>\n@@ -1 +1 @@\n-a=1\n+a = 1\n");
    assert_eq!((error.as_str(), code), ("", 1));
    assert_eq!(read(dir.path(), "ugly.alloy"), "a=1");
}

#[test]
fn flags_that_exclude_each_other() {
    let dir = folder();
    let error = |arguments: &[&str]| fmt(dir.path(), arguments).1;
    assert_eq!(
        error(&["-w", "--diff", "."]),
        "Error: cannot use -w/--write and --diff at the same time\n"
    );
    assert_eq!(
        error(&["-t", "-", "good.alloy"]),
        "Error: cannot format standard input together with files\n"
    );
    assert_eq!(error(&["-w"]), "Error: cannot use -w with standard input\n");
}

#[test]
fn writing_keeps_mode_and_links() {
    let dir = folder();
    let path = dir.path().join("ugly.alloy");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    symlink("ugly.alloy", dir.path().join("link.alloy")).expect("a link");
    assert_eq!(fmt(dir.path(), &["-w", "link.alloy"]).2, 0);
    assert_eq!(read(dir.path(), "ugly.alloy"), "a = 1\n");
    assert_eq!(fs::metadata(&path).expect("a file").mode() & 0o7777, 0o600);
    assert!(dir.path().join("link.alloy").is_symlink());
    // What is formatted is not written.
    let before = fs::metadata(&path).expect("a file");
    assert_eq!(fmt(dir.path(), &["-w", "ugly.alloy"]).2, 0);
    let after = fs::metadata(&path).expect("a file");
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
}
