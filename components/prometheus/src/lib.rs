//! `prometheus.*`: what scrapes, relabels, receives and sends samples.

mod scrape;

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
