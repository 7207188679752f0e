//! `invar gql` against a server that answers what a test wants, and against the program.

use crate::support::{Running, invar, texts};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

/// Answers one request with a status and a body; gives back the request's head and body.
fn server(status: &'static str, answer: &'static str) -> (String, JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let addr = format!("http://{}", listener.local_addr().expect("it is bound"));
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client comes");
        let mut text = String::new();
        let mut chunk = [0; 4096];
        let (head, body) = loop {
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && body.len() >= length(head)
            {
                break (head.to_owned(), body.to_owned());
            }
            match stream.read(&mut chunk).expect("the client sends") {
                0 => panic!("the client went away: {text}"),
                n => text.push_str(&String::from_utf8_lossy(&chunk[..n])),
            }
        };
        let lengths = format!("content-length: {}\r\nconnection: close", answer.len());
        write!(stream, "HTTP/1.1 {status}\r\n{lengths}\r\n\r\n{answer}").expect("the client listens");
        (head, body)
    });
    (addr, answering)
}

fn length(head: &str) -> usize {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().and_then(|(_, value)| value.trim().parse().ok());
    length.unwrap_or(0)
}

#[test]
fn data_is_printed_for_people() {
    let (addr, served) = server("200 OK", r#"{"data":{"alloy":{"isReady":true}}}"#);
    let (out, error, code) = texts(&invar(&["gql", "--addr", &addr, "alloy { isReady }"], ""));
    assert_eq!((error.as_str(), code), ("", 0));
    assert_eq!(out, "{\n  \"alloy\": {\n    \"isReady\": true\n  }\n}\n");
    let (head, body) = served.join().expect("it served");
    assert!(head.starts_with("POST /graphql "), "{head}");
    assert!(head.to_lowercase().contains("content-type: application/json"), "{head}");
    assert_eq!(body, r#"{"query":"query { alloy { isReady }\n}"}"#);
}

#[test]
fn the_endpoint_may_be_elsewhere_and_the_query_in_standard_input() {
    let (addr, served) = server("200 OK", r#"{"data":{}}"#);
    let endpoint = format!("{addr}/ui/graphql");
    let (_, error, code) = texts(&invar(&["gql", "--endpoint", &endpoint, "-"], "{ alloy { version } }"));
    assert_eq!((error.as_str(), code), ("", 0));
    let (head, body) = served.join().expect("it served");
    assert!(head.starts_with("POST /ui/graphql "), "{head}");
    assert_eq!(body, r#"{"query":"{ alloy { version } }"}"#);
}

#[test]
fn errors_go_to_standard_error() {
    let answer = r#"{"data":{"a":null},"errors":[{"message":"broken","path":["a"]},{"message":"odd"}]}"#;
    let (addr, served) = server("422 Unprocessable Entity", answer);
    let (out, error, code) = texts(&invar(&["gql", "--addr", &addr, "a"], ""));
    assert_eq!((out.as_str(), code), ("{\n  \"a\": null\n}\n", 1));
    assert_eq!(error, "Error: broken (at a)\nError: odd\n");
    served.join().expect("it served");
}

#[test]
fn what_is_no_graphql_is_said_to_be_none() {
    let (addr, served) = server("404 Not Found", "404 page not found\n");
    let (_, error, code) = texts(&invar(&["gql", "--addr", &addr, "a"], ""));
    assert_eq!(code, 1);
    assert!(error.contains("--server.http.enable-graphql"), "{error}");
    served.join().expect("it served");

    let (addr, served) = server("200 OK", "<html>");
    let (_, error, code) = texts(&invar(&["gql", "--addr", &addr, "a"], ""));
    assert_eq!(code, 1);
    assert!(error.contains("answers 200 OK, and no GraphQL: <html>"), "{error}");
    served.join().expect("it served");

    let (_, error, code) = texts(&invar(&["gql", "--endpoint", &addr, "--addr", &addr, "a"], ""));
    assert_eq!(code, 1);
    assert!(error.contains("cannot be used with"), "{error}");
}

#[test]
fn a_running_program_is_asked() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("config.alloy");
    std::fs::write(&config, "loki.echo \"e\" {}\n").expect("the folder is writable");
    let flags = [
        "--stability.level=experimental",
        "--server.http.enable-graphql",
        "--server.http.enable-graphql-playground",
    ];
    let running = Running::start(dir.path(), &config, &flags);
    let addr = format!("127.0.0.1:{}", running.port());
    let query = "alloy { isReady } component(id: \"loki.echo.e\") { name arguments }";
    let (out, error, code) = texts(&invar(&["gql", "--addr", &addr, query], ""));
    assert_eq!(code, 0, "{error}");
    let answer: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(answer["alloy"]["isReady"], true);
    assert_eq!(answer["component"]["name"], "loki.echo");
    assert_eq!(answer["component"]["arguments"], "[]");
    let page = running.get("/graphql/playground").expect("an answer");
    assert!(page.status == 200 && page.body.contains("<textarea"), "{}", page.body);
    let (_, error, code) = texts(&invar(&["gql", "--addr", &addr, "nothing"], ""));
    assert!(code == 1 && error.contains("nothing"), "{error}");
}
