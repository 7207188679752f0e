//! `tail`: a WebSocket that sends what is there and then what comes.

use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;

use crate::params::Params;
use crate::query::{Direction, Query, QueryError};
use crate::render::{self, Metadata};
use crate::store::Store;

/// Entries that a tail starts with, if the client does not say.
const HISTORY: usize = 100;

/// Checks the parameters, then goes over to the WebSocket protocol.
pub(crate) fn start(
    store: &Arc<Store>,
    tenant: String,
    params: &Params,
    style: Metadata,
    upgrade: WebSocketUpgrade,
) -> Result<Response, QueryError> {
    let mut query = Query::new(params.required("query")?)?;
    let now = store.clock.now();
    query.start = match params.time("start")? {
        Some(start) => start,
        None => now.saturating_sub(crate::params::HOUR),
    };
    query.limit = params.limit(HISTORY, store.config().max_query_entries)?;
    // The newest ones, shown oldest first.
    query.direction = Direction::Backward;
    // The connection must not keep the store alive, or the end of the store could not end the connection.
    let (mut found, subscription) = store.query_and_follow(&tenant, &query);
    for stream in &mut found {
        stream.entries.reverse();
    }
    Ok(upgrade.on_upgrade(async move |socket| {
        let history = (!found.is_empty()).then(|| render::tail_history(&found, style));
        drop(found);
        // An error means that the client has gone.
        let _gone = follow(socket, history, subscription, style).await;
    }))
}

async fn follow(
    mut socket: WebSocket,
    history: Option<String>,
    mut subscription: crate::Subscription,
    style: Metadata,
) -> Result<(), axum::Error> {
    if let Some(history) = history {
        socket.send(Message::Text(history.into())).await?;
    }
    loop {
        tokio::select! {
            batch = subscription.recv() => match batch {
                Some(batch) => socket.send(Message::Text(render::tail_batch(&batch, style).into())).await?,
                None => return socket.send(Message::Close(None)).await,
            },
            // Nothing is expected from the client, but reading answers its pings and notices when it leaves.
            message = socket.recv() => match message {
                Some(Ok(Message::Close(_))) | None => return Ok(()),
                Some(Err(error)) => return Err(error),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Binary(_))) => {}
            },
        }
    }
}
