//! `invar ledger`

use super::{Failure, Outcome};
use crate::cli::Ledger;
use crate::{client, output};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;

#[derive(Deserialize)]
struct Page {
    edges: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    from: String,
    to: String,
    entered: Count,
    delivered: Count,
    filtered: BTreeMap<String, Count>,
    rejected: BTreeMap<String, Count>,
    expired: BTreeMap<String, Count>,
    dead_lettered: BTreeMap<String, Count>,
    returned: Count,
    lost: Count,
    in_flight: Count,
    balanced: bool,
}

#[derive(Deserialize)]
struct Count {
    items: u64,
    bytes: u64,
}

/// Prints the ledger of a running Invar.
pub fn run(options: &Ledger) -> Outcome {
    let body = client::get(&options.server, "/api/v0/invar/ledger", &[])?;
    let page: Page = serde_json::from_slice(&body)
        .map_err(|error| format!("the answer of {} is not a ledger: {error}", options.server.addr))?;
    if options.server.json {
        output::write(&body)?;
        output::write(b"\n")?;
    } else {
        output::write(text(&page).as_bytes())?;
    }
    let wrong: Vec<String> = page
        .edges
        .iter()
        .filter(|edge| !edge.balanced)
        .map(|edge| format!("{} -> {}", edge.from, edge.to))
        .collect();
    if options.strict && !wrong.is_empty() {
        return Err(Failure::Message(format!(
            "these edges do not balance: {}",
            wrong.join(", ")
        )));
    }
    Ok(())
}

fn text(page: &Page) -> String {
    if page.edges.is_empty() {
        return "No record has passed between components yet.\n".to_owned();
    }
    let mut out = String::new();
    for edge in &page.edges {
        let to = if edge.to.is_empty() { "(nowhere)" } else { &edge.to };
        let verdict = if edge.balanced { "balances" } else { "DOES NOT BALANCE" };
        let _ = writeln!(out, "{} -> {to}: {verdict}", edge.from);
        let mut line = |name: &str, count: &Count| {
            if count.items > 0 || name == "entered" {
                let _ = writeln!(
                    out,
                    "  {name:<28} {:>14} records {:>16} bytes",
                    count.items, count.bytes
                );
            }
        };
        line("entered", &edge.entered);
        line("delivered", &edge.delivered);
        for (fate, reasons) in [
            ("filtered", &edge.filtered),
            ("rejected", &edge.rejected),
            ("expired", &edge.expired),
            ("dead-lettered", &edge.dead_lettered),
        ] {
            for (reason, count) in reasons {
                line(&format!("{fate} ({reason})"), count);
            }
        }
        line("returned to the sender", &edge.returned);
        line("LOST", &edge.lost);
        line("in flight", &edge.in_flight);
    }
    out
}
