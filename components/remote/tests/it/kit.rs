//! A server, and components that are built from the text of their blocks.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use component::{Budget, CancellationToken, ContextParts, Instance, Ledger, Prepared, Result, Services, Stability};
use eval::{HostFacts, Scope, Stdlib};
use host::Host;
use promtext::Registry;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use value::{Body, Value};

/// A server that says the same to everyone.
#[derive(Clone)]
pub struct Server {
    answer: Arc<Mutex<(u16, String)>>,
    asked: Arc<Mutex<Vec<(String, HeaderMap)>>>,
    pub url: String,
}

impl Server {
    pub async fn start(body: &str) -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server {
            answer: Arc::new(Mutex::new((200, body.to_owned()))),
            asked: Arc::default(),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        async fn answer(State(server): State<Server>, uri: Uri, headers: HeaderMap) -> (StatusCode, String) {
            server.asked.lock().unwrap().push((uri.to_string(), headers));
            let (status, body) = server.answer.lock().unwrap().clone();
            (StatusCode::from_u16(status).unwrap(), body)
        }
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        server
    }

    pub fn answers(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    /// The first request.
    pub fn first(&self) -> (String, HeaderMap) {
        self.asked.lock().unwrap()[0].clone()
    }
}

fn body(name: &str, arguments: &str) -> Body {
    let text = format!("{name} \"test\" {{\n{arguments}\n}}\n");
    let (file, diagnostics) = syntax::parse("test.alloy", text.as_bytes());
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    let stdlib = Stdlib::new(&HostFacts {
        hostname: "box".to_owned(),
        os: "linux".to_owned(),
        arch: "amd64".to_owned(),
        version: "v1.2.3".to_owned(),
        env: Arc::new(|_| None),
    });
    let source = syntax::Source::new("test.alloy", text.as_bytes());
    let block = file.body.blocks().next().unwrap();
    eval::evaluate_body(&source, block, &Scope::new(value::Object::new(), &stdlib)).body
}

pub fn build(name: &str, arguments: &str) -> Result<Arc<dyn Instance>, String> {
    let registration = remote::COMPONENTS.iter().find(|one| one.name == name).unwrap();
    let parts = ContextParts {
        id: Arc::from(format!("{name}.test")),
        data_path: PathBuf::new(),
        host: Host::real(),
        budget: Budget::unlimited(),
        ledger: Ledger::default(),
        metrics: Registry::new(),
        services: Services::default(),
        stability: Stability::GenerallyAvailable,
        span: tracing::Span::none(),
        exported: Arc::new(|| {}),
        inspector: None,
    };
    registration.build(parts, &body(name, arguments)).map_err(shown)
}

fn shown(error: component::BuildError) -> String {
    match error {
        component::BuildError::Decode(error) => format!("{:?}", error.problem),
        component::BuildError::Component(error) => error.to_string(),
    }
}

pub struct Rig {
    pub instance: Arc<dyn Instance>,
    name: String,
    stop: CancellationToken,
    running: JoinHandle<Result<()>>,
}

impl Rig {
    pub fn start(name: &str, arguments: &str) -> Rig {
        let instance = build(name, arguments).unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(instance.clone().run(stop.clone()));
        Rig {
            instance,
            name: name.to_owned(),
            stop,
            running,
        }
    }

    pub fn update(&self, arguments: &str) -> Result<(), String> {
        match self
            .instance
            .clone()
            .prepare(&body(&self.name, arguments))
            .map_err(shown)?
        {
            Prepared::Changed(change) => change.apply(),
            Prepared::Unchanged => panic!("nothing changed"),
        }
        Ok(())
    }

    pub fn export(&self, name: &str) -> Value {
        self.instance.exports().fields().unwrap().get(name).unwrap().clone()
    }

    pub async fn until(&self, what: &str, done: impl Fn(&Rig) -> bool) {
        for _ in 0..2000 {
            if done(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("not within 10 s: {what}; health {:?}", self.instance.health());
    }

    pub fn health(&self) -> String {
        self.instance.health().unwrap().message
    }

    pub async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}
