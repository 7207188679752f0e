//! Smart HTTP, served by `git http-backend` as a CGI program.

use crate::clone::revisions_mean_what_they_should;
use crate::kit::{Work, error, has, repository, sync, sync_as, text};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use git::Auth;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

#[derive(Clone)]
struct Served {
    root: PathBuf,
    /// What the `Authorization` header has to be.
    wanted: Option<String>,
    /// Authorization headers that came.
    came: Arc<Mutex<Vec<Option<String>>>>,
    /// Where requests for the repository are sent instead.
    elsewhere: Arc<Mutex<Option<String>>>,
}

/// A server on loopback; ends with the process.
fn serve(root: PathBuf, wanted: Option<&str>) -> (String, Served) {
    let served = Served {
        root,
        wanted: wanted.map(|pair| {
            format!(
                "Basic {}",
                base64::engine::general_purpose::STANDARD.encode(pair.as_bytes())
            )
        }),
        came: Arc::default(),
        elsewhere: Arc::default(),
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(handle).with_state(served.clone());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await
        })
    });
    (url, served)
}

async fn handle(State(served): State<Served>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
    let authorization = parts.headers.get(header::AUTHORIZATION);
    let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
    served.came.lock().unwrap().push(authorization.clone());
    if let Some(elsewhere) = &*served.elsewhere.lock().unwrap() {
        let to = format!("{elsewhere}{}", parts.uri);
        return (StatusCode::FOUND, [(header::LOCATION, to)]).into_response();
    }
    if served.wanted.is_some() && authorization != served.wanted {
        return (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, "Basic realm=\"git\"")],
        )
            .into_response();
    }
    let headers = parts.headers.clone();
    let (method, uri) = (parts.method.to_string(), parts.uri.clone());
    let answer = move || {
        backend(
            &served.root,
            &method,
            uri.path(),
            uri.query().unwrap_or_default(),
            &headers,
            &body,
        )
    };
    tokio::task::spawn_blocking(answer).await.unwrap()
}

fn backend(root: &PathBuf, method: &str, path: &str, query: &str, headers: &HeaderMap, body: &Bytes) -> Response {
    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let mut child = Command::new("git")
        .args(["-c", "safe.directory=*", "http-backend"])
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", text("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("GIT_PROTOCOL", text("git-protocol"))
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    let output = child.wait_with_output().unwrap().stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = match name {
            "Status" => response.status(value[..3].parse::<u16>().unwrap()),
            _ => response.header(name, value),
        };
    }
    response.body(output[end + 4..].to_vec().into()).unwrap()
}

#[test]
fn revisions_over_http_with_a_password() {
    if !has("git", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let work = Work::new(&dir.path().join("work"));
    let (url, served) = serve(dir.path().to_owned(), Some("me:hunter2"));
    let auth = Auth::Basic {
        username: "me".to_owned(),
        password: "hunter2".to_owned(),
    };
    revisions_mean_what_they_should(&work, &format!("{url}/work/.git"), &dir.path().join("data"), &auth);
    assert!(served.came.lock().unwrap().iter().all(Option::is_some));
}

#[test]
fn credentials_may_stand_in_the_address_and_never_in_errors() {
    if !has("git", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let work = Work::new(&dir.path().join("work"));
    let (url, _) = serve(dir.path().to_owned(), Some("me:hunter2"));
    let host = url.strip_prefix("http://").unwrap();
    let data = dir.path().join("data");
    let repo = repository(&format!("http://me:hunter2@{host}/work/.git"), &data);
    assert_eq!(text(&sync(&repo, "main").unwrap(), "modules/a.alloy"), "one");
    assert!(
        !std::fs::read_to_string(data.join("repo.git/config"))
            .unwrap()
            .contains("hunter2")
    );

    let wrong = Auth::Basic {
        username: "me".to_owned(),
        password: "wrong-password".to_owned(),
    };
    let refused = error(sync_as(
        &repository(&format!("{url}/work/.git"), &dir.path().join("b")),
        "main",
        &wrong,
    ));
    assert!(
        refused.contains("the server refuses the credentials (HTTP status 401"),
        "{refused}"
    );
    assert!(!refused.contains("wrong-password"), "{refused}");
    let none = error(sync(
        &repository(&format!("{url}/work/.git"), &dir.path().join("c")),
        "main",
    ));
    assert!(none.contains("set \"basic_auth\""), "{none}");
    // Where it worked before, the old copy is used.
    work.commit("x", "x");
    let snapshot = sync_as(&repo, "main", &wrong).unwrap();
    assert!(
        snapshot.caveat().unwrap().contains("refuses the credentials"),
        "{:?}",
        snapshot.caveat()
    );
}

#[test]
fn redirects_are_followed_without_the_credentials() {
    if !has("git", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let _work = Work::new(&dir.path().join("work"));
    let (here, first) = serve(dir.path().to_owned(), None);
    let (there, second) = serve(dir.path().to_owned(), None);
    *first.elsewhere.lock().unwrap() = Some(there);
    let auth = Auth::Basic {
        username: "me".to_owned(),
        password: "hunter2".to_owned(),
    };
    let repo = repository(&format!("{here}/work/.git"), &dir.path().join("data"));
    assert_eq!(text(&sync_as(&repo, "main", &auth).unwrap(), "modules/a.alloy"), "one");
    assert_eq!(first.came.lock().unwrap().len(), 1);
    assert!(first.came.lock().unwrap()[0].is_some());
    assert!(second.came.lock().unwrap().len() > 1);
    assert!(second.came.lock().unwrap().iter().all(Option::is_none));
}

#[test]
fn what_is_no_repository_is_an_error_that_says_so() {
    if !has("git", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (url, _) = serve(dir.path().to_owned(), None);
    let missing = error(sync(
        &repository(&format!("{url}/none.git"), &dir.path().join("data")),
        "main",
    ));
    assert!(missing.contains("no such repository"), "{missing}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let refused = error(sync(
        &repository(&format!("http://{address}/x"), &dir.path().join("data")),
        "main",
    ));
    assert!(refused.contains("onnection refused"), "{refused}");
    // Nothing is left but the lock.
    assert_eq!(std::fs::read_dir(dir.path().join("data")).unwrap().count(), 1);
}

#[test]
fn a_server_that_says_nothing_is_left_when_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    // It takes connections and reads nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for scheme in ["http", "ssh"] {
        if scheme == "ssh" && !has("ssh", "-V") {
            continue;
        }
        let repo = repository(&format!("{scheme}://{address}/x"), &dir.path().join(scheme));
        let interrupt = git::Interrupt::default();
        let asked = interrupt.clone();
        let asking = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(300));
            asked.set();
        });
        let revision = git::Revision::parse("main").unwrap();
        let left = error(repo.sync(&revision, &Auth::None, &interrupt));
        assert!(left.starts_with("cannot fetch from "), "{left}");
        asking.join().unwrap();
    }
}
