//! `invar remotecfg-server DIR`: a server for `remotecfg` blocks, for tests and at home. What a collector gets is a file of the folder, read whenever it asks.

mod book;
mod files;

use super::Outcome;
use crate::cli::RemotecfgServer;
use crate::output;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use book::Book;
use collectorapi::{Call, CallError, Code, ConfigAnswer, ConfigRequest, Farewell, PROTO, Registration};
use files::Served;
use host::{Clock, SystemClock};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Larger requests are refused.
const MOST_BYTES: usize = 32 << 20;

/// Serves until it is told to stop.
pub fn run(options: &RemotecfgServer) -> Outcome {
    if !options.dir.is_dir() {
        return Err(format!("{} is not a folder", options.dir.display()).into());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(options))
}

async fn serve(options: &RemotecfgServer) -> Outcome {
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let server = Arc::new(Server {
        dir: options.dir.clone(),
        book: Book::default(),
        clock: Arc::new(SystemClock),
    });
    let dir = options.dir.display().to_string();
    server.say(&format!("serving {dir:?} at http://{}", listener.local_addr()?));
    let stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let serving = axum::serve(listener, server.router()).into_future();
    tokio::select! {
        result = serving => Ok(result?),
        // Requests are short, and who asked asks again.
        () = stop => Ok(()),
    }
}

struct Server {
    dir: PathBuf,
    book: Book,
    clock: Arc<dyn Clock>,
}

impl Server {
    fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/", get(list))
            .route("/collectors.json", get(list_json))
            .route("/collectors/{id}/effective", get(effective))
            .route(Call::Register.path(), post(register))
            .route(Call::GetConfig.path(), post(config))
            .route(Call::Unregister.path(), post(unregister))
            .layer(middleware::from_fn(sameorigin::same_origin))
            .with_state(self)
    }

    /// Prints a line with the time.
    fn say(&self, line: &str) {
        let now = gotime::format_rfc3339_nano(self.clock.now());
        // The log of a server whose reader went away is nobody's.
        let _ = output::write(format!("{now} {line}\n").as_bytes());
    }

    async fn answer(self: Arc<Self>, call: Call, request: Request) -> Response {
        let result = match message(request).await {
            Ok(message) => self.call(call, &message).await,
            Err(Some(error)) => Err(error),
            Err(None) => return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(),
        };
        let (status, content_type, body) = match result {
            Ok(body) => (StatusCode::OK, PROTO, body),
            Err(error) => {
                self.say(&format!("refused {} {:?}", call.name(), error.to_string()));
                let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (status, "application/json", error.to_json())
            }
        };
        (status, [(header::CONTENT_TYPE, content_type)], Body::from(body)).into_response()
    }

    async fn call(&self, call: Call, message: &[u8]) -> Result<Vec<u8>, CallError> {
        let malformed = |error: protowire::Error| CallError::new(Code::InvalidArgument, error.to_string());
        match call {
            Call::Register => self.register(Registration::decode(message).map_err(malformed)?),
            Call::GetConfig => self.config(ConfigRequest::decode(message).map_err(malformed)?).await,
            Call::Unregister => self.unregister(&Farewell::decode(message).map_err(malformed)?.id),
        }
    }

    fn register(&self, who: Registration) -> Result<Vec<u8>, CallError> {
        check_id(&who.id)?;
        let mut attributes = who.attributes;
        attributes.extend(who.local_attributes);
        let line = format!(
            "registered id={:?} name={:?} attributes={attributes:?}",
            who.id, who.name
        );
        if !self.book.register(&who.id, who.name, attributes, self.clock.now()) {
            return Err(CallError::new(
                Code::Other("resource_exhausted".to_owned()),
                "too many collectors",
            ));
        }
        self.say(&line);
        Ok(Vec::new())
    }

    fn unregister(&self, id: &str) -> Result<Vec<u8>, CallError> {
        check_id(id)?;
        if self.book.unregister(id, self.clock.now()) {
            self.say(&format!("unregistered id={id:?}"));
        }
        Ok(Vec::new())
    }

    async fn config(&self, request: ConfigRequest) -> Result<Vec<u8>, CallError> {
        let id = request.id;
        check_id(&id)?;
        // Without its name nobody knows which file is its own. It registers again when it is told.
        let Some(name) = self.book.name(&id) else {
            return Err(CallError::new(
                Code::NotFound,
                format!("collector {id:?} is not registered"),
            ));
        };
        let dir = self.dir.clone();
        let names = [id.clone(), name];
        let found = tokio::task::spawn_blocking(move || files::find(&dir, &names)).await;
        let found = found.map_err(|error| CallError::new(Code::Internal, error.to_string()))?;
        let served = found.map_err(|error| CallError::new(Code::Internal, error))?;
        if let Some(status) = &request.status {
            let state = status.state.as_str();
            match status.error_message.as_str() {
                "" => self.say(&format!("status id={id:?} {state}")),
                message => self.say(&format!("status id={id:?} {state} message={message:?}")),
            }
        }
        let answer = match served {
            None => ConfigAnswer::default(),
            Some(Served { file, hash, .. }) if hash == request.hash => {
                self.book.sent(&id, file, &hash);
                ConfigAnswer {
                    hash,
                    not_modified: true,
                    content: String::new(),
                }
            }
            Some(Served { file, hash, content }) => {
                let bytes = content.len();
                self.say(&format!("sent id={id:?} file={file:?} hash={hash} bytes={bytes}"));
                self.book.sent(&id, file, &hash);
                ConfigAnswer {
                    content,
                    hash,
                    not_modified: false,
                }
            }
        };
        self.book
            .asked(&id, request.status, request.effective, self.clock.now());
        Ok(answer.encode())
    }
}

fn check_id(id: &str) -> Result<(), CallError> {
    match files::is_file_name(id) {
        true => Ok(()),
        false => Err(CallError::new(
            Code::InvalidArgument,
            format!("the id {id:?} is no file name; use letters, digits, '-', '_' and '.'"),
        )),
    }
}

/// The message in a request; `None` if it is in another encoding than the one that is spoken here.
async fn message(request: Request) -> Result<Vec<u8>, Option<CallError>> {
    check(request.headers())?;
    match to_bytes(request.into_body(), MOST_BYTES).await {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(error) => Err(Some(CallError::new(Code::InvalidArgument, error.to_string()))),
    }
}

fn check(headers: &HeaderMap) -> Result<(), Option<CallError>> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::CONTENT_TYPE) != Some(PROTO) {
        return Err(None);
    }
    if !matches!(text(header::CONTENT_ENCODING), None | Some("identity")) {
        let message = "compressed requests are not understood".to_owned();
        return Err(Some(CallError::new(Code::Unimplemented, message)));
    }
    Ok(())
}

async fn register(State(server): State<Arc<Server>>, request: Request) -> Response {
    server.answer(Call::Register, request).await
}

async fn config(State(server): State<Arc<Server>>, request: Request) -> Response {
    server.answer(Call::GetConfig, request).await
}

async fn unregister(State(server): State<Arc<Server>>, request: Request) -> Response {
    server.answer(Call::Unregister, request).await
}

async fn list(State(server): State<Arc<Server>>) -> String {
    let mut text = String::new();
    for one in server.book.list() {
        let hash: String = one.hash.chars().take(12).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{} {:?} {} {} {hash} {} {}",
            one.id,
            one.name,
            if one.registered { "here" } else { "gone" },
            if one.file.is_empty() { "-" } else { &one.file },
            one.status,
            one.message.lines().next().unwrap_or_default()
        );
    }
    text
}

async fn list_json(State(server): State<Arc<Server>>) -> Response {
    let collectors = serde_json::json!({"collectors": server.book.list()});
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (headers, collectors.to_string()).into_response()
}

/// What a collector runs, for programs on this machine: it may hold secrets.
async fn effective(State(server): State<Arc<Server>>, Path(id): Path<String>, request: Request) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(sameorigin::is_here) {
        return (StatusCode::FORBIDDEN, "only for programs on this machine\n").into_response();
    }
    match server.book.effective(&id) {
        Some(text) => text.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
