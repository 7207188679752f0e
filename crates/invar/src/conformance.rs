//! What checks say of configurations that others wrote, and of the same with one mistake made on purpose.

mod configs;
mod mutants;
mod upstream;

use crate::app;
use crate::catalogue::catalogue_of_all;
use component::Stability;
use eval::Stdlib;
use host::Host;
use runtime::registry::Allowed;
use runtime::sources::SourceFile;
use runtime::{Catalogue, Validated, Validation};
use std::path::{Path, PathBuf};

/// What `invar validate --stability.level=experimental` works with.
struct Checker {
    catalogue: Catalogue,
    stdlib: Stdlib,
    host: Host,
}

impl Checker {
    fn new() -> Self {
        Checker {
            catalogue: catalogue_of_all(ALLOWED),
            stdlib: app::stdlib(ALLOWED.stability),
            host: Host::real(),
        }
    }

    fn validate(&self, files: &[SourceFile], module_path: &str) -> Validated {
        runtime::validate(&self.validation(module_path), files)
    }

    fn validation<'a>(&'a self, module_path: &'a str) -> Validation<'a> {
        Validation {
            catalogue: &self.catalogue,
            stdlib: &self.stdlib,
            host: &self.host,
            module_path,
        }
    }
}

const ALLOWED: Allowed = Allowed {
    stability: Stability::Experimental,
    community: false,
};

/// A folder of the shared test data. Where it is absent, one line says that its test is skipped.
fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// Fails unless `docs/differences.md` has a section of this name.
fn assert_documented(id: &str) {
    let text = include_str!("../../../docs/differences.md");
    let heading = format!("### {id}");
    assert!(
        text.lines().any(|line| line == heading),
        "docs/differences.md has no section {id}"
    );
}
