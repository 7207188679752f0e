//! `invar top`

mod draw;
mod rates;
mod screen;
mod snapshot;
mod state;
mod table;
#[cfg(test)]
mod testing;
pub(super) mod words;

use super::Outcome;
use crate::cli::Top;
use crate::client::Session;
use crate::output;
use snapshot::Snapshot;
use state::State;
use std::io::IsTerminal;
use std::time::Duration;

/// Watches a running Invar: on the screen, or once as text or JSON.
pub fn run(options: &Top) -> Outcome {
    let session = Session::new(&options.server)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let first = runtime.block_on(Snapshot::take(&session))?;
    let mut state = State::new(session.addr(), options.sort, &options.filter);
    let once = options.once || options.server.json || !std::io::stdout().is_terminal();
    if !once {
        drop(runtime);
        return screen::run(session, first, state, options.interval);
    }
    let second = runtime.block_on(later(&session, options.interval))?;
    state.view = rates::view(Some(&first), second);
    if options.server.json {
        state.view.components = state.rows().into_iter().cloned().collect();
        output::write(format!("{:#}\n", serde_json::to_value(&state.view)?).as_bytes())?;
    } else {
        output::write(table::plain(&state).as_bytes())?;
    }
    Ok(())
}

async fn later(session: &Session, interval: Duration) -> Result<Snapshot, String> {
    tokio::time::sleep(interval).await;
    Snapshot::take(session).await
}
