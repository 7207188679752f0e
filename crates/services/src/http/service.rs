//! Services that live elsewhere and answer on this server's port.

use super::answer;
use super::routes::Call;
use crate::controller::Controller;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use component::BoxFuture;
use selftrace::Tracer;
use std::sync::Arc;

/// Answers the requests of one service. `rest` is the open part of its route, decoded.
pub trait Handler: Send + Sync + 'static {
    /// The answer to a request.
    fn answer(&self, rest: String, request: Request<Body>) -> BoxFuture<'static, Response<Body>>;
}

/// The remote configuration, as the API shows it.
pub trait Remote: Controller {
    /// Its state, as JSON.
    fn status(&self) -> serde_json::Value;
}

/// What there is, apart from what every program has.
#[derive(Clone, Default)]
pub struct Parts {
    /// What members of the cluster send each other.
    pub cluster: Option<Arc<dyn Handler>>,
    /// Queries.
    pub graphql: Option<Arc<dyn Handler>>,
    /// The page to try queries on.
    pub playground: Option<Arc<dyn Handler>>,
    /// Profiles of the process.
    pub profiles: Option<Arc<dyn Handler>>,
    /// The support bundle.
    pub support: Option<Arc<dyn Handler>>,
    /// The remote configuration.
    pub remote: Option<Arc<dyn Remote>>,
    /// Spans of requests.
    pub tracer: Option<Tracer>,
}

async fn ask(handler: Option<Arc<dyn Handler>>, call: Call, missing: (StatusCode, &'static str)) -> Response<Body> {
    match handler {
        Some(handler) => handler.answer(call.open, call.request).await,
        None => answer::error(missing.0, missing.1),
    }
}

const NOT_FOUND: (StatusCode, &str) = (StatusCode::NOT_FOUND, "404 page not found");

/// `/api/v1/ckit/transport/{rest}`.
pub(crate) async fn cluster(call: Call) -> Response<Body> {
    let handler = call.app.parts.cluster.clone();
    ask(handler, call, (StatusCode::NOT_FOUND, "clustering is disabled")).await
}

/// `{prefix}/graphql`.
pub(crate) async fn graphql(call: Call) -> Response<Body> {
    ask(call.app.parts.graphql.clone(), call, NOT_FOUND).await
}

/// `{prefix}/graphql/playground`.
pub(crate) async fn playground(call: Call) -> Response<Body> {
    ask(call.app.parts.playground.clone(), call, NOT_FOUND).await
}

/// `/debug/pprof/{rest}`.
pub(crate) async fn profiles(call: Call) -> Response<Body> {
    ask(call.app.parts.profiles.clone(), call, NOT_FOUND).await
}

/// `/-/support`.
pub(crate) async fn support(call: Call) -> Response<Body> {
    let disabled = "support bundle generation is disabled; it can be re-enabled by removing the \
                    --server.http.disable-support-bundle flag";
    ask(call.app.parts.support.clone(), call, (StatusCode::FORBIDDEN, disabled)).await
}
