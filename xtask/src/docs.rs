//! `cargo xtask docs`: the pages of `docs/reference`, as the program knows them.

use anyhow::{Result, ensure};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

/// Replaces the folder.
pub fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let dir = root.join("docs/reference");
    // Built first, so that a failure leaves the pages where they are.
    let cargo = |arguments: &[&str]| Command::new(env!("CARGO")).current_dir(&root).args(arguments).status();
    ensure!(
        cargo(&["build", "--quiet", "--package", "invar"])?.success(),
        "invar does not build"
    );
    match fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let done = cargo(&[
        "run",
        "--quiet",
        "--package",
        "invar",
        "--",
        "schema",
        "--markdown",
        "docs/reference",
    ])?;
    ensure!(done.success(), "the pages could not be written");
    Ok(())
}
