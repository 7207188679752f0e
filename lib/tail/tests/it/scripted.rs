//! One case at a time.

use crate::world::{PATH, World, gzip, rotated, zipped};
use host::{Clock, Fs};
use std::path::Path;
use tail::{Encoding, Event, Follower, Format, Options, Registry, State};

#[test]
fn three_rotations_of_each_kind_between_two_looks() {
    for kind in ["rename", "copytruncate", "gzip"] {
        let world = World::new();
        world.append(PATH, b"1\n2\n");
        let mut collector = world.follow();
        assert_eq!(collector.lines(), ["1", "2"], "{kind}");
        for n in 3..6 {
            world.append(PATH, format!("{n}a\n{n}b\n").as_bytes());
            match kind {
                "rename" => world.rename(),
                "copytruncate" => world.copytruncate(),
                _ => {
                    world.rename();
                    world.gzip(1);
                }
            }
        }
        world.append(PATH, b"6\n");
        let expected = ["3a", "3b", "4a", "4b", "5a", "5b", "6"];
        assert_eq!(collector.lines(), expected, "{kind}: {:?}", collector.events);
        assert!(collector.lines().is_empty(), "{kind}");
    }
}

#[test]
fn an_idle_look_reads_nothing_and_finds_nothing() {
    let world = World::new();
    world.append(PATH, b"1\n");
    let mut collector = world.follow();
    collector.drain();
    for _ in 0..3 {
        world.pass(250);
        assert!(!collector.look());
        assert!(!collector.read_one());
    }
    assert_eq!(collector.events, []);
}

#[test]
fn late_writes_to_a_rotated_file_are_read() {
    let world = World::new();
    world.append(PATH, b"1\n");
    let mut collector = world.follow();
    collector.drain();
    world.rename();
    world.append(rotated(1), b"2\n");
    world.append(PATH, b"3\n");
    assert_eq!(collector.lines(), ["1", "2", "3"]);
    world.append(rotated(1), b"4\n");
    assert_eq!(collector.lines(), ["4"]);
    // The old file is let go of after a while, and the new one goes on.
    world.pass(60_000);
    collector.drain();
    world.append(PATH, b"5\n");
    assert_eq!(collector.lines(), ["5"]);
    assert_eq!(collector.follower.state().map(|state| state.files.len()), Some(1));
}

#[test]
fn an_unterminated_line_waits_for_its_end_or_for_the_end_of_its_file() {
    let world = World::new();
    world.append(PATH, b"one\ntw");
    let mut collector = world.follow();
    assert_eq!(collector.lines(), ["one"]);
    world.append(PATH, b"o\nthree");
    assert_eq!(collector.lines(), ["two"]);
    world.fs.remove_file(Path::new(PATH)).expect("it exists");
    assert!(collector.lines().is_empty(), "its writer may still be at it");
    world.pass(1500);
    assert_eq!(collector.lines(), ["three"]);
}

#[test]
fn what_was_not_acknowledged_is_read_again_after_a_restart() {
    let world = World::new();
    world.append(PATH, b"1\n");
    let mut collector = world.follow();
    collector.drain();
    world.append(PATH, b"2\n");
    collector.look();
    assert!(collector.read_one());
    let state = collector.follower.state();
    let mut again = world.collector(PATH, &Registry::new(), Options::default(), state);
    assert_eq!(again.lines(), ["2"]);
}

#[test]
fn a_rotated_file_is_found_again_compressed() {
    let world = World::new();
    world.append(PATH, b"1\n2\n");
    let mut collector = world.follow();
    collector.drain();
    world.append(PATH, b"3\n");
    let state = collector.follower.state();
    drop(collector);
    world.rename();
    world.gzip(1);
    world.append(PATH, b"4\n");
    let mut again = world.collector(PATH, &Registry::new(), Options::default(), state);
    assert_eq!(again.lines(), ["3", "4"]);
    assert_eq!(again.events, []);
}

#[test]
fn a_reused_inode_is_another_file() {
    let world = World::new();
    world.fs.create_with_inode(PATH, b"1\n2\n3\n", 7);
    let mut collector = world.follow();
    assert_eq!(collector.lines().len(), 3);
    let state = collector.follower.state();
    world.fs.remove_file(Path::new(PATH)).expect("it exists");
    world.tick();
    world.fs.create_with_inode(PATH, b"new 1\nnew 2\nnew 3\n", 7);
    assert_eq!(collector.lines(), ["new 1", "new 2", "new 3"]);
    let mut again = world.collector(PATH, &Registry::new(), Options::default(), state);
    assert_eq!(again.lines(), ["new 1", "new 2", "new 3"]);
}

#[test]
fn a_position_past_the_end_starts_at_the_beginning() {
    let world = World::new();
    world.append(PATH, b"small\n");
    let state = State::of_offset(PATH, 1_000_000);
    let mut collector = world.collector(PATH, &Registry::new(), Options::default(), Some(state));
    assert_eq!(collector.lines(), ["small"]);
    let state = State::of_offset(PATH, 2);
    let mut collector = world.collector(PATH, &Registry::new(), Options::default(), Some(state));
    assert_eq!(collector.lines(), ["all"]);
}

#[test]
fn truncated_and_grown_beyond_the_old_position_is_noticed() {
    let world = World::new();
    world.append(PATH, b"1\n2\n");
    let mut collector = world.follow();
    collector.drain();
    world.tick();
    world.fs.truncate(PATH, 0).expect("it exists");
    world.append(PATH, b"new 1\nnew 2\nnew 3\n");
    assert_eq!(collector.lines(), ["1", "2", "new 1", "new 2", "new 3"]);
    let truncated = |event: &Event| matches!(event, Event::Truncated { read: 4, copy: None });
    assert!(collector.events.iter().any(truncated), "{:?}", collector.events);
}

#[test]
fn a_rewritten_file_goes_on_where_it_was() {
    let world = World::new();
    world.append(PATH, b"1\n2\n");
    let mut collector = world.follow();
    collector.drain();
    world.tick();
    world.fs.create(PATH, b"1\n2\n3\n");
    assert_eq!(collector.lines(), ["1", "2", "3"]);
    assert_eq!(collector.events, [Event::Rewritten]);
}

#[test]
fn a_new_file_with_the_old_ones_banner_is_read_whole() {
    let banner = format!("#{}\n", "=".repeat(2000));
    let world = World::new();
    world.append(PATH, format!("{banner}1\n").as_bytes());
    let mut collector = world.follow();
    assert_eq!(collector.lines().len(), 2);
    world.rename();
    world.append(PATH, format!("{banner}2\n").as_bytes());
    world.rename();
    world.append(PATH, format!("{banner}3\n").as_bytes());
    let lines = collector.lines();
    let short: Vec<&str> = lines.iter().map(|line| &line[..1]).collect();
    assert_eq!(short, ["#", "2", "#", "3"], "{:?}", collector.events);
}

#[test]
fn other_files_of_a_similar_name_are_left_alone() {
    let world = World::new();
    world.append(PATH, b"1\n");
    world.append(rotated(1), b"old\n");
    let mut collector = world.follow();
    assert_eq!(collector.lines(), ["1"], "what was rotated before nobody asked for");
    world.append("/log/app-errors.log", b"no\n");
    world.append("/log/app.log.err", b"no\n");
    world.append(zipped(2), &gzip(b"old\n"));
    world.rename();
    world.append(PATH, b"2\n");
    assert_eq!(collector.lines(), ["2"]);
}

#[test]
fn an_endless_line_is_cut_and_memory_stays_bounded() {
    let world = World::new();
    world.append(PATH, &[b'a'; 10_000]);
    let options = Options {
        max_line: 4096,
        ..Options::default()
    };
    let mut collector = world.collector(PATH, &Registry::new(), options, None);
    let lengths = |lines: Vec<String>| lines.iter().map(String::len).collect::<Vec<_>>();
    assert_eq!(lengths(collector.lines()), [4096, 4096]);
    let cut = |event: &&Event| matches!(event, Event::LongLine { .. });
    assert_eq!(collector.events.iter().filter(cut).count(), 2);
    world.append(PATH, b"b\nnext\n");
    assert_eq!(lengths(collector.lines()), [10_000 - 2 * 4096 + 1, 4]);
}

#[test]
fn a_line_break_right_behind_a_cut_is_no_line_of_its_own() {
    let world = World::new();
    world.append(PATH, &[b'a'; 4096]);
    let options = Options {
        max_line: 4096,
        ..Options::default()
    };
    let mut collector = world.collector(PATH, &Registry::new(), options, None);
    assert_eq!(collector.lines().len(), 1);
    world.append(PATH, b"\r\n\nnext\n");
    assert_eq!(collector.lines(), ["", "next"]);
}

#[test]
fn a_line_of_ten_mebibytes_arrives_whole() {
    let world = World::new();
    let long = vec![b'x'; 10 << 20];
    world.append(PATH, b"before\n");
    world.append(PATH, &long);
    world.append(PATH, b"\nafter\n");
    let lines: Vec<usize> = world.follow().lines().iter().map(String::len).collect();
    assert_eq!(lines, [6, 10 << 20, 5]);
}

#[test]
fn bytes_pass_unchanged() {
    let world = World::new();
    world.append(PATH, b"a\0b\xff\xfe\r\n\n\r\n");
    let mut follower = world.follow().follower;
    follower.observe(world.clock.now()).expect("it can be looked at");
    let chunk = follower
        .next(world.clock.now())
        .expect("it can be read")
        .expect("it holds lines");
    let lines: Vec<Vec<u8>> = chunk.lines().map(|line| line.to_vec()).collect();
    assert_eq!(lines, [b"a\0b\xff\xfe".to_vec(), b"".to_vec(), b"".to_vec()]);
}

#[test]
fn encodings_and_byte_order_marks() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let read = |bytes: &[u8], encoding: &str| {
        let world = World::new();
        // One byte at a time: no cut may matter.
        let options = Options {
            encoding: Encoding::named(encoding).expect("a known name"),
            ..Options::default()
        };
        let mut collector = world.collector(PATH, &Registry::new(), options, None);
        let mut lines = Vec::new();
        for byte in bytes {
            world.append(PATH, &[*byte]);
            lines.append(&mut collector.lines());
        }
        lines
    };
    let marked = |text: &str| [&[0xff, 0xfe][..], &utf16(text)].concat();
    assert_eq!(read(&marked("ä\nਊ\r\n€\n"), ""), ["ä", "ਊ", "€"]);
    assert_eq!(read(&utf16("a\nb\n"), "UTF-16LE"), ["a", "b"]);
    assert_eq!(read(b"\xef\xbb\xbfa\nb\n", "UTF-16LE"), ["a", "b"]);
    assert_eq!(read(b"\xe4\n\xf6\n", "ISO-8859-1"), ["ä", "ö"]);
    assert_eq!(read(b"\x83\x5c\n", "Shift_JIS"), ["ソ"]);
}

#[test]
fn an_encoding_survives_a_restart() {
    let world = World::new();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    world.append(PATH, &[&[0xff, 0xfe][..], &utf16("a\n")].concat());
    let mut collector = world.follow();
    assert_eq!(collector.lines(), ["a"]);
    let state = collector.follower.state();
    world.append(PATH, &utf16("b\n"));
    let mut again = world.collector(PATH, &Registry::new(), Options::default(), state);
    assert_eq!(again.lines(), ["b"]);
}

#[test]
fn from_the_end_means_from_behind_the_last_line_break() {
    let world = World::new();
    world.append(PATH, &[b"old\n".repeat(50_000), b"hal".to_vec()].concat());
    let options = Options {
        from_end: true,
        ..Options::default()
    };
    let mut collector = world.collector(PATH, &Registry::new(), options, None);
    assert!(collector.lines().is_empty());
    world.append(PATH, b"f\nnew\n");
    assert_eq!(collector.lines(), ["half", "new"]);
    // Only the file that is there at the start: what replaces it is read whole.
    world.rename();
    world.append(PATH, b"next\n");
    assert_eq!(collector.lines(), ["next"]);
}

#[test]
fn compressed_files_are_read_once() {
    let world = World::new();
    world.append("/log/a.gz", &gzip(b"1\n2\n3"));
    let mut collector = world.collector("/log/a.gz", &Registry::new(), Options::default(), None);
    assert_eq!(collector.lines(), ["1", "2", "3"]);
    let state = collector.follower.state();
    let mut again = world.collector("/log/a.gz", &Registry::new(), Options::default(), state);
    assert!(again.lines().is_empty());
    // Another member.
    world.append("/log/a.gz", &gzip(b"4\n"));
    assert_eq!(again.lines(), ["4"]);
    // A name that says nothing.
    world.append("/log/b", &gzip(b"1\n"));
    let options = Options {
        format: Some(Format::Gzip),
        ..Options::default()
    };
    let mut collector = world.collector("/log/b", &Registry::new(), options, None);
    assert_eq!(collector.lines(), ["1"]);
}

#[test]
fn a_compressed_file_may_still_be_written() {
    let world = World::new();
    let whole = gzip(b"1\n2\n3\n");
    let (first, second) = whole.split_at(whole.len() - 6);
    world.append("/log/a.gz", first);
    let mut collector = world.collector("/log/a.gz", &Registry::new(), Options::default(), None);
    let mut lines = collector.lines();
    world.append("/log/a.gz", second);
    lines.append(&mut collector.lines());
    assert_eq!(lines, ["1", "2", "3"]);
    // One that stays incomplete is given up, and not silently.
    world.append("/log/b.gz", first);
    let mut collector = world.collector("/log/b.gz", &Registry::new(), Options::default(), None);
    collector.drain();
    world.pass(11_000);
    collector.drain();
    let unreadable = |event: &Event| matches!(event, Event::Unreadable { .. });
    assert!(collector.events.iter().any(unreadable), "{:?}", collector.events);
}

#[test]
fn a_file_that_cannot_be_looked_at_is_an_error_and_recovers() {
    let world = World::new();
    let mut follower = world
        .collector("/log", &Registry::new(), Options::default(), None)
        .follower;
    // Nothing there is no error.
    assert_eq!(follower.observe(world.clock.now()).ok(), Some(false));
    world.append("/log", b"1\n");
    assert_eq!(follower.observe(world.clock.now()).ok(), Some(true));
}

#[test]
fn a_follower_that_leaves_hands_its_place_to_the_next() {
    let world = World::new();
    let registry = Registry::new();
    world.append(PATH, b"1\n");
    let mut first = world.collector(PATH, &registry, Options::default(), None);
    assert_eq!(first.lines(), ["1"]);
    let mut second = world.collector(PATH, &registry, Options::default(), None);
    world.append(PATH, b"2\n");
    assert!(second.lines().is_empty());
    assert!(second.follower.only_looks_on());
    drop(first);
    assert_eq!(second.lines(), ["2"]);
}

#[test]
fn what_is_gone_after_a_restart_is_said() {
    let world = World::new();
    world.append(PATH, b"1\n");
    let mut collector = world.follow();
    collector.drain();
    let state = collector.follower.state();
    drop::<Follower>(collector.follower);
    world.append(PATH, b"lost\n");
    world.fs.remove_file(Path::new(PATH)).expect("it exists");
    world.append(PATH, b"2\n");
    let mut again = world.collector(PATH, &Registry::new(), Options::default(), state);
    assert_eq!(again.lines(), ["2"]);
    let gone = Event::Gone {
        path: PATH.into(),
        offset: 2,
    };
    assert_eq!(again.events, [gone]);
}

#[test]
fn a_compressed_form_that_is_being_made_is_not_another_generation() {
    let world = World::new();
    world.append(PATH, b"1\n2\n");
    let mut collector = world.follow();
    assert_eq!(collector.lines(), ["1", "2"]);
    world.rename();
    world.append(PATH, b"3\n");
    assert_eq!(collector.lines(), ["3"]);
    let packed = gzip(b"1\n2\n");
    // Header, then data, then the end: a look at the directory after each.
    for (n, end) in [0, 10, packed.len() - 5, packed.len()].into_iter().enumerate() {
        world.tick();
        world.fs.create(zipped(2), &packed[..end]);
        world.rename();
        world.fs.rename(rotated(1), rotated(20 + n)).expect("it is there");
        world.append(PATH, format!("{}\n", 4 + n).as_bytes());
        assert_eq!(
            collector.lines(),
            [format!("{}", 4 + n)],
            "with {end} bytes: {:?}",
            collector.events
        );
    }
    world.pass(60_000);
    assert!(collector.lines().is_empty(), "{:?}", collector.events);
}

/// Of a path without a state, what may have been followed before is read in whatever form it is now; older files are not.
#[test]
fn rotated_files_of_a_path_without_a_state_are_read_if_they_were_written_since() {
    for kind in ["rename", "copytruncate", "gzip"] {
        let world = World::new();
        world.append(PATH, b"archive\n");
        world.rename();
        world.gzip(1);
        world.append(PATH, b"old\n");
        world.rename();
        // The file was born before.
        world.append(PATH, b"1\n");
        world.tick();
        let options = Options {
            written_since: Some(world.clock.now()),
            ..Options::default()
        };
        world.append(PATH, b"2\n");
        for n in [3, 4] {
            match kind {
                "rename" => world.rename(),
                "copytruncate" => world.copytruncate(),
                _ => {
                    world.rename();
                    world.gzip(1);
                }
            }
            world.append(PATH, format!("{n}\n").as_bytes());
        }
        let mut collector = world.collector(PATH, &Registry::new(), options, None);
        assert_eq!(
            collector.lines(),
            ["1", "2", "3", "4"],
            "{kind}: {:?}",
            collector.events
        );
        // They are known from here on.
        let state = collector.follower.state();
        let mut again = world.collector(PATH, &Registry::new(), Options::default(), state);
        assert!(again.lines().is_empty(), "{kind}: {:?}", again.events);
    }
}
