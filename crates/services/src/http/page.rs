//! The pages for people, and the files that they load.

use super::answer;
use super::routes::Call;
use axum::body::{Body, Bytes};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use std::borrow::Cow;

/// The pages load nothing from anywhere and talk to this server only.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' \
                      data:; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

/// The page; what it shows depends on its address.
pub(crate) async fn index(call: Call) -> Response<Body> {
    let content = match &call.app.ui_dir {
        Some(dir) => match dir.index(&call.app.ui_prefix) {
            Ok(content) => content,
            Err(error) => {
                let message = format!("the page cannot be read from --server.http.ui-dir: {error}");
                return answer::error(StatusCode::INTERNAL_SERVER_ERROR, message);
            }
        },
        None => ui::index(&call.app.ui_prefix),
    };
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = answer::document(call.request.headers(), html, content.into_bytes());
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Another version of the program has another page.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A file of the pages.
pub(crate) async fn asset(call: Call) -> Response<Body> {
    let found = match &call.app.ui_dir {
        Some(dir) => dir.asset(&call.open),
        None => ui::asset(&call.open),
    };
    match found {
        Some(asset) => file(call.request.headers(), asset),
        None => answer::error(StatusCode::NOT_FOUND, "404 page not found"),
    }
}

fn file(request: &HeaderMap, asset: ui::Asset) -> Response<Body> {
    let known = request.get_all(IF_NONE_MATCH).iter().any(|tags| {
        let tags = tags.to_str().unwrap_or_default().split(',');
        let mut tags = tags.map(|tag| tag.trim().trim_start_matches("W/"));
        tags.any(|tag| tag == asset.etag || tag == "*")
    });
    let mut response = if known {
        answer::empty(StatusCode::NOT_MODIFIED)
    } else if answer::takes_gzip(request) {
        let content = match asset.gzip {
            Cow::Borrowed(content) => Bytes::from_static(content),
            Cow::Owned(content) => Bytes::from(content),
        };
        let mut response = answer::whole(StatusCode::OK, asset.content_type, content);
        response
            .headers_mut()
            .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        match asset.plain() {
            Ok(content) => answer::whole(StatusCode::OK, asset.content_type, content),
            Err(error) => return answer::error(StatusCode::INTERNAL_SERVER_ERROR, error),
        }
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(ETAG, etag);
    }
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
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
