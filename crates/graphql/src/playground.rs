//! A page to try queries on. It loads nothing from anywhere and asks this server only.

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Request, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use component::BoxFuture;
use services::http::Handler;
use sha2::{Digest, Sha256};
use std::sync::Arc;

const PAGE: &str = include_str!("playground.html");

/// The page at `{prefix}/graphql/playground`. It asks `{prefix}/graphql`.
pub struct Playground {
    policy: HeaderValue,
}

impl Playground {
    /// The page, whose own script and style are the only ones that a browser may run.
    pub fn new() -> Arc<Self> {
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            source("script"),
            source("style")
        );
        let policy = HeaderValue::try_from(policy).expect("keywords and base64 are the text of a header");
        Arc::new(Playground { policy })
    }
}

/// What allows the text of the one element with this name (CSP level 3, section 2.3.1).
fn source(element: &str) -> String {
    let text = PAGE
        .split_once(&format!("<{element}>"))
        .and_then(|(_, rest)| rest.split_once(&format!("</{element}>")))
        .map_or("", |(text, _)| text);
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

impl Handler for Playground {
    fn answer(&self, _rest: String, _request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        let mut response = Response::new(Body::from(PAGE));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Box::pin(std::future::ready(response))
    }
}
