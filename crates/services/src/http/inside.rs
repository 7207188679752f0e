//! Asking the server without a connection: for those in the process that show what it shows.

use super::App;
use super::routes::{Call, find};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use std::sync::{Arc, OnceLock, Weak};

/// What [`Http::inside`](super::Http::inside) gives.
#[derive(Clone, Default)]
pub struct Inside(Arc<OnceLock<Weak<App>>>);

impl Inside {
    pub(super) fn set(&self, app: &Arc<App>) {
        // A server serves once.
        let _ = self.0.set(Arc::downgrade(app));
    }

    /// The answer to a GET request for a path below the root, without the prefix of the user interface, as somebody would get it who has the
    /// credentials. Anything else than success is an error.
    pub async fn get(&self, path: &str) -> Result<Vec<u8>, String> {
        let app = self.0.get().and_then(Weak::upgrade);
        let app = app.ok_or_else(|| "the HTTP server does not run".to_owned())?;
        let request = Request::get(path).body(Body::empty());
        let request = request.map_err(|error| error.to_string())?;
        let route = find("", request.uri().path());
        let (route, open) = route.ok_or_else(|| format!("{path} leads nowhere"))?;
        let response = (route.handler)(Call { app, request, open }).await;
        let status = response.status();
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        match status {
            StatusCode::OK => Ok(body.to_vec()),
            status => Err(format!("{path} answers {status}: {}", String::from_utf8_lossy(&body))),
        }
    }
}
