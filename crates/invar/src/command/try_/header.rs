//! The first lines on the screen: what was found, where it can be asked for, and what to type.

use super::discover::Found;
use super::endpoints::Endpoint;
use super::screen::{Screen, escape};
use super::{LISTEN, reachable};
use crate::cli::Try;
use std::fmt::Write;
use std::net::SocketAddr;

/// Endpoints that are named.
const NAMED: usize = 4;

/// What the first lines are about.
pub struct Header<'a> {
    /// What the user asked for.
    pub options: &'a Try,
    /// Log files.
    pub found: &'a Found,
    /// Whether they are a demo.
    pub demo: bool,
    /// What is scraped besides the machine.
    pub endpoints: &'a [Endpoint],
    /// Where the page is.
    pub address: SocketAddr,
    /// Where OTLP is taken: gRPC, and HTTP.
    pub otlp: [SocketAddr; 2],
}

impl Header<'_> {
    /// The lines.
    pub fn text(&self, screen: &Screen) -> String {
        let title = if self.demo {
            "Invar: no log files found here: showing a demo log.".to_owned()
        } else {
            let files = many(self.found.files() as u64, "log file");
            format!("Invar follows {files} of this machine.")
        };
        let mut text = format!("{}\n", screen.paint("1", &title));
        for (name, value) in self.lines() {
            let _ = writeln!(text, "{} {value}", screen.paint("2", &format!("{name:>9}")));
        }
        text.push('\n');
        text
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let Header {
            options,
            found,
            address,
            ..
        } = *self;
        let url = format!("http://{}", reachable(address));
        let mut lines = vec![("page", format!("{url}/")), ("metrics", self.scraped())];
        lines.push(("otlp", otlp(self.otlp)));
        let ask = |path: &str, query: &str| format!("curl -sG {url}{path} --data-urlencode 'query={query}'");
        lines.push(("query", ask("/loki/api/v1/query_range", "{job=~\".+\"}")));
        lines.push((
            "",
            ask("/api/v1/query", "sum by (mode) (rate(node_cpu_seconds_total[1m]))"),
        ));
        lines.push(("", format!("curl -s {url}/api/search  # then {url}/api/traces/ID")));
        lines.push((
            "grafana",
            format!("data sources Loki, Prometheus and Tempo, each with the URL {url}"),
        ));
        let given = |flag: &'static str, values: &[String]| -> String {
            values.iter().map(|value| format!(" {flag} {}", shell(value))).collect()
        };
        let (paths, metrics) = (given("--path", &options.paths), given("--metrics", &options.metrics));
        lines.push(("config", format!("invar try --print-config{paths}{metrics}")));
        lines.push(("stop", "Ctrl-C".to_owned()));
        if self.demo {
            lines.push(("files", "name yours with --path '/folder/*.log'".to_owned()));
        }
        if options.listen.is_none() && address.port() != LISTEN.port() {
            let note = format!(
                "port {} is in use, so that the page is on port {}",
                LISTEN.port(),
                address.port()
            );
            lines.push(("note", note));
        }
        if !address.ip().is_loopback() {
            let note = format!("whoever can reach {address} can read all of this: there is no password");
            lines.push(("note", note));
        }
        if found.unreadable > 0 {
            lines.push((
                "note",
                format!("not readable by this user: {}; sudo helps", found.unreadable),
            ));
        }
        if found.left_out > 0 {
            let note = format!(
                "not followed, written longer ago: {}; name files with --path",
                found.left_out
            );
            lines.push(("note", note));
        }
        lines
    }

    /// What has metrics.
    fn scraped(&self) -> String {
        let mut text = "this machine".to_owned();
        for endpoint in self.endpoints.iter().take(NAMED) {
            let _ = write!(text, ", {}", escape(endpoint.url().as_bytes(), 200));
        }
        if self.endpoints.len() > NAMED {
            let _ = write!(text, " and {} more", self.endpoints.len() - NAMED);
        }
        text
    }
}

/// Where programs can send OTLP.
pub fn otlp([grpc, http]: [SocketAddr; 2]) -> String {
    format!("logs, metrics and traces over gRPC to {grpc}, over HTTP to http://{http}")
}

/// A number of things.
pub fn many(count: u64, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

/// A word for a shell, safe to print.
fn shell(word: &str) -> String {
    let word = escape(word.as_bytes(), usize::MAX);
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(shell("/a/*.log"), "'/a/*.log'");
        assert_eq!(shell("it's"), r"'it'\''s'");
        assert_eq!(shell("a\x1b[2Jb"), r"'a\x1b[2Jb'");
    }
}
