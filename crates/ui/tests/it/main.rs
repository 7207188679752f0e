//! The files of `web/` as the program has them.

mod dir;
mod embedded;

use std::path::{Path, PathBuf};

/// The folder that is embedded.
fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web")
}

/// What a page refers to below its prefix: the paths after `assets/`.
fn referred(page: &str, prefix: &str) -> Vec<String> {
    page.split(&format!("\"{prefix}/assets/"))
        .skip(1)
        .map(|rest| rest.split('"').next().expect("there is a first part").to_owned())
        .collect()
}
