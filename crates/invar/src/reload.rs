//! Reads the configuration and loads it.

use crate::app::App;
use crate::graph::View;
use axum::body::Body as HttpBody;
use axum::http::{Request, Response};
use component::{BoxFuture, Health};
use host::Host;
use runtime::sources::SourceFile;
use runtime::{Controller, sources};
use selftrace::{Span, Tracer};
use services::metrics::ConfigMetrics;
use services::{ComponentInfo, NotFound};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Name of the span of a load, as Alloy has it.
const EVALUATE: &str = "GraphEvaluate";

/// Loads one configuration path, again and again.
pub struct Reloader(Arc<Inner>);

struct Inner {
    path: PathBuf,
    controller: Controller,
    host: Host,
    metrics: ConfigMetrics,
    tracer: Tracer,
    /// What was loaded last.
    sources: Mutex<Vec<SourceFile>>,
    view: View,
}

impl Reloader {
    /// A loader of `path` into `app`.
    pub fn new(path: &Path, app: &App, metrics: ConfigMetrics, tracer: Tracer) -> Self {
        Reloader(Arc::new(Inner {
            path: path.to_path_buf(),
            controller: app.controller.clone(),
            host: app.process.host.clone(),
            metrics,
            tracer,
            sources: Mutex::default(),
            view: View::new(&app.controller, app),
        }))
    }

    /// The files of the configuration that runs, without secrets.
    pub fn sources(&self) -> Vec<(String, String)> {
        let sources = self.0.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = sources
            .iter()
            .map(|file| (file.name.clone(), self.0.controller.redact(&file.text)));
        shown.collect()
    }

    /// Reads and loads. The error is the report for people; what ran before runs on.
    pub async fn load(&self, color: bool) -> Result<(), String> {
        self.0.load(color, self.0.tracer.span(EVALUATE)).await
    }
}

impl Inner {
    async fn load(&self, color: bool, mut span: Span) -> Result<(), String> {
        let files = match sources::read(&*self.host.fs, &self.path) {
            Ok(files) => files,
            Err(error) => {
                self.metrics.unreadable();
                span.fail("the configuration cannot be read");
                return Err(error.to_string());
            }
        };
        let texts: Vec<Vec<u8>> = files.iter().map(|file| file.text.clone()).collect();
        match self.controller.load(&files).await {
            Ok(loaded) => {
                for warning in loaded.warnings.iter() {
                    tracing::warn!(place = warning.place(), "{}", warning.message);
                }
                self.metrics.loaded(texts, self.host.clock.now());
                *self.sources.lock().unwrap_or_else(PoisonError::into_inner) = files;
                Ok(())
            }
            Err(error) => {
                self.metrics.refused(texts);
                span.fail("the configuration was refused");
                Err(self.controller.conceal(error).report(color))
            }
        }
    }
}

impl services::Controller for Reloader {
    fn ready(&self) -> bool {
        self.0.controller.is_ready()
    }

    fn components(&self, module: &str) -> BoxFuture<'_, Result<Vec<ComponentInfo>, NotFound>> {
        Box::pin(std::future::ready(self.0.view.components(module)))
    }

    fn component(&self, id: &str) -> BoxFuture<'_, Option<ComponentInfo>> {
        Box::pin(std::future::ready(self.0.view.component(id)))
    }

    fn healths(&self) -> BoxFuture<'_, Vec<(String, String, Health)>> {
        Box::pin(std::future::ready(self.0.controller.healths()))
    }

    fn place(&self, id: &str, block: &str) -> BoxFuture<'_, Option<String>> {
        Box::pin(std::future::ready(self.0.controller.place(id, block)))
    }

    fn node_http(&self, id: &str, request: Request<HttpBody>) -> BoxFuture<'_, Option<Response<HttpBody>>> {
        self.0.view.node_http(id, request)
    }

    fn reload(&self) -> BoxFuture<'static, Result<(), String>> {
        let inner = self.0.clone();
        // Below the span of the request that this is called in, which ends before what is done on a task of its own.
        let span = inner.tracer.span(EVALUATE);
        Box::pin(async move { inner.load(false, span).await })
    }
}
