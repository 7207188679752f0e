//! What is on the screen, and what keys do to it.

use super::rates::{EdgeView, Row, View};
use crate::cli::SortBy;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::cmp::Ordering;

/// Rows that page keys go over.
const PAGE: usize = 10;

/// What is on the screen.
#[derive(Clone, Debug)]
pub struct State {
    /// The address that was asked.
    pub addr: String,
    /// The last answer.
    pub view: View,
    /// Why there is no newer one.
    pub gone: Option<Gone>,
    pub order: Order,
    /// Only components with this in their id, name, health or message are listed.
    pub filter: String,
    /// Keys go to the filter.
    pub typing: bool,
    /// Id of the component that details are shown of.
    pub selected: Option<String>,
    /// The keys are explained.
    pub help: bool,
}

/// The process does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    pub message: String,
    /// Seconds since it answered.
    pub seconds: u64,
}

/// In which order components are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub by: SortBy,
    /// The other way round than the column's own: ids from a to z, the rest from large to small.
    pub reversed: bool,
}

/// What a key asks of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Nothing,
    Quit,
}

impl State {
    pub fn new(addr: &str, by: SortBy, filter: &str) -> State {
        State {
            addr: addr.to_owned(),
            view: View::default(),
            gone: None,
            order: Order { by, reversed: false },
            filter: filter.to_owned(),
            typing: false,
            selected: None,
            help: false,
        }
    }

    /// The components that are listed, in their order.
    pub fn rows(&self) -> Vec<&Row> {
        let wanted = self.filter.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let passes =
            |row: &&Row| wanted.is_empty() || has(&row.id) || has(&row.name) || has(&row.health) || has(&row.message);
        let mut rows: Vec<&Row> = self.view.components.iter().filter(passes).collect();
        rows.sort_by(|a, b| self.order.of(a, b));
        rows
    }

    /// The component that details are shown of, if it is listed, and its place in the list.
    pub fn selected<'a>(&self, rows: &[&'a Row]) -> Option<(usize, &'a Row)> {
        let id = self.selected.as_ref()?;
        let place = rows.iter().position(|row| row.id == *id)?;
        Some((place, rows[place]))
    }

    /// The edges of a component, to its destinations too.
    pub fn edges(&self, id: &str) -> Vec<&EdgeView> {
        let edges = self.view.edges.iter();
        edges.filter(|edge| edge.from == id || edge.to == id).collect()
    }

    /// A key was pressed.
    pub fn press(&mut self, key: KeyEvent) -> Asked {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            if key.code == KeyCode::Char('c') {
                return Asked::Quit;
            }
            return Asked::Nothing;
        }
        if self.typing {
            self.type_into_filter(key.code);
            return Asked::Nothing;
        }
        match key.code {
            KeyCode::Char('q') => return Asked::Quit,
            KeyCode::Char('?') => self.help = !self.help,
            KeyCode::Esc => self.step_back(),
            KeyCode::Char('/') => (self.typing, self.help) = (true, false),
            KeyCode::Char('r') => self.order.reversed = !self.order.reversed,
            KeyCode::Char('n') => self.sort(SortBy::Id),
            KeyCode::Char('h') => self.sort(SortBy::Health),
            KeyCode::Char('c') => self.sort(SortBy::Cpu),
            KeyCode::Char('i') => self.sort(SortBy::In),
            KeyCode::Char('o') => self.sort(SortBy::Out),
            KeyCode::Char('d') => self.sort(SortBy::Drop),
            KeyCode::Char('b') => self.sort(SortBy::Bytes),
            KeyCode::Down | KeyCode::Char('j') => self.select(|at, _| at.map_or(0, |at| at + 1)),
            KeyCode::Up | KeyCode::Char('k') => self.select(|at, _| at.map_or(0, |at| at.saturating_sub(1))),
            KeyCode::PageDown => self.select(|at, _| at.unwrap_or(0) + PAGE),
            KeyCode::PageUp => self.select(|at, _| at.unwrap_or(0).saturating_sub(PAGE)),
            KeyCode::Home | KeyCode::Char('g') => self.select(|_, _| 0),
            KeyCode::End | KeyCode::Char('G') => self.select(|_, last| last),
            _ => {}
        }
        Asked::Nothing
    }

    fn type_into_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(c) => self.filter.push(c),
            _ => {}
        }
    }

    fn step_back(&mut self) {
        if self.help {
            self.help = false;
        } else if self.selected.is_some() {
            self.selected = None;
        } else {
            self.filter.clear();
        }
    }

    /// The key of the column that it is sorted by turns the order round.
    fn sort(&mut self, by: SortBy) {
        self.order = Order {
            by,
            reversed: self.order.by == by && !self.order.reversed,
        };
    }

    /// Selects the row that follows from the one that is selected and from the last one.
    fn select(&mut self, to: impl FnOnce(Option<usize>, usize) -> usize) {
        let rows = self.rows();
        let Some(last) = rows.len().checked_sub(1) else {
            return;
        };
        let at = self.selected(&rows).map(|(place, _)| place);
        self.selected = Some(rows[to(at, last).min(last)].id.clone());
    }
}

impl Order {
    fn of(self, a: &Row, b: &Row) -> Ordering {
        let larger = |a: f64, b: f64| b.total_cmp(&a);
        let order = match self.by {
            SortBy::Id => a.id.cmp(&b.id),
            SortBy::Health => badness(&b.health).cmp(&badness(&a.health)),
            SortBy::Cpu => larger(a.cpu_share, b.cpu_share),
            SortBy::In => larger(a.r#in.items_per_second, b.r#in.items_per_second),
            SortBy::Out => larger(a.out.items_per_second, b.out.items_per_second),
            SortBy::Drop => larger(a.dropped.items_per_second, b.dropped.items_per_second),
            SortBy::Bytes => larger(a.bytes(), b.bytes()),
        };
        let order = if self.reversed { order.reverse() } else { order };
        order.then_with(|| a.id.cmp(&b.id))
    }
}

/// Unhealthy ones come first: one that exited may have done all that it was for.
fn badness(health: &str) -> u8 {
    match health {
        "healthy" => 0,
        "unknown" => 1,
        "exited" => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{row, state};
    use super::*;

    fn press(state: &mut State, keys: &str) -> Asked {
        let mut asked = Asked::Nothing;
        for c in keys.chars() {
            let code = match c {
                '⏎' => KeyCode::Enter,
                '⎋' => KeyCode::Esc,
                '⌫' => KeyCode::Backspace,
                '↓' => KeyCode::Down,
                '↑' => KeyCode::Up,
                '⇟' => KeyCode::PageDown,
                other => KeyCode::Char(other),
            };
            asked = state.press(code.into());
        }
        asked
    }

    fn ids(state: &State) -> Vec<&str> {
        state.rows().iter().map(|row| row.id.as_str()).collect()
    }

    #[test]
    fn columns_sort_and_turn_round() {
        let mut state = state();
        assert_eq!(ids(&state)[0], "loki.process.shop", "the most CPU first");
        press(&mut state, "n");
        assert_eq!(ids(&state)[0], "local.file.token");
        press(&mut state, "n");
        assert_eq!(ids(&state)[0], "mod.a/loki.echo.x");
        press(&mut state, "h");
        assert_eq!(ids(&state)[0], "loki.write.central", "the worst first");
        press(&mut state, "d");
        assert_eq!(ids(&state)[0], "loki.process.shop");
        press(&mut state, "r");
        assert_eq!(ids(&state).last(), Some(&"loki.process.shop"));
    }

    #[test]
    fn the_filter_is_typed_and_cleared() {
        let mut state = state();
        press(&mut state, "/WRitx⌫e");
        assert!(state.typing);
        assert_eq!(ids(&state), ["loki.write.central"]);
        assert_eq!(press(&mut state, "⏎q"), Asked::Quit);
        press(&mut state, "⎋");
        assert_eq!(state.filter, "");
        press(&mut state, "/qr?⎋");
        assert_eq!((state.filter.as_str(), state.typing, state.help), ("", false, false));
        press(&mut state, "/refused⏎");
        assert_eq!(ids(&state), ["loki.write.central"], "by its message");
    }

    #[test]
    fn the_selection_follows_its_component() {
        let mut state = state();
        press(&mut state, "n↓↓");
        assert_eq!(state.selected.as_deref(), Some("loki.process.shop"));
        press(&mut state, "h");
        assert_eq!(state.selected.as_deref(), Some("loki.process.shop"));
        assert_eq!(state.edges("loki.process.shop").len(), 2);
        press(&mut state, "n↑↑↑");
        assert_eq!(state.selected.as_deref(), Some("local.file.token"));
        press(&mut state, "⇟");
        assert_eq!(state.selected.as_deref(), Some("mod.a/loki.echo.x"));
        press(&mut state, "↓g");
        assert_eq!(state.selected.as_deref(), Some("local.file.token"));
        state.view.components = vec![row("other", "healthy", 0.0)];
        assert!(state.selected(&state.rows()).is_none());
        press(&mut state, "G");
        assert_eq!(state.selected.as_deref(), Some("other"));
        state.view.components.clear();
        press(&mut state, "↓⎋");
        assert_eq!(state.selected, None);
    }

    #[test]
    fn some_keys_end_it() {
        let mut state = state();
        assert_eq!(press(&mut state, "q"), Asked::Quit);
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        state.typing = true;
        assert_eq!(state.press(control_c), Asked::Quit);
        state.typing = false;
        assert_eq!(press(&mut state, "?"), Asked::Nothing);
        assert!(state.help);
        press(&mut state, "⎋");
        assert!(!state.help);
    }
}
