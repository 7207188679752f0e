//! Queries about what runs, as Alloy answers them: `{prefix}/graphql`, and a page to try them on.
//!
//! [`GraphQl`] and [`Playground`] are [`services::http::Handler`]s. The schema is Alloy's: `alloy`, `components`, `component(id)`. It only
//! reads. juniper parses, checks and executes; `http` is the transport (GET, POST with JSON, OPTIONS), and `schema` the data, which comes from the
//! [`services::Controller`]s of the program and of the remote configuration.
//!
//! # Limits
//!
//! A body has at most 1 MiB, a query at most 64 KiB, 5,000 tokens, 24 levels and 1,000 fields after its fragments are put in place; the standard
//! introspection query takes a fifth of that. A root field has 10 seconds, and the answers of all of them together 64 MiB of text.

mod http;
mod playground;
mod schema;

pub use playground::Playground;

use axum::body::Body;
use axum::http::{Request, Response};
use component::BoxFuture;
use schema::Schema;
use services::Controller;
use services::http::Handler;
use std::sync::Arc;

/// What the program is, as `alloy` tells it. When and by whom it was built is not recorded: those fields are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// Version, such as `v1.2.3`.
    pub version: String,
    /// Commit that it was built from.
    pub revision: String,
    /// Branch that it was built from.
    pub branch: String,
}

/// Answers queries.
pub struct GraphQl(Arc<Inner>);

struct Inner {
    schema: Schema,
    graph: Arc<Graph>,
}

/// Where the data comes from.
pub(crate) struct Graph {
    pub(crate) controller: Arc<dyn Controller>,
    pub(crate) remote: Option<Arc<dyn Controller>>,
    pub(crate) build: Build,
}

impl GraphQl {
    /// Over the components of the configuration, followed by those of the remote configuration, if there is one.
    pub fn new(controller: Arc<dyn Controller>, remote: Option<Arc<dyn Controller>>, build: Build) -> Arc<Self> {
        Arc::new(GraphQl(Arc::new(Inner {
            schema: schema::schema(),
            graph: Arc::new(Graph {
                controller,
                remote,
                build,
            }),
        })))
    }
}

impl Handler for GraphQl {
    fn answer(&self, _rest: String, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        let inner = self.0.clone();
        Box::pin(async move { http::answer(&inner.schema, &inner.graph, request).await })
    }
}
