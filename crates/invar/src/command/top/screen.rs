//! The terminal: what comes from the process and from the keys goes into the state, and the state is drawn.

use super::draw::{Theme, draw};
use super::rates;
use super::snapshot::Snapshot;
use super::state::{Asked, Gone, State};
use crate::client::Session;
use crate::command::Outcome;
use crate::output;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// How soon a key or an answer is seen.
const BEAT: Duration = Duration::from_millis(50);

/// What the thread that asks has to tell.
enum News {
    Seen(Box<Snapshot>),
    Gone(String),
    /// A signal asked the program to end.
    Stop,
}

/// Shows the state until the user has seen enough. `first` is what was seen already.
pub fn run(session: Session, first: Snapshot, mut state: State, interval: Duration) -> Outcome {
    let (sender, news) = channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asking = std::thread::Builder::new().name("asking".to_owned());
    asking.spawn(move || runtime.block_on(ask(&session, interval, &sender)))?;
    let theme = Theme {
        color: output::color_out(),
    };
    state.view = rates::view(None, first.clone());
    // Installs a hook that gives the terminal back before a panic is reported.
    let mut terminal = ratatui::try_init()?;
    let outcome = show(&mut terminal, &mut state, theme, first, &news);
    ratatui::try_restore()?;
    outcome
}

/// Looks again and again. Ends when nobody listens any more.
async fn ask(session: &Session, interval: Duration, news: &Sender<News>) {
    let stopped = async {
        let Ok(mut terminate) = signal(SignalKind::terminate()) else {
            return std::future::pending().await;
        };
        let Ok(mut interrupt) = signal(SignalKind::interrupt()) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let looking = async {
        loop {
            tokio::time::sleep(interval).await;
            let seen = match Snapshot::take(session).await {
                Ok(snapshot) => News::Seen(Box::new(snapshot)),
                Err(message) => News::Gone(message),
            };
            if news.send(seen).is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = stopped => drop(news.send(News::Stop)),
        () = looking => {}
    }
}

fn show(
    terminal: &mut DefaultTerminal,
    state: &mut State,
    theme: Theme,
    mut before: Snapshot,
    news: &Receiver<News>,
) -> Outcome {
    let mut last = Instant::now();
    loop {
        terminal.draw(|frame| draw(frame, state, theme))?;
        let mut changed = false;
        while !changed {
            if event::poll(BEAT)? {
                changed = true;
                // A screen of another size is drawn again, as after any key.
                if let Event::Key(key) = event::read()?
                    && key.kind != KeyEventKind::Release
                    && state.press(key) == Asked::Quit
                {
                    return Ok(());
                }
            }
            match news.try_recv() {
                Ok(News::Seen(snapshot)) => {
                    state.view = rates::view(Some(&before), (*snapshot).clone());
                    state.gone = None;
                    before = *snapshot;
                    last = Instant::now();
                    changed = true;
                }
                Ok(News::Gone(message)) => {
                    state.gone = Some(Gone {
                        message: cause(&message, &state.addr).to_owned(),
                        seconds: last.elapsed().as_secs(),
                    });
                    changed = true;
                }
                Ok(News::Stop) => return Ok(()),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return Err("asking broke off".into()),
            }
        }
    }
}

/// What a line with little room needs of a message: its address and its advice are known already.
fn cause<'m>(message: &'m str, addr: &str) -> &'m str {
    let whole = format!("no Invar answers at {addr}: ");
    let cause = message.strip_prefix(&whole).unwrap_or(message);
    cause.split("; is it running").next().unwrap_or(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_down_to_its_cause() {
        let message = "no Invar answers at http://x/: connection refused; is it running, and is --addr its address?";
        assert_eq!(cause(message, "http://x/"), "connection refused");
        assert_eq!(
            cause("http://x/ wants credentials", "http://x/"),
            "http://x/ wants credentials"
        );
    }
}
