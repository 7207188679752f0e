//! The ZIP archive.

use std::collections::HashSet;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The folder that everything is in.
const FOLDER: &str = "alloy-support-bundle";

/// An archive that is being written to memory.
pub(super) struct Archive {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    names: HashSet<String>,
}

impl Archive {
    pub(super) fn new() -> Self {
        Archive {
            zip: ZipWriter::new(Cursor::new(Vec::new())),
            names: HashSet::new(),
        }
    }

    /// Adds a file; not if it is empty. One whose name is taken gets a number.
    pub(super) fn add(&mut self, name: &str, content: &[u8]) -> Result<(), String> {
        if content.is_empty() {
            return Ok(());
        }
        let mut free = name.to_owned();
        let mut number = 1;
        while !self.names.insert(free.clone()) {
            number += 1;
            free = format!("{name}.{number}");
        }
        // Readable by who unpacks it and nobody else.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(0o600);
        self.zip
            .start_file(format!("{FOLDER}/{free}"), options)
            .map_err(|error| error.to_string())?;
        self.zip.write_all(content).map_err(|error| error.to_string())
    }

    /// The archive.
    pub(super) fn finish(self) -> Result<Vec<u8>, String> {
        let written = self.zip.finish().map_err(|error| error.to_string())?;
        Ok(written.into_inner())
    }
}
