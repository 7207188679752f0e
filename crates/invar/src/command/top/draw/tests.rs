use super::super::state::Gone;
use super::super::testing::{row, state};
use super::*;
use expect_test::{Expect, expect};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

const PLAIN: Theme = Theme { color: false };
const COLORED: Theme = Theme { color: true };

fn buffer(state: &State, theme: Theme, (width, height): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen in memory");
    terminal
        .draw(|frame| draw(frame, state, theme))
        .expect("a screen in memory takes everything");
    terminal.backend().buffer().clone()
}

fn screen(state: &State, (width, height): (u16, u16)) -> String {
    let buffer = buffer(state, PLAIN, (width, height));
    let mut text = String::new();
    for row in buffer.content().chunks(usize::from(width)) {
        let line: String = row.iter().map(|cell| cell.symbol()).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn check(state: &State, expected: Expect) {
    expected.assert_eq(&screen(state, (80, 24)));
}

#[test]
fn the_whole_screen() {
    check(
        &state(),
        expect![[r#"
        invar http://127.0.0.1:12345/  up 3d 5h  5 components, 1 UNHEALTHY
        CPU 19.0%  memory 45.8 MiB  budget 10.0 MiB of 64.0 MiB (15.6%), 2 waiting

          COMPONENT                    HEALTH      CPU▼   IN/S  OUT/S  DROP/S    BYTES/S
          loki.process.shop            healthy    12.4%   1.5k   1.4k     120  244.1 KiB
          loki.write.central           unhealthy   3.0%   1.4k      0       0  219.7 KiB
          loki.source.file.logs        healthy     2.1%      0   1.5k       0  244.1 KiB
          local.file.token             healthy       0%      0      0       0        0 B
          mod.a/loki.echo.x            exited        0%      0      0       0        0 B











          QUEUE                        STATE        RECORDS       SIZE   OLDEST  LOSS IN
          loki.write.central#central   failing        48.2k    7.2 MiB      34s   1h 13m
          loki.write.central#audit     healthy            0        0 B        -        -
        q quit  ? help  / filter  ↑↓ select  sort: n h c i o d b  r reverse
    "#]],
    );
}

#[test]
fn details_of_the_selected_component() {
    let mut state = state();
    state.selected = Some("loki.write.central".to_owned());
    check(
        &state,
        expect![[r#"
        invar http://127.0.0.1:12345/  up 3d 5h  5 components, 1 UNHEALTHY
        CPU 19.0%  memory 45.8 MiB  budget 10.0 MiB of 64.0 MiB (15.6%), 2 waiting

          COMPONENT                    HEALTH      CPU▼   IN/S  OUT/S  DROP/S    BYTES/S
          loki.process.shop            healthy    12.4%   1.5k   1.4k     120  244.1 KiB
        > loki.write.central           unhealthy   3.0%   1.4k      0       0  219.7 KiB
          loki.source.file.logs        healthy     2.1%      0   1.5k       0  244.1 KiB
          local.file.token             healthy       0%      0      0       0        0 B
          mod.a/loki.echo.x            exited        0%      0      0       0        0 B






        ── loki.write.central
        unhealthy: endpoint central: connection refused for the 7th time
        from loki.process.shop                  1.4k/s   48.2k in flight     120 dropped
          to loki.write.central#central            0/s   48.2k in flight       0 dropped

          QUEUE                        STATE        RECORDS       SIZE   OLDEST  LOSS IN
          loki.write.central#central   failing        48.2k    7.2 MiB      34s   1h 13m
          loki.write.central#audit     healthy            0        0 B        -        -
        q quit  ? help  / filter  ↑↓ select  sort: n h c i o d b  r reverse
    "#]],
    );
    state.selected = Some("local.file.token".to_owned());
    assert!(screen(&state, (80, 24)).contains("no record has passed it yet"));
}

#[test]
fn the_server_is_gone() {
    let mut state = state();
    state.gone = Some(Gone {
        message: "connection\nrefused".to_owned(),
        seconds: 12,
    });
    assert!(screen(&state, (80, 24)).contains("NO ANSWER for 12 s, trying again: connection refused"));
}

#[test]
fn the_filter_is_shown_while_it_is_typed_and_after() {
    let mut state = state();
    state.filter = "loki.w".to_owned();
    state.typing = true;
    let text = screen(&state, (80, 24));
    assert!(
        text.contains("filter: loki.w_\n") && text.contains("Enter keeps the filter"),
        "{text}"
    );
    state.typing = false;
    assert!(screen(&state, (80, 24)).contains("filter: loki.w (1 of 5, Esc clears it)"));
    state.filter = "nothing like it".to_owned();
    assert!(screen(&state, (80, 24)).contains("no component passes the filter"));
}

#[test]
fn help_fits() {
    let mut state = state();
    state.help = true;
    let text = screen(&state, (80, 24));
    assert!(text.contains("LOSS IN") && text.contains("q quits"), "{text}");
    assert!(help().iter().all(|line| line.width() <= 80));
}

#[test]
fn a_long_list_scrolls_with_its_selection() {
    let mut state = state();
    state.view.components = (0..100)
        .map(|n| row(&format!("loki.echo.n{n:02}"), "healthy", 0.0))
        .collect();
    state.view.queues.clear();
    let at = |state: &State| screen(state, (80, 24));
    assert!(at(&state).contains("n00") && !at(&state).contains("n30"));
    state.selected = Some("loki.echo.n50".to_owned());
    assert!(at(&state).contains("> loki.echo.n50") && at(&state).contains("n45"));
    state.selected = Some("loki.echo.n99".to_owned());
    assert!(at(&state).contains("> loki.echo.n99"));
}

#[test]
fn many_edges_and_queues_are_counted() {
    let mut state = state();
    let queue = state.view.queues[0].clone();
    state.view.queues = vec![queue; 9];
    let edge = state.view.edges[0].clone();
    state.view.edges = vec![edge; 9];
    state.selected = Some("loki.process.shop".to_owned());
    let text = screen(&state, (80, 30));
    assert!(
        text.contains("     and 5 more\n") && text.contains("  and 5 more\n"),
        "{text}"
    );
}

#[test]
fn any_size_will_do() {
    let mut state = state();
    state.selected = Some("loki.write.central".to_owned());
    for width in [1, 7, 20, 80, 300] {
        for height in [1, 2, 3, 5, 8, 24, 100] {
            screen(&state, (width, height));
        }
    }
    assert!(
        screen(&state, (80, 10)).contains("loki.process.shop"),
        "the table goes first"
    );
}

#[test]
fn colours_are_added_to_words_or_left_out() {
    let state = state();
    let colours = |theme| {
        let buffer = buffer(&state, theme, (80, 24));
        let reset = |color| color == Color::Reset;
        buffer.content().iter().any(|cell| !reset(cell.fg) || !reset(cell.bg))
    };
    assert!(colours(COLORED));
    assert!(!colours(PLAIN));
}

#[test]
fn what_comes_from_outside_does_not_command_the_terminal() {
    let mut state = state();
    state.view.components[0].id = "x\u{1b}[2J".to_owned();
    state.view.components[0].health = "odd\u{7}".to_owned();
    state.selected = Some("x\u{1b}[2J".to_owned());
    state.view.components[0].message = "\u{1b}]0;title\u{7}".to_owned();
    let text = screen(&state, (80, 24));
    assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    assert!(!super::super::table::plain(&state).contains(['\u{1b}', '\u{7}']));
}
