//! `$1` and `${name}` in targets and replacements.

use crate::matcher::Matcher;
use goregex::Locations;

/// A text with references to groups, as Go's `Regexp.Expand` reads it.
#[derive(Clone, Debug)]
pub(crate) enum Template {
    /// No references.
    Literal(Box<str>),
    /// `$1` or `${1}` alone.
    First,
    /// Any other.
    General(Box<str>),
}

impl Template {
    pub(crate) fn new(text: &str) -> Self {
        match text {
            "$1" | "${1}" => Template::First,
            _ if text.contains('$') => Template::General(text.into()),
            _ => Template::Literal(text.into()),
        }
    }

    /// Appends the text for a match of `value`. `bytes` is room to work in.
    pub(crate) fn expand(
        &self,
        matcher: &Matcher,
        value: &str,
        locations: Option<&Locations>,
        out: &mut String,
        bytes: &mut Vec<u8>,
    ) {
        match (self, matcher, locations) {
            (Template::Literal(text), ..) => out.push_str(text),
            (Template::First, Matcher::Anything, _) => out.push_str(value),
            (Template::First, Matcher::Regex(_), Some(locations)) => {
                let group = locations.get(1).and_then(|range| value.get(range));
                out.push_str(group.unwrap_or_default());
            }
            (Template::First, ..) => {}
            (Template::General(text), Matcher::Regex(regex), Some(locations)) => {
                bytes.clear();
                regex.expand(text.as_bytes(), locations, value.as_bytes(), bytes);
                // Groups of text end where characters do.
                out.push_str(&String::from_utf8_lossy(bytes));
            }
            (Template::General(text), ..) => {
                let group = |number: usize| match (number, matcher) {
                    (0, _) | (1, Matcher::Anything) => value,
                    _ => "",
                };
                simple(text, group, out);
            }
        }
    }
}

/// Expansion for expressions without named groups, by the same rules as [`goregex::Regex::expand`].
fn simple<'v>(template: &str, group: impl Fn(usize) -> &'v str, out: &mut String) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (brace, body) = match after.strip_prefix('{') {
            Some(body) => (true, body),
            None => (false, after),
        };
        let length = body
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(body.len());
        let (name, behind) = body.split_at(length);
        let closed = !brace || behind.starts_with('}');
        if name.is_empty() || !closed {
            // Malformed: the dollar sign is text.
            out.push('$');
            rest = after;
            continue;
        }
        rest = &behind[usize::from(brace)..];
        // Leading zeros make a name, and nothing here has one.
        let number = match name {
            "0" => Some(0),
            _ if name.starts_with('0') || !name.bytes().all(|b| b.is_ascii_digit()) => None,
            _ => name.parse().ok(),
        };
        out.push_str(number.map_or("", &group));
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The short cuts give what the engine gives.
    #[test]
    fn short_cuts_expand_as_the_engine_does() {
        for template in [
            "$1",
            "${1}",
            "x$1y",
            "x${1}y",
            "$$1",
            "$",
            "${",
            "${1",
            "$0|${0}|$2",
            "${01}",
            "$1x",
            "a$",
            "é$é",
            "",
        ] {
            for (pattern, value) in [("(.*)", "v a"), ("(.*)", ""), ("one|two", "two")] {
                let quick = Matcher::new(pattern).expect("valid");
                assert!(!matches!(quick, Matcher::Regex(_)));
                let regex = Matcher::Regex(Box::new(goregex::Regex::anchored(pattern).expect("valid")));
                let expand = |matcher: &Matcher| {
                    let (mut locations, mut out) = (matcher.locations(), String::new());
                    assert!(matcher.captures(value, &mut locations));
                    Template::new(template).expand(matcher, value, locations.as_ref(), &mut out, &mut Vec::new());
                    out
                };
                assert_eq!(
                    expand(&quick),
                    expand(&regex),
                    "{template:?} for {pattern:?} on {value:?}"
                );
            }
        }
    }
}
