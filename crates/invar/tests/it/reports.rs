//! Errors in modules, as `invar validate` and `invar run` print them: `tests/data/reports`.
//!
//! Each archive holds a configuration, `main.alloy` and what it imports, and after `-- COMMAND EXIT-CODE --` what the command
//! prints to standard error, the log left out.

use crate::support::{binary, invar, texts};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::txtar::Archive;

fn archives() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reports");
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    found.sort();
    found
}

/// What a command prints to standard error without its log, and its exit code.
fn report(folder: &Path, command: &str) -> (String, String) {
    let more: &[&str] = match command {
        "run" => &["--storage.path=state", "--server.http.listen-addr=127.0.0.1:0"],
        _ => &[],
    };
    let output = Command::new(binary())
        .args([command, "--stability.level=experimental"])
        .args(more)
        .arg("main.alloy")
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary ends");
    let (_, error, code) = texts(&output);
    let lines = error.lines().filter(|line| !line.starts_with("ts="));
    (lines.map(|line| format!("{line}\n")).collect(), code.to_string())
}

#[test]
fn errors_in_modules_are_reported_as_written_here() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for path in archives() {
        let text = fs::read_to_string(&path).expect("the archive can be read");
        let archive = Archive::parse(&text);
        let is_report = |name: &str| name.starts_with("validate ") || name.starts_with("run ");
        let (reports, files): (Vec<_>, Vec<_>) = archive.files.iter().partition(|file| is_report(&file.name));
        let folder = tempfile::tempdir().expect("a temporary folder");
        for file in files {
            let path = folder.path().join(&file.name);
            fs::create_dir_all(path.parent().unwrap_or(folder.path())).expect("a temporary folder");
            fs::write(path, &file.content).expect("a temporary folder");
        }
        assert_eq!(
            reports.len(),
            2,
            "{}: a report of validate and one of run",
            path.display()
        );
        for expected in reports {
            checked += 1;
            let command = expected.name.split(' ').next().unwrap_or_default();
            let (text, code) = report(folder.path(), command);
            if (format!("{command} {code}"), &text) != (expected.name.clone(), &expected.content) {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                wrong.push(format!("{name}: got {command} {code}\n{text}"));
            }
        }
    }
    assert!(checked >= 30, "{checked} reports");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_over_http_are_accepted_unchecked_and_nothing_is_fetched() {
    let server = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback has ports");
    server.set_nonblocking(true).expect("a socket");
    let url = format!("http://{}/m.alloy", server.local_addr().expect("it is bound"));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("c.alloy");
    let config = format!(
        "import.http \"far\" {{\n  url = \"{url}\"\n}}\n\nfar.anything \"x\" {{\n  whatever = [1]\n}}\n\n\
         loki.process \"p\" {{\n  forward_to = far.anything.x.receivers\n}}\n"
    );
    fs::write(&path, config).expect("the configuration can be written");
    let path = path.to_str().expect("a temporary path is text");
    assert_eq!(
        texts(&invar(&["validate", path], "")),
        (String::new(), String::new(), 0)
    );
    let error = server.accept().expect_err("nobody connects");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_file_that_is_no_configuration_gets_a_report_of_bounded_length() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("passwd");
    let lines = (0..200).map(|n| format!("user{n}:x:{n}:{n}:User:/home/user{n}:/bin/sh\n"));
    fs::write(&path, lines.collect::<String>()).expect("the file can be written");
    let path = path.to_str().expect("a temporary path is text");
    for command in ["validate", "run", "plan"] {
        let more: &[&str] = if command == "plan" { &[path] } else { &[] };
        let (_, error, code) = texts(&invar(&[&[command, path], more].concat(), ""));
        let errors = error
            .lines()
            .filter(|line| line.starts_with(&format!("Error: {path}:")));
        assert_eq!((errors.count(), code), (20, 1), "{command}: {error}");
        let rest = error.lines().find(|line| line.starts_with("Not shown: "));
        let count = rest.and_then(|rest| rest.strip_prefix("Not shown: ")?.strip_suffix(" more errors."));
        let count: Option<usize> = count.and_then(|count| count.parse().ok());
        assert!(count.is_some_and(|count| count > 100), "{command}: {error}");
    }
}
