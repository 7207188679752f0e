//! `import.git`, on repositories of this machine.

use crate::kit::{Watch, hold, open, pass, texts};
use std::fs;
use std::path::Path;
use std::process::Command;

fn git(dir: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args(arguments)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn has_git() -> bool {
    let there = Command::new("git").arg("--version").output().is_ok();
    if !there {
        println!("skipped: the program \"git\" is not installed");
    }
    there
}

fn commit(dir: &Path, path: &str, text: &str) {
    let file = dir.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
    git(dir, &["add", "-A"]);
    git(dir, &["commit", "-q", "--allow-empty", "-m", "change"]);
}

#[tokio::test(start_paused = true)]
async fn a_repository_is_fetched_followed_and_outlived() {
    if !has_git() {
        return;
    }
    let _hold = hold();
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("work");
    fs::create_dir(&work).unwrap();
    git(&work, &["init", "-q", "-b", "main", "."]);
    commit(&work, "modules/b.alloy", "b");
    commit(&work, "modules/a.alloy", "a");
    commit(&work, "modules/readme.md", "no module");
    let data = dir.path().join("data");
    let arguments = |path: &str| format!("repository = {work:?}\npath = {path:?}");
    let import = open("import.git", &arguments("modules/"), &data).unwrap();
    assert!(import.read().is_none());
    assert!(!data.exists());
    let known = import.clone().fetch().await.unwrap().content;
    assert_eq!(texts(&known), ["a", "b"]);
    assert_eq!(known.files[0].name, format!("{}@main:modules/a.alloy", work.display()));
    let files = data.join("import.git.test/repo/modules");
    assert_eq!(Path::new(&known.module_path), files);
    assert_eq!(fs::read_to_string(files.join("readme.md")).unwrap(), "no module");

    let mut watch = Watch::start(import, known);
    pass(64).await;
    watch.quiet().await;
    commit(&work, "modules/a.alloy", "A");
    pass(64).await;
    assert_eq!(watch.texts().await, ["A", "b"]);
    assert_eq!(fs::read_to_string(files.join("a.alloy")).unwrap(), "A");
    // The source goes: the copy is used, which is told once.
    fs::rename(&work, dir.path().join("away")).unwrap();
    pass(64).await;
    let fetched = watch.next().await.unwrap();
    assert!(fetched.caveat.unwrap().contains("the copy of an earlier fetch is used"));
    assert_eq!(texts(&fetched.content), ["A", "b"]);
    pass(64).await;
    watch.quiet().await;
    watch.end().await;

    // Also after a restart; and its end is news, though the content is the same.
    let import = open("import.git", &arguments("modules"), &data).unwrap();
    let fetched = import.clone().fetch().await.unwrap();
    assert!(fetched.caveat.is_some());
    let mut watch = Watch::start(import, fetched.content);
    fs::rename(dir.path().join("away"), &work).unwrap();
    pass(64).await;
    assert_eq!(watch.texts().await, ["A", "b"]);
    git(&work, &["rm", "-q", "-r", "modules"]);
    commit(&work, "other", "x");
    pass(64).await;
    let error = watch.error().await;
    assert!(
        error.contains("@main:modules: there is no \"modules\" in commit "),
        "{error}"
    );
    watch.end().await;

    // One file.
    let import = open("import.git", &arguments("other"), &data).unwrap();
    let fetched = import.fetch().await.unwrap();
    assert_eq!(texts(&fetched.content), ["x"]);
    assert_eq!(
        Path::new(&fetched.content.module_path),
        data.join("import.git.test/repo")
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_frequency_it_is_fetched_once() {
    if !has_git() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("work");
    fs::create_dir(&work).unwrap();
    git(&work, &["init", "-q", "-b", "main", "."]);
    commit(&work, "m.alloy", "one");
    let arguments = format!("repository = {work:?}\npath = \"m.alloy\"\npull_frequency = \"0s\"");
    let import = open("import.git", &arguments, &dir.path().join("data")).unwrap();
    let known = import.clone().fetch().await.unwrap().content;
    let mut watch = Watch::start(import, known);
    commit(&work, "m.alloy", "two");
    pass(1000).await;
    watch.quiet().await;
    watch.end().await;
}

#[test]
fn wrong_arguments_are_named_and_secrets_are_not() {
    let error = |arguments: &str| {
        let arguments = format!("path = \"m.alloy\"\n{arguments}");
        open("import.git", &arguments, Path::new("/nonexistent"))
            .map(|_| ())
            .unwrap_err()
    };
    assert!(
        error("repository = \"x\"\nrevision = \"HEAD\"").starts_with("revision: revision \"HEAD\" is not supported")
    );
    assert!(error("repository = \"\"").starts_with("repository: "));
    assert!(error("repository = \"x\"\npull_frequency = \"-1s\"").contains("must not be negative"));
    let basic = "basic_auth {\nusername = \"u\"\npassword = \"hunter2\"\n}\n";
    let key = "ssh_key {\nusername = \"u\"\nkey = \"hunter2\"\n}\n";
    let both = error(&format!("repository = \"x\"\n{basic}{key}"));
    assert!(both.contains("at most one of basic_auth and ssh_key"), "{both}");
    let ssh = error(&format!("repository = \"git@h:x\"\n{basic}"));
    assert!(ssh.starts_with("basic_auth: it is for repositories over HTTP"), "{ssh}");
    let http = error(&format!("repository = \"https://h/x\"\n{key}"));
    assert!(http.starts_with("ssh_key: it is for repositories over SSH"), "{http}");
    for error in [both, ssh, http] {
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn the_module_of_alloys_tests_is_imported() {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/upstream/alloy/runtime/repo.git.tar");
    if !archive.exists() {
        println!("skipped: {} is not there", archive.display());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let repo = dir.path().join("repo.git");
    fs::create_dir(&repo).unwrap();
    let unpacked = Command::new("tar")
        .arg("xf")
        .arg(&archive)
        .arg("-C")
        .arg(&repo)
        .status();
    if !unpacked.is_ok_and(|status| status.success()) {
        println!("skipped: the program \"tar\" does not unpack the archive");
        return;
    }
    let arguments = format!("repository = {repo:?}\npath = \"module_passthrough.alloy\"");
    let import = open("import.git", &arguments, dir.path()).unwrap();
    let content = import.fetch().await.unwrap().content;
    assert!(texts(&content)[0].contains("declare \"a\""));
}
