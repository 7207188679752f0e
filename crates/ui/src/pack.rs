//! How a file becomes an asset: the same when the crate is built and when a folder is served.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};

/// Folders of `web/` that are served; the rest is tests and tools.
pub(crate) const FOLDERS: [&str; 2] = ["src", "vendor"];

/// What a file is, or `None` if it is not served. Licences of libraries go with their code.
pub(crate) fn content_type(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if name == "LICENSE" || name.starts_with("LICENSE.") {
        return Some("text/plain; charset=utf-8");
    }
    match name.rsplit_once('.')?.1 {
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        "woff2" => Some("font/woff2"),
        _ => None,
    }
}

/// A strong validator in quotes (RFC 9110, section 8.8.3): 128 bits of a hash of the content.
pub(crate) fn etag(content: &[u8]) -> String {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(salt);
        hasher.write(content);
        hasher.finish()
    };
    format!("\"{:016x}{:016x}\"", half(0), half(1))
}

/// Compressed; the same for the same content.
pub(crate) fn gzip(content: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(content)?;
    encoder.finish()
}
