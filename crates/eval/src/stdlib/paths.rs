//! `file.path_join`

use super::args::arg;
use value::{Value, ValueError};

/// Joins with slashes, leaving empty parts out, and cleans the result as Go's `filepath` does on Unix.
pub(super) fn path_join(args: &[Value]) -> Result<Value, ValueError> {
    let parts = (0..args.len())
        .map(|i| arg::<String>(args, i))
        .collect::<Result<Vec<_>, _>>()?;
    let parts: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    Ok(Value::string(if parts.is_empty() {
        String::new()
    } else {
        clean(&parts.join("/"))
    }))
}

/// Removes doubled slashes and `.`, and resolves `..` where there is something before it.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if kept.last().is_some_and(|last| *last != "..") => drop(kept.pop()),
            ".." if rooted => {}
            part => kept.push(part),
        }
    }
    match (rooted, kept.join("/")) {
        (true, rest) => format!("/{rest}"),
        (false, rest) if rest.is_empty() => ".".to_owned(),
        (false, rest) => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn cleans() {
        let check = |path: &str, expect: &str| assert_eq!(clean(path), expect, "{path}");
        check("a/b/../c//d", "a/c/d");
        check("/..", "/");
        check("../../a", "../../a");
        check("a/../..", "..");
        check("a/..", ".");
        check("./a/.", "a");
        check("/a/", "/a");
    }
}
