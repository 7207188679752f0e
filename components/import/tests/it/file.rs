//! `import.file`

use crate::kit::{Hold, Watch, content, hold, open, open_with, pass, texts};
use host::{Host, MemFs};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

fn block(path: &Path) -> String {
    // What is noticed within the time of a test is noticed by events.
    format!("filename = {path:?}\npoll_frequency = \"1h\"")
}

#[tokio::test]
async fn a_file_that_is_replaced_removed_and_made_again_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.alloy");
    fs::write(&path, "one").unwrap();
    let import = open("import.file", &block(&path), dir.path()).unwrap();
    let known = import.read().unwrap().unwrap();
    let name = path.to_str().unwrap();
    assert_eq!(known, content(&[(name, "one")], dir.path().to_str().unwrap()));
    let mut watch = Watch::start(import, known);
    watch.quiet().await;

    fs::write(&path, "two").unwrap();
    // It may be seen when it is still empty.
    while watch.texts().await != ["two"] {}
    fs::write(dir.path().join("new"), "three").unwrap();
    fs::rename(dir.path().join("new"), &path).unwrap();
    assert_eq!(watch.texts().await, ["three"]);
    // The same text again is no news.
    fs::write(dir.path().join("new"), "three").unwrap();
    fs::rename(dir.path().join("new"), &path).unwrap();
    watch.quiet().await;
    fs::remove_file(&path).unwrap();
    let error = watch.error().await;
    assert!(error.starts_with(&format!("cannot read {name:?}: ")), "{error}");
    // The same failure is told once, however often it is looked.
    fs::write(dir.path().join("other"), "x").unwrap();
    watch.quiet().await;
    // Recovery is news, also with the text of before.
    fs::write(dir.path().join("new"), "three").unwrap();
    fs::rename(dir.path().join("new"), &path).unwrap();
    assert_eq!(watch.texts().await, ["three"]);
    fs::write(dir.path().join("new"), b"a\xff").unwrap();
    fs::rename(dir.path().join("new"), &path).unwrap();
    let error = watch.error().await;
    assert_eq!(error, format!("{name:?} is not UTF-8 text: byte 1 is wrong"));
    watch.end().await;
}

#[tokio::test]
async fn a_directory_is_read_in_the_order_of_names_and_followed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("modules");
    fs::create_dir_all(path.join("sub.alloy")).unwrap();
    for (name, text) in [("b.alloy", "b"), ("a.alloy", "a"), ("c.txt", "c"), ("B.alloy", "B")] {
        fs::write(path.join(name), text).unwrap();
    }
    let import = open("import.file", &block(&path), dir.path()).unwrap();
    let known = import.read().unwrap().unwrap();
    assert_eq!(texts(&known), ["B", "a", "b"]);
    assert_eq!(known.files[1].name, path.join("a.alloy").to_str().unwrap());
    assert_eq!(known.module_path, path.to_str().unwrap());
    let mut watch = Watch::start(import, known);
    watch.quiet().await;
    fs::write(path.join("new"), "d").unwrap();
    fs::rename(path.join("new"), path.join("d.alloy")).unwrap();
    assert_eq!(watch.texts().await, ["B", "a", "b", "d"]);
    fs::remove_file(path.join("B.alloy")).unwrap();
    assert_eq!(watch.texts().await, ["a", "b", "d"]);
    // The directory is replaced as a whole, and still followed.
    fs::create_dir(dir.path().join("next")).unwrap();
    fs::write(dir.path().join("next/z.alloy"), "z").unwrap();
    fs::rename(&path, dir.path().join("before")).unwrap();
    let error = watch.error().await;
    assert!(error.contains("No such file"), "{error}");
    fs::rename(dir.path().join("next"), &path).unwrap();
    assert_eq!(watch.texts().await, ["z"]);
    fs::write(path.join("new"), "y").unwrap();
    fs::rename(path.join("new"), path.join("z.alloy")).unwrap();
    assert_eq!(watch.texts().await, ["y"]);
    watch.end().await;
}

#[tokio::test]
async fn a_configmap_that_swaps_its_links_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    let version = |name: &str, text: &str| {
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("m.alloy"), text).unwrap();
    };
    version("..1", "one");
    symlink("..1", at("..data")).unwrap();
    symlink("..data/m.alloy", at("m.alloy")).unwrap();
    let open = |path: &Path| {
        let import = open("import.file", &block(path), dir.path()).unwrap();
        let known = import.read().unwrap().unwrap();
        assert_eq!(texts(&known), ["one"]);
        Watch::start(import, known)
    };
    let (mut file, mut directory) = (open(&at("m.alloy")), open(dir.path()));
    file.quiet().await;
    for (name, old, text) in [("..2", "..1", "two"), ("..3", "..2", "three")] {
        version(name, text);
        symlink(name, at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        fs::remove_dir_all(at(old)).unwrap();
        assert_eq!(file.texts().await, [text]);
        assert_eq!(directory.texts().await, [text]);
    }
    file.end().await;
    directory.end().await;
}

#[tokio::test]
async fn the_directory_may_go_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/m.alloy");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "one").unwrap();
    let import = open("import.file", &block(&path), dir.path()).unwrap();
    let known = import.read().unwrap().unwrap();
    let mut watch = Watch::start(import, known);
    watch.quiet().await;
    fs::remove_dir_all(dir.path().join("a")).unwrap();
    watch.error().await;
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    watch.quiet().await;
    fs::write(&path, "two").unwrap();
    // It may be seen when it is still empty.
    while watch.texts().await != ["two"] {}
    watch.end().await;
}

#[tokio::test(start_paused = true)]
async fn polling_looks_once_a_period() {
    let _hold: Hold = hold();
    let fs = Arc::new(MemFs::new(Arc::new(host::SystemClock)));
    let host = Host {
        fs: fs.clone(),
        ..crate::kit::host()
    };
    let put = |text: &str| host::Fs::write_atomic(&*fs, Path::new("/m.alloy"), text.as_bytes(), 0o600).unwrap();
    put("one");
    let arguments = "filename = \"/m.alloy\"\ndetector = \"poll\"\npoll_frequency = \"10s\"";
    let import = open_with("import.file", arguments, None, Path::new("/data"), host.clone()).unwrap();
    let known = import.read().unwrap().unwrap();
    let mut watch = Watch::start(import, known);
    watch.quiet().await;
    put("two");
    pass(9).await;
    watch.quiet().await;
    pass(1).await;
    assert_eq!(watch.texts().await, ["two"]);
    host::Fs::remove_file(&*fs, Path::new("/m.alloy")).unwrap();
    pass(10).await;
    watch.error().await;
    pass(10).await;
    watch.quiet().await;
    put("two");
    pass(10).await;
    assert_eq!(watch.texts().await, ["two"]);
    watch.end().await;
}

#[test]
fn wrong_arguments_and_missing_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = |arguments: &str| open("import.file", arguments, dir.path()).map(|_| ()).unwrap_err();
    assert!(error("filename = \"\"").contains("filename: it is empty"));
    assert!(error("filename = \"x\"\npoll_frequency = \"0s\"").contains("must be greater than 0"));
    assert!(error("filename = \"x\"\ndetector = \"magic\"").contains("magic"));
    let import = open("import.file", "filename = \"/nonexistent/m.alloy\"", dir.path()).unwrap();
    let error = import.read().unwrap().unwrap_err().to_string();
    assert!(
        error.starts_with("cannot read \"/nonexistent/m.alloy\": No such file"),
        "{error}"
    );
    let import = open("import.file", "filename = \"/dev/null\"", dir.path()).unwrap();
    let error = import.read().unwrap().unwrap_err().to_string();
    assert_eq!(error, "\"/dev/null\" is neither a file nor a directory");
}
