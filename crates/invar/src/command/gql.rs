//! `invar gql`

use super::{Failure, Outcome};
use crate::cli::Gql;
use crate::client::Session;
use crate::output;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Read;

/// An answer, as GraphQL's specification says (section 7.1).
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    data: Value,
    #[serde(default)]
    errors: Vec<Error>,
}

#[derive(Deserialize)]
struct Error {
    message: String,
    #[serde(default)]
    path: Vec<Value>,
    #[serde(default)]
    locations: Vec<Location>,
}

#[derive(Deserialize)]
struct Location {
    line: u64,
    column: u64,
}

/// Sends a query to a running Invar and prints what it answers.
pub fn run(options: &Gql) -> Outcome {
    let query = match options.query.as_str() {
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            text
        }
        text => text.to_owned(),
    };
    let session = match &options.endpoint {
        Some(endpoint) => Session::at("--endpoint", endpoint, "http://127.0.0.1:12345/graphql")?,
        None => Session::at("--addr", &endpoint(&options.addr), "http://127.0.0.1:12345")?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let body = json!({ "query": whole(&query) }).to_string().into_bytes();
    let answer = runtime.block_on(session.post_here(body))?;
    let status = answer.status.as_u16();
    if matches!(status, 404 | 405) {
        return Err(Failure::Message(format!(
            "{} is not GraphQL: start Invar with --server.http.enable-graphql",
            session.addr()
        )));
    }
    let page: Page = serde_json::from_slice(&answer.body).map_err(|_| {
        let text = answer.text();
        format!("{} answers {}, and no GraphQL: {text}", session.addr(), answer.status)
    })?;
    if !page.data.is_null() {
        output::write(format!("{:#}\n", page.data).as_bytes())?;
    }
    for error in &page.errors {
        output::complain(&format!("Error: {}", said(error)));
    }
    if page.errors.is_empty() {
        Ok(())
    } else {
        Err(Failure::Reported)
    }
}

/// GraphQL at an address.
fn endpoint(addr: &str) -> String {
    format!("{}/graphql", addr.trim_end_matches('/'))
}

/// The document: a selection without braces becomes a query.
fn whole(text: &str) -> String {
    let mut rest = text;
    loop {
        // What GraphQL ignores between tokens.
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',' || c == '\u{feff}');
        match rest.strip_prefix('#') {
            Some(comment) => rest = comment.split_once('\n').map_or("", |(_, rest)| rest),
            None => break,
        }
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let word = rest.split(|c: char| !is_name(c)).next().unwrap_or_default();
    let is_definition = matches!(word, "query" | "mutation" | "subscription" | "fragment");
    if rest.starts_with('{') || is_definition {
        text.to_owned()
    } else {
        format!("query {{ {text}\n}}")
    }
}

fn said(error: &Error) -> String {
    let mut text = error.message.clone();
    let steps: Vec<String> = error
        .path
        .iter()
        .map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned))
        .collect();
    if !steps.is_empty() {
        text.push_str(&format!(" (at {})", steps.join(".")));
    } else if let Some(place) = error.locations.first() {
        text.push_str(&format!(" (line {}, column {})", place.line, place.column));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_selection_becomes_a_query() {
        for (given, sent) in [
            ("components { id }", "query { components { id }\n}"),
            ("queries", "query { queries\n}"),
            (
                "# all\n, components { id } # of them",
                "query { # all\n, components { id } # of them\n}",
            ),
        ] {
            assert_eq!(whole(given), sent);
        }
        for document in [
            "{ alloy { version } }",
            "query { x }",
            "query Q($id: ID!) { x }",
            "\n # note\n fragment F on Alloy { version } { alloy { ...F } }",
            "mutation { x }",
        ] {
            assert_eq!(whole(document), document);
        }
    }

    #[test]
    fn errors_name_their_place() {
        let error = |text: &str| said(&serde_json::from_str(text).expect("an error"));
        assert_eq!(
            error(r#"{"message": "no", "path": ["components", 3, "id"], "locations": [{"line": 1, "column": 2}]}"#),
            "no (at components.3.id)"
        );
        assert_eq!(
            error(r#"{"message": "no", "locations": [{"line": 1, "column": 2}]}"#),
            "no (line 1, column 2)"
        );
        assert_eq!(error(r#"{"message": "no"}"#), "no");
    }

    #[test]
    fn the_endpoint_is_at_the_address() {
        assert_eq!(endpoint("http://x:1/"), "http://x:1/graphql");
        assert_eq!(endpoint("x:1"), "x:1/graphql");
    }
}
