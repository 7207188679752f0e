//! The page.

use crate::support::send;
use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use graphql::Playground;
use sha2::{Digest, Sha256};

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere_and_runs_only_its_own_script() {
    let request = Request::get("/graphql/playground").body(Body::empty()).unwrap();
    let page = send(&*Playground::new(), request).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    for attribute in [
        " onclick=",
        " onload=",
        " style=",
        "src=",
        "@import",
        "url(",
        "http:",
        "https:",
        "\"//",
    ] {
        assert!(!page.text.contains(attribute), "{attribute}");
    }
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"),
        "{policy}"
    );
    for (element, directive) in [("script", "script-src"), ("style", "style-src")] {
        assert_eq!(page.text.matches(&format!("<{element}")).count(), 1);
        let (_, rest) = page.text.split_once(&format!("<{element}>")).unwrap();
        let (text, _) = rest.split_once(&format!("</{element}>")).unwrap();
        let hash = STANDARD.encode(Sha256::digest(text));
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}'")), "{policy}");
    }
}
