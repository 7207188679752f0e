use super::*;
use std::fs;
use std::time::{Duration, SystemTime};

struct Tree {
    _dir: tempfile::TempDir,
    root: PathBuf,
    places: Places,
}

impl Tree {
    /// A tree of files below `/system`, `/docker` and `/user`; the first one is the newest.
    fn new(files: &[(&str, &[u8])]) -> Tree {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let root = dir.path().canonicalize().expect("it is there");
        for (age, (path, content)) in files.iter().enumerate() {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("files are in folders")).expect("folders can be made");
            fs::write(&path, content).expect("files can be written");
            let file = fs::File::options().write(true).open(&path).expect("it is there");
            file.set_modified(SystemTime::now() - Duration::from_secs(age as u64))
                .expect("times can be set");
        }
        let places = Places {
            system: root.join("system"),
            docker: root.join("docker"),
            user: Some(root.join("user")),
        };
        Tree {
            _dir: dir,
            root,
            places,
        }
    }

    /// Pattern, job, kind and number of files of each target.
    fn shape(&self, found: &Found) -> Vec<(String, String, Kind, usize)> {
        let root = self.root.to_str().expect("temporary folders are text");
        let short = |target: &Target| target.pattern.replace(root, "");
        let shape = |t: &Target| (short(t), t.job.clone(), t.kind, t.files.len());
        found.targets.iter().map(shape).collect()
    }

    fn check(&self, expect: &[(&str, &str, Kind, usize)]) {
        let expect: Vec<_> = expect
            .iter()
            .map(|(a, b, kind, n)| (a.to_string(), b.to_string(), *kind, *n))
            .collect();
        assert_eq!(self.shape(&search(&self.places)), expect);
    }
}

const CRI: &[u8] = b"2026-01-02T03:04:05.000000001Z stdout F hello\n";
const DOCKER: &[u8] = b"{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05Z\"}\n";

#[test]
fn text_files_are_found_and_others_are_not() {
    let tree = Tree::new(&[
        ("system/syslog", b"a\n"),
        ("system/a.log", b"a\n"),
        ("system/empty.log", b""),
        ("system/syslog.1", b"a\n"),
        ("system/syslog.2.gz", b"\x1f\x8b"),
        ("system/wtmp", b"\0\0"),
        ("system/lastlog", b""),
        ("system/blob", b"a\0b"),
        ("system/README", b"read me\n"),
        ("system/journal/0af/system.journal", b"LPKSHHRH\0"),
        ("system/nginx/access.log", b"a\n"),
        ("system/nginx/access.log-20260102", b"a\n"),
        ("system/app/deep/er/x.log", b"a\n"),
        ("user/wezterm/w.log", b"a\n"),
        ("user/lesshst", b".less-history-file:\n"),
        ("user/x.log", b"a\n"),
    ]);
    tree.check(&[
        ("/system/*.log", "system", Kind::Plain, 2),
        ("/system/app/deep/er/*.log", "app", Kind::Plain, 1),
        ("/system/nginx/*.log", "nginx", Kind::Plain, 1),
        ("/system/syslog", "system", Kind::Plain, 1),
        ("/user/*.log", "user", Kind::Plain, 1),
        ("/user/wezterm/*.log", "wezterm", Kind::Plain, 1),
    ]);
}

#[test]
fn a_folder_with_something_else_among_its_logs_is_taken_file_by_file() {
    let tree = Tree::new(&[
        ("system/a[1].log", b"a\n"),
        ("system/b.log", b"\0\0\0"),
        ("system/mix/a.log", b"a\n"),
        ("system/mix/c.log", CRI),
    ]);
    tree.check(&[
        ("/system/a\\[1\\].log", "system", Kind::Plain, 1),
        ("/system/mix/a.log", "mix", Kind::Plain, 1),
        ("/system/mix/c.log", "mix", Kind::Cri, 1),
    ]);
}

#[test]
fn containers_are_known_by_place_and_content() {
    let tree = Tree::new(&[
        ("system/pods/ns_web-1_uid/web/0.log", CRI),
        ("system/pods/ns_web-2_uid/web/0.log", CRI),
        ("docker/0af/0af-json.log", DOCKER),
        ("docker/0af/config.v2.json", b"{}"),
    ]);
    fs::create_dir_all(tree.root.join("system/containers")).expect("folders can be made");
    let pod = tree.root.join("system/pods/ns_web-1_uid/web/0.log");
    std::os::unix::fs::symlink(pod, tree.root.join("system/containers/web-1.log")).expect("links can be made");
    tree.check(&[
        ("/system/pods/*/*/*.log", "pods", Kind::Cri, 2),
        ("/docker/*/*-json.log", "docker", Kind::Docker, 1),
    ]);
    fs::remove_dir_all(tree.root.join("system/pods/ns_web-2_uid")).expect("it is there");
    fs::rename(tree.root.join("system/pods"), tree.root.join("pods")).expect("it is there");
    fs::remove_file(tree.root.join("system/containers/web-1.log")).expect("it is there");
    let pod = tree.root.join("pods/ns_web-1_uid/web/0.log");
    std::os::unix::fs::symlink(pod, tree.root.join("system/containers/web-1.log")).expect("links can be made");
    tree.check(&[
        ("/system/containers/*.log", "containers", Kind::Cri, 1),
        ("/docker/*/*-json.log", "docker", Kind::Docker, 1),
    ]);
}

#[test]
fn the_newest_files_stay_within_the_bound() {
    let names: Vec<String> = (0..MAX_FILES + 7).map(|i| format!("system/{i}.log")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"a\n"[..])).collect();
    let tree = Tree::new(&files);
    let found = search(&tree.places);
    assert_eq!((found.files(), found.left_out), (MAX_FILES, 7));
    // A glob would take those that are left out, too.
    assert!(found.targets.iter().all(|target| !target.pattern.contains('*')));
    let newest = tree.root.join("system/0.log");
    assert!(found.targets.iter().any(|target| target.files.contains(&newest)));
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let tree = Tree::new(&[("system/wtmp", b"")]);
    assert_eq!(search(&tree.places), Found::default());
    let tree = Tree::new(&[]);
    assert_eq!(search(&tree.places), Found::default());
}

#[test]
fn patterns_are_taken_as_they_are_given() {
    let tree = Tree::new(&[
        ("a/x.log", b"a\n"),
        ("a/y.txt", b"a\n"),
        ("a/deep/z.log", b"a\n"),
        ("a/zero.bin", b"\0"),
        ("c/0.log", CRI),
    ]);
    let check = |patterns: &[&str], expect: &[(&str, &str, Kind, usize)]| {
        let patterns: Vec<String> = patterns.iter().map(|p| p.to_string()).collect();
        let found = expand(&patterns, &tree.root, &tree.places).expect("the patterns are good");
        let expect: Vec<_> = expect
            .iter()
            .map(|(a, b, kind, n)| (a.to_string(), b.to_string(), *kind, *n))
            .collect();
        assert_eq!(tree.shape(&found), expect);
    };
    check(&["a/*.log"], &[("/a/*.log", "a", Kind::Plain, 1)]);
    check(&["./b/../a/x.log", "a/x.log"], &[("/a/x.log", "a", Kind::Plain, 1)]);
    check(&["a"], &[("/a/*.log", "a", Kind::Plain, 1)]);
    check(&["a/**/*.log"], &[("/a/**/*.log", "a", Kind::Plain, 2)]);
    check(&["a/*.{log,txt}"], &[("/a/*.{log,txt}", "a", Kind::Plain, 2)]);
    check(&["a/zero.bin"], &[("/a/zero.bin", "a", Kind::Plain, 1)]);
    check(&["a/none.log"], &[("/a/none.log", "a", Kind::Plain, 0)]);
    check(
        &["*/*.log"],
        &[(
            "/*/*.log",
            tree.root.file_name().and_then(|n| n.to_str()).expect("it has a name"),
            Kind::Plain,
            2,
        )],
    );
    check(&["c/*"], &[("/c/*", "c", Kind::Cri, 1)]);

    let odd = tree.root.join("o{d}[d]");
    fs::create_dir(&odd).expect("folders can be made");
    fs::write(odd.join("x[1].log"), "a\n").expect("files can be written");
    for given in ["x[1].log", "*.log", "."] {
        let found = expand(&[given.to_owned()], &odd, &tree.places).expect("the pattern is good");
        assert_eq!(found.files(), 1, "{found:?}");
    }

    let error = expand(&["a/[".to_owned()], &tree.root, &tree.places).expect_err("it is not closed");
    assert!(error.to_string().starts_with("--path \"a/[\": "), "{error}");
}

#[test]
fn escaped_paths_match_themselves() {
    for path in [
        "/a/b.log",
        "/a/[x].log",
        "/a/{x,y}.log",
        "/a/*?.log",
        "/a/b\\c.log",
        "/a/x,y.log",
    ] {
        let matcher = Pattern::new(&escape(path)).expect("an escaped path is a pattern");
        assert!(matcher.matches(Path::new(path)), "{path}: {}", escape(path));
    }
    assert!(
        !Pattern::new(&escape("/a/*.log"))
            .expect("it is a pattern")
            .matches(Path::new("/a/b.log"))
    );
}
