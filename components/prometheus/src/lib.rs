//! `prometheus.*`: what scrapes, relabels, receives and sends samples.

mod echo;
mod receive_http;
mod relabel;
mod remote_write;
mod scrape;

use component::Registration;

/// The components of the family.
pub static COMPONENTS: &[Registration] = &[
    echo::COMPONENT,
    receive_http::COMPONENT,
    relabel::COMPONENT,
    remote_write::COMPONENT,
    scrape::COMPONENT,
];

#[cfg(test)]
fn vectors(name: &str) -> Option<serde_json::Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors")
        .join(name);
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    };
    Some(serde_json::from_slice(&text).expect("the vectors are JSON"))
}
