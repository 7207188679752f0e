//! The page for people: one self-contained document that works offline.

use super::answer;
use super::routes::Call;
use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response, StatusCode};

const PAGE: &str = include_str!("page.html");

/// The page loads nothing from anywhere and talks to this server only.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page.
pub(crate) async fn index(call: Call) -> Response<Body> {
    let content = PAGE.replace("{{prefix}}", &escape(&call.app.ui_prefix));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = answer::document(call.request.headers(), html, content.into_bytes());
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The prefix without its slash leads to the page.
pub(crate) async fn redirect(call: Call) -> Response<Body> {
    match HeaderValue::from_str(&format!("{}/", call.app.ui_prefix)) {
        Ok(location) => {
            let mut response = answer::empty(StatusCode::FOUND);
            response.headers_mut().insert(LOCATION, location);
            response
        }
        Err(_) => index(call).await,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
