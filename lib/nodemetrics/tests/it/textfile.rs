use crate::machine::Machine;
use expect_test::expect;
use std::fs::File;
use std::time::{Duration, UNIX_EPOCH};

/// A scrape of the directories that are given as patterns.
fn scrape(machine: &Machine, directories: &[&str]) -> String {
    let mut options = machine.options(&["textfile"]);
    let path = |directory: &&str| machine.path().join(directory).to_string_lossy().into_owned();
    options.textfile_directories = directories.iter().map(path).collect();
    machine.scrape_with(options)
}

/// Sets the modification time of a file.
fn touch(machine: &Machine, file: &str) {
    let file = File::options().append(true).open(machine.path().join(file)).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_millis(1_700_000_000_900))
        .unwrap();
}

#[test]
fn families_of_files() {
    let machine = Machine::new(&[
        (
            "text/a.prom",
            "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total{a=\"1\"} 10\njobs_total{b=\"2\"} 20\nplain 1\n\
             # TYPE took histogram\n# HELP took Time.\ntook_bucket{le=\"0.5\"} 1\ntook_bucket{le=\"+Inf\"} 3\ntook_sum 4.5\ntook_count 3\n\
             # TYPE size summary\nsize{quantile=\"0.5\"} 7\nsize_sum 70\nsize_count 10\n",
        ),
        ("text/b.prom", "plain 2\nplain{from=\"b\"} 3\n"),
        ("text/other.txt", "this is not read\n"),
    ]);
    touch(&machine, "text/a.prom");
    touch(&machine, "text/b.prom");
    expect![[r##"
        # HELP jobs_total Jobs.
        # TYPE jobs_total counter
        jobs_total{a="",b="2"} 20
        jobs_total{a="1",b=""} 10
        # HELP node_textfile_mtime_seconds Unixtime mtime of textfiles successfully read.
        # TYPE node_textfile_mtime_seconds gauge
        node_textfile_mtime_seconds{file="$DIR/text/a.prom"} 1.7e+09
        node_textfile_mtime_seconds{file="$DIR/text/b.prom"} 1.7e+09
        # HELP node_textfile_scrape_error 1 if there was an error opening or reading a file, 0 otherwise
        # TYPE node_textfile_scrape_error gauge
        node_textfile_scrape_error 0
        # HELP plain Metric read from $DIR/text/a.prom, $DIR/text/b.prom
        # TYPE plain untyped
        plain 1
        plain{from=""} 2
        plain{from="b"} 3
        # HELP size Metric read from $DIR/text/a.prom
        # TYPE size summary
        size{quantile="0.5"} 7
        size_sum 70
        size_count 10
        # HELP took Time.
        # TYPE took histogram
        took_bucket{le="0.5"} 1
        took_bucket{le="+Inf"} 3
        took_sum 4.5
        took_count 3
    "##]]
    .assert_eq(&scrape(&machine, &["text"]));
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_and_the_others_stay() {
    for (name, content) in [
        ("a timestamp", "bad 1 1441205977284\n"),
        ("half a line", "bad 1\nbad{a=\"b"),
        ("no end of line", "bad 1"),
        ("a second help", "# HELP bad A.\n# HELP bad B.\nbad 1\n"),
        ("a second type", "# TYPE bad gauge\n# TYPE bad gauge\nbad 1\n"),
        ("an unknown type", "# TYPE bad gage\nbad 1\n"),
        ("no bound", "# TYPE bad histogram\nbad_bucket 1\n"),
        (
            "a bound that is no number",
            "# TYPE bad histogram\nbad_bucket{le=\"x\"} 1\n",
        ),
        ("no value", "bad\n"),
    ] {
        let machine = Machine::new(&[("text/bad.prom", content), ("text/good.prom", "good 1\n")]);
        let text = scrape(&machine, &["text"]);
        assert!(text.contains("\ngood 1\n") && !text.contains("bad 1"), "{name}: {text}");
        assert!(text.contains("node_textfile_scrape_error 1\n"), "{name}: {text}");
        assert!(!text.contains("text/bad.prom"), "{name}: {text}");
        assert!(!text.contains("failed"), "{name}: {text}");
    }
}

#[test]
fn help_texts_that_differ() {
    let machine = Machine::new(&[
        ("text/a.prom", "# HELP events_total A.\nevents_total{file=\"a\"} 1\n"),
        ("text/b.prom", "# HELP events_total B.\nevents_total{file=\"b\"} 2\n"),
        ("text/c.prom", "events_total{file=\"c\"} 3\n"),
    ]);
    let text = scrape(&machine, &["text"]);
    let events: Vec<&str> = text.lines().filter(|line| line.contains("events_total")).collect();
    assert_eq!(
        events,
        [
            "# HELP events_total A.",
            "# TYPE events_total untyped",
            "events_total{file=\"a\"} 1",
            "events_total{file=\"c\"} 3",
        ]
    );
    assert!(text.contains("node_textfile_scrape_error 1\n"));
}

#[test]
fn directories_are_patterns() {
    let machine = Machine::new(&[("text/1/a.prom", "one 1\n"), ("text/2/a.prom", "two 2\n")]);
    let text = scrape(&machine, &["text/*"]);
    assert!(text.contains("\none 1\n") && text.contains("\ntwo 2\n"), "{text}");
    assert!(text.contains("node_textfile_scrape_error 0\n"));
    assert!(scrape(&machine, &["nowhere"]).contains("node_textfile_scrape_error 1\n"));
    assert!(scrape(&machine, &[]).contains("node_textfile_scrape_error 0\n"));
}

#[test]
fn a_file_does_not_speak_for_the_machine() {
    let machine = Machine::new(&[
        (
            "text/a.prom",
            "# HELP node_load1 Mine.\n# TYPE node_load1 gauge\nnode_load1 99\n",
        ),
        ("proc/loadavg", "1 2 3 1/2 3\n"),
    ]);
    let mut options = machine.options(&["loadavg", "textfile"]);
    options.textfile_directories = vec![machine.path().join("text").to_string_lossy().into_owned()];
    let text = machine.scrape_with(options);
    assert!(
        text.contains("\nnode_load1 1\n") && !text.contains("node_load1 99"),
        "{text}"
    );
}
