//! The state on a screen. Nothing is told by colour alone.

use super::state::State;
use super::table;
use super::words::{count, line, rate, squeeze};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

/// Lines for the process and what is the matter.
const HEADER: usize = 3;
/// Most lines for queues, with their heading and the space above.
const QUEUES: usize = 7;
/// Lines for details of a component: id, health, edges.
const DETAILS: usize = 7;
/// Lines that the table has at least while there is room.
const TABLE: usize = 4;

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    pub color: bool,
}

impl Theme {
    fn with(self, color: Color) -> Style {
        if self.color {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }

    fn health(self, state: &str) -> Style {
        match state {
            "healthy" => self.with(Color::Green),
            "unknown" => self.with(Color::Yellow),
            "exited" => Style::new().add_modifier(Modifier::DIM),
            _ => self.with(Color::Red).add_modifier(Modifier::BOLD),
        }
    }
}

/// Draws the state.
pub fn draw(frame: &mut Frame, state: &State, theme: Theme) {
    let area = frame.area();
    let width = usize::from(area.width);
    let mut lines = header(state, theme);
    if state.help {
        lines.extend(help());
    } else {
        let room = usize::from(area.height).saturating_sub(HEADER + 1);
        let details = details(state, theme, width);
        let queues = queues(state, theme, width);
        let details = &details[..details.len().min(room.saturating_sub(TABLE))];
        let queues = &queues[..queues.len().min(room.saturating_sub(TABLE + details.len()))];
        let table = room - details.len() - queues.len();
        lines.extend(components(state, theme, width, table));
        lines.resize(HEADER + table, Line::default());
        lines.extend_from_slice(details);
        lines.extend_from_slice(queues);
    }
    lines.truncate(usize::from(area.height).saturating_sub(1));
    lines.resize(usize::from(area.height).saturating_sub(1), Line::default());
    lines.push(footer(state));
    for (row, line) in (area.y..area.bottom()).zip(&lines) {
        let row = Rect::new(area.x, row, area.width, 1);
        frame.render_widget(line, row);
    }
}

fn header(state: &State, theme: Theme) -> Vec<Line<'static>> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let [first, second] = table::process(state);
    let third = match (&state.gone, state.typing, state.filter.is_empty()) {
        (Some(gone), ..) => {
            let text = format!(
                "NO ANSWER for {} s, trying again: {}",
                gone.seconds,
                line(&gone.message)
            );
            Line::styled(text, theme.with(Color::Red).add_modifier(Modifier::BOLD))
        }
        (None, true, _) => Line::styled(format!("filter: {}_", state.filter), bold),
        (None, false, false) => {
            let (shown, all) = (state.rows().len(), state.view.components.len());
            Line::raw(format!("filter: {} ({shown} of {all}, Esc clears it)", state.filter))
        }
        (None, false, true) => Line::default(),
    };
    vec![Line::styled(first, bold), Line::raw(second), third]
}

/// The table, in so many lines with its heading.
fn components(state: &State, theme: Theme, width: usize, room: usize) -> Vec<Line<'static>> {
    let rows = state.rows();
    let selected = state.selected(&rows).map(|(place, _)| place);
    let heading = Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED);
    // Two columns are for the mark of the selected row.
    let width = width.saturating_sub(2);
    let mut lines = vec![Line::styled(format!("  {}", table::heading(state, width)), heading)];
    let room = room.saturating_sub(1);
    let last_start = rows.len().saturating_sub(room);
    // The selected row stays in the middle, but for the ends of the list.
    let start = selected.map_or(0, |at| at.saturating_sub(room / 2)).min(last_start);
    for (place, row) in rows.iter().enumerate().skip(start).take(room) {
        let cells = table::component(row, width);
        let dropping = row.dropped.items_per_second > 0.0;
        let drop = if dropping {
            theme.with(Color::Yellow)
        } else {
            Style::new()
        };
        let marked = selected == Some(place);
        let line = Line::from(vec![
            Span::raw(if marked { "> " } else { "  " }),
            Span::raw(cells.id),
            Span::styled(cells.health, theme.health(&row.health)),
            Span::raw(cells.before_drop),
            Span::styled(cells.drop, drop),
            Span::raw(cells.after_drop),
        ]);
        lines.push(if marked {
            line.patch_style(Style::new().add_modifier(Modifier::REVERSED))
        } else {
            line
        });
    }
    if rows.is_empty() {
        let text = if state.filter.is_empty() {
            "no components"
        } else {
            "no component passes the filter"
        };
        lines.push(Line::raw(format!("  {text}")));
    }
    lines
}

/// The selected component: how it is doing, and its edges.
fn details(state: &State, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let rows = state.rows();
    let Some((_, row)) = state.selected(&rows) else {
        return Vec::new();
    };
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut lines = vec![
        Line::styled(format!("── {} ", line(&row.id)), bold),
        Line::from(vec![
            Span::styled(line(&row.health), theme.health(&row.health)),
            Span::raw(format!(": {}", line(&row.message))),
        ]),
    ];
    let edges = state.edges(&row.id);
    let room = DETAILS - lines.len();
    // If not all of them fit, the last line says how many are missing.
    let shown = if edges.len() > room { room - 1 } else { edges.len() };
    let name_width = width.saturating_sub(48).max(12);
    for edge in &edges[..shown] {
        let (way, other) = if edge.from == row.id {
            ("to", &edge.to)
        } else {
            ("from", &edge.from)
        };
        let other = if other.is_empty() { "(nowhere)" } else { other };
        lines.push(Line::raw(format!(
            "{way:>4} {:<name_width$} {:>6}/s  {:>6} in flight  {:>6} dropped",
            squeeze(&line(other), name_width),
            rate(edge.items_per_second),
            count(edge.in_flight as f64),
            count(edge.dropped as f64)
        )));
    }
    if edges.is_empty() {
        lines.push(Line::raw("     no record has passed it yet"));
    } else if shown < edges.len() {
        lines.push(Line::raw(format!("     and {} more", edges.len() - shown)));
    }
    lines
}

fn queues(state: &State, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let queues = &state.view.queues;
    if queues.is_empty() {
        return Vec::new();
    }
    let heading = Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED);
    let width = width.saturating_sub(2);
    let mut lines = vec![
        Line::default(),
        Line::styled(format!("  {}", table::queue_heading(width)), heading),
    ];
    let room = QUEUES - lines.len();
    let shown = if queues.len() > room { room - 1 } else { queues.len() };
    // Those that hold something come first.
    let mut order: Vec<_> = queues.iter().collect();
    order.sort_by(|a, b| b.depth_bytes.total_cmp(&a.depth_bytes));
    for queue in &order[..shown] {
        let style = match queue.state.as_str() {
            "healthy" => Style::new(),
            "failing" => theme.with(Color::Red),
            _ => theme.with(Color::Yellow),
        };
        lines.push(Line::styled(format!("  {}", table::queue(queue, width)), style));
    }
    if shown < queues.len() {
        lines.push(Line::raw(format!("  and {} more", queues.len() - shown)));
    }
    lines
}

fn footer(state: &State) -> Line<'static> {
    let text = match (state.typing, state.help) {
        (true, _) => "Enter keeps the filter  Esc clears it",
        (_, true) => "? or Esc closes the help  q quits",
        _ => "q quit  ? help  / filter  ↑↓ select  sort: n h c i o d b  r reverse",
    };
    Line::styled(text, Style::new().add_modifier(Modifier::REVERSED))
}

fn help() -> Vec<Line<'static>> {
    let text = "\
q, Ctrl-C      quit
?              this help
/              list only what has a text in its id, name, health or message
Esc            close help, then details, then clear the filter
↑ ↓, k j       select a component: its health, message and edges show below
PgUp PgDn      ten rows at once; Home, End: the first, the last
n h            sort by component name, health
c i o d b      sort by CPU, in, out, dropped, bytes
r              reverse the order

CPU       share of one core that a component worked in the last interval
IN/S      records a second that it took       OUT/S   that it passed on
DROP/S    that it dropped by a rule, refused, or gave up
BYTES/S   bytes of IN or OUT, whichever is more
LOSS IN   when the queue is full at the present rate";
    text.lines().map(Line::raw).collect()
}

#[cfg(test)]
mod tests;
