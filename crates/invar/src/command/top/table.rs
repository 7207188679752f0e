//! The table of components and that of queues, as texts in columns; the screen and the plain text are made of them.

use super::rates::{Row, View};
use super::snapshot::Queue;
use super::state::State;
use super::words::{count, line, rate, share, size, span, squeeze};
use crate::cli::SortBy;

/// Columns of numbers, with their widths; the id takes what is left.
const NUMBERS: [(&str, SortBy, usize); 5] = [
    ("CPU", SortBy::Cpu, 6),
    ("IN/S", SortBy::In, 6),
    ("OUT/S", SortBy::Out, 6),
    ("DROP/S", SortBy::Drop, 7),
    ("BYTES/S", SortBy::Bytes, 10),
];
/// The longest state is `unhealthy`.
const HEALTH: usize = 9;
/// What is not the id: the other columns and a space before each.
const REST: usize = HEALTH + 1 + 5 + 6 + 6 + 6 + 7 + 10;

/// A line of the table: where its health stands tells how to colour it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The id and the space after it.
    pub id: String,
    pub health: String,
    /// The numbers but for what is dropped, which stands apart.
    pub before_drop: String,
    pub drop: String,
    pub after_drop: String,
}

impl Line {
    /// The whole line.
    pub fn text(&self) -> String {
        let Line {
            id,
            health,
            before_drop,
            drop,
            after_drop,
        } = self;
        format!("{id}{health}{before_drop}{drop}{after_drop}")
    }
}

/// The width of ids in a table of so many columns.
pub fn id_width(width: usize) -> usize {
    width.saturating_sub(REST).max(12)
}

/// The width that the longest id of these wants.
pub fn full_width(rows: &[&Row]) -> usize {
    let longest = rows.iter().map(|row| row.id.chars().count()).max();
    longest.unwrap_or_default().max("COMPONENT▲".chars().count()) + REST
}

/// The names of the columns, with a mark on that by which they are sorted.
pub fn heading(state: &State, width: usize) -> String {
    let mark = |by: SortBy| {
        // Ids grow downwards, everything else shrinks.
        let grows = (by == SortBy::Id) != state.order.reversed;
        match (state.order.by == by, grows) {
            (false, _) => "",
            (true, true) => "▲",
            (true, false) => "▼",
        }
    };
    let id = id_width(width);
    let mut text = format!("{:<id$}", format!("COMPONENT{}", mark(SortBy::Id)));
    text.push_str(&format!(" {:<HEALTH$}", format!("HEALTH{}", mark(SortBy::Health))));
    for (name, by, width) in NUMBERS {
        text.push_str(&format!(" {:>width$}", format!("{name}{}", mark(by))));
    }
    text
}

/// A component.
pub fn component(row: &Row, width: usize) -> Line {
    let id = id_width(width);
    Line {
        id: format!("{:<id$} ", squeeze(&line(&row.id), id)),
        health: format!("{:<HEALTH$}", line(&row.health)),
        before_drop: format!(
            " {:>6} {:>6} {:>6}",
            share(row.cpu_share),
            rate(row.r#in.items_per_second),
            rate(row.out.items_per_second)
        ),
        drop: format!(" {:>7}", rate(row.dropped.items_per_second)),
        after_drop: format!(" {:>10}", size(row.bytes())),
    }
}

fn queue_name(queue: &Queue) -> String {
    line(&format!("{}#{}", queue.component, queue.destination))
}

/// The names of the columns of queues.
pub fn queue_heading(width: usize) -> String {
    let id = id_width(width);
    format!(
        "{:<id$} {:<11} {:>8} {:>10} {:>8} {:>8}",
        "QUEUE", "STATE", "RECORDS", "SIZE", "OLDEST", "LOSS IN"
    )
}

/// A queue.
pub fn queue(queue: &Queue, width: usize) -> String {
    let id = id_width(width);
    let optional = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), span);
    format!(
        "{:<id$} {:<11} {:>8} {:>10} {:>8} {:>8}",
        squeeze(&queue_name(queue), id),
        line(&queue.state),
        count(queue.depth_records),
        size(queue.depth_bytes),
        optional(queue.oldest_seconds),
        optional(queue.seconds_to_loss)
    )
}

/// What the process is doing, in two lines.
pub fn process(state: &State) -> [String; 2] {
    let View {
        process,
        budget,
        components,
        ..
    } = &state.view;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let unhealthy = components.iter().filter(|row| row.health == "unhealthy").count();
    let mut last = format!("budget {} of {}", size(budget.used as f64), size(budget.limit as f64));
    if budget.limit > 0 {
        last.push_str(&format!(" ({})", share(budget.used as f64 / budget.limit as f64)));
    }
    if budget.waiting > 0 {
        last.push_str(&format!(", {} waiting", budget.waiting));
    }
    let sum = match components.len() {
        1 => "1 component".to_owned(),
        n => format!("{n} components"),
    };
    let health = match unhealthy {
        0 => "none unhealthy".to_owned(),
        n => format!("{n} UNHEALTHY"),
    };
    [
        format!(
            "invar {}  up {}  {sum}, {health}",
            line(&state.addr),
            or_dash(process.uptime_seconds.map(span))
        ),
        format!(
            "CPU {}  memory {}  {last}",
            or_dash(process.cpu_share.map(share)),
            or_dash(process.resident_bytes.map(size))
        ),
    ]
}

/// The whole state as plain text.
pub fn plain(state: &State) -> String {
    let rows = state.rows();
    let width = full_width(&rows);
    let mut lines: Vec<String> = process(state).to_vec();
    lines.push(String::new());
    lines.push(heading(state, width));
    lines.extend(rows.iter().map(|row| component(row, width).text()));
    for row in &rows {
        if row.health != "healthy" && !row.message.is_empty() {
            let said = format!("{} is {}: {}", row.id, row.health, row.message);
            lines.push(line(&said));
        }
    }
    if !state.view.queues.is_empty() {
        let queues = state.view.queues.iter();
        let longest = queues.map(|queue| queue_name(queue).chars().count()).max();
        let width = longest.unwrap_or_default() + REST;
        lines.push(String::new());
        lines.push(queue_heading(width));
        lines.extend(state.view.queues.iter().map(|one| queue(one, width)));
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::testing::state;
    use super::*;

    #[test]
    fn everything_fits_into_eighty_columns() {
        let state = state();
        for row in state.rows() {
            assert!(component(row, 80).text().chars().count() <= 80);
        }
        assert_eq!(heading(&state, 80).chars().count(), 80);
        assert!(queue_heading(80).chars().count() <= 80);
        assert!(process(&state).iter().all(|line| line.chars().count() <= 80));
        for by in [
            SortBy::Id,
            SortBy::Health,
            SortBy::In,
            SortBy::Out,
            SortBy::Drop,
            SortBy::Bytes,
        ] {
            let mut state = state.clone();
            state.order.by = by;
            assert_eq!(heading(&state, 80).chars().count(), 80, "{by:?}");
        }
    }

    #[test]
    fn plain_text_says_it_all() {
        expect_test::expect![[r#"
            invar http://127.0.0.1:12345/  up 3d 5h  5 components, 1 UNHEALTHY
            CPU 19.0%  memory 45.8 MiB  budget 10.0 MiB of 64.0 MiB (15.6%), 2 waiting

            COMPONENT             HEALTH      CPU▼   IN/S  OUT/S  DROP/S    BYTES/S
            loki.process.shop     healthy    12.4%   1.5k   1.4k     120  244.1 KiB
            loki.write.central    unhealthy   3.0%   1.4k      0       0  219.7 KiB
            loki.source.file.logs healthy     2.1%      0   1.5k       0  244.1 KiB
            local.file.token      healthy       0%      0      0       0        0 B
            mod.a/loki.echo.x     exited        0%      0      0       0        0 B
            loki.write.central is unhealthy: endpoint central: connection refused for the 7th time
            mod.a/loki.echo.x is exited: started component

            QUEUE                      STATE        RECORDS       SIZE   OLDEST  LOSS IN
            loki.write.central#central failing        48.2k    7.2 MiB      34s   1h 13m
            loki.write.central#audit   healthy            0        0 B        -        -
        "#]]
        .assert_eq(&plain(&state()));
    }

    #[test]
    fn an_empty_configuration_is_a_table_without_rows() {
        let mut state = state();
        state.view = View::default();
        assert!(plain(&state).contains("0 components, none unhealthy"));
    }
}
