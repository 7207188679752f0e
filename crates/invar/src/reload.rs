//! Reads the configuration and loads it; and the running graph as the HTTP API sees it.

use crate::app::App;
use component::BoxFuture;
use host::Host;
use runtime::{Controller, NodeInfo, sources};
use services::metrics::ConfigMetrics;
use services::{ComponentInfo, NotFound};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Loads one configuration path, again and again.
pub struct Reloader(Arc<Inner>);

struct Inner {
    path: PathBuf,
    controller: Controller,
    host: Host,
    metrics: ConfigMetrics,
}

impl Reloader {
    /// A loader of `path` into `app`.
    pub fn new(path: &Path, app: &App, metrics: ConfigMetrics) -> Self {
        Reloader(Arc::new(Inner {
            path: path.to_path_buf(),
            controller: app.controller.clone(),
            host: app.process.host.clone(),
            metrics,
        }))
    }

    /// Reads and loads. The error is the report for people; what ran before runs on.
    pub async fn load(&self, color: bool) -> Result<(), String> {
        self.0.load(color).await
    }
}

impl Inner {
    async fn load(&self, color: bool) -> Result<(), String> {
        let files = match sources::read(&*self.host.fs, &self.path) {
            Ok(files) => files,
            Err(error) => {
                self.metrics.unreadable();
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
                Ok(())
            }
            Err(error) => {
                self.metrics.refused(texts);
                Err(error.report(color))
            }
        }
    }
}

impl services::Controller for Reloader {
    fn ready(&self) -> bool {
        self.0.controller.is_ready()
    }

    fn components(&self, module: &str) -> BoxFuture<'_, Result<Vec<ComponentInfo>, NotFound>> {
        let nodes = self.0.controller.components(module).ok_or(NotFound);
        let described = nodes.map(|nodes| nodes.into_iter().map(|node| describe(node, false)).collect());
        Box::pin(std::future::ready(described))
    }

    fn component(&self, id: &str) -> BoxFuture<'_, Option<ComponentInfo>> {
        let node = self.0.controller.component(id).map(|node| describe(node, true));
        Box::pin(std::future::ready(node))
    }

    fn place(&self, id: &str, block: &str) -> BoxFuture<'_, Option<String>> {
        Box::pin(std::future::ready(self.0.controller.place(id, block)))
    }

    fn reload(&self) -> BoxFuture<'static, Result<(), String>> {
        let inner = self.0.clone();
        Box::pin(async move { inner.load(false).await })
    }
}

fn describe(info: NodeInfo, detail: bool) -> ComponentInfo {
    let debug_info = || info.node.as_ref()?.instance.debug_info();
    ComponentInfo {
        health: info.health,
        debug_info: detail.then(debug_info).flatten(),
        arguments: detail.then_some(info.arguments),
        exports: detail.then_some(info.exports),
        name: info.spec.name,
        local_id: info.spec.id,
        module_id: info.module,
        label: info.spec.label,
        references_to: info.references_to,
        referenced_by: info.referenced_by,
        data_flow_edges_to: info.data_flow_edges_to,
        created_module_ids: info.modules,
        live_debugging_enabled: false,
    }
}
