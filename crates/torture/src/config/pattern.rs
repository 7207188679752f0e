//! A file pattern below the root, and names that match it.

use std::path::{Path, PathBuf};

/// A pattern of files below the root.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    matcher: glob::Pattern,
}

impl Pattern {
    /// Moves a pattern below `root`.
    pub fn below(root: &str, pattern: &str) -> Result<Pattern, String> {
        let relative = pattern.trim_start_matches('/').trim_start_matches("./");
        if relative.split('/').any(|part| part == "..") {
            return Err("leads upwards".to_owned());
        }
        let text = format!("{root}/{relative}");
        let matcher = glob::Pattern::new(&text).map_err(|error| format!("is no pattern: {error}"))?;
        Ok(Pattern { text, matcher })
    }

    /// The pattern.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a file matches.
    pub fn matches(&self, path: &Path) -> bool {
        self.matcher.matches(path)
    }

    /// A file that matches: the `n`-th if there can be several; `None` if none was found.
    pub fn example(&self, n: u32) -> Option<PathBuf> {
        let mut out = String::new();
        let mut chars = self.text.chars().peekable();
        let mut numbered = false;
        while let Some(c) = chars.next() {
            match c {
                '*' if chars.next_if_eq(&'*').is_some() => out.push_str("any"),
                // The number stands in the first place where it can, also if that is a folder.
                '*' if !numbered => {
                    numbered = true;
                    out.push_str(&format!("torture{n}"));
                }
                '*' if out.ends_with('/') => out.push_str("any"),
                '*' => {}
                '?' => out.push('x'),
                '\\' => out.extend(chars.next()),
                '[' => {
                    let class: String = chars.by_ref().take_while(|c| *c != ']').collect();
                    out.extend(one_of(&class));
                }
                '{' => {
                    let choice: String = chars.by_ref().take_while(|c| *c != '}').collect();
                    out.push_str(choice.split(',').next().unwrap_or_default());
                }
                c => out.push(c),
            }
        }
        let path = PathBuf::from(out);
        (self.matches(&path) && (numbered || n == 0)).then_some(path)
    }
}

/// A character of a class, such as `a-z` or `^/`.
fn one_of(class: &str) -> Option<char> {
    match class.strip_prefix(['^', '!']) {
        Some(not) => ('a'..='z').chain('0'..='9').find(|c| !not.contains(*c)),
        None => class.chars().next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_match() {
        let example = |pattern: &str, n| {
            Pattern::below("/tmp/root", pattern)
                .unwrap()
                .example(n)
                .map(|path| path.display().to_string())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(example("/var/log/*.log", 2), some("/tmp/root/var/log/torture2.log"));
        assert_eq!(example("/tmp/log/*.log*", 0), some("/tmp/root/tmp/log/torture0.log"));
        assert_eq!(
            example("/var/log/pods/*/*/*.log", 1),
            some("/tmp/root/var/log/pods/torture1/any/any.log")
        );
        assert_eq!(
            example("/var/log/**/*.log", 0),
            some("/tmp/root/var/log/any/torture0.log")
        );
        assert_eq!(example("logs/app-[0-9].log", 0), some("/tmp/root/logs/app-0.log"));
        assert_eq!(
            example("/var/log/{syslog,messages}", 0),
            some("/tmp/root/var/log/syslog")
        );
        // There is only one such file.
        assert_eq!(example("/var/log/syslog", 1), None);
        assert!(Pattern::below("/tmp/root", "/var/log/../../etc/*").is_err());
    }
}
