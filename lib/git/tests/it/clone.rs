//! Revisions, updates, damage, on repositories of this machine; what is said of revisions is checked over HTTP too.

use crate::kit::{self, Work, error, has, repository, sync, text};
use git::{Address, Auth, Entry, Interrupt, Limits, Repository, Revision, Settings};
use std::fs;
use std::path::Path;

const A: &str = "modules/a.alloy";

/// What holds for a repository at any address: `work` is what is served there.
pub fn revisions_mean_what_they_should(work: &Work, address: &str, dir: &Path, auth: &Auth) {
    let repo = repository(address, dir);
    let sync = |revision: &str| kit::sync_as(&repo, revision, auth);
    let first = work.git(&["rev-parse", "HEAD"]);
    let snapshot = sync("main").unwrap();
    assert_eq!(
        (snapshot.commit(), text(&snapshot, A)),
        (first.clone(), "one".to_owned())
    );
    drop(snapshot);

    // The branch goes on.
    let second = work.commit(A, "two");
    let snapshot = sync("main").unwrap();
    assert_eq!(
        (snapshot.commit(), text(&snapshot, A)),
        (second.clone(), "two".to_owned())
    );
    drop(snapshot);
    assert_eq!(fs::read_to_string(repo.files().join(A)).unwrap(), "two");

    // Tags, with and without a note; a tag wins over a branch of the same name.
    work.git(&["tag", "v1", &first]);
    work.git(&["tag", "-a", "-m", "note", "v2", &second]);
    work.git(&["branch", "v1", &second]);
    assert_eq!(text(&sync("v1").unwrap(), A), "one");
    assert_eq!(text(&sync("v2").unwrap(), A), "two");
    // A tag that moves, and one that goes.
    work.git(&["tag", "-f", "v1", &second]);
    assert_eq!(text(&sync("v1").unwrap(), A), "two");
    work.git(&["tag", "-d", "v2"]);
    let gone = error(sync("v2"));
    assert!(gone.contains("has no tag, no branch and no commit \"v2\""), "{gone}");

    // Hashes, whole and short.
    assert_eq!(sync(&first).unwrap().commit(), first);
    assert_eq!(sync(&first[..8]).unwrap().commit(), first);
    assert_eq!(sync(&second[..12]).unwrap().commit(), second);
    let missing = error(sync("deadbeef"));
    assert!(missing.contains("no commit \"deadbeef\""), "{missing}");

    // History is rewritten.
    work.git(&["reset", "-q", "--hard", &first]);
    let third = work.commit(A, "three");
    let snapshot = sync("main").unwrap();
    assert_eq!((snapshot.commit(), text(&snapshot, A)), (third, "three".to_owned()));
    drop(snapshot);

    // Branches with slashes; one gives way to another below its name.
    work.git(&["branch", "feature", &second]);
    assert_eq!(text(&sync("feature").unwrap(), A), "two");
    work.git(&["branch", "-D", "feature"]);
    work.git(&["branch", "feature/x", &first]);
    assert_eq!(text(&sync("feature/x").unwrap(), A), "one");
}

#[test]
fn revisions_of_a_repository_with_files() {
    if !has("git", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let work = Work::new(&dir.path().join("work"));
    let address = work.dir.to_str().unwrap().to_owned();
    revisions_mean_what_they_should(&work, &address, &dir.path().join("data"), &Auth::None);
}

#[test]
fn revisions_of_a_bare_repository() {
    if !has("git", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let work = Work::new(&dir.path().join("work"));
    work.git(&["config", "core.bare", "false"]);
    // The repository part of a clone is a bare repository.
    let address = format!("file://{}/.git", work.dir.display());
    revisions_mean_what_they_should(&work, &address, &dir.path().join("data"), &Auth::None);
}

#[test]
fn a_packed_repository_is_read() {
    if !has("git", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let work = Work::new(&dir.path().join("work"));
    work.commit("b", "two");
    kit::run(dir.path(), &["clone", "-q", "--bare", "work", "bare.git"]);
    kit::run(&dir.path().join("bare.git"), &["gc", "-q"]);
    let repo = repository(dir.path().join("bare.git").to_str().unwrap(), &dir.path().join("data"));
    assert_eq!(text(&sync(&repo, "main").unwrap(), "b"), "two");
}

#[test]
fn directories_and_links_are_read_and_nothing_leaves() {
    if !has("git", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let work = Work::new(&dir.path().join("work"));
    fs::write(work.dir.join("modules/b.alloy"), "b").unwrap();
    fs::create_dir_all(work.dir.join("modules/deep")).unwrap();
    fs::write(work.dir.join("modules/deep/c"), "c").unwrap();
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, work.dir.join(name)).unwrap();
    link("a.alloy", "modules/link.alloy");
    link("modules/deep", "short");
    link("/etc/passwd", "absolute");
    link("../../etc/passwd", "modules/outside");
    link("circle", "circle");
    work.commit_all();
    let repo = repository(work.dir.to_str().unwrap(), &dir.path().join("data"));
    let snapshot = sync(&repo, "main").unwrap();
    let names = |path: &str| match snapshot.read(path, 100) {
        Ok(Entry::Directory(names)) => names,
        other => panic!("{path}: {other:?}"),
    };
    assert_eq!(names("modules"), ["a.alloy", "b.alloy", "link.alloy"]);
    assert_eq!(names("short/"), ["c"]);
    assert_eq!(text(&snapshot, "modules/link.alloy"), "one");
    assert_eq!(text(&snapshot, "./short/c"), "c");
    for path in ["absolute", "modules/outside", "..", "modules/../../x", "circle"] {
        assert!(snapshot.read(path, 100).is_err(), "{path}");
    }
    let missing = snapshot.read("modules/none.alloy", 100).unwrap_err().to_string();
    assert!(
        missing.starts_with("there is no \"modules/none.alloy\" in commit "),
        "{missing}"
    );
    let long = snapshot.read("modules/a.alloy", 2).unwrap_err().to_string();
    assert!(long.contains("3 bytes, more than 2"), "{long}");

    let skipped = snapshot.skipped().join("\n");
    assert!(
        skipped.contains("absolute") && skipped.contains("modules/outside"),
        "{skipped}"
    );
    let files = repo.files();
    assert_eq!(fs::read_to_string(files.join("modules/link.alloy")).unwrap(), "one");
    assert_eq!(fs::read_to_string(files.join("short/c")).unwrap(), "c");
    assert!(fs::symlink_metadata(files.join("absolute")).is_err());
    assert!(fs::symlink_metadata(files.join("modules/outside")).is_err());
    drop(snapshot);

    // What went is removed.
    work.git(&["rm", "-q", "modules/b.alloy"]);
    work.commit_all();
    drop(sync(&repo, "main").unwrap());
    assert!(!files.join("modules/b.alloy").exists());
    assert!(files.join("modules/a.alloy").exists());
}

#[test]
fn without_the_source_the_old_copy_is_used_and_says_so() {
    if !has("git", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let work = Work::new(&dir.path().join("work"));
    let address = work.dir.to_str().unwrap().to_owned();
    let data = dir.path().join("data");
    assert_eq!(sync(&repository(&address, &data), "main").unwrap().caveat(), None);
    fs::rename(&work.dir, dir.path().join("away")).unwrap();
    // As after a restart.
    let repo = repository(&address, &data);
    let snapshot = sync(&repo, "main").unwrap();
    let caveat = snapshot.caveat().unwrap().to_owned();
    assert!(caveat.starts_with("there is no repository "), "{caveat}");
    assert!(caveat.contains("the copy of an earlier fetch is used"), "{caveat}");
    assert_eq!(text(&snapshot, A), "one");
    drop(snapshot);
    assert_eq!(text(&repo.local(&Revision::parse("main").unwrap()).unwrap(), A), "one");
    // Also where so much has gathered that it would be cloned afresh.
    let pack = data.join("repo.git/objects/pack");
    for number in 0..200 {
        fs::write(pack.join(format!("other-{number}")), "").unwrap();
    }
    assert!(sync(&repository(&address, &data), "main").unwrap().caveat().is_some());
    // A revision that was not fetched is not there.
    let missing = error(sync(&repo, "other"));
    assert!(missing.starts_with("there is no repository "), "{missing}");
    fs::rename(dir.path().join("away"), &work.dir).unwrap();
    assert_eq!(sync(&repo, "main").unwrap().caveat(), None);
    assert!(!pack.join("other-1").exists());
}

#[test]
fn what_is_damaged_or_foreign_is_cloned_again() {
    if !has("git", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let work = Work::new(&dir.path().join("work"));
    let address = work.dir.to_str().unwrap().to_owned();
    let data = dir.path().join("data");
    let fresh = || repository(&address, &data);
    let check = |what: &str| {
        let repo = fresh();
        let snapshot = sync(&repo, "main").unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(
            (text(&snapshot, A).as_str(), snapshot.caveat()),
            ("one", None),
            "{what}"
        );
        assert_eq!(fs::read_to_string(repo.files().join(A)).unwrap(), "one", "{what}");
        assert_eq!(fs::read_dir(&data).unwrap().count(), 3, "{what}");
    };
    // A clone by another program, and a file, where the files should be.
    fs::create_dir_all(&data).unwrap();
    kit::run(dir.path(), &["clone", "-q", "work", "data/repo"]);
    check("a foreign clone");
    assert!(!data.join("repo/.git").exists());
    fs::remove_dir_all(data.join("repo")).unwrap();
    fs::write(data.join("repo"), "no directory").unwrap();
    check("a file in place of the files");
    // Half of the repository is gone.
    fs::remove_dir_all(data.join("repo.git/objects")).unwrap();
    check("objects are gone");
    fs::write(data.join("repo.git/HEAD"), "nonsense").unwrap();
    check("a damaged HEAD");
    fs::remove_dir_all(data.join("repo.git/refs")).unwrap();
    check("references are gone");
    // Objects are there and hold nonsense.
    for entry in fs::read_dir(data.join("repo.git/objects")).unwrap() {
        for file in fs::read_dir(entry.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            fs::remove_file(&path).unwrap();
            fs::write(&path, "nonsense").unwrap();
        }
    }
    check("objects hold nonsense");
    // Somebody changed the files.
    fs::write(data.join("repo").join(A), "changed").unwrap();
    fs::write(data.join("repo/extra"), "extra").unwrap();
    check("changed files");
    assert!(!data.join("repo/extra").exists());

    // Another repository in the same place.
    let other = Work::new(&dir.path().join("other"));
    other.commit(A, "other");
    let repo = repository(other.dir.to_str().unwrap(), &data);
    assert_eq!(text(&sync(&repo, "main").unwrap(), A), "other");
}

#[test]
fn limits_and_interrupts_are_heeded() {
    if !has("git", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let work = Work::new(&dir.path().join("work"));
    work.commit("b", "two");
    let with = |limits| {
        let settings = Settings {
            limits,
            ..Settings::default()
        };
        let address = Address::parse(work.dir.to_str().unwrap()).unwrap();
        Repository::new(address, dir.path().join("data"), settings)
    };
    let bytes = u64::MAX;
    let many = error(sync(&with(Limits { files: 1, bytes }), "main"));
    assert!(many.contains("more than 1 files"), "{many}");
    let large = error(sync(&with(Limits { files: 10, bytes: 5 }), "main"));
    assert!(large.contains("more than 5 bytes"), "{large}");
    let repo = with(Limits::default());
    let held = sync(&repo, "main").unwrap();
    // Another one waits for the directory, until it is told not to.
    let interrupt = Interrupt::default();
    interrupt.set();
    let waiting = repo.sync(&Revision::parse("main").unwrap(), &Auth::None, &interrupt);
    assert_eq!(error(waiting), "interrupted");
    drop(held);
}

#[test]
fn the_repository_of_alloys_tests_is_read() {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/upstream/alloy/runtime/repo.git.tar");
    if !archive.exists() {
        println!("skipped: {} is not there", archive.display());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("repo.git")).unwrap();
    let unpacked = std::process::Command::new("tar")
        .arg("xf")
        .arg(&archive)
        .arg("-C")
        .arg(dir.path().join("repo.git"))
        .status();
    if !unpacked.is_ok_and(|status| status.success()) {
        println!("skipped: the program \"tar\" does not unpack the archive");
        return;
    }
    let repo = repository(dir.path().join("repo.git").to_str().unwrap(), &dir.path().join("data"));
    let snapshot = sync(&repo, "main").unwrap();
    let module = text(&snapshot, "module_passthrough.alloy");
    assert!(module.contains("declare \"a\""), "{module}");
}
