//! A store with a few streams that never fall silent, to look at the page and to point a Loki client at:
//! `cargo run -p memstore --example serve [ADDRESS]`.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use host::{Clock, SystemClock};
use lokipush::{Entry, PushRequest, Stream, StreamLabels};
use memstore::{Config, Store, router};

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3100".into());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("http://{}/", listener.local_addr()?);
    let store = Arc::new(Store::new(Config::default()));
    tokio::spawn(chatter(store.clone()));
    axum::serve(listener, router(store)).await
}

async fn chatter(store: Arc<Store>) {
    for i in 0u64.. {
        let (app, level, line) = match i % 5 {
            0 => ("api", "error", format!("request {i} failed: connection reset by peer")),
            1 => ("web", "warn", format!("slow answer to request {i}")),
            _ => ("api", "info", format!("request {i} served in {} ms", i * 7 % 90)),
        };
        let labels = [("app", app), ("level", level)].map(|(n, v)| (n.to_owned(), v.to_owned()));
        let entry = Entry {
            timestamp: SystemClock.now(),
            line: Cow::Owned(line.into_bytes()),
            metadata: vec![("request_id".into(), i.to_string().into())],
        };
        let stream = Stream {
            labels: StreamLabels::Pairs(labels.into()),
            entries: vec![entry],
        };
        if let Err(error) = store.push("", &PushRequest { streams: vec![stream] }) {
            eprintln!("{error}");
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
