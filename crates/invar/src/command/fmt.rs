//! `invar fmt [FILE]`

use super::{Failure, Outcome};
use crate::cli::Fmt;
use crate::output;
use std::fs;
use std::io::Read;
use std::path::Path;

/// Formats a file or standard input.
pub fn run(options: &Fmt) -> Outcome {
    if options.write && options.test {
        return Err("cannot use -w/--write and -t/--test at the same time".into());
    }
    let file = options.file.as_deref().filter(|path| *path != Path::new("-"));
    let (name, text) = match file {
        Some(path) => {
            let meta = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
            if meta.is_dir() {
                return Err("cannot format a directory".into());
            }
            let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            (path.display().to_string(), text)
        }
        None if options.write => return Err("cannot use -w with standard input".into()),
        None => {
            let mut text = Vec::new();
            std::io::stdin().lock().read_to_end(&mut text)?;
            ("<stdin>".to_owned(), text)
        }
    };
    let formatted = match syntax::format::format(&name, &text) {
        Ok(mut formatted) => {
            formatted.push(b'\n');
            formatted
        }
        Err(diagnostics) => {
            for diagnostic in diagnostics {
                output::complain(&diagnostic.to_string());
            }
            return Err("encountered errors during formatting".into());
        }
    };
    match file {
        Some(_) if options.test && formatted != text => {
            Err(Failure::Message(format!("file {name} is not formatted correctly")))
        }
        None if options.test && formatted != text => {
            Err(Failure::Message(format!("file {name} is not formatted correctly")))
        }
        _ if options.test => Ok(()),
        Some(path) if options.write => {
            if formatted != text {
                // In place, so that the file keeps its owner and mode.
                fs::write(path, &formatted).map_err(|error| format!("{}: {error}", path.display()))?;
            }
            Ok(())
        }
        _ => Ok(output::write(&formatted)?),
    }
}
