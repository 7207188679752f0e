//! Keeps web pages of other origins away from an HTTP server on loopback.
//!
//! A browser lets any page send requests to this machine, and WebSockets are not even protected from being read. Browsers
//! name the page's origin in the header `Origin`; programs do not send it.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// A layer for `axum::middleware::from_fn`: answers 403 to a request whose `Origin` is not the host that it is for.
pub async fn same_origin(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let authority = |origin: &str| origin.split_once("://").map(|(_, authority)| authority.to_owned());
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().ok().and_then(authority);
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
        if origin.is_none() || origin.as_deref() != host {
            let text = "requests from pages of another origin are refused\n";
            return (StatusCode::FORBIDDEN, text).into_response();
        }
    }
    next.run(request).await
}

/// Whether an authority, a host with or without a port, is a name or an address of this machine. A name that leads here, and is not one of
/// its own, is not.
pub fn is_here(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    let address = host.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::{Router, middleware, routing::get};
    use tower::ServiceExt;

    #[tokio::test]
    async fn pages_of_other_origins_are_refused() {
        let router = Router::new()
            .route("/", get(async || "here"))
            .layer(middleware::from_fn(same_origin));
        for (origin, host, expect) in [
            (None, Some("127.0.0.1:1"), StatusCode::OK),
            (Some("http://127.0.0.1:1"), Some("127.0.0.1:1"), StatusCode::OK),
            (Some("http://127.0.0.1:2"), Some("127.0.0.1:1"), StatusCode::FORBIDDEN),
            (Some("http://evil.example"), Some("127.0.0.1:1"), StatusCode::FORBIDDEN),
            (Some("null"), Some("127.0.0.1:1"), StatusCode::FORBIDDEN),
            (Some("null"), None, StatusCode::FORBIDDEN),
        ] {
            let mut request = Request::builder().uri("/");
            for (name, value) in [(header::ORIGIN, origin), (header::HOST, host)] {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            let request = request.body(Body::empty()).expect("a request");
            let answer = router.clone().oneshot(request).await.expect("an answer");
            assert_eq!(answer.status(), expect, "{origin:?} {host:?}");
        }
    }

    #[test]
    fn only_names_and_addresses_of_this_machine_are_here() {
        for here in [
            "127.0.0.1",
            "127.0.0.2:80",
            "localhost:1",
            "LocalHost",
            "[::1]:1",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_here(here), "{here}");
        }
        for elsewhere in [
            "127.evil.example",
            "127.0.0.1.evil.example:1",
            "10.0.0.1",
            "",
            "[::2]",
            "localhost.evil.example",
        ] {
            assert!(!is_here(elsewhere), "{elsewhere}");
        }
    }
}
