//! Packs `web/` into the crate: every file that the pages load, compressed.

#[path = "src/pack.rs"]
mod pack;

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};
use walkdir::WalkDir;

fn main() -> Result<(), Box<dyn Error>> {
    let web = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../web");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // Cargo looks at the times of all that lies in a folder.
    for watched in ["index.html", "src", "vendor"] {
        println!("cargo::rerun-if-changed={}", web.join(watched).display());
    }

    let mut table = String::from("static ASSETS: &[(&str, Embedded)] = &[\n");
    for folder in pack::FOLDERS {
        for entry in WalkDir::new(web.join(folder)).sort_by_file_name() {
            let entry = entry?;
            let path = entry.path().strip_prefix(&web)?;
            let name = path.to_str().ok_or("a file name is not UTF-8")?.replace('\\', "/");
            let Some(content_type) = pack::content_type(&name).filter(|_| entry.file_type().is_file()) else {
                continue;
            };
            let content = fs::read(entry.path())?;
            let packed = out.join(format!("{}.gz", name.replace('/', "+")));
            fs::write(&packed, pack::gzip(&content, 9)?)?;
            writeln!(
                table,
                "    ({name:?}, Embedded {{ content_type: {content_type:?}, gzip: include_bytes!({packed:?}), etag: {:?} }}),",
                pack::etag(&content),
            )?;
        }
    }
    table.push_str("];\n");
    writeln!(
        table,
        "static INDEX: &str = include_str!({:?});",
        web.join("index.html").canonicalize()?
    )?;
    fs::write(out.join("assets.rs"), table)?;
    Ok(())
}
